"""What a chat template writes for training and not for serving, whatever a row says: learnt from probe conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import apply_chat_template
from vtg_core.chat.rendering import differs_in_space
from vtg_core.errors import MaskingError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class TemplateVerdict:
    """What tells training with a chat template from serving with it; empty where nothing does.

    Attributes:
        written, asked: what stands right before an answer in training, and in the generation prompt, where the two
            end in other white space.
        joined: the white space at the end of the generation prompt that becomes part of the first token of what is
            answered.
        unstable: the shortest conversation, as its roles, that is no continuation of the same without its last turn.
    """

    written: str = ""
    asked: str = ""
    joined: str = ""
    unstable: tuple[Role, ...] = ()


def judge_template(processor: "ProcessorMixin") -> TemplateVerdict:
    """Return what a chat template writes otherwise for training than for serving.

    Raises:
        MaskingError: it cannot render a question and an answer.
    """
    whole = apply_chat_template(processor, _said(Role.USER, Role.ASSISTANT))
    prompt = apply_chat_template(processor, _said(Role.USER), add_generation_prompt=True)
    before = whole[: whole.rfind(_ANSWER)]
    unstable = _first_unstable(processor)
    if differs_in_space(prompt, before) and not before.startswith(prompt):
        return TemplateVerdict(before[-MAX_SHOWN:], prompt[-MAX_SHOWN:], unstable=unstable)
    return TemplateVerdict(joined=_joined(whole, prompt, processor), unstable=unstable)


MAX_SHOWN = 40
_ANSWER = "q7ZkAnswerXw9v"
_WINDOW = "[8.0, 14.0]"


def _said(*roles: Role) -> list[dict[str, Any]]:
    texts = {Role.ASSISTANT: _ANSWER}
    return [
        {"role": str(role), "content": [{"type": "text", "text": texts.get(role, "When is it?")}]}
        for role in roles
    ]


def _first_unstable(processor: "ProcessorMixin") -> tuple[Role, ...]:
    """Render longer and longer conversations: each must begin with the one before, and with its generation prompt."""
    roles: Sequence[Role] = (Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT)
    try:
        for length in range(2, len(roles) + 1):
            before, after = _said(*roles[: length - 1]), _said(*roles[:length])
            if not apply_chat_template(processor, after).startswith(apply_chat_template(processor, before)):
                return tuple(roles[:length])
    except MaskingError:  # a template may refuse a second turn
        return tuple(roles[:length])
    return ()


def _joined(whole: str, prompt: str, processor: "ProcessorMixin") -> str:
    """Return the end of the prompt that the tokenizer joins with what comes behind it, where it is white space."""
    if not whole.startswith(prompt):
        return ""
    for said in (
        _ANSWER,
        _WINDOW,
    ):  # a tokenizer may have a token of a space and a bracket, and none with a letter
        text = whole.replace(_ANSWER, said)
        encoding = processor.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for start, end in encoding["offset_mapping"]:
            if start < len(prompt) < end:
                return prompt[start:] if prompt[start:].isspace() else ""
    return ""
