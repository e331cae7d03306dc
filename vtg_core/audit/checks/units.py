"""In which unit the times of an annotation file are, where they cannot be seconds.

Suspected over the whole file, from how long its videos really are: a row alone may be wrong in any way.
Source of the faults: VideoChat-Online#13, VideoMind#9 (DiDeMo's chunks), Time-R1's minutes read as seconds.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vtg_core.audit.codes.times import UNIT
from vtg_core.audit.findings import Finding


class Unit(StrEnum):
    """What times are written in, other than seconds."""

    FRACTIONS = "fractions of the duration"
    PERCENT = "percent of the duration"
    FRAMES = "frame numbers"
    CENTISECONDS = "centiseconds"
    MILLISECONDS = "milliseconds"
    BINS = "bins of a thousandth of the duration"
    CHUNKS = "chunks of 5 s"
    MINUTES = "MM.SS, minutes before the point and seconds behind it"


@dataclass(frozen=True)
class RowTimes:
    """The times of a row as the file gives them, and the video as it is.

    Attributes:
        where: file and line.
        times: the starts and ends of its windows, in whatever unit.
        declared: the duration that the row gives, in whatever unit; None where it does not.
        duration: of the video file, in seconds.
        fps: of the video file.
    """

    where: str
    times: tuple[float, ...]
    declared: float | None
    duration: float
    fps: float

    @property
    def last(self) -> float:
        """The latest time."""
        return max(self.times)

    def factor(self, unit: Unit) -> float:
        """Return by what a time in ``unit`` is multiplied to be seconds; of MM.SS only its minutes."""
        return {
            Unit.FRACTIONS: self.duration,
            Unit.PERCENT: self.duration / 100,
            Unit.FRAMES: 1 / self.fps,
            Unit.CENTISECONDS: 0.01,
            Unit.MILLISECONDS: 0.001,
            Unit.BINS: self.duration / 1000,
            Unit.CHUNKS: CHUNK_SECONDS,
            Unit.MINUTES: 60.0,
        }[unit]


CHUNK_SECONDS = 5.0
MANY_ROWS = 10
"""So many rows that are all alike are no chance."""
SOME_ROWS = 3
LONG_SECONDS = 10.0
"""In a shorter video, windows within the first second are nothing strange."""


def check_units(rows: Sequence[RowTimes]) -> Iterator[Finding]:
    """Yield for each suspected unit one finding, with its rows, the evidence and the factor to seconds."""
    suspected: dict[Unit, list[tuple[RowTimes, str]]] = defaultdict(list)
    left = []
    for row in rows:
        found = _of_declared(row) or _of_overrun(row) or _of_chunks(row)
        if found is not None:
            suspected[found[0]].append((row, found[1]))
        else:
            left.append(row)
    if Unit.CHUNKS in suspected:  # rows on which all annotators agree, or none
        suspected[Unit.CHUNKS] += [(row, ALIKE) for row in left if _may_be_chunks(row)]
        left = [row for row in left if not _may_be_chunks(row)]
    whole = _of_file(left, is_fraction_known=Unit.FRACTIONS in suspected)
    if whole is not None:
        unit, evidence = whole
        suspected[unit] += [(row, evidence) for row in left if unit is not Unit.FRACTIONS or row.last <= 1]
    for unit, found_rows in suspected.items():
        yield _finding(unit, found_rows, len(rows))


def times_of(raw: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the starts and ends that a row of an annotation file holds; nothing where they are no pairs of numbers."""
    windows = [raw.get("timestamp")] if raw.get("timestamp") is not None else raw.get("windows")
    if not isinstance(windows, list) or not all(isinstance(pair, list) for pair in windows):
        return ()
    times = [time for pair in windows for time in pair]
    is_number = all(isinstance(time, int | float) and math.isfinite(time) for time in times)
    return tuple(map(float, times)) if is_number else ()


def _finding(unit: Unit, rows: Sequence[tuple[RowTimes, str]], total: int) -> Finding:
    (first, evidence), factors = rows[0], [row.factor(unit) for row, _ in rows]
    low, high = min(factors), max(factors)
    if unit is Unit.CHUNKS:
        seconds = "a start by 5, and an end, the last chunk that belongs to it, plus 1 by 5; --format didemo reads them so"
    else:
        shown = f"{low:.4g}" if high - low < 1e-3 * high else f"{low:.4g} to {high:.4g}, each row its own"
        seconds = f"these times by {shown}"
    return UNIT.finding(
        f"The times of {len(rows):,} of {total:,} rows seem to be {unit}: {evidence} ({first.where}); seconds are "
        f"{seconds}.",
        evidence={
            "unit": str(unit),
            "factor": [low, high],
            "count": len(rows),
            "rows": [row.where for row, _ in rows[:20]],
        },
    )


def _of_declared(row: RowTimes) -> tuple[Unit, str] | None:
    """Return the unit in which a row's duration is that of its file."""
    declared = row.declared
    if declared is None or abs(declared - row.duration) <= max(1.0, 0.05 * row.duration):
        return None
    units = [Unit.FRAMES, Unit.CENTISECONDS, Unit.MILLISECONDS]
    units = [Unit.FRACTIONS] if declared == 1 else [Unit.PERCENT] if declared == 100 else units
    for unit in units:
        is_same = abs(declared * row.factor(unit) - row.duration) <= 0.02 * row.duration
        if is_same and row.last <= declared:
            return unit, f"a duration of {declared:g} is given for a file of {row.duration:.1f} s"
    return None


def _of_overrun(row: RowTimes) -> tuple[Unit, str] | None:
    """Return the unit in which times far behind the end of a file lie within it, the coarsest that does."""
    if row.last <= 2 * row.duration:
        return None
    evidence = f"a window ends at {row.last:g} in a file of {row.duration:.1f} s"
    units = [Unit.FRAMES, Unit.CENTISECONDS, Unit.MILLISECONDS]
    if all(time == int(time) for time in row.times) and row.last <= 1000:
        units = [Unit.FRAMES, Unit.PERCENT if row.last <= 100 else Unit.BINS, *units[1:]]
    for unit in units:
        if row.last * row.factor(unit) <= row.duration:
            return unit, evidence
    return None


def _of_chunks(row: RowTimes) -> tuple[Unit, str] | None:
    """Return chunks where a row says windows of one number to itself among several choices, as DiDeMo's rows do."""
    pairs = list(zip(row.times[::2], row.times[1::2], strict=False))
    if not _may_be_chunks(row) or len(set(pairs)) == len(pairs):
        return None
    same = next((start for start, end in pairs if start == end), None)
    if same is None:
        return None
    return Unit.CHUNKS, f"one of {len(pairs)} windows is {same:g} to {same:g}, and one is said twice"


def _may_be_chunks(row: RowTimes) -> bool:
    is_whole = all(time == int(time) and 0 <= time < NUM_CHUNKS for time in row.times)
    return is_whole and len(row.times) >= 2 * SOME_ROWS


ALIKE = "several windows are said in whole numbers below 6, as where others of the file are chunks"
NUM_CHUNKS = 6
"""DiDeMo's clips of 25 to 30 s have as many."""


def _of_file(rows: Sequence[RowTimes], *, is_fraction_known: bool) -> tuple[Unit, str] | None:
    """Return the unit that explains why all windows of a file lie in the very beginning of their videos."""
    if not rows:
        return None
    small = [row for row in rows if row.last <= 1 and row.duration >= LONG_SECONDS]
    if small and (is_fraction_known or (len(small) == len(rows) and len(rows) >= SOME_ROWS)):
        return Unit.FRACTIONS, f"a window ends at {small[0].last:g} in a file of {small[0].duration:.1f} s"
    if len(rows) < MANY_ROWS:
        return None
    shares = [row.last / row.duration for row in rows]
    evidence = f"no window of {len(rows):,} rows ends later than at {100 * max(shares):.0f} % of its file"
    times = [time for row in rows for time in row.times]
    is_whole = all(time == int(time) for time in times)
    if is_whole and 0.8 <= max(shares) * CHUNK_SECONDS <= 1.25 and min(r.duration for r in rows) >= 20:
        return Unit.CHUNKS, f"{evidence}, and all times are whole numbers"
    seconds = [round(time % 1 * 100, 6) for time in times]
    is_clock = not is_whole and all(s < 60 and abs(s - round(s)) < 1e-3 for s in seconds)
    if is_clock and max(shares) <= 1.1 / 60:
        return Unit.MINUTES, f"{evidence}, and no time has more than .59 behind its point"
    return None
