"""In which unit other than seconds the times of a file seem to be, and how such times become seconds."""

import math
from collections.abc import Callable

from vtg_core.audit.checks.units import CHUNK_SECONDS, RowTimes, Unit, check_units
from vtg_core.audit.survey.results import SuspectedUnit
from vtg_core.audit.survey.row_facts import RowFacts

MAX_UNIT_ROWS = 2_000
MOST = 0.5

UNIT_NAMES = {unit.name.lower(): unit for unit in Unit}
"""What ``--unit`` calls each unit."""


class UnitSuspicion:
    """Looks at the first rows of a file whose duration is known."""

    def __init__(self) -> None:
        self._rows: list[RowTimes] = []
        self._numbers: dict[str, int] = {}

    def add(self, facts: RowFacts) -> None:
        """Take in a row."""
        if len(self._rows) >= MAX_UNIT_ROWS or not facts.pairs or not facts.duration:
            return
        declared = facts.annotation.duration if facts.annotation and facts.is_there else None
        times = tuple(time for pair in facts.pairs for time in pair)
        fps = facts.fps or math.nan  # nothing is known of frames where there is no file
        self._rows.append(RowTimes(facts.where, times, declared, facts.duration, fps))
        self._numbers[facts.where] = facts.number

    def done(self) -> tuple[SuspectedUnit, ...]:
        """Return the units that are suspected."""
        found = []
        for finding in check_units(self._rows):
            evidence = finding.evidence
            name = next(name for name, unit in UNIT_NAMES.items() if str(unit) == evidence["unit"])
            rows = tuple(self._numbers[where] for where in evidence["rows"])
            is_most = evidence["count"] > MOST * len(self._rows)
            low, high = evidence["factor"]
            found.append(SuspectedUnit(name, finding.message, (low, high), is_most, rows))
        return tuple(found)


def to_seconds(
    unit: Unit, pair: tuple[float, float], duration: float | None, fps: float | None
) -> tuple[float, float] | None:
    """Return a window in seconds; None where the video's duration (s) or frame rate is needed and not known."""
    if unit is Unit.CHUNKS:  # both ends are chunks of the window
        return pair[0] * CHUNK_SECONDS, (pair[1] + 1) * CHUNK_SECONDS
    if unit is Unit.MINUTES:
        return _of_clock(pair[0]), _of_clock(pair[1])
    needs: dict[Unit, Callable[[], float | None]] = {
        Unit.FRACTIONS: lambda: duration,
        Unit.PERCENT: lambda: duration and duration / 100,
        Unit.BINS: lambda: duration and duration / 1000,
        Unit.FRAMES: lambda: fps and 1 / fps,
        Unit.CENTISECONDS: lambda: 0.01,
        Unit.MILLISECONDS: lambda: 0.001,
    }
    factor = needs[unit]()
    return (pair[0] * factor, pair[1] * factor) if factor else None


def _of_clock(time: float) -> float:
    """Return the seconds of MM.SS."""
    minutes = math.floor(time + 1e-9)
    return 60.0 * minutes + round(100 * (time - minutes), 6)
