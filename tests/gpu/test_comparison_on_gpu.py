"""The comparison on a model of real size, with random weights; a small one runs the same code where there is no GPU.

``python -m pytest tests/gpu -s`` prints the figures.
"""

from copy import deepcopy

import pytest
import torch

from vtg_core.inspection import inspect_templates
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames
from vtg_core.windows import Window

from ..benchmarks.audit import write_clip
from ..families import qwen3_vl_2b, sharpened
from .real_size import in_words, measure

needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.serial,  # they measure the memory and the time of a device that workers share
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


def on_gpu(test):
    for mark in needs_gpu:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def in_size(processor):
    """The demo's processor, with frames that keep their size."""
    own = deepcopy(processor)
    own.video_processor.size = {"shortest_edge": 4_096, "longest_edge": 10**9}
    return own


def inspect(video, processor):
    return list(
        inspect_templates(
            video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES
        )
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@on_gpu
@pytest.mark.parametrize("num_frames", [32, 128], ids=["5k", "20k"])
def test_sixteen_templates_share_a_pass_and_hold_little_more_than_one_in_bfloat16(
    clip, in_size, num_frames, capsys
):
    inspections = inspect(sample_frames(clip, FramePolicy(num_frames=num_frames)), in_size)
    model = qwen3_vl_2b(in_size, device="cuda", dtype=torch.bfloat16)
    measured = measure(model, inspections, in_size.tokenizer)
    with capsys.disabled():
        print("\n" + in_words(measured, model))
    assert measured.plain_because == ""
    assert measured.num_tokens > 5_000
    assert measured.shared_bytes < 1.5 * measured.plain_bytes


@on_gpu
def test_bfloat16_is_no_farther_from_float32_than_its_own_plain_pass(clip, in_size, capsys):
    inspections = inspect(sample_frames(clip, FramePolicy(num_frames=32)), in_size)
    full = qwen3_vl_2b(in_size, device="cuda", dtype=torch.float32)
    exact = measure(full, inspections, in_size.tokenizer, num_rounds=1)
    truth = nll_of(full, inspections, in_size)
    half = full.to(torch.bfloat16)
    rounded = measure(half, inspections, in_size.tokenizer, num_rounds=1)
    far = max(abs(a - b) for a, b in zip(truth, nll_of(half, inspections, in_size), strict=True))
    with capsys.disabled():
        print(f"\n{in_words(exact, full)}\n{in_words(rounded, half)}\nbfloat16 from float32: {far:.1e} nats")
    assert exact.largest_difference < 1e-3
    assert rounded.largest_difference < max(0.05, 2 * far)


@on_gpu
def test_a_model_that_is_spread_over_all_cards_shares_a_pass(processor, video):
    from vtg_core.checkpoints.loading import load_model

    measured = measure(
        load_model("demo", device_map="auto", dtype="float32"),
        inspect(video, processor),
        processor.tokenizer,
        num_rounds=1,
    )
    assert measured.plain_because == ""
    assert measured.largest_difference < 1e-3


def nll_of(model, inspections, processor):
    from vtg_core.comparison.on_video import TemplateComparison

    losses = {
        loss.answer + loss.template: loss
        for loss in TemplateComparison(model, inspections, processor.tokenizer)
    }
    return [token.nll for name in sorted(losses) for token in losses[name].loss.tokens]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_measured_on_a_gpu_runs_anywhere_on_a_small_model(processor, video, dtype):
    inspections = inspect(video, processor)
    model = sharpened(
        qwen3_vl_2b(
            processor,
            num_layers=2,
            vocab_size=len(processor.tokenizer),
            width=64,
            has_small_vision=True,
            dtype=dtype,
        ),
        2,
    )
    measured = measure(model, inspections, processor.tokenizer, num_rounds=1)
    assert measured.plain_because == ""
    assert measured.largest_difference < (1e-4 if dtype is torch.float32 else 0.5)
    assert measured.shared_seconds > 0
    assert len(nll_of(model, inspections, processor)) == 8 * 12 + 8 * 5
    said = in_words(measured, model)
    assert f"torch {torch.__version__}" in said
    assert "passes" in said
