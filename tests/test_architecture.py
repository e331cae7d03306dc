"""The drawing in docs/design.md is the truth: a module imports only from floors below its own."""

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


@cache
def floors():
    """The drawing's floors, top to bottom, each a set of modules or packages of ``vtg_core``."""
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    drawing = re.search(r"<!-- floors -->\n```\n(.*?)```", design, re.DOTALL)
    return [set(line.split("  ")[0].split(" · ")) for line in drawing[1].splitlines()]


def room_of(path):
    """The module's name in the drawing: packages are one room, but for a module that the drawing names itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return room_in(parts[1:]) if parts[0] == "vtg_core" else parts[0]


def room_in(parts):
    own = ".".join(parts[:2])
    return own if own in set().union(*floors()) else parts[0]


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees where a name lives"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        ours = (room_in(name.split(".")[1:]) for name in names if name.startswith("vtg_core."))
        yield from (room for room in ours if room != "__main__")  # a door, and no room


def level_of(room):
    return next(level for level, rooms in enumerate(floors()) if room in rooms)


def test_every_module_has_its_room_in_the_drawing():
    drawn = set().union(*floors())
    assert drawn == {room_of(path) for path in MODULES} - {"__main__"}


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__main__.py"], ids=lambda p: p.stem)
def test_a_module_imports_only_from_floors_below_its_own(path):
    room = room_of(path)
    above = [other for other in imported_rooms(path) if other != room and level_of(other) <= level_of(room)]
    assert above == []


def test_gradio_is_imported_only_by_the_dashboard():
    users = [
        p
        for p in MODULES
        if re.search(r"^\s*(import|from) gradio", p.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert {room_of(path) for path in users} == {"dashboard"}


def test_every_file_stays_small():
    long = {p.name: n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_every_public_name_can_be_loaded_and_is_documented():
    for name in vtg_core.__all__:
        value = getattr(vtg_core, name)
        is_given = not str(value.__doc__).startswith(f"{name}(")  # a dataclass writes one of its own
        assert not callable(value) or (value.__doc__ and is_given), name


def test_our_scripts_write_text_and_never_markup():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\$\{value|\{\{"
    )
    for script in (ROOT / "assets").glob("*.js"):
        assert not forbidden.search(script.read_text(encoding="utf-8")), script.name
