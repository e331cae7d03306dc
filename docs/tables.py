"""Write the generated tables of the documents: ``python -m docs.tables``; with ``--check`` only say which are stale.

A table stands between ``<!-- name -->`` and ``<!-- /name -->``. What is in it comes from the code that it describes,
so that it cannot say anything else.
"""

import ast
import inspect
import json
import re
import sys
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import groupby, pairwise
from pathlib import Path

import vtg_core
from tests.benchmarks._figures import FIGURES, SHOWN
from tests.tiny_families.expected import EXPECTED, Expected
from vtg_core import errors
from vtg_core.audit.bugs.table import BUGS
from vtg_core.audit.codes import CODES
from vtg_core.audit.findings import Code, Rival
from vtg_core.audit.foreign.collators import SAMPLE_FIELDS
from vtg_core.audit.shards.surveyed.table import SURVEY_COLUMNS
from vtg_core.audit.shards.table import COLUMNS
from vtg_core.audit.survey.kinds import KINDS
from vtg_core.commands.start import page_parser
from vtg_core.comparison.files import CSV_COLUMNS, ComparisonSettings, Question
from vtg_core.comparison.parts import COMPARISON_COLUMNS
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answer_forms.registry import KNOWN_FORMS
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.data.formats.registry import FORMATS
from vtg_core.data.wording.languages import LANGUAGES
from vtg_core.data.wording.tasks import TASKS, task_templates
from vtg_core.files.outputs import replace_text
from vtg_core.regions import MaskPolicy, RegionKind, TokenWeights
from vtg_core.templates import TEMPLATES, PromptTemplate, templates_for
from vtg_core.views.audit import FAMILIES
from vtg_core.views.recipes import USED_BY
from vtg_core.windows import Window

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

OTHER_FAMILIES = {
    "row": ("Rows", "every row can be read, and its mask can be proved"),
    "ours": ("VTG Lens", "our own two ways to find a mask agree, and no check fails"),
    "collator": ("Collator", "it is found, it runs, and it returns a batch"),
    "fuzz": ("Varied inputs", "the same answer is trained, whatever else the input says"),
}
"""As :data:`vtg_core.views.audit.FAMILIES`, of what the page does not show."""


def main(arguments: Sequence[str]) -> int:
    """Write every stale table, or with ``--check`` name them and return 1 if there is one."""
    stale = {path: texts for path in DOCUMENTS if (texts := stale_tables(path))}
    for path, names in stale.items():
        where = path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{where}: {', '.join(names)} must be what the code says; run make docs", file=sys.stderr)
        else:
            replace_text(path, written(path.read_text(encoding="utf-8")))
            print(f"{where}: {', '.join(names)}")
    return int("--check" in arguments and bool(stale))


def stale_tables(path: Path) -> list[str]:
    """Return the names of a document's tables that are not what the code says now."""
    return [name for name, shown in _MARKED.findall(path.read_text(encoding="utf-8")) if shown != _made(name)]


def written(text: str) -> str:
    """Return a document with all its tables as the code says them now.

    Raises:
        KeyError: it has marks of a table that nobody makes.
    """
    return _MARKED.sub(lambda found: f"<!-- {found[1]} -->\n{_made(found[1])}<!-- /{found[1]} -->", text)


_MARKED = re.compile(r"<!-- ([a-z-]+) -->\n(.*?)<!-- /\1 -->", re.DOTALL)


def _made(name: str) -> str:
    return "\n".join(TABLES[name]()) + "\n"


def table(titles: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; ``titles`` are parted by ``|``, and cells may hold that character."""
    yield f"| {' | '.join(titles.split('|'))} |"
    yield "|---" * len(titles.split("|")) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _codes() -> Iterator[str]:
    return table(
        "code|severity|what it says",
        ([f"[`{code.name}`](#{code.name})", code.severity, code.title] for code in CODES.values()),
    )


def _codes_explained() -> Iterator[str]:
    for family, codes in groupby(CODES.values(), lambda code: code.name.split(".")[0]):
        title, right = (FAMILIES | OTHER_FAMILIES)[family]
        yield from (f"### {title}: `{family}`", "", f"All is well where {right}.", "")
        yield from map(_explained, codes)
        yield ""


def _explained(code: Code) -> str:
    """Return all that is said of a code in one line, so that a search for it finds all."""
    name = f'<a id="{code.name}"></a>**`{code.name}`** ({code.severity}): {code.title}.'
    rivals = f" *Looks alike:* {'; '.join(map(_told_apart, code.rivals))}." if code.rivals else ""
    return f"- {name} {code.why} *What to do:* {code.fix}{rivals}"


def _told_apart(rival: Rival) -> str:
    is_code = rival.cause in CODES
    cause = f"[`{rival.cause}`](#{rival.cause})" if is_code else f"“{rival.cause.removesuffix('.')}”"
    return f"{cause}: {rival.apart or 'nothing here tells them apart, and the finding says both'}"


def _bugs() -> Iterator[str]:
    rows = (
        [f"`{bug.name}`", bug.title, bug.source, ", ".join(f"[`{code}`](#{code})" for code in bug.codes)]
        for bug in BUGS
    )
    return table("bug|what the training code does|found in|code", rows)


def _recipes() -> Iterator[str]:
    rows = ([f"`{recipe}`", does, where] for recipe, (does, where) in USED_BY.items())
    return table("recipe|what it does|found in, for example", rows)


def _sample_fields() -> Iterator[str]:
    return table("field|what it is", ([f"`{name}`", meaning] for name, meaning in SAMPLE_FIELDS.items()))


def _templates() -> Iterator[str]:
    rows = ([t.mode, t.name, _words(t)] for t in TEMPLATES)
    return table("mode|name|words", rows)


def _languages() -> Iterator[str]:
    rows = (
        [f"`{own.code}`", own.name, own.own_name, _words(templates_for(AnswerMode.STANDARD, own.code)[4])]
        for own in LANGUAGES.values()
    )
    return table("code|language|in its own words|`concise`", rows)


def _tasks() -> Iterator[str]:
    rows = (
        [f"`{task}`", own.title, f"`{own.form}`", _words(task_templates(task)[0])]
        for task, own in TASKS.items()
    )
    return table("task|what is asked|answer form unless you choose another|`direct`", rows)


def _words(template: PromptTemplate) -> str:
    return f"`{' ⏎ '.join(template.text.splitlines())}`"


def _weights() -> Iterator[str]:
    rows = ([f"`{name}`", meaning] for name, meaning in attributes_of(TokenWeights).items())
    return table("weight|what it counts", rows)


def _answers() -> Iterator[str]:
    one, two, duration = [Window(8, 14)], [Window(8, 14), Window(20, 26)], 30.0
    rows = (
        [mode, f"`{form.example}`", form.unit, f"{form.quantum(duration):g} s",
         f"`{form.render(one, duration)}`", f"`{form.render(two, duration)}`"]
        for mode, form in ANSWER_FORMATS.items()
    )  # fmt: skip
    return table("mode|form|counts|smallest step|8 to 14 s of 30|8 to 14 and 20 to 26 s of 30", rows)


def _answer_forms() -> Iterator[str]:
    video = VideoMeasure(30.0, fps=2.0)
    rows = (
        [f"`{name}`", f"`{form.render([Window(8, 14)], video)}`", form.unit, f"{form.step(video):g} s"]
        for name, form in KNOWN_FORMS.items()
    )
    return table("name|8 to 14 s of 30|counts|smallest step in 30 s", rows)


def _formats() -> Iterator[str]:
    rows = (
        [", ".join(f"`{name}`" for name in (form.name, *form.aliases)), f"{form.title}. {form.note}".rstrip(". ") + ".",
         form.example if form.example.startswith("`") else f"`{form.example}`", form.source]
        for form in FORMATS
    )  # fmt: skip
    return table("`--format`|whose|looks like|source", rows)


def _survey_kinds() -> Iterator[str]:
    rows = ([f"`{kind.name}`", str(kind.severity), f"{kind.title}. {kind.fix}".strip()] for kind in KINDS)
    yield from table("figure|severity|in a row", rows)


def _kinds() -> Iterator[str]:
    rows = ([f"`{kind}`", "yes" if MaskPolicy().trains(kind) else ""] for kind in RegionKind)
    return table("region|in the loss unless the policy says otherwise", rows)


def _result_fields() -> Iterator[str]:
    meanings = {
        name: meaning
        for documented in (ComparisonSettings, Question, TemplateResult)
        for name, meaning in attributes_of(documented).items()
    }
    return table("column|what it is", ([f"`{name}`", meanings[name]] for name in CSV_COLUMNS))


def _columns_of(columns: Mapping[str, str]) -> Callable[[], Iterator[str]]:
    return lambda: table("column|what it is", ([f"`{name}`", meaning] for name, meaning in columns.items()))


def attributes_of(documented: type) -> dict[str, str]:
    """Return what the docstring of a class says of each attribute, without the full stop."""
    section = (inspect.getdoc(documented) or "").split("Attributes:\n", 1)[1].split("\n\n")[0]
    entries = [" ".join(entry.split()) for entry in re.split(r"^ {4}(?=\S)", section, flags=re.MULTILINE)[1:]]
    return {
        name: _as_markdown(meaning.removesuffix("."))
        for names, _, meaning in (entry.partition(": ") for entry in entries)
        for name in names.split(", ")
    }


def _names() -> Iterator[str]:
    rows = ([f"`{name}`", f"`{home_of(name)}`", summary_of(name)] for name in vtg_core.__all__)
    return table("name|module|what it is", rows)


def home_of(name: str) -> str:
    """Return the module that a public name comes from."""
    return f"vtg_core.{vtg_core._HOME[name]}"


def summary_of(name: str) -> str:
    """Return the first line of what is said of a public name where it is defined, as Markdown."""
    value = getattr(vtg_core, name)
    said = inspect.getdoc(value) if callable(value) else _said_below(name)
    first_line = (said or "").split("\n\n")[0].replace("\n", " ")
    return _as_markdown(first_line)


def _as_markdown(text: str) -> str:
    """Return a text of a docstring with its references as plain names."""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")


def _said_below(name: str) -> str:
    """Return the text that stands below the assignment of a constant."""
    body = ast.parse(inspect.getsource(import_module(home_of(name)))).body
    for statement, following in pairwise(body):
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        if name in [getattr(target, "id", None) for target in targets] and isinstance(following, ast.Expr):
            return str(ast.literal_eval(following.value))
    return ""


def _errors() -> Iterator[str]:
    return _drawing_of(errors.__doc__)


def _flow() -> Iterator[str]:
    return _drawing_of(vtg_core.__doc__)


def _drawing_of(docstring: str | None) -> Iterator[str]:
    """Yield the indented lines after ``::`` as a block of their own."""
    indented = inspect.cleandoc(docstring or "").split("::\n\n", 1)[1].split("\n\n")[0]
    yield from ("```", *(line.removeprefix("    ") for line in indented.splitlines()), "```")


def _options() -> Iterator[str]:
    page = page_parser()
    [commands] = [option for option in page._actions if isinstance(option.choices, dict)]
    parsers = {"python app.py": page}
    parsers |= {f"python -m vtg_core {name}": parser for name, parser in dict(commands.choices or {}).items()}
    for name, parser in parsers.items():
        options = [option for option in parser._actions if option.option_strings and option.dest != "help"]
        yield from (f"### `{name}`", "", parser.description or "", "")
        yield from table("option|what it does", ([f"`{_spelled(o)}`", _helped(parser, o)] for o in options))
        yield ""


def _spelled(option: Action) -> str:
    """Return an option with its values, as a person types it."""
    if option.nargs == 0:
        return option.option_strings[-1]
    choices = f"{{{','.join(map(str, option.choices))}}}" if option.choices else option.dest.upper()
    values = option.metavar if option.metavar is not None else choices
    shown = " ".join(values) if isinstance(values, tuple) else values
    shown = {"?": f"[{shown}]", "+": f"{shown} …"}.get(str(option.nargs), shown)
    return f"{option.option_strings[-1]} {shown}"


def _helped(parser: ArgumentParser, option: Action) -> str:
    said = parser._get_formatter()._expand_help(option) if option.help else ""
    return f"{said} (required)" if option.required else said


def _families() -> Iterator[str]:
    rows = (
        [family.name, "yes" if family.has_turns else "one at a time", "plain" if family.plain_because else "shared",
         family.told, "yes" if family.needs_pixels else "", "yes" if family.needs_equal_frames else "",
         _known_of(family)]
        for family in EXPECTED.values()
    )  # fmt: skip
    titles = "family|several turns|sixteen templates|told of time|videos decoded|equal frames|to be known"
    return table(titles, rows)


def _known_of(family: Expected) -> str:
    """Return what the audit tells of a family's checkpoint, and what else a person should know."""
    ended = f"Needs `--end-of-turn '{family.end_of_turn}'`." if family.end_of_turn else ""
    needed = f"Needs `pip install {family.needs}`." if family.needs else ""
    codes = ", ".join(f"[`{code}`](audit.md#{code})" for code in family.codes)
    return " ".join(part for part in (codes and f"{codes}.", needed, ended, family.note) if part)


def _figures() -> Iterator[str]:
    runs = json.loads(SHOWN.read_text(encoding="utf-8"))
    yield from ("Each on one core, without a GPU, in float32:", "")
    for run in runs:
        versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
        yield f"- {run['date']}: a {run['machine']} machine, {versions}."
    yield ""
    measured = {name: (value, run["date"]) for run in runs for name, value in run["figures"].items()}
    rows = []
    for name, (what, target, form) in FIGURES.items():
        value, day = measured.get(name, (None, ""))
        rows.append(
            [f"`{name}`", what, target or "–", "not run" if value is None else form.format(value), day]
        )
    yield from table("figure|what it is|target|measured|on", rows)


def _hostile() -> Iterator[str]:
    runs = json.loads(SHOWN.read_text(encoding="utf-8"))
    measured = {name: value for run in runs for name, value in run["figures"].items()}
    rows = (
        [what, target or "–", form.format(measured[name]) if name in measured else "not run"]
        for name, (what, target, form) in FIGURES.items()
        if name.startswith(("hostile_", "visitors_", "isolated_"))
    )
    yield from table("figure|target|measured", rows)


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "answer-forms": _answer_forms,
    "answers": _answers,
    "bugs": _bugs,
    "codes": _codes,
    "codes-explained": _codes_explained,
    "errors": _errors,
    "families": _families,
    "figures": _figures,
    "formats": _formats,
    "hostile": _hostile,
    "flow": _flow,
    "kinds": _kinds,
    "languages": _languages,
    "names": _names,
    "options": _options,
    "recipes": _recipes,
    "result-fields": _result_fields,
    "sample-fields": _sample_fields,
    "shard-columns": _columns_of(COLUMNS),
    "survey-columns": _columns_of(SURVEY_COLUMNS),
    "comparison-columns": _columns_of(COMPARISON_COLUMNS),
    "survey-kinds": _survey_kinds,
    "tasks": _tasks,
    "templates": _templates,
    "weights": _weights,
}
"""Each generated table by its marks' name, as lines."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
