"""Templates over many samples, held against the same figures computed in plain Python."""

import json
import random
import statistics
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtg_core.comparison.analytics import ENOUGH_SAMPLES, MAX_DISAGREEMENTS, Metric, Verdict, summarise
from vtg_core.comparison.confidence import mean_intervals, widening
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import LossError, TemplateError
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison_file import MAX_MAPPED, view_analytics
from vtg_core.views.samples import as_json

STANDARD, TOKENS = AnswerMode
LOSS_OF = {Metric.SUM: "sum_nll", Metric.MEAN: "mean_nll", Metric.TIMES: "time_nll", Metric.END_OF_TURN: "end_of_turn_nll"}  # fmt: skip


def result(row, template, mean, mode=STANDARD, **changed):
    values = {
        "row": row, "where": f"rows.json:{row}", "video": "v.mp4", "query": f"what {row}", "template": template,
        "mode": mode, "answer": "[1.0, 2.0]", "num_tokens": 120, "num_video": 80, "num_supervised": 10,
        "sum_nll": 10 * mean, "mean_nll": mean, "num_times": 4, "time_nll": 4 * mean, "time_uniform": 9.0,
        "word_nll": 5 * mean, "end_of_turn_nll": mean / 2,
    }  # fmt: skip
    return TemplateResult(**{**values, **changed})


def results_of(columns, mode=STANDARD):
    """One result for each value of each template's column; None where it has none."""
    rows = range(max(map(len, columns.values())))
    return [
        result(row, name, column[row], mode)
        for row in rows
        for name, column in columns.items()
        if row < len(column) and column[row] is not None
    ]


def noisy(num_rows, seed=0):
    """Results of all templates whose losses resemble each other within a sample, as real ones do."""
    source, results = random.Random(seed), []
    for row in range(num_rows):
        hard = source.uniform(1, 9)
        results += [
            result(row, t.name, hard + 0.02 * i + source.random(), t.mode) for i, t in enumerate(TEMPLATES)
        ]
    return results


def by_name(analytics, mode=STANDARD):
    return {one.template: one for one in analytics.templates if one.mode is mode}


COLUMNS = st.integers(1, 8).flatmap(
    lambda count: st.lists(
        st.lists(st.floats(0, 50) | st.integers(0, 3).map(float), min_size=count, max_size=count),
        min_size=1,
        max_size=4,
    )
)


def test_distributions_are_those_of_the_standard_library():
    results = noisy(37)
    found = summarise(results)
    for one in found.templates:
        own = [r for r in results if r.key == one.key]
        for metric, field in LOSS_OF.items():
            values = [getattr(r, field) for r in own]
            quartiles = statistics.quantiles(values, n=4, method="inclusive")
            of = one.by_metric[metric]
            assert of.mean == pytest.approx(statistics.fmean(values))
            assert (of.lower_quartile, of.median, of.upper_quartile) == pytest.approx(quartiles)
            assert (of.minimum, of.maximum) == (min(values), max(values))
        assert one.times_over_uniform.mean == pytest.approx(statistics.fmean(r.time_nll - 9 for r in own))
        assert (one.num_samples, one.num_tokens, one.num_video, one.num_prompt, one.num_supervised) == (37, 120, 80, 30, 10)  # fmt: skip


@pytest.mark.parametrize("metric", Metric)
def test_differences_wins_best_rates_and_ranks_are_those_of_a_plain_loop(metric):
    results = noisy(25, seed=3)
    cost = {(r.row, r.key): getattr(r, LOSS_OF[metric]) for r in results}
    found = summarise(results, metric=metric, num_resamples=50)
    for one in found.templates:
        rivals = [other.key for other in found.templates if other.mode is one.mode]
        base = (found.baselines[one.mode], one.mode)
        less = [cost[row, one.key] - cost[row, base] for row in range(25)]
        best = [row for row in range(25) if cost[row, one.key] == min(cost[row, key] for key in rivals)]
        means = {key: statistics.fmean(cost[row, key] for row in range(25)) for key in rivals}
        assert one.ranks[metric] == sorted(means.values()).index(means[one.key]) + 1
        assert one.best_rate == pytest.approx(len(best) / 25)
        if one.key == base:
            assert one.difference is None
            continue
        assert one.difference.mean == pytest.approx(statistics.fmean(less))
        assert one.difference.win_rate == pytest.approx(sum(x < 0 for x in less) / 25)
        low, high = one.difference.interval
        assert low < one.difference.mean < high


def test_an_interval_is_that_of_a_bootstrap_written_out():
    """Of 30 samples 1.88 % are left out at either end: as much of a normal curve as lies 2.08 deviations out."""
    source = random.Random(1)
    column = [source.gauss(2, 1) for _ in range(30)]
    means = sorted(statistics.fmean(source.choices(column, k=30)) for _ in range(20_000))
    [(low, high)] = mean_intervals(np.array(column)[:, None], num_resamples=20_000)
    assert low == pytest.approx(means[375], abs=0.02)
    assert high == pytest.approx(means[19_625], abs=0.02)


@pytest.mark.parametrize("count", [ENOUGH_SAMPLES, 10, 40])
def test_about_nineteen_of_twenty_intervals_hold_the_true_mean_of_few_samples_too(count):
    values = np.random.default_rng(0).normal(3.0, 1.0, size=(count, 1_000))
    held = [low <= 3.0 <= high for low, high in mean_intervals(values, num_resamples=1_000)]
    assert 0.92 < statistics.fmean(held) < 0.97  # plain percentiles: 0.86 for six samples


def test_columns_that_are_resampled_together_get_the_intervals_they_get_alone():
    columns = np.random.default_rng(0).normal(size=(50, 3))
    alone = [mean_intervals(columns[:, [i]], num_resamples=300)[0] for i in range(3)]
    assert np.allclose(mean_intervals(columns, num_resamples=300), alone)
    assert mean_intervals(columns[:1]) == [None] * 3


def test_the_interval_of_a_true_difference_is_clear_and_of_none_is_not():
    source = random.Random(0)
    noise = [source.gauss(5, 2) for _ in range(200)]
    columns = {
        "base": noise,
        "less": [x - 0.3 + source.gauss(0, 0.2) for x in noise],
        "more": [x + 0.3 + source.gauss(0, 0.2) for x in noise],
        "same": [x + source.choice((-0.1, 0.1)) for x in noise],
    }
    found = by_name(summarise(results_of(columns)))
    verdicts = {name: found[name].difference.verdict for name in ("less", "more", "same")}
    assert verdicts == {"less": Verdict.BETTER, "more": Verdict.WORSE, "same": Verdict.UNCLEAR}


def test_all_intervals_of_a_comparison_hold_together_nineteen_times_of_twenty():
    source = np.random.default_rng(1)
    kept = 0
    for _ in range(150):
        values = source.normal(3.0, 1.0, size=(12, 14))
        factor = widening(12, 14)
        kept += all(
            mean - factor * (mean - low) <= 3.0 <= mean + factor * (high - mean)
            for mean, (low, high) in zip(
                values.mean(axis=0), mean_intervals(values, num_resamples=1_000), strict=True
            )
        )
    assert kept / 150 > 0.9  # alone each holds 19 times of 20, and all fourteen together 1 of 2
    assert widening(12, 1) == 1.0


def test_the_more_templates_are_compared_the_wider_is_each_interval():
    source = random.Random(0)
    base = [source.gauss(5, 2) for _ in range(30)]
    columns = {"base": base, **{f"t{i}": [x + source.gauss(0.3, 1) for x in base] for i in range(14)}}
    alone = by_name(summarise(results_of({name: columns[name] for name in ("base", "t0")})))["t0"].difference
    all_of_them = summarise(results_of(columns))
    low, high = by_name(all_of_them)["t0"].difference.interval
    assert low < alone.interval[0]
    assert high > alone.interval[1]
    assert "all 14 differences together with 95% (Bonferroni: each alone with 99.64%)" in all_of_them.how


def test_a_difference_that_is_sure_and_smaller_than_is_worth_a_name_is_called_small():
    source = random.Random(0)
    base = [source.gauss(5, 2) for _ in range(100)]
    columns = {"base": base, "less": [x - 0.02 + source.gauss(0, 0.01) for x in base]}
    found = by_name(summarise(results_of(columns)))["less"].difference
    assert found.interval[1] < 0
    assert (found.verdict, found.smallest) == (Verdict.SMALL, 0.05)
    of_sums = by_name(summarise(results_of(columns), metric=Metric.SUM))["less"].difference
    assert (of_sums.verdict, of_sums.smallest) == (Verdict.SMALL, pytest.approx(0.5))


def test_a_few_samples_that_agree_prove_nothing():
    few = [[5.0] * count for count in (ENOUGH_SAMPLES - 1, ENOUGH_SAMPLES)]
    verdicts = [
        by_name(summarise(results_of({"base": column, "less": [x - i / 9 - 1 for i, x in enumerate(column)]})))["less"]
        .difference.verdict
        for column in few
    ]  # fmt: skip
    assert verdicts == [Verdict.FEW, Verdict.BETTER]


def test_one_sample_and_equal_differences_have_no_interval_and_say_why():
    one = by_name(summarise(results_of({"a": [1.0], "b": [2.0]})))["b"].difference
    assert (one.mean, one.interval, one.reason) == (
        1.0,
        None,
        "one sample does not show how much samples differ",
    )
    equal = by_name(summarise(results_of({"a": [1.0, 2.0, 4.0], "b": [1.5, 2.5, 4.5]})))["b"].difference
    assert (equal.interval, equal.reason) == (None, "the difference is the same on all 3 samples")
    assert (equal.mean, equal.win_rate) == (0.5, 0.0)


def test_ties_count_half_and_share_being_the_best():
    found = by_name(summarise(results_of({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 4.0]})))
    assert found["b"].difference.win_rate == 0.5
    assert (found["a"].best_rate, found["b"].best_rate) == (0.5, 0.5)
    assert [found[name].ranks[Metric.MEAN] for name in "ab"] == [1, 1]


def test_templates_are_ranked_on_the_samples_that_all_of_their_mode_have():
    found = summarise(results_of({"a": [1.0, 9.0], "b": [2.0, None], "c": [3.0, 9.5]}))
    assert [one.template for one in found.ranked(STANDARD)] == [
        "a",
        "b",
        "c",
    ]  # by means alone b would be first
    assert by_name(found)["b"].difference.num_pairs == 1
    assert found.matrix == ((1.0, 2.0, 3.0), (9.0, None, 9.5))
    apart = by_name(summarise(results_of({"a": [1.0, None], "b": [None, 2.0]})))
    assert (apart["b"].difference, apart["b"].best_rate, apart["b"].ranks) == (None, None, {})


def test_modes_are_compared_by_what_times_cost_beyond_guessing_only():
    tokens = [result(0, "a", 1.0, TOKENS, time_uniform=14.0), result(0, "b", 5.0, TOKENS, time_uniform=14.0)]
    found = summarise([*results_of({"a": [2.0], "b": [3.0]}), *tokens])
    assert [one.ranks[Metric.MEAN] for one in found.templates] == [1, 2, 1, 2]
    assert [one.times_over_uniform.mean for one in found.templates] == [-1.0, 3.0, -10.0, 6.0]
    assert [one.rank_over_uniform for one in found.templates] == [2, 3, 1, 4]
    assert found.baselines == {STANDARD: "a", TOKENS: "a"}


def test_a_baseline_is_chosen_for_one_mode_or_by_name_for_all():
    results = noisy(3)
    one = summarise(results, baseline=("task", TOKENS), num_resamples=10)
    assert one.baselines == {STANDARD: "direct", TOKENS: "task"}
    both = summarise(results, baseline="concise", num_resamples=10)
    assert both.baselines == {STANDARD: "concise", TOKENS: "concise"}
    assert by_name(both)["concise"].difference is None
    with pytest.raises(TemplateError, match=r"one of the templates compared, got 'standard/nobody'"):
        summarise(results, baseline=("nobody", STANDARD))


def test_the_widest_disagreement_comes_first_with_its_extremes():
    found = summarise(results_of({"a": [1.0, 5.0, 3.0], "b": [2.0, 1.0, 3.0], "c": [1.5, 9.0, 3.0]}))
    first, second, third = found.disagreements[STANDARD]
    assert (first.row, first.best, first.worst, first.spread) == (1, "b", "c", 8.0)
    assert (second.row, second.best, second.worst) == (0, "a", "b")
    assert (third.row, third.spread) == (2, 0.0)
    assert summarise(results_of({"a": [1.0, 2.0]})).disagreements == {STANDARD: ()}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300])
def test_a_loss_that_is_not_finite_is_refused_by_name(bad):
    with pytest.raises(
        LossError, match=r"mean_nll must be a finite number, got .* for template 'b' .* on row 2"
    ):
        summarise([*results_of({"a": [1.0, 2.0], "b": [1.0]}), result(1, "b", 1.0, mean_nll=bad)])


def test_the_last_result_of_a_row_and_template_counts_and_rows_come_in_order():
    found = summarise([result(7, "a", 3.0), result(2, "a", 1.0), result(7, "a", 4.0)])
    assert (found.rows, found.matrix) == ((2, 7), ((1.0,), (4.0,)))
    assert found.wheres == ("rows.json:2", "rows.json:7")


def test_nothing_gives_nothing():
    assert summarise([]).templates == ()
    assert view_analytics([]) is None


@settings(max_examples=50)
@given(COLUMNS)
def test_no_figure_is_ever_nan_and_each_stays_in_its_range(columns):
    results = results_of({f"t{i}": column for i, column in enumerate(columns)})
    for metric in Metric:
        found = summarise(results, metric=metric, num_resamples=20)
        json.dumps(found.as_dict(), allow_nan=False)
        for one in found.templates:
            of = one.by_metric[metric]
            assert of.minimum <= of.lower_quartile <= of.median <= of.upper_quartile <= of.maximum
            assert one.best_rate is None or 0 <= one.best_rate <= 1
            if one.difference is not None and one.difference.interval is not None:
                low, high = one.difference.interval
                assert low <= high
    assert as_json(view_analytics(results))


@given(COLUMNS.filter(lambda columns: len(columns) > 1))
def test_what_one_template_wins_the_other_loses(columns):
    results = results_of({"a": columns[0], "b": columns[1]})
    there = by_name(summarise(results, baseline="a", num_resamples=20))
    back = by_name(summarise(results, baseline="b", num_resamples=20))
    assert there["b"].difference.win_rate + back["a"].difference.win_rate == pytest.approx(1)
    assert there["b"].difference.mean == pytest.approx(-back["a"].difference.mean)
    assert there["a"].best_rate + there["b"].best_rate == pytest.approx(1)


@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_the_results_changes_no_figure(columns, source):
    results = results_of({f"t{i}": column for i, column in enumerate(columns)})
    shuffled = source.sample(results, len(results))
    first = by_name(summarise(results, baseline="t0", num_resamples=20))
    assert by_name(summarise(shuffled, baseline="t0", num_resamples=20)) == first


def test_ten_thousand_samples_are_resampled_in_little_memory():
    values = np.random.default_rng(0).normal(size=(10_000, 14))
    tracemalloc.start()
    found = mean_intervals(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert all(low < mean < high for (low, high), mean in zip(found, values.mean(axis=0), strict=True))


def test_a_map_of_many_samples_shows_those_on_which_templates_disagree_most():
    results = noisy(400)
    found, shown = summarise(results), view_analytics(results)
    assert [len(ones) for ones in found.disagreements.values()] == [MAX_DISAGREEMENTS] * 2
    assert {len(one.cells) for one in shown.maps.values()} == {MAX_MAPPED}
    rows = [shown.samples[place].row for place in shown.maps["mean"].samples]
    assert rows == sorted(rows)
    assert {ones[0].row + 1 for ones in found.disagreements.values()} <= set(rows)
    assert shown.num_samples == 400
    assert len(as_json(shown)) < 300_000


def test_the_view_counts_rows_from_one_and_points_at_its_samples():
    shown = view_analytics(results_of({"a": [1.0, 5.0], "b": [2.0, 1.0]}), baseline="b")
    assert [(sample.row, sample.where, sample.query) for sample in shown.samples] == [
        (1, "rows.json:0", "what 0"), (2, "rows.json:1", "what 1")
    ]  # fmt: skip
    assert shown.maps["mean"].cells == [[1.0, 2.0], [5.0, 1.0]]
    assert [shown.samples[one.sample].row for one in shown.spreads["mean"]] == [2, 1]
    assert [line.is_baseline for line in shown.templates] == [False, True]
    assert shown.templates[0].by_metric["sum"].difference == 15.0
