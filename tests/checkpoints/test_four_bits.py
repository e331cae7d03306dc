"""Weights in four bits: what is asked of transformers, and what is said where bitsandbytes is not installed."""

from importlib.util import find_spec

import pytest
import torch

from vtg_core.checkpoints.adapters import model_label
from vtg_core.checkpoints.four_bits import check_four_bits, four_bits
from vtg_core.checkpoints.loading import load_model, loaded_model
from vtg_core.collator import pad
from vtg_core.commands.cli import main
from vtg_core.commands.start import page_parser, page_settings
from vtg_core.dashboard import Settings
from vtg_core.dashboard.work.kept import model_shape_of
from vtg_core.errors import CheckpointError, LossError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.score import score
from vtg_core.probes.trainable_copy import check_trainable
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

IS_THERE = find_spec("bitsandbytes") is not None
with_it = pytest.mark.skipif(not IS_THERE, reason="needs bitsandbytes: pip install 'vtg-lens[4bit]'")
without_it = pytest.mark.skipif(IS_THERE, reason="is about a machine without bitsandbytes")


def test_nobody_needs_bitsandbytes_who_does_not_ask_for_four_bits():
    assert check_four_bits(False) is False
    assert page_settings(page_parser().parse_args([])).load_in_4bit is False


def test_the_form_is_that_of_qlora_and_computes_in_the_type_that_was_asked_for():
    config = four_bits("bfloat16")
    assert (config.load_in_4bit, config.bnb_4bit_quant_type) == (True, "nf4")
    assert config.bnb_4bit_compute_dtype is torch.bfloat16


@without_it
def test_the_page_says_at_once_that_bitsandbytes_is_missing():
    options = page_parser().parse_args(["--load-in-4bit"])
    with pytest.raises(
        CheckpointError, match=r"needs the package bitsandbytes, which is not installed; pip inst"
    ):
        page_settings(options)


@without_it
def test_transformers_is_asked_for_four_bits_and_its_refusal_is_told():
    with pytest.raises(
        CheckpointError, match=r"must be brought into four bits by bitsandbytes on cpu, and cannot"
    ):
        load_model("demo", device="cpu", load_in_4bit=True)


@without_it
@pytest.mark.parametrize("command", ["loss", "probe"])
def test_a_command_ends_with_that_sentence(capsys, command):
    asked = ["--video", "assets/red_circle.mp4", "--query", "a", "--window", "8", "14", "--num-frames", "2"]
    options = ["--device", "cpu", "--template", "direct", "--answer", "standard", "--load-in-4bit"]
    assert main([command, *asked, *options]) == 1
    assert "Using `bitsandbytes` 4-bit quantization requires bitsandbytes" in capsys.readouterr().err


def test_a_model_in_four_bits_is_another_with_a_name_of_its_own():
    assert model_label("demo", "mine", load_in_4bit=True) == "demo in 4 bit with adapter mine"
    assert Settings(load_in_4bit=True).model_label == "demo in 4 bit"
    load_model("demo", device="cpu")
    assert loaded_model("demo", device="cpu", load_in_4bit=True) is None


def test_its_weights_are_counted_in_four_bits_before_it_is_loaded():
    whole, packed = (
        model_shape_of(Settings(checkpoint="demo-untrained", device="cpu", load_in_4bit=asked))
        for asked in (False, True)
    )
    assert packed.num_params == whole.num_params
    assert packed.weight_bytes < whole.weight_bytes == 4 * whole.num_params


@with_it
def test_the_loss_in_four_bits_is_near_that_in_float32_and_its_weights_take_no_steps(processor, video):
    asked = inspect_templates(
        video, "a red circle", [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    batch = pad([one.encoded for one in asked], processor)
    [whole] = score(model := load_model("demo", device="cpu"), batch, processor.tokenizer)
    num_weights = ModelShape.of(model).num_params
    model = load_model("demo", device="cpu", load_in_4bit=True)
    [packed] = score(model, batch, processor.tokenizer)
    assert model.is_loaded_in_4bit
    assert packed.mean_nll == pytest.approx(whole.mean_nll, abs=1)
    assert ModelShape.of(model).num_params == num_weights
    with pytest.raises(LossError, match="quantised"):
        check_trainable(model)
