import csv
import io
import json
import math
from dataclasses import replace

import pytest

from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.data.answers import AnswerMode
from vtg_core.files.spreadsheet import unguarded
from vtg_core.inspection import inspect_templates
from vtg_core.loss.answer_parts import AnswerPart
from vtg_core.loss.cost import estimate_plain_passes, estimate_shared_pass
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison import CSV_COLUMNS, RANKED, view_comparison, view_comparison_cost
from vtg_core.views.samples import as_json
from vtg_core.windows import Window


def compared(model, processor, video, query="a red circle appears", templates=TEMPLATES, policy=None):
    inspections = inspect_templates(
        video, query, [Window(8, 14)], processor=processor, templates=templates, policy=policy
    )
    comparison = TemplateComparison(model, list(inspections), processor.tokenizer)
    return comparison, list(comparison)


@pytest.fixture(scope="module")
def demo(model, processor, video):
    """The demo's comparison of all templates, and its losses."""
    return compared(model, processor, video)


def at_cost(loss, cost):
    """The same template with other figures: ``cost(token, part)`` gives each token's NLL."""

    def changed(token: TokenLoss, part):
        nll = cost(token, part)
        return replace(token, nll=nll, prob=math.exp(-nll))

    own = loss.loss
    tokens = tuple(changed(t, p) for t, p in zip(own.tokens, own.parts, strict=True))
    return replace(loss, loss=replace(own, tokens=tokens))


def at_times(losses, *nats):
    """Templates whose time tokens cost so much each, and whose other tokens cost nothing."""
    return [
        at_cost(loss, lambda _, part, nll=nll: nll if part is AnswerPart.TIME else 0.0)
        for loss, nll in zip(losses, nats, strict=True)
    ]


def of_mode(losses, mode):
    return [loss for loss in losses if loss.mode is mode]


def rows_of(view):
    return [row for mode in view.modes for row in mode.rows]


def test_every_figure_of_the_view_is_the_comparisons_own(demo):
    comparison, losses = demo
    view = view_comparison(comparison, losses, state="done")
    assert [mode.answer for mode in view.modes] == ["[8.0, 14.0]", "<|box_start|><266><466><|box_end|>"]
    assert len(rows_of(view)) == 16
    for row, loss in zip(rows_of(view), losses, strict=True):
        assert (row.name, row.mode, row.num_tokens) == (loss.template, loss.mode, loss.num_tokens)
        assert (row.sum_nll, row.mean_nll) == (loss.total.sum_nll, loss.total.mean_nll)
        assert row.time_excess == loss.times.sum_nll - loss.times.uniform_nll
        parts = (row.time_nll, row.word_nll, row.end_of_turn_nll, row.other_nll)
        assert math.fsum(parts) == pytest.approx(row.sum_nll)
        assert [token.nll for token in row.tokens] == [token.nll for token in loss.loss.tokens]
        assert all(len(token.top) == 5 for token in row.tokens)


def test_the_colours_scale_holds_every_token_and_what_guessing_costs(demo):
    comparison, losses = demo
    view = view_comparison(comparison, losses, state="done")
    assert view.uniform_nll == pytest.approx(math.log(1944))
    most = max(token.nll for row in rows_of(view) for token in row.tokens)
    assert view.max_nll == max(view.uniform_nll, most)
    easy = [at_cost(loss, lambda *_: 0.5) for loss in losses]
    assert view_comparison(comparison, easy, state="done").max_nll == view.uniform_nll


@pytest.mark.parametrize("figure", RANKED)
def test_no_more_than_one_is_the_best_or_the_worst_of_an_answer_format(demo, figure):
    comparison, losses = demo
    for mode in view_comparison(comparison, losses, state="done").modes:
        values = [getattr(row, figure) for row in mode.rows]
        marked = {
            word: {getattr(row, figure) for row in mode.rows if row.marks.get(figure) == word}
            for word in ("best", "worst")
        }
        assert marked["best"] <= {min(values)}
        assert marked["worst"] <= {max(values)}
        assert figure != "num_tokens" or all(marked.values())


def test_best_and_worst_are_named_where_the_next_is_farther_away_than_is_worth_a_name(demo):
    comparison, losses = demo
    own = of_mode(losses, AnswerMode.STANDARD)
    nats = (1.0, 1.04, 2.0, 2.0, 2.0, 2.0, 2.5, 2.6)
    view = view_comparison(comparison, at_times(own, *nats), state="done")
    assert [row.marks.get("time_nll") for row in rows_of(view)] == [None] * 7 + ["worst"]
    assert "more than 0.05 nats a token away" in view.badges


def test_what_is_the_same_for_all_is_neither_best_nor_worst(demo):
    comparison, losses = demo
    view = view_comparison(comparison, [at_cost(loss, lambda *_: 1.0) for loss in losses], state="done")
    assert [set(row.marks) - {"num_tokens"} for row in rows_of(view)] == [set()] * 16


def test_a_model_with_random_weights_is_said_to_guess(untrained_by_name, processor, video):
    comparison, losses = compared(untrained_by_name["demo"], processor, video)
    guesses, seconds, tokens = view_comparison(comparison, losses, state="done").reading
    assert guesses.startswith(
        "This model guesses: its templates cost 7.51 to 7.63 nats a token, where picking any of "
    )
    assert "its 1,944 tokens blindly costs 7.57" in guesses
    assert seconds.startswith("Answers in seconds: all 8 are alike by their times, ")
    assert tokens.startswith("Answers in temporal tokens: all 8 are alike by their times, ")


def test_a_model_that_costs_as_much_as_a_guess_and_is_sure_of_other_tokens_is_not_said_to_guess(demo):
    comparison, losses = demo
    sure = [
        replace(
            loss, loss=replace(loss.loss, tokens=tuple(replace(t, entropy=1.0) for t in loss.loss.tokens))
        )
        for loss in losses
    ]
    reading = view_comparison(comparison, sure, state="done").reading
    assert [said.split(":")[0] for said in reading] == ["Answers in seconds", "Answers in temporal tokens"]


def test_the_easiest_and_the_hardest_by_times_are_named_with_their_distance(demo):
    comparison, losses = demo
    three = of_mode(losses, AnswerMode.STANDARD)[:3]  # direct, question, task: five time tokens each
    view = view_comparison(comparison, at_times(three, 1.0, 0.2, 2.0), state="done")
    assert view.reading == (
        "Answers in seconds: by its times the model finds question the easiest, 1.00 nats (10.51 less than guessing "
        "among the format's own choices), and task the hardest, 9.00 nats more.",
    )


def test_one_template_is_compared_with_nothing(demo):
    comparison, losses = demo
    view = view_comparison(comparison, at_times(losses[:1], 0.2), state="partial")
    assert view.reading == ("Answers in seconds: only direct was scored; its times cost 1.00 nats.",)


def test_how_it_was_run_counts_the_tokens_of_both_ways(demo):
    comparison, losses = demo
    view = view_comparison(comparison, losses, state="done")
    plan, run = comparison.plan, comparison.run
    assert view.how.startswith(
        f"One shared pass over {plan.num_tokens:,} tokens, instead of 16 plain ones over {plan.num_plain_tokens:,} · "
        f"{run.seconds:.2f} s on cpu in float32"
    )
    assert view.sample == "a red circle appears · 8 to 14 s · red_circle.mp4"


def test_plain_passes_are_told_with_their_reason(model, processor, video, other_video):
    inspections = [
        inspection
        for frames in (video, other_video)
        for inspection in inspect_templates(
            frames, "a circle", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
        )
    ]
    comparison = TemplateComparison(model, inspections, processor.tokenizer)
    view = view_comparison(comparison, list(comparison), state="done")
    assert view.how.startswith(
        f"2 plain passes over {comparison.plan.num_plain_tokens:,} tokens in all, because the samples do not show"
    )


def test_while_it_runs_nothing_is_concluded(demo):
    comparison, losses = demo
    view = view_comparison(comparison, losses[:9], state="running")
    assert (view.num_scored, view.num_templates, view.reading, view.how) == (9, 16, (), "")
    assert [len(mode.rows) for mode in view.modes] == [8, 1]


def test_what_is_trained_besides_the_answer_is_a_part_of_its_own(model, processor, video):
    comparison, losses = compared(
        model, processor, video, templates=TEMPLATES[:2], policy=MaskPolicy(newline=True)
    )
    for row in rows_of(view_comparison(comparison, losses, state="done")):
        assert row.other_nll == row.tokens[-1].nll > 0
        assert row.tokens[-1].part == "other"


def test_the_csv_has_the_documented_columns_and_parses_to_the_same_figures(demo):
    comparison, losses = demo
    view = view_comparison(comparison, losses, state="done")
    lines = list(csv.DictReader(io.StringIO(view.csv)))
    assert view.csv_name == "templates_red_circle.csv"
    assert tuple(lines[0]) == CSV_COLUMNS
    assert [float(line["time_nll"]) for line in lines] == [loss.times.sum_nll for loss in losses]
    assert {line["video"] for line in lines} == {"red_circle.mp4"}


@pytest.mark.parametrize("query", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "'quoted"])
def test_a_cell_that_a_spreadsheet_would_run_is_text_and_comes_back(model, processor, video, query):
    comparison, losses = compared(model, processor, video, query=query, templates=TEMPLATES[:1])
    [line] = csv.DictReader(io.StringIO(view_comparison(comparison, losses, state="done").csv))
    assert line["query"] == f"'{query}"
    assert unguarded(line["query"]) == query


def test_a_view_is_plain_json(demo):
    comparison, losses = demo
    shown = json.loads(as_json(view_comparison(comparison, losses, state="done")))
    assert shown["modes"][1]["rows"][0]["tokens"][1]["text"] == "<266>"


def test_the_cost_names_both_ways_and_says_whether_weights_are_counted(model, demo):
    samples = [inspection.encoded for inspection in demo[0].inspections]
    shape = ModelShape.of(model)
    costs = estimate_shared_pass(shape, samples), estimate_plain_passes(shape, samples)
    cost = view_comparison_cost(*costs, shape, 16).cost
    plan = demo[0].plan
    assert f"{plan.num_tokens:,} tokens, instead of {plan.num_plain_tokens:,} in 16 plain ones" in cost
    assert "weights" not in cost
    assert "its weights included" in view_comparison_cost(*costs, replace(shape, is_loaded=False), 16).cost
