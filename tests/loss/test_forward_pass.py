import math
from copy import deepcopy

import pytest
import torch

from vtg_core.collator import SFTCollator
from vtg_core.data.answers import STANDARD_ANSWER
from vtg_core.dataset import Sample
from vtg_core.errors import LossCancelledError, LossError, OutOfMemoryError
from vtg_core.loss.forward_pass import (
    evaluating,
    first_not_finite,
    input_device,
    kept_logits,
    layers_counted,
    num_layers,
    num_text_layers,
    peak_memory,
    raising_loss_errors,
    reset_peak_memory,
)
from vtg_core.loss.score import score_batch
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

DEMOS = ["demo", "demo-qwen2.5-vl"]


@pytest.fixture(scope="module")
def batches(processors_by_name, video):
    sample = Sample(video, "a red circle", (Window(8, 14),), TEMPLATES[0], STANDARD_ANSWER)
    return {name: SFTCollator(processor)([sample]) for name, processor in processors_by_name.items()}


@pytest.mark.parametrize("name", DEMOS)
def test_a_pass_begins_as_many_layers_as_are_told(models_by_name, batches, name):
    model, counted = models_by_name[name], []
    with layers_counted(model, counted.append):
        score_batch(model, batches[name])
    assert counted == list(range(1, num_layers(model) + 1))


@pytest.mark.parametrize("name", DEMOS)
def test_a_pass_over_text_begins_the_text_layers_alone(models_by_name, name):
    model, counted = models_by_name[name], []
    with layers_counted(model, counted.append), torch.inference_mode():
        model(input_ids=torch.arange(100, 110)[None])
    assert counted == [1, 2, 3, 4]
    assert num_text_layers(model) == 4


def test_what_a_count_raises_ends_the_pass_and_no_hook_stays(model, batches):
    def stop(begun):
        raise LossCancelledError(f"stopped at {begun}")

    with pytest.raises(LossCancelledError, match="stopped at 1"), layers_counted(model, stop):
        score_batch(model, batches["demo"])
    assert all(not module._forward_pre_hooks for module in model.modules())


def test_layers_may_be_counted_for_nobody(model, batches):
    with layers_counted(model, None):
        assert len(score_batch(model, batches["demo"]).scores) == 12


@pytest.mark.parametrize("was_training", [True, False])
def test_the_mode_is_put_back_after_an_error_too(model, was_training):
    own = deepcopy(model).train(was_training)
    with pytest.raises(ZeroDivisionError), evaluating(own):
        1 / own.training  # 0 while it is evaluated
    assert own.training is was_training


def test_a_part_that_was_in_evaluation_mode_already_stays_there(model):
    own = deepcopy(model).train()
    own.model.visual.eval()
    with evaluating(own):
        assert not any(module.training for module in own.modules())
    assert own.lm_head.training
    assert not own.model.visual.blocks[0].training


def broken(model, path):
    """Return a copy with one weight that is no number."""
    own = deepcopy(model)
    with torch.no_grad():
        own.get_parameter(path)[3, 5] = math.nan
    return own


@pytest.mark.parametrize(
    ("weight", "named"),
    [
        ("model.visual.blocks.1.mlp.linear_fc2.weight", "model.visual.blocks.1"),
        ("model.language_model.layers.0.self_attn.o_proj.weight", "model.language_model.layers.0"),
        ("model.language_model.layers.3.mlp.down_proj.weight", "model.language_model.layers.3"),
    ],
)
def test_the_first_layer_that_is_not_finite_is_named(model, batches, weight, named):
    said = first_not_finite(broken(model, weight), batches["demo"])
    assert said == f"the output of {named} is the first that is not finite, at its position 0"


def test_a_token_whose_embedding_is_not_finite_is_named_by_its_position(model, batches):
    own, batch = deepcopy(model), batches["demo"]
    position = int(batch["input_ids"].shape[1]) - 4
    with torch.no_grad():
        own.get_input_embeddings().weight[batch["input_ids"][0, position]] = math.inf
    first = int((batch["input_ids"][0] == batch["input_ids"][0, position]).nonzero()[0])
    said = first_not_finite(own, batch)
    assert (
        said == "the output of model.language_model.embed_tokens is the first that is not finite, "
        f"at its position {first:,}"
    )


def test_where_every_layer_is_finite_that_is_said_and_no_hook_stays(model, batches):
    assert first_not_finite(model, batches["demo"]).startswith("every layer's output is finite")
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("two\nlines"), (LossError, r"must run on cpu, and fails: two$")),
        (KeyError("image"), (LossError, "fails: 'image'")),
        (MemoryError(), (OutOfMemoryError, "over 10 tokens must fit in the memory of cpu")),
        (LossCancelledError("stopped"), (LossCancelledError, r"^stopped$")),
    ],
)
def test_whatever_a_pass_raises_is_one_clear_error(error, expected):
    batch = {"input_ids": torch.zeros(2, 5, dtype=torch.int64)}
    with pytest.raises(expected[0], match=expected[1]), raising_loss_errors(batch, torch.device("cpu")):
        raise error


def test_the_logits_asked_for_are_taken_from_those_of_all_positions(model):
    every = torch.arange(5.0)[None, :, None]
    assert kept_logits(model, every, [1, 3], length=5).flatten().tolist() == [1, 3]
    assert kept_logits(model, every, [0, 1, 2, 3, 4], length=9) is every
    with pytest.raises(LossError, match="for the 2 positions asked for or for all 4, got 5; its loss"):
        kept_logits(model, every, [1, 3], length=4)


def test_inputs_go_to_the_first_device_that_holds_weights(model):
    own = deepcopy(model)
    assert input_device(own) == torch.device("cpu")
    own.model.visual.to("meta")  # as what accelerate fetches from elsewhere when it is needed
    assert input_device(own) == torch.device("cpu")


def test_the_memory_of_a_process_does_not_shrink():
    device = torch.device("cpu")
    reset_peak_memory(device)
    before = peak_memory(device)
    held = torch.ones(2**24)
    assert before is None or peak_memory(device) >= max(before, held.nbytes)
