"""What the README says is true: its commands run, its tables are generated, its figures are checked."""

import re
import shlex
from pathlib import Path

import pytest

from tests.benchmarks._readme import FIGURES
from vtg_core.audit.codes import CODES
from vtg_core.audit.collators import SAMPLE_FIELDS
from vtg_core.audit.mutations import MUTATIONS
from vtg_core.commands.cli import main
from vtg_core.recipe_rules import Recipe
from vtg_core.start import page_parser, page_settings
from vtg_core.templates import TEMPLATES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)


def template_table():
    rows = [
        f"| {template.mode} | {template.name} | `{' ⏎ '.join(template.text.splitlines()).replace('|', chr(92) + '|')}` |"
        for template in TEMPLATES
    ]
    return "\n".join(["| mode | name | words |", "|---|---|---|", *rows])


def between(name):
    """What stands between two marks of the README."""
    return re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", README, re.DOTALL)[1]


def test_the_table_of_templates_is_the_one_in_the_code():
    assert between("templates") == template_table()


def test_the_table_of_codes_is_the_one_in_the_code():
    rows = [f"| `{code.name}` | {code.severity} | {code.title} |" for code in CODES.values()]
    expected = "\n".join(["| code | severity | what it says |", "|---|---|---|", *rows])
    assert between("codes") == expected


def test_the_table_of_sample_fields_is_the_one_in_the_code():
    rows = [f"| `{name}` | {meaning} |" for name, meaning in SAMPLE_FIELDS.items()]
    assert between("sample-fields") == "\n".join(["| field | what it is |", "|---|---|", *rows])


def test_the_readme_counts_the_mutations():
    assert f"puts one of {len(MUTATIONS)} real bugs" in README


def test_every_recipe_is_named():
    assert all(f"`{recipe}`" in README for recipe in Recipe)


@pytest.mark.parametrize("command", [c for c in COMMANDS if "-m vtg_core" in c])
def test_a_command_of_the_readme_runs(command, capsys):
    assert main([*shlex.split(command)[3:], *([] if " audit " in command else ["--num-frames", "4"])]) == 0
    begins = (
        "video: 30.0 s",
        "our own collator",
        "collator",
        "recipe",
        "assets/demo_annotations.json: 2 rows",
    )
    assert capsys.readouterr().out.startswith(begins)


def test_the_finding_that_the_readme_quotes_is_what_the_audit_prints(capsys):
    [command] = [c for c in COMMANDS if "recipes:text_prefix" in c]
    main(shlex.split(command)[3:])
    printed = " ".join(capsys.readouterr().out.split())
    [quoted] = re.findall(r"```\n(mask\.counted.*?)```", README, re.DOTALL)
    code, *message = quoted.splitlines()
    assert code.split()[0] in printed
    assert " ".join(" ".join(message).split()) in printed


def test_the_collator_that_the_readme_writes_is_audited_as_it_says(tmp_path, monkeypatch, capsys):
    [code] = re.findall(r"```python\n(# my_collator\.py.*?)```", README, re.DOTALL)
    (tmp_path / "my_collator.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    command = "audit --annotations assets/demo_annotations.json --collator my_collator:Collator"
    assert main(command.split()) == 1
    printed = capsys.readouterr().out
    assert re.findall(r"^error: .* \((.*)\)$", printed, re.MULTILINE) == re.findall(r"# (mask\.\S+):", code)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python app.py")])
def test_the_dashboard_takes_the_options_of_the_readme(command):
    assert page_settings(page_parser().parse_args(shlex.split(command)[2:]))


def test_the_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {c.split()[1] for c in COMMANDS if c.startswith("make ")} | set(
        re.findall(r"`make (\w+)`", README)
    )
    assert {"run", "test"} <= named <= targets


def test_the_training_example_of_the_readme_does_what_it_says(capsys):
    [code] = re.findall(r"```python\n(from vtg_core import.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == re.search(r"# (<\|box_start.*)", code)[1] + "\n"


def table_of(name):
    """The first column of a generated table."""
    return re.findall(r"^\| `(\w+)`", between(name), re.MULTILINE)


def test_the_figures_are_those_that_the_benchmarks_write():
    assert table_of("figures") == list(FIGURES)


def test_the_columns_of_the_csv_are_all_described(tmp_path):
    main(["compare", "--annotations", "assets/demo_annotations.json", "--limit", "1", "--templates", "direct",
          "--num-frames", "4", "--csv", str(tmp_path / "out.csv")])  # fmt: skip
    header = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[0]
    assert table_of("result-fields") == header.split(",")


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
        "app.py", "vtg_core", "tests", "assets", "requirements.txt", "requirements-dev.txt", "constraints.txt", "README.md", "Makefile",
        "pyproject.toml", "CHANGELOG.md",
    }  # fmt: skip
