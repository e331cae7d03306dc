"""The drawings in docs/design.md are the truth: a module imports only from floors below its own."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import vtg_core

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path for path in [ROOT / "app.py", *(ROOT / "vtg_core").rglob("*.py")] if path.name != "__init__.py"
)
DRAWN = ("", "audit", "comparison", "dashboard")
"""The packages whose inside has a drawing of its own; empty is ``vtg_core``."""


@cache
def floors(package):
    """The floors of a drawing, top to bottom, each a set of modules or packages; of ``vtg_core`` where it is empty."""
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    mark = f"<!-- floors of {package} -->" if package else "<!-- floors -->"
    drawing = re.search(rf"{mark}\n```\n(.*?)```", design, re.DOTALL)
    return [set(line.split("  ")[0].split(" · ")) for line in drawing[1].splitlines()]


def rooms_of(package):
    """Every module that the drawing of ``package`` is about, with the name of its room in it."""
    inside = ("vtg_core", package) if package else ("vtg_core",)
    for path in MODULES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[: len(inside)] == inside:
            yield path, parts[len(inside)]
        elif not package:
            yield path, parts[0]


def imported_rooms(path, package):
    prefix = f"vtg_core.{package}." if package else "vtg_core."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees where a name lives"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        ours = (name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix))
        yield from (room for room in ours if room != "__main__")  # a door, and no room


def level_of(room, package):
    return next(level for level, rooms in enumerate(floors(package)) if room in rooms)


@pytest.mark.parametrize("package", DRAWN)
def test_every_module_has_its_room_in_the_drawing(package):
    drawn = [room for rooms in floors(package) for room in rooms]
    assert sorted(drawn) == sorted({room for _, room in rooms_of(package)} - {"__main__"})


@pytest.mark.parametrize("package", DRAWN)
def test_a_room_imports_only_from_floors_below_its_own(package):
    for path, room in rooms_of(package):
        if room != "__main__":
            level, others = level_of(room, package), set(imported_rooms(path, package)) - {room}
            assert [r for r in others if level_of(r, package) <= level] == [], path


def test_a_newcomer_sees_few_rooms_and_few_files_in_each():
    assert len([room for rooms in floors("") for room in rooms]) <= 25
    assert len(list((ROOT / "vtg_core").glob("*.py"))) <= 10
    files = {folder: len(list(folder.glob("*.py"))) for folder in (ROOT / "vtg_core").rglob("*/")}
    assert {folder: number for folder, number in files.items() if number > 12} == {}


def test_gradio_is_imported_only_by_the_dashboard():
    users = [
        p
        for p in MODULES
        if re.search(r"^\s*(import|from) gradio", p.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert {path.relative_to(ROOT / "vtg_core").parts[0] for path in users} == {"dashboard"}


def test_every_file_stays_small():
    long = {p.name: n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_every_public_name_can_be_loaded_and_is_documented():
    for name in vtg_core.__all__:
        value = getattr(vtg_core, name)
        is_given = not str(value.__doc__).startswith(f"{name}(")  # a dataclass writes one of its own
        assert not callable(value) or (value.__doc__ and is_given), name


def scripts():
    """Every script of the page, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "assets").glob("*.js")}


def test_our_scripts_write_text_and_never_markup():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\$\{value|\{\{"
    )
    assert [name for name, script in scripts().items() if forbidden.search(script)] == []


def test_our_scripts_share_the_store_and_no_name_of_the_pages():
    forbidden = re.compile(r"(window|globalThis|self)(\.|\[[\"'`])vtg|CustomEvent")
    said = {**scripts(), **{path.name: path.read_text(encoding="utf-8") for path in MODULES}}
    assert [name for name, text in said.items() if forbidden.search(text)] == []


def test_a_number_is_written_in_one_place():
    writes = re.compile(r"\.to(Fixed|Exponential|Precision|LocaleString)\(")
    assert [name for name, script in scripts().items() if writes.search(script)] == ["numbers.js"]


def test_every_script_stays_small():
    assert {name: n for name, script in scripts().items() if (n := len(script.splitlines())) > 300} == {}
