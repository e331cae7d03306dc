"""What a person sees of the questions to a model, of reports made by hand."""

import json
from dataclasses import replace

import pytest

from vtg_core.data.answers import STANDARD_ANSWER, AnswerMode, ParsedAnswer, ParseReason
from vtg_core.dataset import Sample
from vtg_core.inspection import inspect_templates
from vtg_core.loss.answer_parts import AnswerLoss, AnswerPart
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.probes.certainty import TimeCertainty
from vtg_core.probes.controls import Control, ControlReport, ControlResult
from vtg_core.probes.generation import GeneratedAnswer, default_max_new_tokens
from vtg_core.probes.overfit import OverfitReport, OverfitStep, Trained
from vtg_core.regions import RegionKind
from vtg_core.templates import TEMPLATES
from vtg_core.views.probe_costs import (
    controls_cost,
    generation_cost,
    overfit_cost,
    view_controls_cost,
    view_generation_cost,
    view_overfit_cost,
)
from vtg_core.views.probes import NO_OVERFIT, view_answer, view_controls, view_overfit, view_steps
from vtg_core.views.samples import as_json
from vtg_core.windows import Window


@pytest.fixture(scope="module")
def inspection(processor, video):
    [inspection] = inspect_templates(
        video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    return inspection


@pytest.fixture(scope="module")
def sample(inspection):
    return inspection.sample


def loss(*nlls):
    """Nats of two tokens that say times, and of the end of turn behind them."""
    tokens = tuple(TokenLoss(i, i, "8", nll, 0.5, 1, 1.0, ()) for i, nll in enumerate(nlls))
    kinds = (RegionKind.ANSWER, RegionKind.ANSWER, RegionKind.END_OF_TURN)
    return AnswerLoss(
        tokens, kinds, (AnswerPart.TIME, AnswerPart.TIME, AnswerPart.END_OF_TURN), (2.3, 2.3, 0.0)
    )


def controls(*results):
    """A report of all controls: ``results``, and the real sample's figures for those that are not among them."""
    given = {result.control: result for result in results}
    every = tuple(given.get(control, replace(REAL, control=control)) for control in Control)
    return ControlReport(every, 3, 3_500, 7.57, "cpu", "float32", 0.5)


def row_of(view, control):
    return next(row for row in view.rows if row.control == control)


REAL = ControlResult(Control.REAL, "", loss(1.0, 1.0, 0.5))
BLANK = ControlResult(Control.BLANK, "", loss(4.0, 2.0, 0.25))
OTHER = ControlResult(Control.OTHER_QUERY, "a {green} triangle", loss(0.5, 1.0, 0.5))
NOT_RUN = ControlResult(Control.SHIFTED_WINDOW, "", None, "the windows fill the video")


def test_each_control_is_held_against_the_real_sample(sample):
    view = view_controls(controls(REAL, BLANK, OTHER), sample, {Control.BLANK: "data:image/jpeg;base64,AA"})
    real, blank, _, other, _ = view.rows
    assert (real.sum_nll, real.change, real.time_change) == (2.5, None, None)
    assert (blank.sum_nll, blank.change, blank.time_change) == (6.25, 3.75, 4.0)
    assert (other.change, other.time_change) == (-0.5, -0.5)
    assert (view.least, view.most) == (-0.5, 4.0)
    assert (view.num_tokens, view.num_times) == (3, 2)
    assert [row.frames for row in view.rows] == ["", "data:image/jpeg;base64,AA", "", "", ""]
    assert view.run == "3 forward passes over 3,500 tokens · 0.50 s on cpu in float32"


def test_a_control_that_was_not_run_says_why_and_has_no_figures(sample):
    row = row_of(view_controls(controls(REAL, BLANK, NOT_RUN), sample), Control.SHIFTED_WINDOW)
    assert (row.name, row.reason) == ("Shifted window", "the windows fill the video")
    assert (row.sum_nll, row.change, row.time_nll, row.time_change) == (None,) * 4


def test_bars_have_room_where_nothing_changes(sample):
    view = view_controls(controls(), sample)
    assert (view.least, view.most) == (0.0, 1.0)


def test_what_stands_in_for_the_real_thing_is_told_as_it_is(sample):
    row = row_of(view_controls(controls(OTHER), sample), Control.OTHER_QUERY)
    assert (row.name, row.changed, row.detail) == ("Another query", "asked about", "a {green} triangle")


def test_why_a_pass_was_not_shared_is_told(sample):
    report = replace(controls(REAL, BLANK), num_passes=1, plain_because="this model has no cache")
    assert view_controls(report, sample).run.startswith(
        "1 forward pass over 3,500 tokens, because this model has no cache · "
    )


def answer(text, parsed=None, **changed):
    parsed = STANDARD_ANSWER.parse(text, 30.0) if parsed is None else parsed
    report = GeneratedAnswer(
        "direct", AnswerMode.STANDARD, text, (1, 2, 3), True, parsed, (Window(8, 14),), None, "cpu", "float32", 0.2
    )  # fmt: skip
    return replace(report, **changed)


def test_a_time_that_can_be_any_bin_is_a_strip_over_the_video(sample):
    bins = tuple(0.001 for _ in range(1000))
    times = (TimeCertainty("<12>", 0.5, bins), TimeCertainty("<40>", 0.25, (*bins[:-1], 0.002)))
    strips = view_answer(answer("[9.0, 14.0]", times=times), sample).heat
    assert [(strip.name, strip.text) for strip in strips] == [("Start", "<12>, 50%"), ("End", "<40>, 25%")]
    assert [len(strip.cells) for strip in strips] == [100, 100]
    assert strips[1].cells[-1] == pytest.approx(0.011)
    assert sum(strips[0].cells) == pytest.approx(1.0)
    assert view_answer(answer("[9.0, 14.0]", times=(TimeCertainty("9.0", 0.5),)), sample).heat == ()


def test_an_answer_stands_beside_the_truth_over_the_length_of_the_video(sample):
    view = view_answer(answer("[9.0, 14.0]", iou=5 / 6), sample)
    assert (view.truth, view.answer, view.duration) == (((8.0, 14.0),), ((9.0, 14.0),), 30.0)
    assert view.frame_times == sample.video.timestamps
    assert (view.text, view.taught) == ("[9.0, 14.0]", "[8.0, 14.0]")
    assert view.parsed == "It is an answer in this format, and nothing else."
    assert view.ended == "It ended its turn by itself, after 3 tokens."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("in the {middle}", "nothing in it has the form [start_time, end_time]"),
        ("[14.0, 8.0]", "it ends before it starts"),
        ("[90.0, 95.0]", "it lies outside the video's 30.0 s"),
    ],
)
def test_an_answer_that_cannot_be_read_says_why_and_has_no_window(sample, text, said):
    view = view_answer(answer(text, is_complete=False), sample)
    assert said in view.parsed
    assert (view.text, view.answer, view.iou) == (text, (), None)
    assert view.ended == "It did not end its turn: it was stopped after 3 tokens."


def test_every_reason_of_a_parse_has_words(sample):
    for reason in ParseReason:
        view = view_answer(answer("x", ParsedAnswer((), reason)), sample)
        assert "{" not in view.parsed


STEPS = (OverfitStep(0, 7.5, 7.0, 7.2), OverfitStep(1, 3.0, 6.5, 7.0))
KNOWN = {"num_steps": 5, "uniform_nll": 7.57}


def overfitted(**changed):
    report = OverfitReport(STEPS, "ours", 12, Trained.ALL, 976_928, 1e-3, "cpu", "float32", 2.0)
    return replace(report, **changed)


def test_a_check_that_ended_says_what_was_trained_and_what_became_of_the_weights(sample):
    view = view_overfit(overfitted(), sample, **KNOWN)
    assert (view.state, view.is_ours, len(view.steps)) == ("done", True, 2)
    assert view.what == (
        "12 tokens of our response-only mask trained all 976,928 weights, with AdamW at a learning rate of 0.001."
    )
    assert "as they were, bit for bit" in view.restored
    assert view.run == "2.00 s on cpu in float32"


def test_a_check_with_another_mask_and_lora_names_both(sample):
    view = view_overfit(overfitted(mask="text-prefix", trained=Trained.LORA), sample, **KNOWN)
    assert not view.is_ours
    assert "12 tokens of the mask of text-prefix trained LoRA matrices of 976,928 weights" in view.what


def test_another_mask_is_shown_beside_ours(sample):
    view = view_overfit(overfitted(mask="text-prefix"), sample, ours=overfitted(), **KNOWN)
    assert [row.ours_nll for row in view.steps] == [7.5, 3.0]
    assert view.reading.startswith(
        "The answer costs 7.50 nats a token before training, and after 1 step 3.00"
    )
    running = view_steps([], sample, state="running", mask="text-prefix", ours=STEPS, **KNOWN)
    assert [(row.response_nll, row.ours_nll) for row in running.steps] == [(None, 7.5), (None, 3.0)]


def test_a_check_that_runs_shows_its_steps_and_claims_nothing_yet(sample):
    view = view_steps(STEPS, sample, state="running", mask="ours", **KNOWN)
    assert [(row.step, row.response_nll) for row in view.steps] == [(0, 7.5), (1, 3.0)]
    assert (view.reading, view.what, view.restored) == ("", "", "")


def test_a_check_that_was_stopped_says_that_the_weights_are_as_they_were(sample):
    assert "bit for bit" in view_steps(STEPS, sample, state="partial", mask="ours", **KNOWN).restored


def test_views_become_json_that_any_reader_accepts(sample):
    broken = [*STEPS, OverfitStep(2, float("nan"), None, float("inf"))]
    view = json.loads(as_json(view_steps(broken, sample, state="running", mask="ours", **KNOWN)))
    assert view["steps"][2].pop("step") == 2
    assert set(view["steps"][2].values()) == {None}
    assert json.loads(as_json(NO_OVERFIT))["state"] == "empty"
    assert json.loads(as_json(view_controls(controls(NOT_RUN), sample)))["rows"][-1]["change"] is None
    assert json.loads(as_json(view_answer(answer("no"), sample)))["iou"] is None


def test_the_sample_that_was_asked_about_is_named(sample):
    named = view_answer(answer("no"), sample).sample
    assert named == "direct · standard · a red circle appears · [8.0, 14.0]"
    assert isinstance(sample, Sample)


def test_costs_are_told_in_passes_tokens_seconds_and_memory(model, inspection):
    shape, encoded = ModelShape.of(model), inspection.encoded
    num_tokens = controls_cost(shape, [encoded]).num_tokens
    assert f"3 forward passes over about {num_tokens:,} tokens: " in view_controls_cost(shape, [encoded]).cost
    limit = default_max_new_tokens(encoded)
    assert f"at most {limit} that it writes: " in view_generation_cost(shape, encoded).cost
    for view in (
        view_controls_cost(shape, [encoded]),
        view_generation_cost(shape, encoded),
        view_overfit_cost(shape, encoded, 20),
    ):
        assert " on cpu in float32, and about " in view.cost
        assert view.references.endswith(".")


def test_more_work_costs_more(model, processor, video, inspection):
    shape, encoded = ModelShape.of(model), inspection.encoded
    [other] = inspect_templates(
        video, "a blue square slides", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    alone, shared = controls_cost(shape, [encoded]), controls_cost(shape, [encoded, other.encoded])
    assert alone.num_tokens < shared.num_tokens < 4 * len(encoded)
    assert generation_cost(shape, encoded).seconds > 0
    few, many = overfit_cost(shape, encoded, 5), overfit_cost(shape, encoded, 50)
    assert few.seconds < many.seconds < 20 * few.seconds
    assert few.memory_bytes == many.memory_bytes > 3 * 4 * shape.num_params
