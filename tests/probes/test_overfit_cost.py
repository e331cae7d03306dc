import pytest

from vtg_core.errors import LossError
from vtg_core.loss.model_shape import ModelShape
from vtg_core.probes.overfit import MAX_ALL_WEIGHTS, Trained
from vtg_core.probes.overfit_cost import estimate_overfit
from vtg_core.probes.trainable_copy import lora_copy

LARGE = ModelShape(
    "large", "cuda:0", "bfloat16", True, False, 2_000_000_000, 1_400_000_000, 400_000_000,
    28, 2048, 6144, 1024, 24, 1024, 4096, 151_936,
)  # fmt: skip


def cost_of(shape, **options):
    sizes = {"num_tokens": 5_000, "num_patches": 20_000, "num_logits": 100, "num_steps": 20}
    return estimate_overfit(shape, **sizes | options)


def test_all_weights_of_a_small_model_take_three_passes_a_step_and_one_at_the_end(model):
    cost = cost_of(ModelShape.of(model))
    assert (cost.trained, cost.num_passes) == (Trained.ALL, 61)
    assert cost.num_trained_weights == model.num_parameters()
    assert cost.copy_bytes == cost.gradient_bytes == cost.optimizer_bytes / 2 == 4 * cost.num_trained_weights


def test_lora_of_a_large_model_runs_forward_backward_and_its_layers_again():
    assert LARGE.num_params > MAX_ALL_WEIGHTS
    cost = cost_of(LARGE)
    assert (cost.trained, cost.num_passes) == (Trained.LORA, 61)
    assert cost.copy_bytes + cost.gradient_bytes + cost.optimizer_bytes < 0.1 * LARGE.num_params
    assert cost_of(LARGE, trained="all").num_passes == 81
    assert cost_of(LARGE, trained="all").memory_bytes > 16 * LARGE.num_params


def test_lora_of_a_small_model_runs_forward_and_backward(model):
    assert cost_of(ModelShape.of(model), trained="lora").num_passes == 41


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_the_number_of_loras_weights_is_near(models_by_name, name):
    model = models_by_name[name]
    weights = [weight.numel() for weight in lora_copy(model).parameters() if weight.requires_grad]
    told = cost_of(ModelShape.of(model), trained="lora").num_trained_weights
    assert told == pytest.approx(sum(weights), rel=0.1)


def test_memory_is_the_sum_of_its_parts_and_grows_with_what_is_kept(model):
    cost = cost_of(LARGE)
    parts = cost.copy_bytes + cost.gradient_bytes + cost.optimizer_bytes + cost.activation_bytes
    assert cost.memory_bytes == parts
    assert cost_of(LARGE, num_tokens=10_000).activation_bytes > cost.activation_bytes
    assert cost_of(LARGE, num_logits=4_000).activation_bytes > cost.activation_bytes
    assert cost_of(LARGE, num_steps=1).memory_bytes == cost.memory_bytes


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_steps": 0}, "num_steps must be"), ({"trained": "x"}, "trained must be one of")],
)
def test_what_is_out_of_its_range_is_refused(options, message):
    with pytest.raises(LossError, match=message):
        cost_of(LARGE, **options)
