"""The page's scripts as one, for a document that stands alone: a module cannot be imported from a disk."""

import re
from pathlib import Path

from vtg_core.files.assets import asset_folder

_IMPORT = re.compile(r'^import (?:(\w+)|\{([^}]*)\}) from "\./([\w-]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (const|function|async function|class) (\w+)", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)


def bundle(entry: str) -> str:
    """Return ``assets/<entry>.js`` and all that it imports as one classic script, which leaves no name behind.

    Modules are run in the order of their imports, so none may import, by whatever way, one that imports it.
    """
    scripts = "".join(_as_function(name, text) for name, text in _in_order(entry).items())
    return f'(() => {{\n"use strict";\nconst modules = {{}};\n{scripts}}})();\n'


def _in_order(entry: str) -> dict[str, str]:
    """Return the modules by name, each behind those that it imports."""
    found: dict[str, str] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"{name}.js imports itself by way of {above}"
        if name in found:
            return
        text = Path(asset_folder(), f"{name}.js").read_text(encoding="utf-8")
        for needed in _IMPORT.findall(text):
            visit(needed[2], (*above, name))
        found[name] = text

    visit(entry, ())
    return found


def _as_function(name: str, text: str) -> str:
    """Return a module as a function that is called at once, and keeps what the module exports."""
    exported = [f"{own}" for _, own in _EXPORT.findall(text)]
    text = _IMPORT.sub(_taken, text)
    text = _EXPORT.sub(r"\1 \2", text)
    if _DEFAULT.search(text):
        text, exported = _DEFAULT.sub("const asDefault = ", text), [*exported, "default: asDefault"]
    return f'modules["{name}"] = (() => {{\n{text}\nreturn {{ {", ".join(exported)} }};\n}})();\n'


def _taken(found: re.Match[str]) -> str:
    default, names, module = found.groups()
    wanted = f"default: {default}" if default else re.sub(r"(\w+) as (\w+)", r"\1: \2", names)
    return f'const {{ {" ".join(wanted.split())} }} = modules["{module}"];'
