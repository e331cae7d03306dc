"""A mended copy of a file, row by row, in our own format; every change is listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from vtg_core.audit.checks.units import Unit
from vtg_core.audit.survey.row_facts import RowFacts, facts_of
from vtg_core.audit.survey.units import to_seconds
from vtg_core.data.annotations import AnnotationReader, check_query
from vtg_core.data.formats.registry import Found
from vtg_core.data.formats.row import Row
from vtg_core.errors import AnnotationError
from vtg_core.windows import END_TOLERANCE_SECONDS


class ChangeKind(StrEnum):
    """What is done to a row."""

    CLIPPED = "clipped"
    REVERSED = "reversed"
    CONVERTED = "converted"
    DURATION = "duration"
    WORDS = "words"
    WINDOW_LEFT_OUT = "window_left_out"
    ROW_LEFT_OUT = "row_left_out"


@dataclass(frozen=True)
class Change:
    """One change of a row.

    Attributes:
        row: its number in the file, from 1.
        where: its place, for people.
        kind: what is done.
        before, after: a window (s) or a duration (s), as far as there is one.
        why: in a few words.
    """

    row: int
    where: str
    kind: ChangeKind
    before: Any
    after: Any
    why: str


@dataclass(frozen=True)
class MendedRow:
    """A row of the copy.

    Attributes:
        values: it, in our own format; None where it is left out.
        changes: in the order in which they were made.
    """

    values: dict[str, Any] | None
    changes: tuple[Change, ...]


class Mender:
    """Makes the rows of a copy that opens without an error.

    Args:
        reader: the file.
        unit: what its times are in, where a person has confirmed that they are no seconds.
        are_videos_there: whether any video of the file has a file; a row whose video has none is then left out.
        limit: the first so many rows.
    """

    def __init__(
        self,
        reader: AnnotationReader,
        *,
        unit: Unit | None = None,
        are_videos_there: bool = False,
        limit: int | None = None,
    ) -> None:
        self.reader, self.unit, self.limit = reader, unit, limit
        self.are_videos_there = are_videos_there

    def rows(self) -> Iterator[MendedRow]:
        """Yield the rows in order, those that are left out too."""
        for found in islice(self.reader.found(), self.limit):
            yield self._mended(found, facts_of(self.reader, found))

    def _mended(self, found: Found, facts: RowFacts) -> MendedRow:
        work = _Work(facts)
        if facts.annotation is None:
            return work.left_out(facts.problems[0][1])
        if self.are_videos_there and not facts.is_there:
            return work.left_out("its video has no file")
        try:
            check_query(facts.annotation.query)
        except AnnotationError as error:
            return work.left_out(str(error))
        windows = [w for pair in facts.pairs if (w := self._window(pair, facts, work)) is not None]
        if not windows:
            return work.left_out("no window is left" if facts.pairs else "it says no window")
        return MendedRow(self._values(found, facts, windows, work), tuple(work.changes))

    def _window(self, pair: tuple[float, float], facts: RowFacts, work: "_Work") -> list[float] | None:
        """Return a window (s) that lies within the video; None where there is none."""
        start, end = pair
        if self.unit is not None:
            converted = to_seconds(self.unit, pair, facts.duration, facts.fps)
            if converted is None:
                work.without(pair, f"{self.unit} need the video's file to be seconds")
                return None
            work.note(ChangeKind.CONVERTED, pair, converted, f"was in {self.unit}")
            start, end = converted
        if start > end:
            work.note(ChangeKind.REVERSED, (start, end), (end, start), "ended before it started")
            start, end = end, start
        if start == end:
            work.without(pair, "it has no length")
            return None
        return _clipped(start, end, facts.duration, work)

    def _values(
        self, found: Found, facts: RowFacts, windows: list[list[float]], work: "_Work"
    ) -> dict[str, Any]:
        annotation = facts.annotation
        assert annotation is not None
        assert isinstance(found.row, Row)
        declared, duration = annotation.duration, facts.duration
        is_other = bool(declared and duration and abs(declared - duration) > END_TOLERANCE_SECONDS)
        if is_other:
            work.note(ChangeKind.DURATION, declared, duration, "is that of the video's file")
        if annotation.messages:
            work.note(
                ChangeKind.WORDS,
                None,
                None,
                "its conversation is left, and the user's first words are the query",
            )
        row: dict[str, Any] = {"video": self._name_of(found.row, annotation.video)}
        row["duration"] = duration if is_other or declared is None else declared
        row |= {"timestamp": windows[0]} if len(windows) == 1 else {"windows": windows}
        row |= {"sentence": annotation.query, "qid": annotation.qid}
        row |= {"video_start": annotation.video_start, "video_end": annotation.video_end}
        return {name: value for name, value in row.items() if value is not None}

    def _name_of(self, row: Row, video: Path) -> str:
        """Return how a row of our own format names a video: by its path under a root."""
        for root in self.reader.finder.roots:
            if video.is_relative_to(root.resolve()):
                return video.relative_to(root.resolve()).as_posix()
        return str(self.reader.finder.named(row.video.value))  # behind a link that leads elsewhere


class _Work:
    """The changes of one row, as they are made."""

    def __init__(self, facts: RowFacts) -> None:
        self._facts, self.changes = facts, list[Change]()

    def note(self, kind: ChangeKind, before: Any, after: Any, why: str) -> None:
        self.changes.append(Change(self._facts.number, self._facts.where, kind, before, after, why))

    def without(self, pair: tuple[float, float], why: str) -> None:
        self.note(ChangeKind.WINDOW_LEFT_OUT, pair, None, why)

    def left_out(self, why: str) -> MendedRow:
        self.note(ChangeKind.ROW_LEFT_OUT, None, None, why)
        return MendedRow(None, tuple(self.changes))


def _clipped(start: float, end: float, duration: float | None, work: _Work) -> list[float] | None:
    if start < 0:
        if end <= 0:
            work.without((start, end), "it lies before the video")
            return None
        work.note(ChangeKind.CLIPPED, (start, end), (0.0, end), "began before the video")
        start = 0.0
    if duration is None:
        return [start, end]
    if start >= duration:
        work.without((start, end), f"it lies behind a video of {duration:g} s")
        return None
    if end > 2 * duration:
        work.without(
            (start, end), f"it ends twice as late as a video of {duration:g} s: see --unit, or correct it"
        )
        return None
    if end > duration:
        work.note(
            ChangeKind.CLIPPED,
            (start, end),
            (start, duration),
            f"ended {end - duration:.4g} s past the video",
        )
    return [start, min(end, duration)]
