"""What is told of an annotation file, as plain values that a view can draw.

Rows are numbered from 1, as the file has them and as messages name them. Every list of rows holds at most
``MAX_LISTED_ROWS``; counts are of all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vtg_core.audit.findings import Severity

MAX_LISTED_ROWS = 100_000


@dataclass(frozen=True)
class RowCount:
    """Rows of which one thing holds.

    Attributes:
        name, severity, title, fix: see :class:`vtg_core.audit.survey.kinds.Kind`.
        count: how many rows.
        rows: their numbers, rising.
        examples: what is said of the first of them, in a sentence each.
    """

    name: str
    severity: Severity
    title: str
    fix: str
    count: int
    rows: tuple[int, ...]
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A bar of a distribution: values from ``low`` on and below ``high``; the last bar has ``high`` too.

    Attributes:
        low, high: in the unit of the distribution; no ``high`` where everything above counts.
        count: how many values.
        rows: the rows that they come from.
    """

    low: float
    high: float | None
    count: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Distribution:
    """How values are spread.

    Attributes:
        name: stable; ``--show NAME:N`` shows the rows of its bar N, from 1.
        title: what the values are.
        unit: what a value counts: ``s``, ``share of the video``, ``windows`` or ``tokens``.
        bars: in order, without a gap.
        quantiles: by name, ``min``, ``p5``, ``median``, ``p95`` and ``max``; empty where they were not kept.
    """

    name: str
    title: str
    unit: str
    bars: tuple[Bar, ...]
    quantiles: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ConstantGuess:
    """What the best constant answer scores: position bias, since it never looks at a video.

    Attributes:
        iou: the least IoU with one of a row's windows that counts as a hit.
        start, end: the answer, as shares of the duration; it is the best of all windows with ends on a grid.
        grid: how many steps the grid has.
        num_hits: how many rows it hits.
        num_rows: of how many, all whose duration and windows are known.
        rows: those it hits.
    """

    iou: float
    start: float
    end: float
    grid: int
    num_hits: int
    num_rows: int
    rows: tuple[int, ...]

    @property
    def share(self) -> float:
        """R@1 at this IoU, from 0 to 1."""
        return self.num_hits / self.num_rows if self.num_rows else 0.0


@dataclass(frozen=True)
class AnswerResolution:
    """What the chosen way to write an answer can say of the windows.

    Attributes:
        form: its name.
        unit: what its numbers count.
        step: the smallest difference (s) that it writes, least and largest over the rows.
        num_measured: of how many rows the answer was written and read again, the first ones.
        mean_iou: the mean of their IoU with what was read; None where no row could be written.
        num_below: how many of them have an IoU below 0.7.
        rows_below: those.
    """

    form: str
    unit: str
    step: tuple[float, float] | None
    num_measured: int
    mean_iou: float | None
    num_below: int
    rows_below: tuple[int, ...]


@dataclass(frozen=True)
class SuspectedUnit:
    """A unit other than seconds that times of the file seem to be in.

    Attributes:
        name: what ``--unit`` calls it.
        message: why, in a sentence, with the factor to seconds.
        factor: by what times are multiplied to be seconds, least and largest.
        is_most: whether most of the rows that were looked at are meant.
        rows: the first rows that are meant.
    """

    name: str
    message: str
    factor: tuple[float, float]
    is_most: bool
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Videos:
    """The videos of a file.

    Attributes:
        num_named: how many different ones the rows name.
        num_missing: how many of them have no file.
        missing: the first of those, as the file names them.
        tried: where and how they were looked for, in a line; empty where none is missing.
    """

    num_named: int
    num_missing: int
    missing: tuple[str, ...]
    tried: str


@dataclass(frozen=True)
class Survey:
    """What an annotation file holds.

    Attributes:
        file: its path, as it was given.
        format, why: what it was read as, and what speaks for it.
        num_rows: of all rows, those that cannot be read too.
        num_windows: of all rows that can be read.
        videos: which there are.
        counts: of rows, the worst first; those of no row too.
        distributions: of windows, and of tokens where they were counted.
        guesses: what the best constant answers score, at IoU 0.5 and 0.7.
        resolution: what the chosen answer form can say.
        units: in which other unit than seconds times seem to be.
        near_measure: when two queries are nearly the same.
        is_partial: whether it was stopped before the last row.
    """

    file: str
    format: str
    why: str
    num_rows: int
    num_windows: int
    videos: Videos
    counts: tuple[RowCount, ...]
    distributions: tuple[Distribution, ...]
    guesses: tuple[ConstantGuess, ...]
    resolution: AnswerResolution
    units: tuple[SuspectedUnit, ...]
    near_measure: str
    is_partial: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values that JSON can hold."""
        return asdict(self) | {
            "guesses": [asdict(guess) | {"share": guess.share} for guess in self.guesses],
        }

    def rows_of(self, name: str) -> tuple[int, ...] | None:
        """Return the rows of a figure, ``past_end``, ``length:3`` (a bar) or ``iou_0.5``; None where there is none."""
        return self._rows_by_name().get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that have rows to show."""
        return tuple(self._rows_by_name())

    @property
    def num_readable(self) -> int:
        """How many rows can be read."""
        return self.num_rows - next(count.count for count in self.counts if count.name == "unreadable")

    def _rows_by_name(self) -> dict[str, tuple[int, ...]]:
        by_name = {count.name: count.rows for count in self.counts}
        by_name |= {f"{d.name}:{n}": bar.rows for d in self.distributions for n, bar in enumerate(d.bars, 1)}
        by_name |= {f"iou_{guess.iou:g}": guess.rows for guess in self.guesses}
        return by_name | {"resolution": self.resolution.rows_below}
