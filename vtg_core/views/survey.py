"""What a person should see of a file's survey: plain values, documented field by field.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""

from dataclasses import dataclass

from vtg_core.audit.survey.results import Bar, Distribution, RowCount, Survey

MAX_SHOWN_ROWS = 500
"""So many rows of a figure are listed; the count is of all."""
MAX_EXAMPLES = 3


@dataclass(frozen=True)
class CountView:
    """Rows of which one thing holds.

    Attributes:
        name: of the figure, as ``--show`` takes it.
        severity, title, fix: what it is, and what to do.
        count: how many rows.
        examples: what is said of the first of them.
    """

    name: str
    severity: str
    title: str
    fix: str
    count: int
    examples: list[str]


@dataclass(frozen=True)
class BarView:
    """A bar of a distribution: its figure's name, which values it counts, and how many there are."""

    name: str
    between: str
    count: int


@dataclass(frozen=True)
class DistributionView:
    """How values are spread.

    Attributes:
        name, title, unit: of the distribution.
        bars: in order, without those at either end that count nothing; all of them where they are shares of the video.
        quantiles: in one line; empty where they were not kept.
    """

    name: str
    title: str
    unit: str
    bars: list[BarView]
    quantiles: str


@dataclass(frozen=True)
class GuessView:
    """What the best constant answer scores, which never looks at a video.

    Attributes:
        name: of the figure whose rows are those that it hits.
        iou: the least overlap that is right.
        start, end: the answer, in percent of the video.
        share: R@1, from 0 to 1.
        num_rows: of how many.
    """

    name: str
    iou: float
    start: int
    end: int
    share: float
    num_rows: int


@dataclass(frozen=True)
class SurveyView:
    """What a file holds.

    Attributes:
        state: ``running``, ``done`` or ``partial``: it was stopped before the last row.
        num_rows, num_all: rows that were come to, and rows that the file has.
        num_windows, num_videos, num_missing: of those rows; videos without a file among them.
        why: what the file was read as, and why.
        missing: where missing videos were looked for; empty where none is.
        counts: what holds of a row at least, the worst first.
        checked: the titles of what holds of none.
        distributions, guesses: in order.
        units: in which other unit than seconds times seem to be, a sentence each.
        resolution: what the chosen answer form can say; empty where nothing was measured.
        num_coarse: rows that keep less than IoU 0.7 when they are written so.
    """

    state: str
    num_rows: int
    num_all: int
    num_windows: int = 0
    num_videos: int = 0
    num_missing: int = 0
    why: str = ""
    missing: str = ""
    counts: tuple[CountView, ...] = ()
    checked: tuple[str, ...] = ()
    distributions: tuple[DistributionView, ...] = ()
    guesses: tuple[GuessView, ...] = ()
    units: tuple[str, ...] = ()
    resolution: str = ""
    num_coarse: int = 0


@dataclass(frozen=True)
class FigureRowsView:
    """The rows of one figure.

    Attributes:
        name, title: of the figure.
        count: how many values or rows it counts.
        rows: (the row's own number in the file, what is said of it, which may be nothing), ``MAX_SHOWN_ROWS`` at most.
    """

    name: str
    title: str
    count: int
    rows: list[tuple[int, str]]


def view_running(num_rows: int, num_all: int) -> SurveyView:
    """Return the view of a survey that is not over."""
    return SurveyView("running", num_rows, num_all)


def view_survey(survey: Survey, num_all: int) -> SurveyView:
    """Return the view of a survey that is over, or was stopped; the file has ``num_all`` rows."""
    videos = survey.videos
    return SurveyView(
        state="partial" if survey.is_partial else "done",
        num_rows=survey.num_rows,
        num_all=max(num_all, survey.num_rows),
        num_windows=survey.num_windows,
        num_videos=videos.num_named,
        num_missing=videos.num_missing,
        why=survey.why,
        missing=videos.tried,
        counts=tuple(_count(count) for count in survey.counts if count.count),
        checked=tuple(count.title for count in survey.counts if not count.count),
        distributions=tuple(view for d in survey.distributions if _tells(view := _distribution(d))),
        guesses=tuple(
            GuessView(f"iou_{g.iou:g}", g.iou, round(100 * g.start), round(100 * g.end), g.share, g.num_rows)
            for g in survey.guesses
            if g.num_rows
        ),
        units=tuple(unit.message for unit in survey.units),
        resolution=_resolution(survey),
        num_coarse=survey.resolution.num_below,
    )


def view_figure_rows(survey: Survey, name: str) -> FigureRowsView | None:
    """Return the rows of a figure, of :attr:`Survey.names`; None where there is none of that name."""
    rows = survey.rows_of(name)
    if rows is None:
        return None
    counts = {count.name: count for count in survey.counts}
    said = counts[name].examples if name in counts else ()
    first = [(row, said[i] if i < len(said) else "") for i, row in enumerate(rows[:MAX_SHOWN_ROWS])]
    title, count = _titled(survey, name)
    return FigureRowsView(name, title, len(rows) if count is None else count, first)


def between(bar: Bar, unit: str) -> str:
    """Return which values a bar counts."""
    if unit == "windows" and bar.high is not None:
        return f"{bar.low:g}"
    if unit == "share of the video":
        return f"{bar.low:.0%} to {bar.high or 1:.0%}"
    suffix = " s" if unit == "s" else ""
    return f"{bar.low:,g}{suffix} and more" if bar.high is None else f"{bar.low:,g} to {bar.high:,g}{suffix}"


def _count(count: RowCount) -> CountView:
    examples = list(count.examples[:MAX_EXAMPLES])
    return CountView(count.name, str(count.severity), count.title, count.fix, count.count, examples)


def _distribution(distribution: Distribution) -> DistributionView:
    bars = [
        BarView(f"{distribution.name}:{n}", between(b, distribution.unit), b.count)
        for n, b in enumerate(distribution.bars, 1)
    ]
    seen = [i for i, bar in enumerate(bars) if bar.count]
    quantiles = ", ".join(f"{name} {value:,.4g}" for name, value in distribution.quantiles.items())
    shown = bars[seen[0] : seen[-1] + 1] if seen else []
    if seen and distribution.unit == "share of the video":
        shown = bars  # so that a place in the video is where it is
    return DistributionView(distribution.name, distribution.title, distribution.unit, shown, quantiles)


def _tells(view: DistributionView) -> bool:
    """Say whether there is something to draw: that all rows have one window is one bar, and says nothing."""
    return bool(view.bars) and (view.name != "windows" or len(view.bars) > 1)


def _resolution(survey: Survey) -> str:
    found = survey.resolution
    if found.step is None or found.mean_iou is None:
        return ""
    least, largest = found.step
    step = f"{least:.3g} s" if largest - least < 1e-9 else f"{least:.3g} to {largest:.3g} s"
    return (
        f"Answers as {found.form}: a step is {step}. Written and read again, {found.num_measured:,} rows keep an IoU of "
        f"{found.mean_iou:.3f} on average, and {found.num_below:,} less than 0.7."
    )


def _titled(survey: Survey, name: str) -> tuple[str, int | None]:
    for count in survey.counts:
        if count.name == name:
            return count.title, count.count
    for guess in survey.guesses:
        if name == f"iou_{guess.iou:g}":
            return f"what {guess.start:.0%} to {guess.end:.0%} of the video hits at IoU {guess.iou:g}", None
    for distribution in survey.distributions:
        for number, bar in enumerate(distribution.bars, 1):
            if name == f"{distribution.name}:{number}":
                return f"{distribution.title}: {between(bar, distribution.unit)}", None
    return "windows that lose more than 0.3 of IoU when they are written", None
