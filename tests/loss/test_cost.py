from dataclasses import replace

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vtg_core.checkpoints.loading import load_config, load_model, loaded_model
from vtg_core.collator import pad
from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.demo.models import demo_folder
from vtg_core.errors import OutOfMemoryError
from vtg_core.inspection import inspect_templates
from vtg_core.loss import cost as pass_cost
from vtg_core.loss.cost import (
    CLEARLY_OVER,
    PassCost,
    check_fits,
    estimate_pass,
    estimate_plain_passes,
    estimate_shared_pass,
    in_words,
    remember,
)
from vtg_core.loss.free_memory import free_memory
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.score import score
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

DEMOS = ["demo", "demo-qwen2.5-vl"]
GIGABYTE = 10**9


@pytest.fixture(autouse=True)
def _nothing_measured_yet(monkeypatch):
    monkeypatch.setattr(pass_cost, "_SCALES", {})


@pytest.fixture(scope="module")
def inspections(processor, video):
    return list(
        inspect_templates(video, "a red circle", [Window(8, 14)], processor=processor, templates=TEMPLATES)
    )


@pytest.fixture(scope="module")
def samples(inspections):
    return [inspection.encoded for inspection in inspections]


@pytest.fixture(scope="module")
def shape(model):
    return ModelShape.of(model)


@pytest.mark.parametrize("name", DEMOS)
def test_a_model_that_is_not_loaded_has_the_shape_of_the_one_that_is(models_by_name, name):
    loaded = ModelShape.of(models_by_name[name])
    unloaded = ModelShape.of_config(load_config(name), device="cpu", dtype="float32")
    assert unloaded == replace(loaded, is_loaded=False)
    assert loaded.name == str(demo_folder(name))


@pytest.mark.parametrize("name", DEMOS)
def test_the_parameters_of_text_vision_and_embeddings_are_all_there_are(models_by_name, name):
    shape = ModelShape.of(models_by_name[name])
    embeddings = shape.vocab_size * shape.hidden  # tied to the logits
    assert shape.text_params + shape.vision_params + embeddings == shape.num_params


def test_a_model_is_found_where_it_was_loaded_and_nowhere_else():
    model = load_model("demo", device="cpu", dtype="float32")
    assert loaded_model("demo", device="cpu", dtype="float32") is model
    assert loaded_model("demo", device="cpu", dtype="bfloat16") is None


def test_weights_that_are_not_loaded_yet_are_counted(shape, samples):
    there, absent = (estimate_pass(replace(shape, is_loaded=known), samples[0]) for known in (True, False))
    assert absent.memory_bytes - there.memory_bytes == 4 * shape.num_params


def test_templates_that_share_a_pass_cost_the_tokens_of_their_tree(
    model, processor, shape, samples, inspections
):
    plan = TemplateComparison(model, inspections, processor.tokenizer).plan
    assert estimate_shared_pass(shape, samples).num_tokens == plan.num_tokens
    assert estimate_shared_pass(shape, samples, tree=plan.tree).num_tokens == plan.num_tokens
    assert estimate_plain_passes(shape, samples).num_tokens == plan.num_plain_tokens


def test_sharing_is_estimated_to_take_less_than_a_pass_each(shape, samples):
    assert estimate_shared_pass(shape, samples).seconds < estimate_plain_passes(shape, samples).seconds / 4


def test_a_longer_video_costs_more(shape, samples, processor, other_video):
    [longer] = inspect_templates(
        other_video, "a red circle", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    short, long = estimate_pass(shape, samples[0]), estimate_pass(shape, longer.encoded)
    assert short.num_tokens < long.num_tokens
    assert short.seconds < long.seconds
    assert short.memory_bytes < long.memory_bytes


@pytest.mark.parametrize("name", DEMOS)
def test_the_operations_are_those_that_pytorch_counts(models_by_name, processors_by_name, other_video, name):
    model, processor = models_by_name[name], processors_by_name[name]
    [one] = inspect_templates(
        other_video, "a star", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    # PyTorch counts no fused attention of the CPU, and which processors have one differs.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        score(model, pad([one.encoded], processor), processor.tokenizer)
    estimated = estimate_pass(ModelShape.of(model), one.encoded).flops
    assert counter.get_total_flops() == pytest.approx(estimated, rel=0.35)


def test_a_pass_that_was_measured_makes_the_next_estimate(shape, samples):
    cost = estimate_pass(shape, samples[0])
    remember(shape, cost, 3 * cost.seconds)
    again = estimate_pass(shape, samples[0])
    assert again.seconds == pytest.approx(3 * cost.seconds)
    remember(shape, again, cost.seconds)
    assert estimate_pass(shape, samples[0]).seconds == pytest.approx(cost.seconds)


def test_what_was_measured_on_one_model_says_nothing_of_another(models_by_name, shape, samples):
    other = ModelShape.of(models_by_name["demo-qwen2.5-vl"])
    before = estimate_pass(other, samples[0]).seconds
    remember(shape, estimate_pass(shape, samples[0]), 100.0)
    assert estimate_pass(other, samples[0]).seconds == before


def test_the_models_own_loss_is_left_out_where_it_is_not_run(shape, samples):
    large = replace(shape, vocab_size=1_000_000)
    logits = len(samples[0]) * large.vocab_size * 8
    assert estimate_pass(large, samples[0]).memory_bytes > logits
    larger = replace(shape, vocab_size=4_000_000)
    assert estimate_pass(larger, samples[0]).memory_bytes < 2 * logits


def test_a_pass_that_is_clearly_too_large_is_refused_with_both_sizes():
    cost = PassCost(20_000, 5.0, 12 * GIGABYTE, 3 * GIGABYTE, 5.0, 1e9)
    with pytest.raises(
        OutOfMemoryError, match=r"20,000 tokens .* 12\.0 GB, which is 4\.0 times the 3\.0 GB that is free"
    ):
        check_fits(cost, "cpu")


@pytest.mark.parametrize("free", [None, 3 * GIGABYTE, int(3 * GIGABYTE / CLEARLY_OVER)])
def test_a_pass_that_may_fit_is_let_through(free):
    check_fits(PassCost(20_000, 5.0, 3 * GIGABYTE, free, 5.0, 1e9), "cpu")


def test_the_free_memory_of_this_machine_is_known():
    assert free_memory("cpu") > 10**7


@pytest.mark.parametrize(
    ("limit", "free"), [("1500", 1500 - 1000 + 300), ("900", 200), ("600", 0), ("max", None), (None, None)]
)
def test_a_container_has_no_more_than_its_own_limit(tmp_path, monkeypatch, limit, free):
    machine = free_memory("cpu")
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text("1000\n")
        (tmp_path / "memory.stat").write_text("anon 700\ninactive_file 300\n")
    monkeypatch.setattr("vtg_core.loss.free_memory.CONTROL_GROUP", tmp_path)
    found = free_memory("cpu")
    assert found == free if free is not None else found > machine / 2


def test_a_model_that_is_spread_has_what_all_devices_have_left(shape, samples, monkeypatch):
    left = {"cuda:0": 3 * GIGABYTE, "cuda:1": 5 * GIGABYTE, "cpu": 7 * GIGABYTE}
    monkeypatch.setattr(pass_cost, "free_memory", left.__getitem__)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    spread = replace(shape, is_spread=True)
    assert estimate_pass(spread, samples[0]).free_bytes == 15 * GIGABYTE
    assert estimate_pass(shape, samples[0]).free_bytes == 7 * GIGABYTE


@pytest.mark.parametrize(
    ("device_map", "is_spread"),
    [({"": "cpu"}, False), ({"model.visual": 0, "model.language_model": 1}, True)],
)
def test_a_model_is_spread_where_its_parts_lie_on_several_devices(model, monkeypatch, device_map, is_spread):
    monkeypatch.setattr(model, "hf_device_map", device_map, raising=False)
    assert ModelShape.of(model).is_spread is is_spread


@pytest.mark.parametrize(("size", "said"), [(23_400_000, "23 MB"), (1_440_000_000, "1.4 GB")])
def test_a_size_is_said_as_people_say_it(size, said):
    assert in_words(size) == said
