"""Annotation files: which sentence is true of which windows of which video.

Our own format is a JSON array, or JSON Lines, of ``{"video", "duration", "timestamp": [s, e], "sentence"}`` with
optional ``qid``, ``video_start`` and ``video_end``; ``query`` and ``windows`` (a list of pairs) are accepted for
``sentence`` and ``timestamp``. Times are in seconds. The other formats are in :mod:`vtg_core.data.formats`; here the
rows of all of them are checked.
"""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from vtg_core.data.answers import STANDARD_ANSWER
from vtg_core.data.formats.files import AnnotationFile
from vtg_core.data.formats.registry import AUTO, Found, choose_format, found_rows
from vtg_core.data.formats.row import ReadWindows, Row, Value, is_number, is_pair, is_unicode, shown
from vtg_core.data.video_index import VideoFinder
from vtg_core.errors import AnnotationError, VTGError, WindowError
from vtg_core.windows import Window

MAX_QUERY_CHARS = 2_000

Roots = Path | str | Sequence[Path | str] | None
"""The folders with the videos: one, several, or the annotation file's own."""


@dataclass(frozen=True)
class Annotation:
    """One row: a query and the windows in which it is true.

    Attributes:
        video: the video's path, resolved under the root it was read with.
        query: the sentence, as it stands in the file.
        windows: seconds, at least one; a row with messages of its own may have none.
        duration: seconds; None where the file does not say, to be probed from the video.
        qid: the row's own identifier, if it has one.
        video_start, video_end: the clip of a longer video the row speaks of, in seconds; None for the whole.
        where: file and line, and the row's number where the file is an array, for messages.
        row: its position in the file, from 0; see ``number``. 0 too where it was read from none.
        messages: the row's own conversation in Hugging Face's chat form, with the videos' paths resolved; empty where
            it has none, and a template asks.
        weights: what the tokens of each of the messages weigh in the loss, 0 where they are not trained.
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
    messages: tuple[Mapping[str, Any], ...] = ()
    weights: tuple[float, ...] = ()
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
    """What a file held: the rows that could be read, and why each other one could not.

    Attributes:
        annotations, unreadable: the rows, in the file's order.
        format: the name of the format the file was read in; empty where there was no file.
        why: what speaks for it, in a line.
        videos: how many files are missing or called otherwise, in a line; empty where none is.
    """

    annotations: tuple[Annotation, ...]
    unreadable: tuple[UnreadableRow, ...]
    format: str = ""
    why: str = ""
    videos: str = ""

    @property
    def skipped(self) -> tuple[str, ...]:
        """One sentence for each row that could not be read."""
        return tuple(row.reason for row in self.unreadable)


def load_annotations(
    path: Path | str,
    *,
    video_root: Roots = None,
    video_name: str = "",
    clip: bool = False,
    on_error: OnError | str = OnError.RAISE,
    format: str = AUTO,
    read_windows: ReadWindows | None = None,
    may_be_absent: bool = False,
) -> LoadedAnnotations:
    """Read an annotation file.

    Args:
        path: a file in any of the formats, UTF-8, whatever its extension; it may be packed with gzip.
        video_root: the folder that each row's ``video`` is resolved under and may not leave, or several of them, the
            first one first; the file's own folder unless given.
        video_name: how the files are called, such as ``{video_id}.mp4``, where rows name no files; they are looked
            for by name, extension and folder unless given.
        clip: move window ends past the row's ``duration`` to it, instead of calling the row bad.
        on_error: raise at the first bad row, or skip such rows and list them.
        format: the name of the file's format, of :data:`vtg_core.data.formats.registry.FORMAT_NAMES`; ``auto`` looks
            at what its rows hold.
        read_windows: reads the windows of an answer's text, where a row has no other; ``[start, end]`` in seconds
            unless given.
        may_be_absent: an empty list of windows says that the sentence is never true, instead of being bad.

    Raises:
        AnnotationError: the file cannot be read, its format cannot be told, or a row is bad and ``on_error`` is
            ``raise``; the message names file, line and field.
    """
    on_error = OnError(on_error)
    reader = AnnotationReader(
        path,
        video_root=video_root,
        video_name=video_name,
        clip=clip,
        format=format,
        read_windows=read_windows,
        may_be_absent=may_be_absent,
    )
    annotations: list[Annotation] = []
    unreadable: list[UnreadableRow] = []
    for row in reader:
        if isinstance(row, Annotation):
            annotations.append(row)
        elif on_error is OnError.RAISE:
            raise AnnotationError(row.reason)
        else:
            unreadable.append(row)
    if not annotations and not unreadable:
        raise AnnotationError(f"{reader.path.name} must hold at least one row, got none")
    return LoadedAnnotations(
        tuple(annotations), tuple(unreadable), reader.format, reader.why, reader.finder.told()
    )


class AnnotationReader:
    """An annotation file, read row by row: one entry of it is held at a time, however large it is.

    Args:
        path, video_root, video_name, clip, format, read_windows, may_be_absent: see :func:`load_annotations`.

    Attributes:
        path: the file.
        format: the name of the format it is read in.
        why: what speaks for it, in a line.
        finder: finds the videos; it knows which are missing as soon as the rows were read.

    Raises:
        AnnotationError: the file cannot be read, or its format cannot be told.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        video_root: Roots = None,
        video_name: str = "",
        clip: bool = False,
        format: str = AUTO,
        read_windows: ReadWindows | None = None,
        may_be_absent: bool = False,
    ) -> None:
        self.path, self.clip, self.may_be_absent = Path(path), clip, may_be_absent
        self._file = AnnotationFile.at(self.path)
        choice = choose_format(self._file, format)
        self._choice, self._read_windows = choice, read_windows or _read_standard
        self.format, self.why = choice.form.name, choice.why
        self.finder = VideoFinder(_roots(video_root, self.path.parent), video_name)

    def __iter__(self) -> Iterator[Annotation | UnreadableRow]:
        """Yield the rows in order, each checked."""
        return map(self._read, self.found())

    def row_at(self, row: int) -> Annotation | UnreadableRow | None:
        """Return the row at a position in the file, from 0; None where there is none. Lines before it are passed over.

        Raises:
            AnnotationError: the file cannot be read beyond a place.
        """
        found = next(found_rows(self._file, self._choice, self._read_windows, first=row + 1), None)
        return self._read(found) if found is not None and found.number == row + 1 else None

    def _read(self, found: Found) -> Annotation | UnreadableRow:
        try:
            row = self.check(found)
            windows = check_windows(found, row.duration, clip=self.clip, may_be_absent=self.may_be_absent)
            return replace(row, windows=windows)
        except VTGError as error:
            raw = found.row.raw if isinstance(found.row, Row) else {}
            return UnreadableRow(found.number - 1, found.where, str(error), raw)

    def count_about(self) -> int:
        """Return how many rows the file has, by its lines where a line is a row: blank ones count too.

        Raises:
            AnnotationError: the file cannot be read beyond a place.
        """
        lines = None if self._choice.form.has_many else self._file.count_lines()
        return sum(1 for _ in self.found()) if lines is None else lines

    def found(self) -> Iterator[Found]:
        """Yield the rows in order, unchecked.

        Raises:
            AnnotationError: the file cannot be read beyond a place.
        """
        return found_rows(self._file, self._choice, self._read_windows)

    def check(self, found: Found) -> Annotation:
        """Return a row with all but its windows, see :func:`check_windows`.

        Raises:
            AnnotationError: it cannot be read, or a field of it is bad.
        """
        if isinstance(found.row, AnnotationError):
            raise found.row
        return _checked(found.row, found.number - 1, found.where, self.finder)


def _roots(given: Roots, default: Path) -> tuple[Path, ...]:
    roots = (given,) if isinstance(given, Path | str) else tuple(given or ())
    return tuple(map(Path, roots)) or (default,)


def _read_standard(text: str, duration: float | None) -> tuple[Window, ...] | None:
    return STANDARD_ANSWER.parse(text, math.inf if duration is None else duration).windows or None


def _checked(row: Row, position: int, where: str, finder: VideoFinder) -> Annotation:
    duration = _seconds(row.duration, where)
    query = _present(row.query, row, where)
    try:
        check_query(query, max_chars=None if row.messages else MAX_QUERY_CHARS)
    except AnnotationError as error:
        raise AnnotationError(f"{where}, field '{row.query.name}': {error}") from None
    start, end = _seconds(row.video_start, where, minimum=0.0), _seconds(row.video_end, where)
    if (start is None) != (end is None) or (start is not None and end is not None and start >= end):
        raise AnnotationError(
            f"{where}, field '{row.video_start.name}': must come with a later '{row.video_end.name}', "
            f"got {start} and {end} s"
        )
    _present(row.video, row, where)
    video = finder.find(row, where, start, end)
    return Annotation(
        video=video,
        query=query,
        windows=(),
        duration=duration,
        where=where,
        row=position,
        qid=row.qid if isinstance(row.qid, str | int) else None,
        video_start=start,
        video_end=end,
        messages=tuple(_with_video(message, video) for message in row.messages),
        weights=row.weights,
        raw=row.raw,
    )


def check_query(query: Any, *, max_chars: int | None = MAX_QUERY_CHARS) -> None:
    """Raise ``AnnotationError`` unless ``query`` is a sentence that can be looked for; a conversation may be longer."""
    is_sentence = (
        isinstance(query, str)
        and query.strip()
        and (max_chars is None or len(query) <= max_chars)
        and is_unicode(query)
    )
    if not is_sentence:
        got = f"{len(query):,} characters" if isinstance(query, str) and len(query) > 80 else shown(query)
        raise AnnotationError(f"a query must be a text of 1 to {MAX_QUERY_CHARS:,} characters, got {got}")


def _with_video(message: Mapping[str, Any], video: Path) -> Mapping[str, Any]:
    """Return a message with the path of the row's one video where it shows it."""
    content = [
        part | {"video": str(video)} if part["type"] == "video" else part for part in message["content"]
    ]
    return {**message, "content": content}


def _present(field: Value, row: Row, where: str) -> Any:
    if field.value is None:
        raise AnnotationError(
            f"{where}, field '{field.name}': must be there, got the fields {sorted(map(str, row.raw))!r:.120}"
        )
    return field.value


def _seconds(field: Value, where: str, *, minimum: float | None = None) -> float | None:
    value = field.value
    if value is None:
        return None
    if (
        not is_number(value)
        or not abs(value) <= sys.float_info.max
        or (value < minimum if minimum is not None else value <= 0)
    ):
        bound = "at least 0" if minimum is not None else "above 0"
        raise AnnotationError(
            f"{where}, field '{field.name}': must be a number of seconds {bound}, got {shown(value)}"
        )
    return float(value)


def check_windows(
    found: Found, duration: float | None, *, clip: bool = False, may_be_absent: bool = False
) -> tuple[Window, ...]:
    """Return the windows (s) of a row, each checked; none where a row with messages has none.

    Args:
        found: the row.
        duration: of its video, in seconds; nothing is said of its end where that is not known.
        clip: move an end past the video to its end.
        may_be_absent: an empty list of windows says that there is none.

    Raises:
        AnnotationError: the row cannot be read, or a window is bad.
    """
    row, where = found.row, found.where
    if isinstance(row, AnnotationError):
        raise row
    if row.messages and row.windows.value is None:
        return ()
    pairs = [row.windows.value] if row.windows.is_one else row.windows.value
    _present(row.windows, row, where)
    if may_be_absent and row.windows.value == []:
        return ()
    if not isinstance(pairs, list) or not pairs or not all(map(is_pair, pairs)):
        form = "[start, end]" if row.windows.is_one else "a list of [start, end]"
        raise AnnotationError(
            f"{where}, field '{row.windows.name}': must be {form} in seconds, got {shown(row.windows.value)}"
        )
    try:
        windows = [Window(start, end) for start, end in pairs]
        return tuple(window.check_within(duration, clip=clip) if duration else window for window in windows)
    except WindowError as error:
        raise AnnotationError(f"{where}, field '{row.windows.name}': {error}") from None
