import json
import math
from dataclasses import replace

import pytest

from vtg_core.collator import pad
from vtg_core.data.answers import AnswerMode
from vtg_core.inspection import inspect_templates
from vtg_core.loss.cost import PassCost
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.score import LossReport, score
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.recipes.losses import score_with_recipes
from vtg_core.recipes.masks import Recipe, RecipeMask, apply_recipe
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import templates_for
from vtg_core.views.loss import NO_LOSS, view_cost, view_loss
from vtg_core.views.recipes import OURS
from vtg_core.views.samples import as_json
from vtg_core.windows import Window


def inspected(processor, video, mode=AnswerMode.STANDARD):
    [inspection] = inspect_templates(
        video, "a red circle", [Window(8, 14)], processor=processor, templates=templates_for(mode)[:1]
    )
    return inspection


@pytest.fixture(scope="module")
def inspection(processor, video):
    return inspected(processor, video)


@pytest.fixture(scope="module")
def report(model, processor, inspection):
    [report] = score(model, pad([inspection.encoded], processor), processor.tokenizer)
    return report


def report_of(inspection, *nlls, entropy=0.5, vocab_size=1000, model_loss=None, shift_losses=(8.0, 7.0, 9.0)):
    """A report on the first supervised tokens of a sample, which cost what is asked for."""
    places = (inspection.encoded.labels != IGNORE_INDEX).nonzero()[:, 0].tolist()
    tokens = tuple(
        TokenLoss(place, i, chr(97 + i), nll, math.exp(-nll), 1 + i, entropy, ())
        for i, (place, nll) in enumerate(zip(places, nlls, strict=False))
    )
    return LossReport(tokens, model_loss, shift_losses, vocab_size, 50, "cpu", "float32", 0.5, None)


@pytest.mark.parametrize(
    ("nlls", "entropy", "said"),
    [
        ((6.9, 6.9), 6.9, "This model guesses"),
        ((7.3, 7.3), 6.5, "This model guesses"),  # random weights of real size
        ((6.9, 6.8), 2.0, "This model is no better than a blind guess"),  # as dear as a guess, and yet sure of others
        ((6.2, 6.2), 6.8, "This model knows more than nothing"),
        ((9.0, 12.0), 6.5, "worse than a blind guess"),
        ((9.0, 12.0), 0.5, "worse than a blind guess"),
        ((9.0, 12.0), 0.5, "most of all at 'b'"),
        ((0.1, 3.0), 0.5, "The hardest token is 'b' (3.00 nats, rank 2)"),
        ((0.1, 3.0), 0.5, "its times are no better than guessed among all that the format can write (3.00 nats against 2.30)"),
        ((3.0, 0.5), 0.5, "Its times are better than guessed (0.50 nats against 2.30)"),
    ],
)  # fmt: skip
def test_one_sentence_reads_the_loss(inspection, nlls, entropy, said):
    assert said in view_loss(report_of(inspection, *nlls, entropy=entropy), inspection).reading


def test_each_figure_stands_beside_what_guessing_costs(report, inspection):
    figures = {figure.name: figure for figure in view_loss(report, inspection).figures}
    known = {name: {label: nats for label, nats, _ in figure.references} for name, figure in figures.items()}
    uniform, digits = math.log(report.vocab_size), 5 * math.log(10)  # "8", "0", "1", "4", "0"
    assert known["Mean response NLL"] == pytest.approx(
        {"blind guess": uniform, "form known": digits / 12, "model's own": report.model_loss,
         "difference": abs(report.mean_nll - report.model_loss)}
    )  # fmt: skip
    assert known["Sum"] == pytest.approx({"blind guess": 12 * uniform, "form known": digits})
    assert known["Times only"] == pytest.approx({"blind guess": 5 * uniform, "form known": digits})
    assert known["Format words"] == pytest.approx({"blind guess": 6 * uniform, "form known": 0.0})
    assert known["End of turn"] == pytest.approx({"blind guess": uniform, "form known": 0.0})


def test_times_words_and_end_of_turn_are_the_whole_sum(report, inspection):
    figures = {figure.name: figure.value for figure in view_loss(report, inspection).figures}
    parts = figures["Times only"] + figures["Format words"] + figures["End of turn"]
    assert parts == pytest.approx(figures["Sum"]) == pytest.approx(report.sum_nll)


def test_time_tokens_are_guessed_among_all_bins(model, processor, video):
    inspection = inspected(processor, video, AnswerMode.TEMPORAL_TOKENS)
    [report] = score(model, pad([inspection.encoded], processor), processor.tokenizer)
    [times] = [f for f in view_loss(report, inspection).figures if f.name == "Times only"]
    assert times.unit == "nats over 2 tokens"
    assert times.references[1][1] == pytest.approx(2 * math.log(1000))


def test_a_part_that_is_not_trained_has_no_figure(inspection):
    figures = {f.name: f for f in view_loss(report_of(inspection, 1.0, 2.0), inspection).figures}
    assert figures["End of turn"].value is None
    assert figures["End of turn"].references == []


def test_the_parts_share_the_whole_loss_once_by_region_and_once_by_part(report, inspection):
    rows = view_loss(report, inspection).parts
    for group in ("region", "part", "all"):
        own = [row for row in rows if row.group == group]
        assert sum(row.share for row in own) == pytest.approx(1.0)
        assert sum(row.num_tokens for row in own) == 12
    assert [row.name for row in rows if row.group == "part"] == ["times", "format words", "end of turn"]


def test_every_token_brings_what_the_model_would_rather_have_written(report, inspection):
    view = view_loss(report, inspection)
    assert [row.text for row in view.tokens] == [token.text for token in report.tokens]
    assert [row.part for row in view.tokens][:3] == ["format words", "times", "format words"]
    assert all(len(row.top) == 5 for row in view.tokens)


@pytest.mark.parametrize(
    ("model_loss", "shift_losses", "said"),
    [
        (7.0, (8.0, 7.0, 9.0), "uses shift 1, as it should"),
        (9.0, (8.0, 7.0, 9.0), "uses shift 2, and not 1"),
        (5.0, (8.0, 7.0, 9.0), "is undecided"),
        (7.0, (7.0, 7.0, 9.0), "is undecided"),
        (None, (8.0, 7.0, 9.0), "was not run"),
    ],
)
def test_the_shift_of_the_models_own_loss_is_told(inspection, model_loss, shift_losses, said):
    report = report_of(inspection, 7.0, model_loss=model_loss, shift_losses=shift_losses)
    assert said in view_loss(report, inspection).shift


def test_a_loss_that_was_not_cross_checked_has_no_difference(inspection):
    view = view_loss(report_of(inspection, 1.0), inspection)
    assert ("model's own", None) in [(name, nats) for name, nats, _ in view.figures[0].references]
    assert "difference" not in [name for name, _, _ in view.figures[0].references]
    assert "held by" not in view.run


def test_recipes_are_held_against_our_own_mask(model, processor, video, inspection):
    once, sample, encoded = process_videos_once(processor), inspection.sample, inspection.encoded
    masks = [apply_recipe(r, encoded, once, messages=sample.messages, videos=[video]) for r in Recipe]
    ours = RecipeMask(OURS, (encoded.labels != IGNORE_INDEX).numpy())
    report, losses = score_with_recipes(model, pad([encoded], once), once.tokenizer, [*masks, ours])
    first, *others = view_loss(report, inspection, masks, losses).recipes
    assert (first.name, first.num_supervised) == ("ours", 12)
    assert first.loss == pytest.approx(report.mean_nll, abs=1e-5)
    assert [row.name for row in others] == list(Recipe)
    by_name = {row.name: row for row in others}
    assert by_name["role-markers"].difference == 0
    assert by_name["all-tokens"].num_supervised == len(encoded)
    assert by_name["generation-tags"].num_supervised is None
    assert by_name["generation-tags"].reason


def test_recipes_without_losses_are_left_out(report, inspection):
    assert view_loss(report, inspection, [RecipeMask(Recipe.ALL_TOKENS, None, "no")], {}).recipes == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "less than a second on cpu"), (12.3, "about 12 s on"), (600, "about 10 min on")]
)  # fmt: skip
def test_what_a_pass_will_cost_is_one_sentence(model, inspection, seconds, said):
    shape = ModelShape.of(model)
    view = view_cost(PassCost(1164, seconds, 67_000_000, 21_300_000_000, seconds, 1e9), shape, inspection)
    assert said in view.cost
    assert view.cost.startswith("1,164 tokens, 12 of them in the loss: ")
    assert view.cost.endswith("in float32, and about 67 MB of 21.3 GB free.")
    assert "ln 1,944 = 7.57 nats" in view.references
    assert "pays 11.51 nats" in view.references


def test_weights_that_are_loaded_first_are_told(model, inspection):
    shape = replace(ModelShape.of(model), is_loaded=False)
    view = view_cost(PassCost(1164, 1.0, 67_000_000, None, 1.0, 1e9), shape, inspection)
    assert view.cost.endswith("and about 67 MB, its weights included.")


def test_views_of_a_loss_become_json_that_any_reader_accepts(report, inspection):
    broken = replace(report, shift_losses=(float("nan"), 7.0, 9.0))
    assert json.loads(as_json(view_loss(broken, inspection)))["shift_losses"][0] == [0, None]
    assert json.loads(as_json(NO_LOSS))["tokens"] == []
