"""Counting in bounded memory: how many, and the first rows of them by number."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from vtg_core.audit.survey.kinds import Kind
from vtg_core.audit.survey.results import MAX_LISTED_ROWS, Bar, Distribution, RowCount

MAX_EXAMPLES = 20


class Tally:
    """Rows that are counted; each counts once in a row, however often it is added."""

    def __init__(self) -> None:
        self.count, self.rows, self.examples = 0, array("I"), list[str]()
        self._last = 0

    def add(self, number: int, example: str = "") -> None:
        """Count the row of that number, from 1."""
        if number == self._last:
            return
        self._last, self.count = number, self.count + 1
        if len(self.rows) < MAX_LISTED_ROWS:
            self.rows.append(number)
        if example and len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def done(self, kind: Kind) -> RowCount:
        """Return what was counted."""
        return RowCount(
            kind.name, kind.severity, kind.title, kind.fix, self.count, tuple(self.rows), tuple(self.examples)
        )


class Histogram:
    """Values that are counted between edges, each with its row.

    Args:
        name, title, unit: see :class:`Distribution`.
        edges: rising; the last bar is open above where the last edge is ``inf``.
        is_kept: keep every value, 4 bytes each, so that its quantiles are exact to about 7 digits.
    """

    def __init__(
        self, name: str, title: str, unit: str, *, edges: Sequence[float], is_kept: bool = False
    ) -> None:
        self.name, self.title, self.unit, self.edges = name, title, unit, tuple(edges)
        self._counts, self._tallies = [0] * (len(edges) - 1), [Tally() for _ in edges[1:]]
        self._values = array("f") if is_kept else None

    def add(self, value: float, number: int) -> None:
        """Count a value of the row of that number; one beyond the edges counts in the first or the last bar."""
        at = min(max(bisect_right(self.edges, value) - 1, 0), len(self._counts) - 1)
        self._counts[at] += 1
        self._tallies[at].add(number)
        if self._values is not None:
            self._values.append(value)

    def done(self) -> Distribution:
        """Return what was counted."""
        bars = tuple(
            Bar(low, None if high == float("inf") else high, count, tuple(tally.rows))
            for low, high, count, tally in zip(
                self.edges[:-1], self.edges[1:], self._counts, self._tallies, strict=True
            )
        )
        return Distribution(self.name, self.title, self.unit, bars, self._quantiles())

    def _quantiles(self) -> dict[str, float]:
        if not self._values:
            return {}
        found = np.quantile(np.frombuffer(self._values, np.float32), list(_QUANTILES.values()))
        return {name: round(float(value), 4) for name, value in zip(_QUANTILES, found, strict=True)}


_QUANTILES = {"min": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
