"""Unsloth: its vision collator, with its defaults or with its option to train on responses only."""

import os
from copy import copy
from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.checkpoint import folder_of, weightless_model
from vtg_core.audit.foreign.presets.registry import Collate, is_imported
from vtg_core.audit.foreign.presets.rows import plain_parts
from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import learn_markup

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return Unsloth's data path; its package is imported without its patches for GPUs, which touch no label.

    Args:
        processor: of the checkpoint; it is copied, as the collator patches it.
        argument: ``responses-only`` for ``train_on_responses_only=True``, its two parts as the chat template opens a turn;
            the defaults where it is empty.
    """
    if not is_imported("unsloth_zoo"):
        os.environ.setdefault("UNSLOTH_IS_PRESENT", "1")
        os.environ.setdefault("UNSLOTH_ZOO_DISABLE_GPU_INIT", "1")
    from unsloth_zoo.vision_utils import UnslothVisionDataCollator

    own = copy(processor)
    own.tokenizer = copy(processor.tokenizer)
    options: dict[str, Any] = {}
    if argument == "responses-only":
        opening = learn_markup(processor).opening
        options = {
            "train_on_responses_only": True,
            "instruction_part": opening[Role.USER],
            "response_part": opening[Role.ASSISTANT],
        }
    collate = UnslothVisionDataCollator(weightless_model(folder_of(processor)), own, **options)
    return lambda samples: collate([{"messages": plain_parts(sample["messages"])} for sample in samples])
