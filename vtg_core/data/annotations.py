"""Annotation files: which sentence is true of which windows of which video.

The format is a JSON array, or JSON Lines, of ``{"video", "duration", "timestamp": [s, e], "sentence"}`` with
optional ``qid``, ``video_start`` and ``video_end``; ``query`` and ``windows`` (a list of pairs) are accepted for
``sentence`` and ``timestamp``. Times are in seconds.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from vtg_core.errors import AnnotationError, VTGError, WindowError
from vtg_core.windows import Window

MAX_FILE_BYTES = 1_000_000_000
MAX_QUERY_CHARS = 2_000


@dataclass(frozen=True)
class Annotation:
    """One row: a query and the windows in which it is true.

    Attributes:
        video: the video's path, resolved under the root it was read with.
        query: the sentence, as it stands in the file.
        windows: seconds, at least one.
        duration: seconds; None where the file does not say, to be probed from the video.
        qid: the row's own identifier, if it has one.
        video_start, video_end: the clip of a longer video the row speaks of, in seconds; None for the whole.
        where: file and line, and the row's number where the file is an array, for messages.
        row: its position in the file, from 0; see ``number``. 0 too where it was read from none.
        raw: the row as it was read.
    """

    video: Path
    query: str
    windows: tuple[Window, ...]
    duration: float | None
    where: str
    row: int = 0
    qid: str | int | None = None
    video_start: float | None = None
    video_end: float | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def number(self) -> int:
        """The row's own number in its file, from 1: of the element of an array, of the line of JSON Lines.

        Rows that cannot be read count too, and so do blank lines; it is the number that ``where`` ends with.
        """
        return self.row + 1


@dataclass(frozen=True)
class UnreadableRow:
    """A row of an annotation file that cannot be used.

    Attributes:
        row: its position in the file, from 0, as :class:`Annotation` counts.
        where: its place in the file, for people.
        reason: why, in a sentence.
        raw: the row as it was read; empty where it could not be.
    """

    row: int
    where: str
    reason: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class OnError(StrEnum):
    """What to do with a row that breaks the format."""

    RAISE = "raise"
    SKIP = "skip"


@dataclass(frozen=True)
class LoadedAnnotations:
    """What a file held: the rows that could be read, and why each other one could not."""

    annotations: tuple[Annotation, ...]
    unreadable: tuple[UnreadableRow, ...]

    @property
    def skipped(self) -> tuple[str, ...]:
        """One sentence for each row that could not be read."""
        return tuple(row.reason for row in self.unreadable)


def load_annotations(
    path: Path | str,
    *,
    video_root: Path | str | None = None,
    clip: bool = False,
    on_error: OnError | str = OnError.RAISE,
) -> LoadedAnnotations:
    """Read an annotation file.

    Args:
        path: JSON array or JSON Lines, UTF-8, whatever its extension.
        video_root: the folder that each row's ``video`` is resolved under and may not leave; the file's own
            folder unless given.
        clip: move window ends past the row's ``duration`` to it, instead of calling the row bad.
        on_error: raise at the first bad row, or skip such rows and list them.

    Raises:
        AnnotationError: the file cannot be read or is neither form, or a row is bad and ``on_error`` is
            ``raise``; the message names file, line and field.
    """
    path, on_error = Path(path), OnError(on_error)
    root = Path(video_root) if video_root is not None else path.parent
    annotations, unreadable = [], []
    for number, where, raw in _rows(path):
        try:
            annotations.append(_read_row(raw, number - 1, where, root, clip))
        except VTGError as error:
            if on_error is OnError.RAISE:
                raise
            unreadable.append(
                UnreadableRow(number - 1, where, str(error), raw if isinstance(raw, dict) else {})
            )
    if not annotations and not unreadable:
        raise AnnotationError(f"{path.name} must hold at least one row, got none")
    return LoadedAnnotations(tuple(annotations), tuple(unreadable))


def _rows(path: Path) -> Iterator[tuple[int, str, Any]]:
    """Yield number and place of each row, and the row; the text of a line where the file is JSON Lines."""
    text = _read_text(path)
    if text.lstrip().startswith("["):
        yield from _array_rows(text, path.name)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, f"{path.name}:{number}", line


def _array_rows(text: str, name: str) -> Iterator[tuple[int, str, Any]]:
    """Yield the elements of a JSON array with their numbers, and the lines at which they begin."""
    at = _skip_space(text, text.index("[") + 1)
    number, line, counted = 0, 1, 0
    while text[at : at + 1] != "]":
        number, line, counted = number + 1, line + text.count("\n", counted, at), at
        where = f"{name}:{line}, row {number}"
        row, at = _parse(text, where, at)
        yield number, where, row
        at = _skip_space(text, at)
        if text[at : at + 1] == "]":
            break
        next_row = _skip_space(text, at + 1)
        if text[at : at + 1] != "," or text[next_row : next_row + 1] == "]":
            raise AnnotationError(f"{where}: must be followed by a comma and a row, or by the array's end")
        at = next_row
    if text[at + 1 :].strip():
        raise AnnotationError(f"{name}: must be one JSON array, and goes on after its end")


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


_SPACE = re.compile(r"\s*")


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AnnotationError(f"{path.name} must be at most {MAX_FILE_BYTES:,} bytes; split it")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"annotation file {path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path.name} must be UTF-8, and byte {error.start} is not") from None


def _parse(text: str, where: str, at: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins at ``at``, and where it ends."""
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"{where}: must be JSON, {error.msg} at column {error.colno}") from None
    except (RecursionError, ValueError):
        raise AnnotationError(
            f"{where}: must be plain JSON, got something nested or long beyond reason"
        ) from None


def _read_row(row: Any, position: int, where: str, root: Path, clip: bool) -> Annotation:
    if isinstance(row, str):
        line = row.strip()
        row, stop = _parse(line, where)
        if line[stop:].strip():
            raise AnnotationError(
                f"{where}: must be one JSON object a line, and goes on after it at column {stop + 1}"
            )
    if not isinstance(row, dict):
        raise AnnotationError(f"{where}: a row must be an object, got {type(row).__name__}")
    duration = _seconds(row, "duration", where)
    query = _first(row, ("sentence", "query"), where)
    try:
        check_query(query)
    except AnnotationError as error:
        raise AnnotationError(f"{where}, field 'sentence': {error}") from None
    qid = row.get("qid")
    start, end = _seconds(row, "video_start", where, minimum=0.0), _seconds(row, "video_end", where)
    if (start is None) != (end is None) or (start is not None and end is not None and start >= end):
        raise AnnotationError(
            f"{where}, field 'video_start': must come with a later 'video_end', got {start} and {end} s"
        )
    return Annotation(
        video=resolve_video(_first(row, ("video",), where), root, where),
        query=query,
        windows=_read_windows(row, where, duration, clip),
        duration=duration,
        where=where,
        row=position,
        qid=qid if isinstance(qid, str | int) else None,
        video_start=start,
        video_end=end,
        raw=row,
    )


def check_query(query: Any) -> None:
    """Raise ``AnnotationError`` unless ``query`` is a sentence that can be looked for."""
    is_sentence = (
        isinstance(query, str) and query.strip() and len(query) <= MAX_QUERY_CHARS and _is_unicode(query)
    )
    if not is_sentence:
        shown = f"{len(query):,} characters" if isinstance(query, str) and len(query) > 80 else _shown(query)
        raise AnnotationError(f"a query must be a text of 1 to {MAX_QUERY_CHARS:,} characters, got {shown}")


def resolve_video(name: Any, root: Path, where: str) -> Path:
    """Return the path of the video ``name`` under ``root``, links followed.

    Raises:
        AnnotationError: ``name`` is no relative path, is a URL, or leads out of ``root`` by ``..`` or a link.
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name or not _is_unicode(name):
        raise AnnotationError(
            f"{where}, field 'video': must be a path under the video root, got {_shown(name)}"
        )
    if "://" in name or name.lower().startswith(("data:", "file:", "http:", "https:")):
        raise AnnotationError(f"{where}, field 'video': must be a path, not a URL, got {_shown(name)}")
    try:
        resolved_root = root.resolve()
        path = (resolved_root / name).resolve()
    except (OSError, RuntimeError):
        raise AnnotationError(
            f"{where}, field 'video': must be a path that can be followed, got {_shown(name)}"
        ) from None
    steps = PurePosixPath(name.replace("\\", "/"))
    is_up = ".." in steps.parts
    if is_up or not path.is_relative_to(resolved_root):
        by = "by '..'" if is_up else "as an absolute path" if steps.is_absolute() else "by a link"
        raise AnnotationError(
            f"{where}, field 'video': must stay under the video root, and {_shown(name)} leads out of it {by}; "
            "set video_root to a folder that holds every video"
        )
    return path


def _first(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> Any:
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise AnnotationError(
        f"{where}, field '{names[0]}': must be there, got the fields {sorted(map(str, row))!r:.120}"
    )


def _seconds(row: Mapping[str, Any], name: str, where: str, *, minimum: float | None = None) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not is_number
        or not abs(value) <= sys.float_info.max
        or (value < minimum if minimum is not None else value <= 0)
    ):
        bound = "at least 0" if minimum is not None else "above 0"
        raise AnnotationError(
            f"{where}, field '{name}': must be a number of seconds {bound}, got {_shown(value)}"
        )
    return float(value)


def _read_windows(
    row: Mapping[str, Any], where: str, duration: float | None, clip: bool
) -> tuple[Window, ...]:
    if row.get("timestamp") is not None and row.get("windows") is not None:
        raise AnnotationError(
            f"{where}, field 'timestamp': must not be there beside 'windows'; keep one of them"
        )
    name = "windows" if row.get("timestamp") is None and row.get("windows") is not None else "timestamp"
    value = _first(row, (name, "windows"), where)
    pairs = value if name == "windows" else [value]
    if not isinstance(pairs, list) or not pairs or not all(_is_pair(pair) for pair in pairs):
        form = "a list of [start, end]" if name == "windows" else "[start, end]"
        raise AnnotationError(f"{where}, field '{name}': must be {form} in seconds, got {_shown(value)}")
    try:
        windows = [Window(start, end) for start, end in pairs]
        return tuple(window.check_within(duration, clip=clip) if duration else window for window in windows)
    except WindowError as error:
        raise AnnotationError(f"{where}, field '{name}': {error}") from None


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(time, int | float) and not isinstance(time, bool) for time in value)
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return True


def _shown(value: Any) -> str:
    """Return a value as a message may show it: short, and printable everywhere."""
    try:
        return f"{value!a:.80}"
    except ValueError:  # an integer of thousands of digits
        return f"a very long {type(value).__name__}"
