"""What the documents say is true: commands and code run, links lead somewhere, tables are what the code says."""

import csv
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from docs import tables
from docs.tables import DOCUMENTS, TABLES
from tests.benchmarks import _figures
from vtg_core.audit.bugs.table import BUGS
from vtg_core.commands.cli import main
from vtg_core.commands.start import page_parser, page_settings
from vtg_core.data.annotations import load_annotations
from vtg_core.templates import load_templates

ROOT = Path(__file__).parent.parent
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
ALL = "\n".join(TEXTS.values())
README, AUDIT, COMMANDS_DOC = (TEXTS[name] for name in ("README.md", "docs/audit.md", "docs/commands.md"))


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


COMMANDS = list(
    dict.fromkeys(line.split(" #")[0].strip() for block in blocks(ALL, "sh") for line in block.splitlines())
)
OURS = [command for command in COMMANDS if "-m vtg_core" in command]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that examples may write into, with the assets at hand."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_readme_has_at_most_130_lines():
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_generated_table_is_what_the_code_says(path):
    assert tables.stale_tables(path) == []


def test_every_generated_table_is_shown_once():
    assert sorted(re.findall(r"<!-- ([a-z-]+) -->\n(?!```\napp)", ALL)) == sorted(TABLES)


def test_a_stale_table_is_noticed_and_written(tmp_path, monkeypatch, capsys):
    stale = tmp_path / "stale.md"
    stale.write_text(TEXTS["docs/templates.md"].replace("| seconds |", "| minutes |", 1), encoding="utf-8")
    monkeypatch.setattr(tables, "DOCUMENTS", (stale,))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    assert tables.main(["--check"]) == 1
    assert "stale.md: answers must be what the code says; run make docs" in capsys.readouterr().err
    assert tables.main([]) == 0
    assert stale.read_text(encoding="utf-8") == TEXTS["docs/templates.md"]


def test_a_figure_that_is_measured_again_takes_the_place_of_the_earlier_one(tmp_path, monkeypatch):
    kept = tmp_path / "figures.json"
    kept.write_text(_figures.SHOWN.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(_figures, "SHOWN", kept)
    _figures.show_in_documents({"mask_overhead_5k": 0.5, "of no document": 1.0})
    *earlier, last = json.loads(kept.read_text(encoding="utf-8"))
    assert last["figures"] == {"mask_overhead_5k": 0.5}
    assert sum("mask_overhead_20k" in run["figures"] for run in earlier) == 1
    assert not any("mask_overhead_5k" in run["figures"] for run in earlier)


def test_the_bugs_are_counted():
    assert f"puts one of {len(BUGS)} real bugs" in AUDIT


@pytest.mark.parametrize("command", OURS)
def test_a_command_runs(command, capsys):
    assert (
        main(
            [
                *shlex.split(command)[3:],
                *([] if re.search(" (audit|data) ", command) else ["--num-frames", "4"]),
            ]
        )
        == 0
    )
    begins = (
        "video: 30.0 s",
        "our own collator",
        "collator",
        "recipe",
        "assets/demo_annotations.json: 2 of 4 rows",
        "assets/demo_annotations.json: 4 rows, 4 windows",
    )
    assert capsys.readouterr().out.startswith(begins)


@pytest.mark.parametrize("text", [README, AUDIT], ids=["README", "audit"])
def test_the_finding_that_is_quoted_is_what_the_audit_prints(text, capsys):
    [command] = [c for c in OURS if "recipes:text_prefix" in c]
    assert command in text
    main(shlex.split(command)[3:])
    printed = " ".join(capsys.readouterr().out.split())
    [quoted] = re.findall(r"```\n(mask\.counted.*?)```", text, re.DOTALL)
    code, *message = quoted.splitlines()
    assert code.split()[0] in printed
    assert " ".join(" ".join(message).split()) in printed


def test_the_collators_that_are_written_down_are_audited_as_they_say(elsewhere, capsys, monkeypatch):
    wrong, right = [code for code in blocks(AUDIT, "python") if code.startswith("# my_collator.py")]
    [command] = re.findall(r"^python -m vtg_core (audit .*my_collator:Collator)$", AUDIT, re.MULTILINE)[:1]
    assert "demo_annotations" in command
    for code, status in ((wrong, 1), (right, 0)):
        (elsewhere / "my_collator.py").write_text(code)
        monkeypatch.delitem(sys.modules, "my_collator", raising=False)
        assert main(command.split()) == status
        printed = capsys.readouterr().out
        assert re.findall(r"^error: .* \((.*)\)$", printed, re.MULTILINE) == re.findall(
            r"# (mask\.\S+):", code
        )
    assert "nothing to act on: 0 errors, 0 warnings" in printed


def test_the_batch_that_is_saved_is_audited_without_an_error(elsewhere, capsys):
    [code] = [code for code in blocks(AUDIT, "python") if "torch.save" in code]
    exec(compile(code, "docs/audit.md", "exec"), {})
    [command] = re.findall(r"^python -m vtg_core (audit --batch .*)$", AUDIT, re.MULTILINE)
    assert main(command.split()) == 0
    assert "batch.pt" in capsys.readouterr().out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python app.py")])
def test_the_dashboard_takes_its_options(command):
    assert page_settings(page_parser().parse_args(shlex.split(command)[2:]))


def test_the_make_targets_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {c.split()[1] for c in COMMANDS if c.startswith("make ")}
    named |= set(re.findall(r"`make ([\w-]+)", ALL))
    assert {"run", "test", "check", "docs"} <= named <= targets


@pytest.mark.parametrize("command", [c for c in re.findall(r"-m pytest ([^`\n]+)", ALL) if c[0] == "t"])
def test_the_tests_that_are_named_are_there(command):
    where, *options = command.split()
    path, _, name = where.partition("::")
    names = re.findall(r"^def (test_\w+)", Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    assert not name or name in names
    assert not options or any(options[options.index("-k") + 1] in known for known in names)


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if blocks(text, "python")])
def test_the_python_of_a_document_prints_what_it_says(name, elsewhere, capsys):
    names = {}
    for code in blocks(TEXTS[name], "python"):
        exec(compile(code, name, "exec"), names)
        said = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == said


def test_the_templates_and_rows_that_are_written_down_can_be_read(tmp_path):
    [mine] = blocks(TEXTS["docs/templates.md"], "yaml")
    [rows] = blocks(TEXTS["docs/data.md"], "jsonl")
    (tmp_path / "mine.yaml").write_text(mine)
    (tmp_path / "rows.jsonl").write_text(rows)
    assert [template.name for template in load_templates(tmp_path / "mine.yaml")] == ["short", "tokens"]
    assert len(load_annotations(tmp_path / "rows.jsonl", video_root="assets").annotations) == 2


SAMPLE = (
    "--video assets/red_circle.mp4 --query x --window 8 14 --template direct --answer standard --num-frames 4"
)
ROWS = "--annotations assets/demo_annotations.json --limit 1"


@pytest.mark.parametrize(
    "command",
    [f"inspect {SAMPLE}", f"loss {SAMPLE}", f"probe {SAMPLE} --generate", f"audit {ROWS}", f"compare {ROWS} --templates direct --num-frames 4", "data assets/demo_annotations.json"],
    ids=lambda command: command.split()[0],
)  # fmt: skip
def test_the_json_has_the_documented_keys(command, capsys):
    main([*shlex.split(command), "--json", "-"])
    written = json.loads(capsys.readouterr().out)
    name = command.split()[0]
    documented, sample = re.search(
        rf"^`{name}` writes `(.*?)`(?:, each sample `(.*?)`)?", COMMANDS_DOC, re.M
    ).groups()
    assert list(written) == keys(documented)
    assert sample is None or list(written["samples"][0]) == keys(sample)
    assert name != "audit" or documented in AUDIT


def keys(documented):
    """The outermost keys of an object as it is written down."""
    inner = documented[1:-1]
    while (flat := re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", inner)) != inner:
        inner = flat
    return re.findall(r'"(\w+)"', inner)


def test_the_columns_of_the_csv_are_all_described(tmp_path):
    main(["compare", "--annotations", "assets/demo_annotations.json", "--limit", "1", "--templates", "direct",
          "--num-frames", "4", "--csv", str(tmp_path / "out.csv")])  # fmt: skip
    header = next(csv.reader((tmp_path / "out.csv").open(encoding="utf-8")))
    [shown] = re.findall(r"<!-- result-fields -->(.*?)<!--", COMMANDS_DOC, re.DOTALL)
    assert re.findall(r"^\| `(\w+)`", shown, re.MULTILINE) == header


def anchors(text):
    """The places of a document that a link can lead to, as GitHub names its headings."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text(encoding="utf-8")), target


def test_every_file_that_is_named_is_there():
    named = set(re.findall(r"`((?:vtg_core|tests|assets|docs|\.ci)/[\w./-]*)", ALL)) - {"assets/NAME.js"}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_requirement_says_why_it_is_there():
    needed = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    header, first, *lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    assert header.startswith("# ")
    assert first == "-r requirements.txt"
    for line in [*needed, *lines]:
        assert re.search(r">=.*,<.*  # \S+", re.sub(r" +#", "  #", line)), line


def test_the_two_commands_and_their_pip_equivalents_stand_before_the_picture():
    first_screen = README[: README.index("![")]
    assert len(first_screen.splitlines()) < 20
    for command in (
        "make run ", "make test ", "pip install -r requirements.txt", "app.py",
        "pip install -r requirements-dev.txt", "-m pytest",
    ):  # fmt: skip
        assert command in first_screen


def test_the_top_level_holds_what_the_readme_promises_and_nothing_else():
    import subprocess

    done = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    top = {name.split("/")[0] for name in done.stdout.splitlines() if not name.startswith(".")}
    assert top == {
        "app.py", "vtg_core", "tests", "assets", "docs", "requirements.txt", "requirements-dev.txt",
        "requirements-frameworks.txt", "constraints.txt", "README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "pyproject.toml", "CHANGELOG.md",
    }  # fmt: skip
