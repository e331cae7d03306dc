"""axolotl: its processing strategy, which masks by the borders of turns, and its multimodal collator."""

from copy import copy
from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.configs import read_config
from vtg_core.audit.foreign.presets.registry import Collate
from vtg_core.audit.foreign.presets.rows import plain_parts

if TYPE_CHECKING:
    from transformers import ProcessorMixin

TAKEN = {"role_boundaries": "role_boundaries_override"} | {
    name: name for name in ("train_on_inputs", "roles_to_train", "train_on_eos", "image_size")
}
"""What of a configuration its strategy takes, and what it calls it."""


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return axolotl's data path.

    Args:
        processor: of the checkpoint; it is copied.
        argument: the YAML file that a training run is started with; ``chat_template: qwen2_vl`` where it is empty, as its
            examples for Qwen's video models have it.
    """
    from axolotl.processing_strategies import get_processing_strategy
    from axolotl.utils.collators.mm_chat import MultiModalChatDataCollator

    config = read_config(argument) if argument else {}
    options: dict[str, Any] = {theirs: config[name] for name, theirs in TAKEN.items() if name in config}
    own = copy(processor)
    own.tokenizer = copy(processor.tokenizer)
    strategy = get_processing_strategy(own, None, config.get("chat_template", "qwen2_vl"), **options)
    collate = MultiModalChatDataCollator(own.tokenizer, strategy)
    return lambda samples: collate([{"messages": plain_parts(sample["messages"])} for sample in samples])
