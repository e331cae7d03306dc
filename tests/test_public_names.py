"""The names of ``vtg_core``: loaded when they are used, and yet known to type checkers and editors."""

import ast
import re
from pathlib import Path

import pytest

import vtg_core

ROOT = Path(vtg_core.__file__).parents[1]
ONLY_OURS = f"""
[mypy]
mypy_path = {ROOT}
strict = True
follow_imports = skip
[mypy-vtg_core.*]
follow_imports = silent
"""
"""Read our own modules and take every other package for unknown: PyTorch alone would take a minute."""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Check a piece of a person's code as mypy does; return what mypy says of it."""
    from mypy import api

    folder = tmp_path_factory.mktemp("mypy")
    (folder / "mypy.ini").write_text(ONLY_OURS)
    options = ["--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder / "cache")]

    def check(code):
        printed, errors, _ = api.run([*options, "-c", code])
        assert errors == ""
        return printed

    return check


def imported_for_type_checkers():
    """From each name that ``vtg_core`` imports where nothing runs to the module that it comes from."""
    tree = ast.parse(Path(vtg_core.__file__).read_text(encoding="utf-8"))
    [block] = [n for n in tree.body if isinstance(n, ast.If) and isinstance(n.test, ast.Name)]
    return {alias.name: node.module.removeprefix("vtg_core.") for node in block.body for alias in node.names}


def test_what_type_checkers_read_is_what_is_loaded():
    assert imported_for_type_checkers() == vtg_core._HOME
    assert sorted(vtg_core.__all__) == sorted(vtg_core._HOME)


def test_a_type_checker_knows_every_public_name(check):
    names = ", ".join(vtg_core.__all__)
    revealed = check(
        f"from vtg_core import {names}\n" + "".join(f"reveal_type({n})\n" for n in names.split(", "))
    )
    types = re.findall(r'Revealed type is "(.*)"', revealed)
    assert len(types) == len(vtg_core.__all__), revealed
    assert "Any" not in types
    assert types[vtg_core.__all__.index("SFTCollator")].endswith("-> vtg_core.collator.SFTCollator")


def test_a_type_checker_refuses_a_misspelt_name(check):
    assert 'Module "vtg_core" has no attribute "SFTColator"' in check("from vtg_core import SFTColator\n")
