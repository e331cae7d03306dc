"""Templates of one's own, read from a YAML or JSON file."""

import re
from pathlib import Path
from typing import Any

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.promises import contradiction
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.prompt import PLACEHOLDER, PromptTemplate, Task
from vtg_core.errors import AnswerError, TemplateError, first_line

MAX_TEMPLATE_FILE_BYTES = 1_000_000


def load_templates(path: Path | str) -> tuple[PromptTemplate, ...]:
    """Read templates of one's own from a YAML or JSON file.

    The file holds a list of ``{"name", "text", "style"?, "mode"?, "language"?, "task"?, "source"?}``, or a mapping
    from name to text. Unless given, ``style`` is ``"custom"``, ``mode``, the name of an answer form, ``"standard"``,
    ``language``, a code, ``"en"``, and ``task`` ``"moment"``; ``source`` is for people: where the words come from.
    ``{format}`` in a text stands for the form's own words.

    Raises:
        TemplateError: the file cannot be read, has another form, or holds a template that is not usable, or
            that asks for another answer than its form gives.
    """
    path = Path(path)
    content = _load(path)
    if isinstance(content, _Pairs):
        rows: Any = [{"name": name, "text": text} for name, text in content]
    else:
        rows = content
    if not isinstance(rows, list) or not rows:
        raise TemplateError(
            f"{path.name} must hold a list of {{name, text}} or a mapping from name to text, got {type(content).__name__}"
        )
    templates = tuple(read_template(row, f"{path.name}, template {i}") for i, row in enumerate(rows, 1))
    names = [(template.mode, template.language, template.name) for template in templates]
    if duplicates := {key[-1] for key in names if names.count(key) > 1}:
        raise TemplateError(
            f"{path.name} must name each template once, got {sorted(duplicates)[0]!r} more than once"
        )
    return templates


class _Pairs(list[tuple[Any, Any]]):
    """A mapping as its pairs, so that a name that is there twice is seen twice."""


def _load(path: Path) -> Any:
    """Read JSON, or else YAML; the mapping at the top comes as pairs."""
    import json

    try:
        if path.stat().st_size > MAX_TEMPLATE_FILE_BYTES:
            raise TemplateError(
                f"{path.name} must be at most {MAX_TEMPLATE_FILE_BYTES:,} bytes of YAML or JSON"
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TemplateError(f"template file {path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TemplateError(
            f"{path.name} must be YAML or JSON in UTF-8, and byte {error.start} is not"
        ) from None
    try:
        return _plain(json.loads(text, object_pairs_hook=_Pairs))
    except ValueError:
        pass
    except RecursionError:
        raise TemplateError(f"{path.name} must be YAML or JSON, got something nested beyond reason") from None
    return _load_yaml(text, path.name)


def _load_yaml(text: str, name: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads mappings as pairs."""

    def pairs(loader: Any, node: Any) -> _Pairs:
        return _Pairs((loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
                      for key, value in node.value)  # fmt: skip

    Loader.add_constructor("tag:yaml.org,2002:map", pairs)
    try:
        return _plain(yaml.load(text, Loader))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise TemplateError(
            f"{name} must be YAML or JSON in UTF-8, and is not: {first_line(error)}"
        ) from None


def _plain(content: Any) -> Any:
    """Turn the rows of a list into mappings; the last of a repeated field counts, as in JSON."""
    return (
        [dict(row) if isinstance(row, _Pairs) else row for row in content]
        if type(content) is list
        else content
    )


def read_template(row: Any, where: str) -> PromptTemplate:
    """Return the template of one entry of a file, see :func:`load_templates`; ``where`` names it in messages.

    Raises:
        TemplateError: it is not usable, or asks for another answer than its form gives.
    """
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "text")):
        raise TemplateError(
            f"{where} must have a text under 'name' and under 'text', got {type(row).__name__}"
        )
    if unknown := set(row) - FIELDS:
        raise TemplateError(
            f"{where} must have no field but {', '.join(sorted(FIELDS))}, got {sorted(map(str, unknown))[0]!r}"
        )
    language = row.get("language", "en")
    if not isinstance(language, str) or not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language):
        raise TemplateError(f"{where}, language: must be a code such as en or zh, got {language!r:.40}")
    form = _form_of(row, where)
    text = row["text"].replace(FORMAT_WORD, form.example)
    if wrong := contradiction(text.replace(PLACEHOLDER, ""), form):
        raise TemplateError(
            f"{where}: words and answer must agree: {wrong}; write {FORMAT_WORD} for the form's own words"
        )
    mode = AnswerMode(form.name) if form.name in tuple(AnswerMode) else form.name
    task = row.get("task", Task.MOMENT)
    if task not in tuple(Task):
        raise TemplateError(f"{where}, task: must be one of {', '.join(Task)}, got {task!r:.40}")
    return PromptTemplate(row["name"], str(row.get("style", "custom")), mode, text, language, Task(task))


FIELDS = frozenset({"name", "text", "style", "mode", "language", "task", "source"})
FORMAT_WORD = "{format}"
"""What stands in a file's template for the words in which its answer form is promised."""


def _form_of(row: dict[str, Any], where: str) -> AnswerForm:
    try:
        return form_named(str(row.get("mode", AnswerMode.STANDARD)))
    except AnswerError as error:
        raise TemplateError(f"{where}, mode: {error}") from None
