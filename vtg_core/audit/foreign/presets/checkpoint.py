"""The checkpoint behind a processor, for frameworks that ask for more of it than the processor."""

from typing import TYPE_CHECKING

from vtg_core.errors import VTGError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin


def folder_of(processor: "ProcessorMixin") -> str:
    """Return the folder or the hub id that a processor was loaded from.

    Raises:
        VTGError: it does not say.
    """
    folder = str(processor.tokenizer.name_or_path or "")
    if not folder:
        raise VTGError(
            "the processor must say which checkpoint it was loaded from, and does not; load it by name"
        )
    return folder


def weightless_model(folder: str) -> "PreTrainedModel":
    """Return a checkpoint's model without weights: collators ask it where tokens stand in space and time."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder))
