"""What only a CUDA device can show. Skipped without one, unless ``VTG_REQUIRE=gpu`` demands it."""

import pytest
import torch

from vtg_core.checkpoints.loading import load_model
from vtg_core.checkpoints.placement import resolve_device, resolve_precision
from vtg_core.collator import SFTCollator
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import OutOfMemoryError
from vtg_core.loss.score import score
from vtg_core.video.plan import FramePolicy

from ..conftest import ASSETS, DEMO_NAMES

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.serial,  # they measure the memory of a device that workers share
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.fixture(scope="module")
def samples():
    dataset = VideoTemporalSFTDataset(
        ASSETS / "demo_annotations.json", use_random_templates=False, frames=FramePolicy(num_frames=32)
    )
    return [dataset[0], dataset[1]]


def reports(name, processor, samples, **where):
    return score(load_model(name, **where), SFTCollator(processor)(samples), processor.tokenizer)


def test_cuda_in_bfloat16_is_the_default():
    assert (resolve_device(), resolve_precision("auto", "cuda")) == ("cuda", "bfloat16")


@pytest.mark.parametrize("name", DEMO_NAMES)
def test_float32_on_the_gpu_equals_the_cpu(name, processors_by_name, samples):
    processor = processors_by_name[name]
    cpu = reports(name, processor, samples, device="cpu", dtype="float32")
    gpu = reports(name, processor, samples, device="cuda", dtype="float32")
    for a, b in zip(cpu, gpu, strict=True):
        assert [t.nll for t in a.tokens] == pytest.approx([t.nll for t in b.tokens], abs=1e-3)


@pytest.mark.parametrize("name", DEMO_NAMES)
def test_bfloat16_stays_near_float32_and_equals_the_models_own_loss(name, processors_by_name, samples):
    processor = processors_by_name[name]
    full = reports(name, processor, samples[:1], device="cuda", dtype="float32")[0]
    [half] = reports(name, processor, samples[:1], device="cuda")
    assert (half.device, half.dtype) == ("cuda:0", "bfloat16")
    assert half.mean_nll == pytest.approx(full.mean_nll, abs=0.05)
    assert half.mean_nll == pytest.approx(half.model_loss, abs=0.01)
    assert 0 < half.peak_memory_bytes < 2**30


def test_out_of_memory_is_one_sentence_and_the_next_pass_runs(processors_by_name, samples):
    processor = processors_by_name["demo"]
    model = load_model("demo", device="cuda", dtype="float32")
    batch = SFTCollator(processor)(samples)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        with pytest.raises(
            OutOfMemoryError, match=r"a forward pass over [\d,]+ tokens must fit.*fewer frames"
        ):
            score(model, batch, processor.tokenizer)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert score(model, batch, processor.tokenizer)[0].num_supervised == 12
