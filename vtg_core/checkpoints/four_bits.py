"""Weights in four bits, made by bitsandbytes while a model is loaded; nothing needs it unless it is asked for."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from vtg_core.checkpoints.source import first_sentence
from vtg_core.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig, PreTrainedModel

PACKAGE = "bitsandbytes"


def check_four_bits(load_in_4bit: bool) -> bool:
    """Return whether four bits are asked for, if bitsandbytes is there to make them; nothing is imported.

    Raises:
        CheckpointError: it is not installed.
    """
    if load_in_4bit and find_spec(PACKAGE) is None:
        raise CheckpointError(
            f"--load-in-4bit needs the package {PACKAGE}, which is not installed; pip install 'vtg-lens[4bit]', or "
            "leave it out"
        )
    return load_in_4bit


def four_bits(dtype: str) -> "BitsAndBytesConfig":
    """Return what transformers is told: NF4, computed with in ``dtype``, as QLoRA trains.

    Source: Dettmers et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", section 3.
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype)
    )


def spare_narrow_layers(model: "PreTrainedModel") -> None:
    """Keep bitsandbytes from its fastest way on the CPU in layers for which it fails.

    There it takes the factors of a row's blocks of 64 weights for a table of rows, which they are only where a row
    ends with a block: in every large model, and not in the demo. The other way computes the same.
    """
    for module in model.modules():
        if getattr(module, _PACKS, False) and module.in_features % BLOCK:
            setattr(module, _PACKS, False)


_PACKS = "support_avx512bf16_for_cpu"
"""What bitsandbytes calls it in each of its layers."""
BLOCK = 64
"""Weights with a factor of their own."""


def is_about_four_bits(error: Exception) -> bool:
    """Say whether a model was not loaded for want of bitsandbytes, or of a device that it can use."""
    said = str(error).lower()
    return isinstance(error, ImportError) or any(word in said for word in (PACKAGE, "4bit", "4-bit", "quant"))


def why_not_in_four_bits(name: str, where: str, error: Exception) -> CheckpointError:
    """Return the error of a model that could not be loaded in four bits."""
    return CheckpointError(
        f"the model of {name!r} must be brought into four bits by {PACKAGE} on {where}, and cannot: "
        f"{first_sentence(error)}; pip install 'vtg-lens[4bit]', use another --device, or leave --load-in-4bit out"
    )
