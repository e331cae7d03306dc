"""Prompt templates of one's own, read from a YAML or JSON file."""

from pathlib import Path
from typing import Any

from vtg_core.answers import AnswerMode
from vtg_core.errors import TemplateError, first_line
from vtg_core.templates import PromptTemplate

MAX_TEMPLATE_FILE_BYTES = 1_000_000


def load_templates(path: Path | str) -> tuple[PromptTemplate, ...]:
    """Read templates of one's own from a YAML or JSON file.

    The file holds a list of ``{"name", "text", "style"?, "mode"?}``, or a mapping from name to text; ``style``
    is ``"custom"`` and ``mode`` is ``"standard"`` unless given.

    Raises:
        TemplateError: the file cannot be read, has another form, or holds a template that is not usable.
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
    templates = tuple(_template_from_row(row, f"{path.name}, template {i}") for i, row in enumerate(rows, 1))
    names = [(template.mode, template.name) for template in templates]
    if duplicates := {name for mode, name in names if names.count((mode, name)) > 1}:
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


def _template_from_row(row: Any, where: str) -> PromptTemplate:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "text")):
        raise TemplateError(
            f"{where} must have a text under 'name' and under 'text', got {type(row).__name__}"
        )
    if unknown := set(row) - {"name", "text", "style", "mode"}:
        raise TemplateError(
            f"{where} must have no field but name, text, style and mode, got {sorted(map(str, unknown))[0]!r}"
        )
    try:
        mode = AnswerMode(row.get("mode", AnswerMode.STANDARD))
    except ValueError:
        raise TemplateError(
            f"{where}: mode must be one of {[str(m) for m in AnswerMode]}, got another"
        ) from None
    return PromptTemplate(row["name"], str(row.get("style", "custom")), mode, row["text"])
