"""What a person should see of templates compared over many samples: plain values, documented field by field."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from vtg_core.comparison.analytics import (
    ACROSS_MODES,
    Analytics,
    Disagreement,
    Metric,
    TemplateSummary,
    summarise,
)
from vtg_core.comparison.results import TemplateResult
from vtg_core.loss.token_scores import CLEARLY_BELOW

METRICS = {
    Metric.MEAN: "Mean a token",
    Metric.SUM: "Sum",
    Metric.TIMES: "Times only",
    Metric.END_OF_TURN: "End of turn",
}
"""The metrics in the order of the page, by the names people read."""

MAX_MAPPED = 200
"""So many samples are drawn in the map, those on which templates disagree most."""
MAX_LISTED = 5
"""So many samples of a mode are listed that templates disagree on."""
MAX_UNREAD = 100
"""So many rows that could not be scored are listed."""


@dataclass(frozen=True)
class MetricView:
    """One template by one metric, in nats; see :class:`vtg_core.comparison.analytics.TemplateSummary` for each figure.

    Attributes:
        mean, minimum, lower_quartile, median, upper_quartile, maximum: over its samples.
        rank: in its mode, from 1; None where no sample has all templates.
        best_rate: None where there is nothing to be the best of.
        difference: mean difference to the baseline; None for the baseline itself.
        low, high: what it lies between; None where that cannot be told.
        reason: why it cannot.
        verdict: what may be concluded; empty for the baseline.
        win_rate: None for the baseline.
        num_pairs: samples that both have.
    """

    mean: float
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    rank: int | None
    best_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    reason: str
    verdict: str
    win_rate: float | None
    num_pairs: int


@dataclass(frozen=True)
class TemplateLine:
    """One template: a line of the table, and a column of the map.

    Attributes:
        name, mode: of the template.
        is_baseline: the others of its mode are compared with it.
        num_samples: how many it has.
        num_tokens, num_prompt, num_supervised: means; the second is of text that is not trained.
        over_uniform: mean of what its times cost beyond guessing them uniformly, in nats.
        rank_over_uniform: by that among all templates, from 1; None where no sample has all.
        by_metric: its figures by each metric.
    """

    name: str
    mode: str
    is_baseline: bool
    num_samples: int
    num_tokens: float
    num_prompt: float
    num_supervised: float
    over_uniform: float
    rank_over_uniform: int | None
    by_metric: dict[str, MetricView]


@dataclass(frozen=True)
class SampleLine:
    """A sample: its row's own number in the file, from 1, its place there, and what is looked for."""

    row: int
    where: str
    query: str


@dataclass(frozen=True)
class SpreadView:
    """A sample on which the templates of a mode disagree: which of the samples, and what the extremes cost in nats."""

    sample: int
    mode: str
    spread: float
    best: str
    best_value: float
    worst: str
    worst_value: float


@dataclass(frozen=True)
class MapView:
    """Samples by templates, for one metric.

    Attributes:
        samples: which of the samples each line is.
        cells: for each line, what each template costs in nats; None where it has no result.
    """

    samples: list[int]
    cells: list[list[float | None]]


@dataclass(frozen=True)
class AnalyticsView:
    """Templates over many samples.

    Attributes:
        metrics: (metric, its name for people).
        metric: which is shown first.
        note: what may be compared with what.
        how: how sure the intervals are, and from which difference on a template is called better or worse.
        num_samples: how many there are; the maps may show fewer.
        templates: in the order in which they were given.
        samples: those that maps and lists speak of.
        maps: for each metric.
        spreads: for each metric, the samples that the templates of each mode disagree on most.
    """

    metrics: list[tuple[str, str]]
    metric: str
    note: str
    how: str
    num_samples: int
    templates: list[TemplateLine]
    samples: list[SampleLine]
    maps: dict[str, MapView]
    spreads: dict[str, list[SpreadView]]


@dataclass(frozen=True)
class UnreadRow:
    """A row that could not be scored: its own number in the file, from 1; where it stands, and why."""

    row: int
    where: str
    reason: str


@dataclass(frozen=True)
class FileComparisonView:
    """The comparison on the rows of a file, as far as it is.

    Attributes:
        subject: what is compared.
        state: ``waiting``, ``running``, ``done`` or ``partial``: it was stopped before the last row.
        num_rows, num_all: rows that were come to, and rows that were asked for, of those that can be read.
        num_compared, num_in_file: rows that were scored, and rows that the file has, whether they can be read or not.
        seconds_left: an estimate, by the rows so far or, before the first, by its size; None where there is none.
        plain_because: why templates got passes of their own instead of a shared one; empty where none did.
        unread: rows that could not be scored, ``MAX_UNREAD`` at most.
        num_unread: how many there are in all.
        analytics: of what is known; None where nothing is.
        reading: one sentence where the model does no better than a blind guess; empty where it does.
    """

    subject: str
    state: str
    num_rows: int
    num_all: int
    num_compared: int
    num_in_file: int
    seconds_left: float | None
    plain_because: str
    unread: list[UnreadRow]
    num_unread: int
    analytics: AnalyticsView | None
    reading: str = ""


def read_guessing(results: Sequence[TemplateResult], uniform: float) -> str:
    """Say in one sentence that a model guesses; empty where it clearly does not, or nothing is known.

    Args:
        results: of any rows and templates.
        uniform: ln of the vocabulary's size: nats a token that a blind guess costs.
    """
    mean = fmean(result.mean_nll for result in results) if results else 0.0
    if mean <= uniform - CLEARLY_BELOW:
        return ""
    return (
        f"This model does no better than a blind guess: {mean:.2f} nats a token, where ln V is {uniform:.2f} and "
        f"{CLEARLY_BELOW:g} less would be clearly better. The order of the templates is chance."
    )


def view_analytics(
    results: Sequence[TemplateResult], *, metric: Metric = Metric.MEAN, baseline: str | None = None
) -> AnalyticsView | None:
    """Return the view of what many samples say, by every metric; None where there is no result.

    Args:
        results: see :func:`vtg_core.comparison.analytics.summarise`.
        metric: which is shown first.
        baseline: name of the template that the others of its mode are compared with; a mode's first unless given.
    """
    if not results:
        return None
    by_metric = {each: summarise(results, metric=each, baseline=baseline) for each in METRICS}
    any_of_them = by_metric[metric]
    mapped = {each: _mapped(analytics) for each, analytics in by_metric.items()}
    listed = {
        each: [one for of_mode in analytics.disagreements.values() for one in of_mode[:MAX_LISTED]]
        for each, analytics in by_metric.items()
    }
    number_of = {row: number for number, row in enumerate(any_of_them.rows)}
    needed = {number for numbers in mapped.values() for number in numbers}
    needed |= {number_of[one.row] for ones in listed.values() for one in ones}
    place_of = {number: place for place, number in enumerate(sorted(needed))}
    query_of = {result.row: result.query for result in results}
    return AnalyticsView(
        metrics=[(str(each), name) for each, name in METRICS.items()],
        metric=str(metric),
        note=ACROSS_MODES,
        how=any_of_them.how,
        num_samples=len(any_of_them.rows),
        templates=[_line(column, by_metric) for column in range(len(any_of_them.templates))],
        samples=[
            SampleLine(row + 1, any_of_them.wheres[number], query_of[row])
            for number in sorted(needed)
            for row in [any_of_them.rows[number]]
        ],
        maps={
            str(each): MapView(
                [place_of[number] for number in mapped[each]],
                [[_known(cell) for cell in analytics.matrix[number]] for number in mapped[each]],
            )
            for each, analytics in by_metric.items()
        },
        spreads={
            str(each): [_spread(one, place_of[number_of[one.row]]) for one in ones if one.spread > 0]
            for each, ones in listed.items()
        },
    )


def _mapped(analytics: Analytics) -> list[int]:
    """Return which samples the map shows: those with the widest spread in any mode, in the order of the file."""
    if len(analytics.rows) <= MAX_MAPPED:
        return list(range(len(analytics.rows)))
    number_of = {row: number for number, row in enumerate(analytics.rows)}
    spreads = sorted(
        (one for ones in analytics.disagreements.values() for one in ones),
        key=lambda one: (-one.spread, one.row),
    )
    numbers = [*(number_of[one.row] for one in spreads), *range(len(analytics.rows))]
    return sorted(list(dict.fromkeys(numbers))[:MAX_MAPPED])


def _line(column: int, by_metric: dict[Metric, Analytics]) -> TemplateLine:
    summaries = {metric: analytics.templates[column] for metric, analytics in by_metric.items()}
    first = summaries[Metric.MEAN]
    return TemplateLine(
        name=first.template,
        mode=str(first.mode),
        is_baseline=by_metric[Metric.MEAN].baselines[first.mode] == first.template,
        num_samples=first.num_samples,
        num_tokens=round(first.num_tokens, 1),
        num_prompt=round(first.num_prompt, 1),
        num_supervised=round(first.num_supervised, 1),
        over_uniform=_short(first.times_over_uniform.mean),
        rank_over_uniform=first.rank_over_uniform,
        by_metric={str(metric): _figures(summary, metric) for metric, summary in summaries.items()},
    )


def _figures(summary: TemplateSummary, metric: Metric) -> MetricView:
    of, less = summary.by_metric[metric], summary.difference
    low, high = less.interval if less is not None and less.interval is not None else (None, None)
    return MetricView(
        mean=_short(of.mean),
        minimum=_short(of.minimum),
        lower_quartile=_short(of.lower_quartile),
        median=_short(of.median),
        upper_quartile=_short(of.upper_quartile),
        maximum=_short(of.maximum),
        rank=summary.ranks.get(metric),
        best_rate=_known(summary.best_rate),
        difference=_known(less.mean if less is not None else None),
        low=_known(low),
        high=_known(high),
        reason=less.reason if less is not None else "",
        verdict=str(less.verdict) if less is not None else "",
        win_rate=_known(less.win_rate if less is not None else None),
        num_pairs=less.num_pairs if less is not None else 0,
    )


def _spread(one: Disagreement, sample: int) -> SpreadView:
    return SpreadView(
        sample=sample,
        mode=str(one.mode),
        spread=_short(one.spread),
        best=one.best,
        best_value=_short(one.best_value),
        worst=one.worst,
        worst_value=_short(one.worst_value),
    )


def _short(value: float) -> float:
    """Return a figure with as many decimals as anyone reads, so that thousands of them stay small; never -0."""
    return round(value, 4) + 0.0


def _known(value: float | None) -> float | None:
    return None if value is None else _short(value)
