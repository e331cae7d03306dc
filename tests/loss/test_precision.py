import json

import pytest
import torch
from transformers import AutoModelForImageTextToText

from vtg_core.checkpoints.loading import load_model
from vtg_core.collator import pad
from vtg_core.demo.models import demo_folder
from vtg_core.errors import CheckpointError, LossCancelledError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.precision import compare_precisions
from vtg_core.loss.score import score
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window


@pytest.fixture
def batch(processor, video):
    [inspection] = inspect_templates(
        video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    return pad([inspection.encoded], processor)


def test_each_type_is_held_against_the_first(batch, processor, model):
    exact, brain, half = compare_precisions("demo", batch, processor.tokenizer, device="cpu")
    assert [report.dtype for report in (exact, brain, half)] == ["float32", "bfloat16", "float16"]
    [plain] = score(model, batch, processor.tokenizer)
    assert exact.mean_nll == pytest.approx(plain.mean_nll, abs=1e-6)
    assert exact.largest_difference == 0
    assert 0 < half.largest_difference < brain.largest_difference < 0.1
    assert all(
        report.is_finite and report.seconds > 0 and not report.reason for report in (exact, brain, half)
    )


@pytest.fixture
def overflowing(tmp_path, processor):
    """The demo with one weight that float32 and bfloat16 can bear, and float16 cannot."""
    model = AutoModelForImageTextToText.from_pretrained(demo_folder("demo"))
    model.get_decoder().layers[0].mlp.down_proj.weight.data.mul_(1e7)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return str(tmp_path)


def test_where_a_loss_stops_being_finite_is_told(batch, processor, overflowing):
    half, exact = compare_precisions(
        overflowing, batch, processor.tokenizer, device="cpu", dtypes=("float16", "float32")
    )
    assert (half.is_finite, half.mean_nll, half.seconds) == (False, None, None)
    assert "the loss must be finite, and is not at token" in half.reason
    assert "is the first that is not finite" in half.reason
    assert exact.is_finite
    assert exact.largest_difference is None


def test_a_type_that_cannot_be_run_is_told_and_the_next_is_run(batch, processor, tmp_path):
    folder = demo_folder("demo")
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    broken, other = compare_precisions(
        str(tmp_path), batch, processor.tokenizer, device="cpu", dtypes=("float32", "float16")
    )
    assert (broken.is_finite, broken.load_seconds) == (None, None)
    assert "must hold a model that transformers can load" in broken.reason
    assert other.dtype == "float16"


def test_a_device_that_is_not_there_is_an_error_at_once(batch, processor):
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(CheckpointError, match="must be on this machine"):
        compare_precisions("demo", batch, processor.tokenizer, device=missing)


def test_each_step_is_announced_and_can_end_it(batch, processor):
    steps = []

    def on_step(done, dtype):
        steps.append((done, dtype))
        if done:
            raise LossCancelledError("stopped")

    with pytest.raises(LossCancelledError):
        compare_precisions("demo", batch, processor.tokenizer, device="cpu", on_step=on_step)
    assert steps == [(0, "float32"), (1, "bfloat16")]


def test_one_model_is_kept_at_a_time(user_cache):
    import weakref

    first = weakref.ref(load_model("demo", device="cpu", dtype="float16"))
    load_model("demo", device="cpu", dtype="bfloat16")
    assert first() is None


def test_a_report_is_plain_values(batch, processor):
    [report] = compare_precisions("demo", batch, processor.tokenizer, device="cpu", dtypes=["auto"])
    assert json.loads(json.dumps(vars(report)))["dtype"] == "float32"
