import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import transformers

from vtg_core.collator import SFTCollator
from vtg_core.errors import LossCancelledError, LossError
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.score import score
from vtg_core.probes.overfit import (
    MAX_ALL_WEIGHTS,
    MAX_STEPS,
    OverfitReport,
    OverfitStep,
    Trained,
    default_learning_rate,
    overfit,
    prompt_text,
    resolve_trained,
)
from vtg_core.recipes.losses import recipe_losses
from vtg_core.recipes.masks import RecipeMask, apply_recipe
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, RegionKind
from vtg_core.templates import TEMPLATES

from .conftest import FAMILIES, KINDS, labels_of, run

# What is learnt


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_steps_on_our_mask_teach_the_answer_and_the_model_stays_what_it_was(
    models, given, family, untouched
):
    report = run(untouched(models[family]), given[family])
    assert (report.trained, report.mask, len(report.steps)) == (Trained.ALL, "ours", 21)
    assert report.num_trained_weights == models[family].num_parameters()
    assert report.steps[-1].response_nll < report.steps[0].response_nll / 2
    assert "is being learnt: in 20 steps its loss falls from" in report.reading
    assert [step.step for step in report.steps] == list(range(21))
    assert all(step.trained_nll == step.response_nll for step in report.steps)


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_teaches_it_too_and_leaves_nothing_behind(models, given, family, untouched):
    report = run(untouched(models[family]), given[family], trained="lora", num_steps=10)
    assert report.trained is Trained.LORA
    assert 0 < report.num_trained_weights < models[family].num_parameters() / 10
    assert report.steps[-1].response_nll < 0.95 * report.steps[0].response_nll


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_before_the_first_step_the_losses_are_those_of_a_plain_pass(models, given, family, kind):
    processor, encoded, batch = given[family]
    first = run(models[family], given[family], trained=kind, num_steps=1).steps[0]
    [report] = score(models[family], batch, processor.tokenizer)
    prompt = recipe_losses(models[family], batch, [RecipeMask("prompt", prompt_text(encoded).numpy())])
    assert first.response_nll == pytest.approx(report.mean_nll, abs=1e-4)
    assert first.prompt_nll == pytest.approx(prompt["prompt"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_in_every_floating_point_type_small_steps_count(models, given, kind, dtype, untouched):
    model = untouched(deepcopy(models["demo"]).to(dtype))
    full = run(models["demo"], given["demo"], trained=kind, num_steps=4)
    report = run(model, given["demo"], trained=kind, num_steps=4)
    falls, fell = (r.steps[0].response_nll - r.steps[-1].response_nll for r in (full, report))
    assert fell == pytest.approx(falls, rel=0.1, abs=0.02)
    is_copied = kind is Trained.ALL and dtype.itemsize == 2
    assert report.dtype == ("float32" if is_copied else str(dtype).removeprefix("torch."))


def test_a_mask_that_leaks_teaches_the_answer_less(models, given, encoded, sample):
    processor = given["demo"][0]
    ours = run(models["demo"], given["demo"])
    for recipe in (Recipe.TEXT_PREFIX, Recipe.PAD_ONLY):
        mask = apply_recipe(
            recipe, encoded, processor, messages=sample.messages, videos=[sample.video]
        ).supervised
        report = run(models["demo"], given["demo"], trained_labels=labels_of(mask, encoded), mask=str(recipe))
        assert report.num_trained_tokens == mask[1:].sum()
        assert report.steps[0].response_nll == pytest.approx(ours.steps[0].response_nll, abs=1e-6)
        assert report.steps[-1].response_nll > 1.2 * ours.steps[-1].response_nll
        assert report.steps[-1].trained_nll < report.steps[0].trained_nll
        assert report.reading.startswith(f"With {recipe}, which trains {report.num_trained_tokens} tokens")


@pytest.mark.slow
def test_a_mask_that_misses_the_answer_does_not_teach_it(models, given, encoded):
    ours = run(models["demo"], given["demo"], num_steps=10)
    labels = labels_of(prompt_text(encoded), encoded)
    report = run(models["demo"], given["demo"], num_steps=10, trained_labels=labels, mask="the prompt")
    assert report.steps[-1].prompt_nll == report.steps[-1].trained_nll < 0.9 * report.steps[0].trained_nll
    assert report.steps[-1].response_nll > 1.5 * ours.steps[-1].response_nll


def test_two_runs_give_the_same_numbers(models, given):
    first, again = (run(models["demo"], given["demo"], trained="lora", num_steps=2) for _ in range(2))
    assert first.steps == again.steps


# A model of real size


def test_a_large_model_trains_lora_and_computes_its_layers_again(large, given, untouched):
    begun, per_step = [], []
    report = run(
        untouched(large),
        given["demo"],
        num_steps=3,
        on_layer=lambda: begun.append(1),
        on_step=lambda *_: per_step.append(len(begun)),
    )
    assert report.trained is Trained.LORA
    assert report.steps[-1].response_nll < report.steps[0].response_nll
    assert per_step[0] > num_layers(large)  # the backward pass asks too
    assert num_layers(large) <= per_step[3] - per_step[2] < per_step[0] * 2


@pytest.mark.slow
def test_layers_that_are_computed_again_change_no_loss(large, given, monkeypatch):
    expected = run(large, given["demo"], num_steps=2, trained="lora", learning_rate=1e-3)
    monkeypatch.setattr("vtg_core.probes.overfit.MAX_ALL_WEIGHTS", 10**12)
    report = run(large, given["demo"], num_steps=2, trained="lora", learning_rate=1e-3)
    assert [s.response_nll for s in report.steps] == pytest.approx(
        [s.response_nll for s in expected.steps], abs=1e-4
    )


def test_a_run_is_stopped_within_a_backward_pass_too(large, given, untouched):
    begun = []

    def on_layer():
        begun.append(1)
        if len(begun) == forward + 2:
            raise LossCancelledError("stopped")

    run_once = []
    run(large, given["demo"], num_steps=1, on_layer=lambda: run_once.append(1))
    forward = num_layers(large) + 3  # its three text layers and two of vision ask as they run
    with pytest.raises(LossCancelledError, match=r"^stopped$"):
        run(untouched(large), given["demo"], num_steps=1, on_layer=on_layer)
    assert len(begun) < len(run_once)


def test_auto_is_known_from_the_number_of_weights_alone():
    assert resolve_trained("auto", MAX_ALL_WEIGHTS) is Trained.ALL
    assert resolve_trained(Trained.AUTO, MAX_ALL_WEIGHTS + 1) is Trained.LORA
    assert resolve_trained("all", 10**12) is Trained.ALL
    assert resolve_trained("lora", 1) is Trained.LORA


def test_a_large_model_learns_in_smaller_steps():
    for kind in KINDS:
        assert default_learning_rate(kind, 10**6) > default_learning_rate(kind, 10**9) > 0


# What cannot be done, in one sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": 0}, rf"num_steps must be a whole number from 1 to {MAX_STEPS}, got 0$"),
        ({"num_steps": MAX_STEPS + 1}, rf"got {MAX_STEPS + 1}$"),
        ({"num_steps": 2.5}, r"got 2\.5$"),
        ({"num_steps": True}, r"got True$"),
        ({"learning_rate": 0}, r"learning_rate must be above 0 and at most 1, got 0$"),
        ({"learning_rate": math.nan}, r"got nan$"),
        ({"learning_rate": "fast"}, r"got 'fast'$"),
        ({"trained": "some"}, r"trained must be one of auto, all, lora, got 'some'$"),
        ({"prompt": torch.zeros(3, dtype=torch.bool)}, r"prompt must be bool of shape \(\d+,\), got torch.bool of \(3,\)"),
        ({"prompt": torch.zeros(3)}, r"got torch.float32 of \(3,\)"),
        ({"trained_labels": torch.zeros(1, 3, dtype=torch.int64)}, r"got others or the shape \(1, 3\)"),
    ],
)  # fmt: skip
def test_what_is_out_of_its_range_is_refused(models, given, batch, encoded, options, message):
    with pytest.raises(LossError, match=message):
        overfit(models["demo"], batch, **{"prompt": prompt_text(encoded)} | options)


def test_labels_that_are_no_mask_of_the_sample_are_refused(models, given, encoded):
    labels = labels_of(prompt_text(encoded), encoded)
    labels[labels != IGNORE_INDEX] += 1
    with pytest.raises(LossError, match="trained_labels must be the ids of a batch"):
        run(models["demo"], given["demo"], trained_labels=labels)


def test_a_mask_that_trains_nothing_is_refused(models, given, encoded):
    nothing = torch.arange(len(encoded)) == 0  # no token is predicted before the first
    with pytest.raises(LossError, match="must train at least one token after the first"):
        run(models["demo"], given["demo"], trained_labels=labels_of(nothing, encoded))


def test_two_samples_or_padding_are_refused(models, processor, sample, encoded):
    two = SFTCollator(processor)([sample, replace(sample, template=TEMPLATES[1])])
    with pytest.raises(LossError, match="one sample without padding, got 2 with padding"):
        overfit(models["demo"], two, prompt=prompt_text(encoded))


def test_a_model_that_is_spread_over_devices_is_refused(models, given):
    own = deepcopy(models["demo"])
    own.model.visual.to("meta")  # as what accelerate fetches from elsewhere when it is needed
    with pytest.raises(
        LossError, match="one device to be trained on a sample, and this one is spread over several"
    ):
        run(own, given["demo"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantised_model_is_refused(models, given, kind):
    own = deepcopy(models["demo"])
    own.model.language_model.layers[0].mlp.down_proj.to(torch.float8_e4m3fn)
    with pytest.raises(LossError, match=r"this one is quantised \(float8_e4m3fn\)"):
        run(own, given["demo"], trained=kind)


def test_lora_without_linear_layers_is_refused_and_all_weights_are_not():
    config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    model = transformers.GPT2LMHeadModel(config).eval()  # its layers are convolutions of width 1
    ids = torch.arange(10)[None]
    batch = {"input_ids": ids, "labels": torch.where(ids > 6, ids, IGNORE_INDEX)}
    prompt = (ids[0] > 0) & (ids[0] <= 6)
    with pytest.raises(LossError, match="finds none in GPT2LMHeadModel; train all weights instead"):
        overfit(model, batch, prompt=prompt, trained="lora")
    report = overfit(model, batch, prompt=prompt, num_steps=5)
    assert report.steps[-1].response_nll < report.steps[0].response_nll


# What is watched


def test_the_prompts_text_is_what_stands_before_the_answer_without_video_and_times(encoded, processor):
    chosen = prompt_text(encoded)
    text = processor.tokenizer.decode(encoded.input_ids[chosen])
    assert text.startswith("user\n")
    assert 'the following query: "a red circle appears"' in text
    assert text.endswith("<|im_start|>assistant\n")
    tokens = encoded.tokens
    left_out = tokens.is_kind(RegionKind.VIDEO, RegionKind.TIMESTAMP, RegionKind.ANSWER)
    assert not (chosen.numpy() & left_out).any()
    assert not bool(chosen[0])
    assert not bool((chosen & (encoded.labels != IGNORE_INDEX)).any())


def test_a_prompt_that_is_not_watched_has_no_loss(models, batch, encoded):
    nothing = torch.zeros(len(encoded), dtype=torch.bool)
    report = overfit(models["demo"], batch, prompt=nothing, num_steps=1)
    assert [step.prompt_nll for step in report.steps] == [None, None]
    assert "prompt" not in report.reading


def test_the_report_says_what_was_done(models, given):
    report = run(models["demo"], given["demo"], num_steps=1, learning_rate=1e-3)
    assert (report.device, report.dtype, report.learning_rate) == ("cpu", "float32", 1e-3)
    assert report.num_trained_tokens == int((given["demo"][2]["labels"] != IGNORE_INDEX).sum())
    assert 0 < report.seconds < 60
    assert isinstance(report, OverfitReport)
    assert isinstance(report.steps[0], OverfitStep)
