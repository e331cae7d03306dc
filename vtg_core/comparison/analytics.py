"""What many samples say about templates: what each costs, by how much it differs, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from vtg_core.comparison.confidence import CONFIDENCE, mean_intervals, widening
from vtg_core.comparison.results import TemplateResult
from vtg_core.comparison.table import Key, ResultTable
from vtg_core.errors import TemplateError

ACROSS_MODES = (
    "Templates are compared within their answer format: answers of another format hold other words, so neither sum nor "
    "mean can be compared with theirs. Across formats, compare what the times cost beyond guessing them uniformly."
)
"""What may be compared with what, for people."""

MAX_DISAGREEMENTS = 200
"""So many samples of a mode are listed."""


class Metric(StrEnum):
    """Which loss of an answer is compared; nats, and lower is better."""

    SUM = "sum"
    MEAN = "mean"
    TIMES = "times"
    END_OF_TURN = "end_of_turn"


class Verdict(StrEnum):
    """What a difference to the baseline comes to."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"
    SMALL = "too small to name"
    FEW = "few samples"


ENOUGH_SAMPLES = 6
"""Of fewer samples not even a difference of the same sign on all is telling: at 5 a fair coin does that with 6 %."""


SMALLEST_EFFECT = 0.05
"""Nats a token: a difference of the probability by a twentieth, which nobody would choose a template for."""


@dataclass(frozen=True)
class Distribution:
    """Figures of one quantity over samples; quartiles are interpolated linearly."""

    mean: float
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


@dataclass(frozen=True)
class Difference:
    """A template less its mode's baseline, over the samples that both have.

    Attributes:
        num_pairs: how many these are.
        mean: nats; below 0 the template costs less than the baseline.
        interval: what the mean lies between, by the bootstrap over samples, widened by Bonferroni's bound so that all
            intervals of the comparison hold together with 95 % confidence; None where that cannot be told.
        reason: why it cannot; empty where it can.
        win_rate: share of the samples, from 0 to 1, on which the template costs less; a tie counts half.
        smallest: the least difference that is worth a name, in nats: ``SMALLEST_EFFECT`` for each token of the metric.
    """

    num_pairs: int
    mean: float
    interval: tuple[float, float] | None
    reason: str
    win_rate: float
    smallest: float = SMALLEST_EFFECT

    @property
    def verdict(self) -> Verdict:
        """What may be concluded."""
        if self.num_pairs < ENOUGH_SAMPLES:
            return Verdict.FEW
        low, high = self.interval if self.interval is not None else (self.mean, self.mean)
        if low <= 0 <= high:
            return Verdict.UNCLEAR
        if abs(self.mean) < self.smallest:
            return Verdict.SMALL
        return Verdict.BETTER if high < 0 else Verdict.WORSE


@dataclass(frozen=True)
class TemplateSummary:
    """One template over all its samples.

    Attributes:
        template, mode: its name and its answer format.
        num_samples: how many it has.
        by_metric: the distribution of each metric, in nats.
        times_over_uniform: of what its times cost less what guessing them uniformly costs, in nats; below 0 is
            better than guessing. The one figure that templates of different modes can be compared by.
        num_tokens, num_video, num_prompt, num_supervised: mean number of tokens: of the whole sequence, of the video
            and its time stamps, of the text around them that is not trained, and in the loss.
        difference: to the baseline, by the chosen metric; None for a baseline, and where no sample has both.
        best_rate: share of the samples that all templates of its mode have, from 0 to 1, on which it is the best by
            the chosen metric, ties shared; None where there is no such sample, or no other template.
        ranks: its place in its mode by the mean of each metric over these samples, from 1, equals sharing one;
            empty where there is none.
        rank_over_uniform: its place among all templates by ``times_over_uniform``, over the samples that all have.
    """

    template: str
    mode: str
    num_samples: int
    by_metric: Mapping[Metric, Distribution]
    times_over_uniform: Distribution
    num_tokens: float
    num_video: float
    num_prompt: float
    num_supervised: float
    difference: Difference | None
    best_rate: float | None
    ranks: Mapping[Metric, int]
    rank_over_uniform: int | None

    @property
    def key(self) -> Key:
        """Name and mode."""
        return self.template, self.mode


@dataclass(frozen=True)
class Disagreement:
    """A sample on which templates of one mode differ.

    Attributes:
        row, where: the sample; its position in the file counts from 0.
        mode: of the templates.
        spread: nats between the worst and the best.
        best, worst: names of the templates; the first, where several are equal.
        best_value, worst_value: what they cost in nats.
    """

    row: int
    where: str
    mode: str
    spread: float
    best: str
    worst: str
    best_value: float
    worst_value: float


@dataclass(frozen=True)
class Analytics:
    """What templates cost over many samples. No figure in it is NaN or infinite.

    Attributes:
        metric: what differences, best rates, disagreements and the matrix are about.
        baselines: for each mode, the name of the template that the others are compared with.
        templates: in the order in which they were given first.
        rows, wheres: the samples, in the order of the file; positions in it count from 0.
        matrix: for each sample, what each template costs in nats; None where it has no result.
        disagreements: for each mode, the samples on which its templates differ most, the widest spread first.
        num_comparisons: how many templates are held against a baseline; their intervals hold together.
    """

    metric: Metric
    baselines: Mapping[str, str]
    templates: tuple[TemplateSummary, ...]
    rows: tuple[int, ...]
    wheres: tuple[str, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    disagreements: Mapping[str, tuple[Disagreement, ...]]
    num_comparisons: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        return {**asdict(self), "confidence": CONFIDENCE, "note": ACROSS_MODES, "how": self.how}

    @property
    def how(self) -> str:
        """How sure the intervals are, and from which difference on a template is called better or worse."""
        each = 1 - (1 - CONFIDENCE) / max(1, self.num_comparisons)
        return (
            f"Intervals hold for all {self.num_comparisons} differences together with {CONFIDENCE:.0%} (Bonferroni: each "
            f"alone with {each:.2%}). Below {SMALLEST_EFFECT:g} nats a token a difference is too small to name, however "
            "sure it is."
        )

    def ranked(self, mode: str, metric: Metric | None = None) -> tuple[TemplateSummary, ...]:
        """Return the templates of a mode, the best first, by ``metric``; by the chosen one unless given."""
        by = metric or self.metric
        own = [template for template in self.templates if template.mode == mode]
        return tuple(sorted(own, key=lambda one: (one.ranks.get(by, 0), one.by_metric[by].mean)))


def summarise(
    results: Sequence[TemplateResult],
    *,
    baseline: Key | str | None = None,
    metric: Metric = Metric.MEAN,
    num_resamples: int = 2_000,
    seed: int = 0,
) -> Analytics:
    """Compare templates over many samples, each with a baseline of its own mode.

    Args:
        results: of one file and one model; of several of one row and template the last counts.
        baseline: the template that those of its mode are compared with; a name alone stands for it in every mode
            that has it. Another mode's is its first.
        metric: what they are compared by.
        num_resamples: of the bootstrap, at least 1.
        seed: of the bootstrap; equal results give equal intervals.

    Raises:
        TemplateError: there is no result of ``baseline``.
        LossError: a loss is not finite.
    """
    table = ResultTable.of(results)
    baselines = _baselines(table, baseline)
    chosen = table.values[_FIELD_OF[metric]]
    differences = _differences(table, metric, baselines, num_resamples, seed)
    return Analytics(
        metric=metric,
        baselines={mode: table.keys[column][0] for mode, column in baselines.items()},
        templates=_summaries(table, chosen, differences),
        rows=tuple(table.rows),
        wheres=tuple(table.wheres),
        matrix=tuple(tuple(None if x != x else x for x in row) for row in chosen.tolist()),
        disagreements={mode: _disagreements(table, chosen, mode) for mode in table.modes},
        num_comparisons=len(differences),
    )


_FIELD_OF = {
    Metric.SUM: "sum_nll",
    Metric.MEAN: "mean_nll",
    Metric.TIMES: "time_nll",
    Metric.END_OF_TURN: "end_of_turn_nll",
}


def _baselines(table: ResultTable, baseline: Key | str | None) -> dict[str, int]:
    """Return each mode's baseline, as its column."""
    baselines = {mode: columns[0] for mode, columns in table.modes.items()}
    named = [column for column, key in enumerate(table.keys) if baseline in (key, key[0])]
    if baseline is not None and not named:
        name = baseline if isinstance(baseline, str) else f"{baseline[1]}/{baseline[0]}"
        raise TemplateError(f"the baseline must be one of the templates compared, got {name!r}")
    return baselines | {table.keys[column][1]: column for column in named}


def _summaries(
    table: ResultTable, chosen: np.ndarray, differences: Mapping[int, Difference]
) -> tuple[TemplateSummary, ...]:
    ranks = {metric: _ranks_in_modes(table, table.values[_FIELD_OF[metric]]) for metric in Metric}
    best, over_uniform = _best_rates(table, chosen), table.values["time_nll"] - table.values["time_uniform"]
    rank_over = _ranks(over_uniform, list(range(len(table.keys))))
    summaries = []
    for column, (template, mode) in enumerate(table.keys):
        own = {field: cells[:, column][~np.isnan(cells[:, column])] for field, cells in table.values.items()}
        tokens = {field: float(own[field].mean()) for field in ("num_tokens", "num_video", "num_supervised")}
        summaries.append(
            TemplateSummary(
                template=template,
                mode=mode,
                num_samples=len(own["sum_nll"]),
                by_metric={metric: _distribution(own[_FIELD_OF[metric]]) for metric in Metric},
                times_over_uniform=_distribution(own["time_nll"] - own["time_uniform"]),
                num_prompt=tokens["num_tokens"] - tokens["num_video"] - tokens["num_supervised"],
                difference=differences.get(column),
                best_rate=best.get(column),
                ranks={metric: of[column] for metric, of in ranks.items() if column in of},
                rank_over_uniform=rank_over.get(column),
                **tokens,
            )
        )
    return tuple(summaries)


def _distribution(values: np.ndarray) -> Distribution:
    return Distribution(float(values.mean()), *np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist())


def _complete(cells: np.ndarray, columns: list[int]) -> np.ndarray:
    """Return the samples that all these columns have: only over them are their means fair to compare."""
    own = cells[:, columns]
    complete: np.ndarray = own[~np.isnan(own).any(axis=1)]
    return complete


def _ranks_in_modes(table: ResultTable, cells: np.ndarray) -> dict[int, int]:
    return {
        column: rank for columns in table.modes.values() for column, rank in _ranks(cells, columns).items()
    }


def _ranks(cells: np.ndarray, columns: list[int]) -> dict[int, int]:
    complete = _complete(cells, columns)
    if not len(complete):
        return {}
    means = complete.mean(axis=0)
    return {
        column: 1 + int((means < mean).sum()) for column, mean in zip(columns, means.tolist(), strict=True)
    }


def _best_rates(table: ResultTable, cells: np.ndarray) -> dict[int, float]:
    rates: dict[int, float] = {}
    for columns in table.modes.values():
        complete = _complete(cells, columns)
        if len(complete) and len(columns) > 1:
            is_best = complete == complete.min(axis=1, keepdims=True)
            shares = (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)
            rates.update(zip(columns, shares.tolist(), strict=True))
    return rates


def _disagreements(table: ResultTable, cells: np.ndarray, mode: str) -> tuple[Disagreement, ...]:
    columns = table.modes[mode]
    own = cells[:, columns]
    compared = np.flatnonzero((~np.isnan(own)).sum(axis=1) > 1)
    own = own[compared]
    best, worst = (np.argmin(np.nan_to_num(sign * own, nan=np.inf), axis=1) for sign in (1, -1))
    lines = np.arange(len(own))
    lowest, highest = own[lines, best], own[lines, worst]
    order = np.argsort(lowest - highest, kind="stable")[:MAX_DISAGREEMENTS]
    return tuple(
        Disagreement(
            row=table.rows[compared[line]],
            where=table.wheres[compared[line]],
            mode=mode,
            spread=float(highest[line] - lowest[line]),
            best=table.keys[columns[best[line]]][0],
            worst=table.keys[columns[worst[line]]][0],
            best_value=float(lowest[line]),
            worst_value=float(highest[line]),
        )
        for line in order.tolist()
    )


def _differences(
    table: ResultTable, metric: Metric, baselines: Mapping[str, int], num_resamples: int, seed: int
) -> dict[int, Difference]:
    """Return each column's difference to its baseline.

    Columns that share their samples are resampled together, at the price of one.
    """
    alike: dict[bytes, list[int]] = {}
    cells = table.values[_FIELD_OF[metric]]
    less = cells - cells[:, [baselines[mode] for _, mode in table.keys]]
    for column in range(len(table.keys)):
        has_both = ~np.isnan(less[:, column])
        if column not in baselines.values() and has_both.any():
            alike.setdefault(has_both.tobytes(), []).append(column)
    found, num_comparisons = {}, sum(map(len, alike.values()))
    for columns in alike.values():
        pairs = _complete(less, columns)
        intervals = mean_intervals(pairs, num_resamples=num_resamples, seed=seed)
        for number, column in enumerate(columns):
            own = pairs[:, number]
            interval, reason = intervals[number], ""
            if len(own) == 1:
                interval, reason = None, "one sample does not show how much samples differ"
            elif own.min() == own.max():
                interval, reason = None, f"the difference is the same on all {len(own):,} samples"
            interval = (
                _widened(interval, float(own.mean()), widening(len(own), num_comparisons))
                if interval
                else None
            )
            rate = float((own < 0).mean() + (own == 0).mean() / 2)
            smallest = SMALLEST_EFFECT * _num_tokens(table, metric, column)
            found[column] = Difference(len(own), float(own.mean()), interval, reason, rate, smallest)
    return found


def _widened(interval: tuple[float, float], mean: float, factor: float) -> tuple[float, float]:
    low, high = interval
    return mean - factor * (mean - low), mean + factor * (high - mean)


def _num_tokens(table: ResultTable, metric: Metric, column: int) -> float:
    """Return over how many tokens a metric adds up, on average; of a mean it is one."""
    field = {Metric.SUM: "num_supervised", Metric.TIMES: "num_times"}.get(metric)
    return 1.0 if field is None else float(np.nanmean(table.values[field][:, column]))
