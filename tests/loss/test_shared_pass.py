import gc
import math
import weakref
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import dispatch_model

from tests import families
from tests.conftest import ASSETS
from tests.pairs import DEMOS, in_turns
from vtg_core.collator import SFTCollator
from vtg_core.errors import LossCancelledError, LossError
from vtg_core.inspection import inspect_templates
from vtg_core.loss import shared_pass
from vtg_core.loss.continuation import tree_mask
from vtg_core.loss.score import score_batch
from vtg_core.loss.shared_pass import as_batch, plan_shared_pass, run_plan
from vtg_core.masking.labelled_tokens import CODE_OF
from vtg_core.regions import MaskPolicy, RegionKind
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

WINDOWS = (Window(8, 14),)
NO_CACHE = "not all of its layers keep the keys and values of every token"


def encode(processor, video, templates=TEMPLATES, windows=WINDOWS, policy=None):
    inspections = inspect_templates(
        video, "a red circle appears", windows, processor=processor, templates=templates, policy=policy
    )
    return [inspection.encoded for inspection in inspections]


@pytest.fixture(scope="module")
def samples_by_name(processors_by_name, video):
    return {name: encode(processor, video) for name, processor in processors_by_name.items()}


@pytest.fixture(scope="module")
def sharp_by_name(untrained_by_name):
    return {name: families.sharpened(model) for name, model in untrained_by_name.items()}


@pytest.fixture(scope="module")
def samples(samples_by_name):
    return samples_by_name["demo"]


@pytest.fixture(scope="module")
def sharp(sharp_by_name):
    return sharp_by_name["demo"]


def run(model, samples, **options):
    """Return the scores in the samples' order, and the plan they were run by."""
    plan = plan_shared_pass(model, samples)
    found = {scored.number: scored for scored in run_plan(model, samples, plan, **options)}
    assert len(found) == len(samples)
    return [found[number] for number in range(len(samples))], plan


def plain(model, samples):
    return [score_batch(model, as_batch(sample)) for sample in samples]


def check_equal(found, expected, tolerance=1e-4):
    for own, other in zip(found, expected, strict=True):
        assert own.columns.tolist() == other.columns.tolist()
        assert own.vocab_size == other.vocab_size
        assert own.scores.nll.tolist() == pytest.approx(other.scores.nll.tolist(), abs=tolerance)
        assert own.scores.entropy.tolist() == pytest.approx(other.scores.entropy.tolist(), abs=tolerance)
        assert torch.allclose(own.scores.top_probs, other.scores.top_probs, atol=tolerance)

    for name in ("ranks", "top_ids"):
        check_nearly_equal(found, expected, name)


def check_nearly_equal(found, expected, name):
    """Let one in a hundred differ, and in short answers two: tokens that are as likely, but for the rounding."""
    own, other = (torch.cat([getattr(one.scores, name) for one in all_of]) for all_of in (found, expected))
    assert name != "ranks" or int((own - other).abs().max()) <= 1
    assert int((own != other).sum()) <= max(2, own.numel() // 100)


def check_shared(model, samples, **options):
    found, plan = run(model, samples, **options)
    assert plan.plain_because == ""
    assert plan.num_tokens < plan.num_plain_tokens or len(samples) == 1
    check_equal(found, plain(model, samples))
    return plan


def check_plain(model, samples, reason):
    found, plan = run(model, samples)
    assert plan.plain_because == reason
    assert plan.num_tokens == plan.num_plain_tokens == sum(map(len, samples))
    check_equal(found, plain(model, samples))


def largest_difference(found, expected):
    return max(float((a.scores.nll - b.scores.nll).abs().max()) for a, b in zip(found, expected, strict=True))


# Exactness


@pytest.mark.parametrize(("windows", "name"), in_turns([[(8, 14)], [(5, 9), (18, 23.5), (0, 30)]], DEMOS))
def test_sixteen_templates_cost_what_a_plain_pass_says(
    models_by_name, sharp_by_name, processors_by_name, video, name, windows
):
    samples = encode(processors_by_name[name], video, windows=[Window(*window) for window in windows])
    for model in (models_by_name[name], sharp_by_name[name]):
        plan = check_shared(model, samples)
        assert plan.num_tokens < plan.num_plain_tokens / 2


@pytest.mark.parametrize("name", DEMOS)
def test_a_token_that_sees_another_branch_would_cost_something_else(
    sharp_by_name, samples_by_name, monkeypatch, name
):
    model, samples = sharp_by_name[name], samples_by_name[name]
    monkeypatch.setattr(shared_pass, "tree_mask", lambda seen, *rest: tree_mask(np.tril(seen | True), *rest))
    assert largest_difference(run(model, samples)[0], plain(model, samples)) > 0.5


@pytest.mark.parametrize("name", DEMOS)
def test_a_token_at_a_position_not_its_own_would_cost_something_else(
    sharp_by_name, samples_by_name, monkeypatch, name
):
    model, samples, own = sharp_by_name[name], samples_by_name[name], shared_pass.position_ids
    monkeypatch.setattr(shared_pass, "position_ids", lambda *given: own(*given) // 2)
    assert largest_difference(run(model, samples)[0], plain(model, samples)) > 0.1


@pytest.mark.parametrize(
    ("build", "name"),
    [(families.qwen2_vl, "demo-qwen2.5-vl"), (families.qwen3_vl_moe, "demo")],
    ids=["qwen2_vl", "qwen3_vl_moe"],
)
def test_families_without_a_demo_share_a_pass_too(models_by_name, samples_by_name, build, name):
    check_shared(families.sharpened(build(models_by_name[name]), 3), samples_by_name[name])


@pytest.mark.parametrize(
    ("build", "name"),
    [(families.qwen3_5, "demo"), (families.qwen2_5_vl_with_sliding_windows, "demo-qwen2.5-vl")],
    ids=["linear attention", "sliding windows"],
)
def test_a_cache_that_forgets_leads_to_plain_passes(models_by_name, samples_by_name, build, name):
    check_plain(build(models_by_name[name]), samples_by_name[name][::5], NO_CACHE)


def as_text(sample):
    """Return what is left of a sample without its video."""
    tokens = replace(sample.tokens, kinds=np.full_like(sample.tokens.kinds, CODE_OF[RegionKind.CHAT]))
    return replace(sample, tokens=tokens, media={}, token_features={})


@pytest.mark.parametrize("family", ["Qwen3", "Llama"])
def test_text_alone_shares_a_pass(samples, processor, family):
    model = families.text_model(family, len(processor.tokenizer))
    check_shared(families.sharpened(model, 3), [as_text(sample) for sample in samples])


def test_text_alone_with_sliding_windows_gets_plain_passes(samples, processor):
    model = families.text_model("Mistral", len(processor.tokenizer), sliding_window=32)
    check_plain(model, [as_text(sample) for sample in samples[:3]], NO_CACHE)


@pytest.mark.parametrize("name", DEMOS)
def test_eager_attention_is_as_exact(sharp_by_name, samples_by_name, name):
    model = deepcopy(sharp_by_name[name])
    model.set_attn_implementation("eager")
    check_shared(model, samples_by_name[name])


@pytest.mark.parametrize(("nodes_a_step", "name"), in_turns([1, 7, 100], DEMOS))
def test_steps_change_nothing(sharp_by_name, samples_by_name, monkeypatch, name, nodes_a_step):
    model, samples = sharp_by_name[name], samples_by_name[name][:: 8 if nodes_a_step == 1 else 1]
    width = plan_shared_pass(model, samples).num_tokens
    monkeypatch.setattr(shared_pass, "MAX_MASK_BYTES", 4 * width * nodes_a_step)
    check_shared(model, samples)


@pytest.mark.parametrize(("dtype", "name"), in_turns([torch.bfloat16, torch.float16], DEMOS))
def test_in_a_small_type_the_shared_pass_is_as_near_the_truth_as_a_plain_one(
    sharp_by_name, samples_by_name, name, dtype
):
    model, samples = sharp_by_name[name], samples_by_name[name]
    small = deepcopy(model).to(dtype)
    truth, rounded = plain(model, samples), plain(small, samples)
    found, plan = run(small, samples)
    assert plan.plain_because == ""
    assert largest_difference(found, truth) < 1.5 * largest_difference(rounded, truth)


@pytest.mark.parametrize("name", DEMOS)
def test_in_bfloat16_a_token_of_an_untrained_demo_is_within_a_hundredth_of_a_nat(
    untrained_by_name, samples_by_name, name
):
    small = deepcopy(untrained_by_name[name]).bfloat16()
    found, _ = run(small, samples_by_name[name])
    assert largest_difference(found, plain(small, samples_by_name[name])) < 0.01


def test_in_bfloat16_a_token_of_the_trained_demo_is_within_a_tenth_of_a_nat(model, samples):
    small = deepcopy(model).bfloat16()
    found, _ = run(small, samples)
    assert largest_difference(found, plain(small, samples)) < 0.1


def test_a_model_with_layers_on_disk_is_as_exact(sharp, samples, tmp_path):
    """Stands for a model that is spread over cards: its layers are fetched by the same hooks of accelerate."""
    model = deepcopy(sharp)
    where = {"model.visual": "cpu", "model.language_model.embed_tokens": "cpu", "lm_head": "cpu"}
    where |= {f"model.language_model.layers.{n}": "disk" if n % 2 else "cpu" for n in range(4)}
    where |= {"model.language_model.norm": "disk", "model.language_model.rotary_emb": "cpu"}
    skipped = model._skip_keys_device_placement
    model = dispatch_model(model, where, main_device="cpu", offload_dir=tmp_path, skip_keys=skipped)
    assert {weight.device.type for weight in model.parameters()} == {"cpu", "meta"}
    found, plan = run(model, samples)
    assert plan.plain_because == ""
    check_equal(found, plain(sharp, samples))


# What samples may be


def test_one_template_alone_is_exact(sharp, samples):
    plan = check_shared(sharp, samples[:1])
    assert len(plan.tree) == 1


def test_templates_that_read_alike_are_run_once_and_told_twice(sharp, samples):
    plan = check_shared(sharp, [samples[3], samples[0], samples[3]])
    assert plan.tree.nodes[0].tolist() == plan.tree.nodes[2].tolist()


def test_answers_behind_one_prompt_are_predicted_from_inside_the_trunk(sharp, processor, video):
    pairs = [[(8, 14)], [(8, 15)], [(8, 14), (20, 21)], [(9, 14)]]
    samples = [
        encode(processor, video, TEMPLATES[:1], [Window(*window) for window in windows])[0]
        for windows in pairs
    ]
    first_column = samples[0].answer_starts[0]
    assert check_shared(sharp, samples).tree.num_shared > first_column
    assert check_shared(sharp, samples[:2]).tree.num_shared > first_column + 5


def test_a_token_predicted_by_the_trunks_last_is_exact(sharp, samples):
    """The trunk ends where the second template parts from the first; what comes next is made the first label."""
    num_shared = plan_shared_pass(sharp, samples[:2]).tree.num_shared
    changed = []
    for sample in samples[:2]:
        labels = sample.labels.clone()
        labels[num_shared - 1 : num_shared + 2] = sample.input_ids[num_shared - 1 : num_shared + 2]
        changed.append(replace(sample, labels=labels))
    assert check_shared(sharp, changed).tree.num_shared == num_shared


def test_a_sample_whose_labels_end_in_the_trunk_is_told_too(sharp, samples):
    alike = [samples[0], samples[8]]  # "Given the video, please ..." and "Given the video, mark ..."
    num_shared = plan_shared_pass(sharp, alike).tree.num_shared
    labels = torch.full_like(samples[0].labels, -100)
    labels[num_shared - 3 : num_shared] = samples[0].input_ids[num_shared - 3 : num_shared]
    alike[0] = replace(samples[0], labels=labels)
    assert check_shared(sharp, alike).tree.num_shared == num_shared - 2


def test_labels_before_the_video_lead_to_plain_passes(sharp, samples):
    labels = torch.full_like(samples[0].labels, -100)
    labels[1:4] = samples[0].input_ids[1:4]
    changed = replace(samples[0], labels=labels)
    check_plain(sharp, [changed, samples[1]], "the samples part before their video ends")


@pytest.mark.parametrize(
    ("policy", "name"), in_turns([MaskPolicy(newline=True), MaskPolicy(end_of_turn=False)], DEMOS)
)
def test_every_policy_is_exact(sharp_by_name, processors_by_name, video, name, policy):
    check_shared(sharp_by_name[name], encode(processors_by_name[name], video, policy=policy))


def test_the_side_of_padding_plays_no_part(sharp, own_processor, video):
    own_processor.tokenizer.padding_side = "left"
    check_shared(sharp, encode(own_processor, video, TEMPLATES[:3]))


def test_a_video_behind_the_words_leads_to_plain_passes(sharp, processor):
    collator = SFTCollator(processor, frames=FramePolicy(num_frames=4))
    shown = {"type": "video", "video": str(ASSETS / "red_circle.mp4")}
    samples = []
    for words in ("When?", "From when to when?"):
        asked = {"role": "user", "content": [{"type": "text", "text": words}, shown]}
        answer = {"role": "assistant", "content": [{"type": "text", "text": "[8.0, 14.0]"}]}
        samples.append(collator.encode({"messages": [asked, answer]}))
    check_plain(sharp, samples, "the samples part before their video ends")


def test_two_videos_get_plain_passes(sharp, processor, video, other_video):
    samples = [*encode(processor, video, TEMPLATES[:1]), *encode(processor, other_video, TEMPLATES[:1])]
    check_plain(sharp, samples, "the samples do not show the same video")


def test_the_same_frames_processed_twice_are_the_same_video(sharp, processor, video):
    samples = [*encode(processor, video, TEMPLATES[:1]), *encode(processor, video, TEMPLATES[1:2])]
    check_shared(sharp, samples)


# How a run goes


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("is_plain", [False, True], ids=["shared", "plain"])
def test_layers_are_counted_up_to_their_number(models_by_name, samples_by_name, monkeypatch, name, is_plain):
    samples, counted = samples_by_name[name][:3], []
    plan = plan_shared_pass(models_by_name[name], samples)
    plan = replace(plan, plain_because="asked for" if is_plain else "")
    monkeypatch.setattr(shared_pass, "MAX_MASK_BYTES", 4 * plan.num_tokens * 60)
    list(run_plan(models_by_name[name], samples, plan, on_layer=lambda *count: counted.append(count)))
    total = counted[0][1]
    assert total > 3 * 4
    assert counted == [(n, total) for n in range(1, total + 1)]


@pytest.mark.parametrize("at", [1, 8, 9])
def test_a_run_that_is_stopped_leaves_the_model_usable(sharp, samples, at):
    model = deepcopy(sharp).train()

    def stop(begun, _total):
        if begun == at:
            raise LossCancelledError("stopped")

    plan = plan_shared_pass(model, samples[:3])
    with pytest.raises(LossCancelledError, match=r"^stopped$"):
        list(run_plan(model, samples[:3], plan, on_layer=stop))
    assert model.training
    assert all(not module._forward_pre_hooks for module in model.modules())
    check_equal(run(model, samples[:3])[0], plain(sharp, samples[:3]))


def test_a_sequence_is_told_as_soon_as_it_is_known(sharp, samples, monkeypatch):
    plan = plan_shared_pass(sharp, samples)
    monkeypatch.setattr(shared_pass, "MAX_MASK_BYTES", 4 * plan.num_tokens * 100)
    begun, when = [0], []

    def count(number, _total):
        begun[0] = number

    for scored in run_plan(sharp, samples, plan, on_layer=count):
        when.append((begun[0], scored.number))
    assert [number for _, number in when] == list(range(16))
    assert len({layers for layers, _ in when}) > 4


def test_the_model_is_left_as_it_was(sharp, samples):
    before = {name: value.clone() for name, value in sharp.state_dict().items()}
    run(sharp, samples)
    assert all(torch.equal(value, before[name]) for name, value in sharp.state_dict().items())
    assert all(parameter.grad is None for parameter in sharp.parameters())


@pytest.mark.parametrize("is_asked_before", [True, False])
def test_the_layer_that_is_not_finite_is_named_with_a_token(models_by_name, samples, is_asked_before):
    broken = deepcopy(models_by_name["demo"])
    plan = plan_shared_pass(broken, samples) if is_asked_before else None
    with torch.no_grad():
        broken.model.language_model.layers[2].mlp.down_proj.weight[5, 7] = math.nan
    plan = plan or plan_shared_pass(broken, samples)
    with pytest.raises(
        LossError,
        match=r"not at token \d[\d,]* in float32; its weights are broken; the output of "
        r"model\.language_model\.layers\.2 is the first that is not finite, at its position 0",
    ):
        list(run_plan(broken, samples, plan))


def test_an_overflow_of_float16_is_told_and_float32_holds_it(models_by_name, samples):
    model = deepcopy(models_by_name["demo"])
    with torch.no_grad():
        model.model.language_model.layers[1].mlp.down_proj.weight.mul_(1e6)
    assert all(bool(scored.scores.nll.isfinite().all()) for scored in run(model, samples)[0])
    with pytest.raises(
        LossError, match=r"in float16; try --dtype float32; the output of model\.language_model\.layers\.1 is"
    ):
        run(model.half(), samples)


def test_an_id_outside_the_vocabulary_is_refused(sharp, samples):
    ids = samples[1].tokens.input_ids.copy()
    ids[-2] = 99_999
    outside = replace(samples[1], tokens=replace(samples[1].tokens, input_ids=ids))
    with pytest.raises(LossError, match=r"vocabulary of [\d,]+, got 99,999"):
        run(sharp, [samples[0], outside])


def test_nothing_keeps_a_model_alive(models_by_name, samples):
    model = deepcopy(models_by_name["demo"])
    run(model, samples[:2])
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None
