import math
import warnings
from copy import deepcopy

import pytest
import torch

from vtg_core.errors import LossCancelledError, LossError, NotFiniteError, OutOfMemoryError
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.score import score
from vtg_core.probes.trainable_copy import full_copy, lora_copy

from .conftest import FAMILIES, KINDS, run


class BrokenError(Exception):
    """What a bug of a caller's raises."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("raised", "comes_out"),
    [
        (LossCancelledError("stopped"), LossCancelledError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (torch.OutOfMemoryError("out of memory"), OutOfMemoryError),
        (BrokenError("a bug"), LossError),
    ],
    ids=["cancelled", "interrupted", "out of memory", "failed"],
)
def test_what_ends_a_pass_leaves_the_model_as_it_was(models, given, kind, raised, comes_out, untouched):
    begun = []

    def on_layer():
        begun.append(1)
        if len(begun) > num_layers(models["demo"]) + 2:  # in the pass after the first step
            raise raised

    with pytest.raises(comes_out):
        run(untouched(models["demo"]), given["demo"], trained=kind, on_layer=on_layer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "error", [LossCancelledError("stopped"), BrokenError("a bug")], ids=["cancelled", "failed"]
)
def test_what_on_step_raises_comes_out_as_it_is(models, given, kind, error, untouched):
    seen = []

    def on_step(step, num_steps):
        seen.append((step.step, num_steps))
        if step.step == 2:
            raise error

    with pytest.raises(type(error), match=str(error)):
        run(untouched(models["demo"]), given["demo"], trained=kind, on_step=on_step, num_steps=7)
    assert seen == [(0, 7), (1, 7), (2, 7)]


def test_a_loss_that_stops_being_finite_ends_the_run_early(models, given, untouched):
    model = untouched(deepcopy(models["demo"]).half())
    report = run(model, given["demo"], trained="lora", learning_rate=1.0)
    assert report.was_stopped
    assert 1 <= len(report.steps) < 21
    assert all(math.isfinite(step.response_nll) for step in report.steps)
    assert report.reading.startswith("Training broke off: after ")


def test_a_loss_that_is_not_finite_at_first_is_an_error_that_names_the_layer(models, given):
    own = deepcopy(models["demo"])
    with torch.no_grad():
        own.model.language_model.layers[2].mlp.down_proj.weight[3, 5] = math.nan
    with pytest.raises(NotFiniteError, match=r"is not at token [\d,]+ in float32; .*layers\.2 is the first"):
        run(own, given["demo"])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_flags_and_modes_that_a_person_set_stay(models, given, kind, untouched):
    own = deepcopy(models["demo"]).train()
    own.model.visual.eval()
    own.model.visual.requires_grad_(False)
    own.lm_head.weight.grad = torch.ones_like(own.lm_head.weight)
    grad = own.lm_head.weight.grad
    run(untouched(own), given["demo"], trained=kind, num_steps=1)
    assert own.lm_head.weight.grad is grad
    assert bool((grad == 1).all())


@pytest.mark.parametrize("kind", KINDS)
def test_others_may_run_the_model_meanwhile(models, given, kind):
    processor, _, batch = given["demo"]
    before, seen = score(models["demo"], batch, processor.tokenizer), []

    def on_step(step, _):
        seen.append(score(models["demo"], batch, processor.tokenizer)[0].tokens)

    run(models["demo"], given["demo"], trained=kind, on_step=on_step, num_steps=2)
    assert seen == [before[0].tokens] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_batches_made_in_inference_mode_are_trained_too(models, given, kind):
    processor, encoded, batch = given["demo"]
    expected = run(models["demo"], given["demo"], trained=kind, num_steps=2)
    with torch.inference_mode():
        own = deepcopy(models["demo"])
        copied = {name: value.clone() for name, value in batch.items()}
        report = run(own, (processor, encoded, copied), trained=kind, num_steps=2)
    assert report.steps == expected.steps
    assert all(weight.is_inference() for weight in own.parameters())


@pytest.mark.parametrize("config", ["lora", "loha", "norm"])
def test_an_adapter_that_a_model_has_already_stays_in_force(models, given, config, untouched):
    import peft

    kinds = {
        "lora": peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
        "loha": peft.LoHaConfig(r=4, target_modules=["q_proj", "v_proj"], init_weights=False),
        "norm": peft.LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["norm"]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's own
        own = peft.get_peft_model(deepcopy(models["demo"]), kinds[config]).get_base_model().eval()
    with torch.no_grad():
        for name, weight in own.named_parameters():
            if ".modules_to_save." in name:
                weight.mul_(-2)
    processor, _, batch = given["demo"]
    expected = score(own, batch, processor.tokenizer)[0].mean_nll
    report = run(untouched(own), given["demo"], trained="lora", num_steps=3)
    assert report.steps[0].response_nll == pytest.approx(expected, abs=1e-4)
    assert report.steps[-1].response_nll < report.steps[0].response_nll


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_full_copy_keeps_tied_weights_tied_and_shares_none(models, family, dtype):
    model = deepcopy(models[family]).to(dtype)
    copy = full_copy(model)
    assert copy.get_input_embeddings().weight is copy.get_output_embeddings().weight
    assert {weight.dtype for weight in copy.parameters()} == {torch.float32}
    own = {weight.data_ptr() for weight in model.parameters()}
    assert not own & {weight.data_ptr() for weight in copy.parameters()}
    for weight, original in zip(copy.parameters(), model.parameters(), strict=True):
        assert torch.equal(weight, original.float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_lora_copy_shares_all_weights_and_trains_float32_matrices_alone(models, dtype):
    model = deepcopy(models["demo"]).to(dtype)
    copy = lora_copy(model)
    trained = {name: weight for name, weight in copy.named_parameters() if weight.requires_grad}
    frozen = {weight.data_ptr() for weight in copy.parameters() if not weight.requires_grad}
    assert frozen == {weight.data_ptr() for weight in model.parameters()}
    assert {weight.dtype for weight in trained.values()} == {torch.float32}
    assert {name.split(".self_attn.")[0].split(".mlp.")[0] for name in trained} == {
        f"model.language_model.layers.{number}" for number in range(4)
    }
