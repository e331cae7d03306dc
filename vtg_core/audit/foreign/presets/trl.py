"""TRL: the collator that ``SFTTrainer`` makes for a data set with videos, by what ``SFTConfig`` says is trained."""

from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.registry import Collate
from vtg_core.audit.foreign.presets.rows import plain_parts

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return TRL's own collator, without a bound on the length, as its documents advise for videos.

    Args:
        processor: of the checkpoint.
        argument: ``messages`` (the default: a conversation, all of it trained), ``prompt-completion`` (the answer in a
            column of its own), or ``assistant-only`` (``assistant_only_loss=True``).
    """
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    options: dict[str, Any] = {"max_length": None}
    if argument == "prompt-completion":
        options["completion_only_loss"] = True
    elif argument == "assistant-only":
        options |= {"assistant_only_loss": True, "chat_template": _training_template(processor)}
    collate = DataCollatorForVisionLanguageModeling(processor, **options)
    row = _split if argument == "prompt-completion" else _whole
    return lambda samples: collate([row(plain_parts(sample["messages"])) for sample in samples])


def _training_template(processor: "ProcessorMixin") -> str | None:
    """Return the chat template with ``{% generation %}`` tags that ``SFTTrainer`` would take; None for the processor's."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(processor.chat_template):
        return None
    patched: str | None = get_training_chat_template(processor)
    return patched


def _whole(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"images": [], "messages": messages}


def _split(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"images": [], "prompt": messages[:-1], "completion": messages[-1:]}
