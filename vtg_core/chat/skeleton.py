"""What a chat template writes around the texts of a conversation, found with nonces in their places."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat.character_regions import Piece
from vtg_core.chat.conversation import Message, TextPart
from vtg_core.chat.markup import apply_chat_template, num_shared, template_key
from vtg_core.errors import MaskingError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def fill_skeleton(
    conversation: Sequence[Message], processor: "ProcessorMixin"
) -> tuple[str, tuple[Piece, ...]]:
    parts = text_parts(conversation)
    real = apply_chat_template(processor, as_chat(conversation))
    for is_new in (False, True):  # a template may write the date
        glue = glue_of(conversation, processor, is_new=is_new)
        text, pieces = join(glue, parts)
        if text != real:  # many templates trim what they are given
            text, pieces = join(glue, [(turn, index, part.stripped()) for turn, index, part in parts])
        if text == real:
            return text, pieces
    raise MaskingError(
        "the chat template must write each message as it is, or trimmed, and rewrites one of them "
        f"({first_difference(text, real)}); write that message the way the template does"
    )


def text_parts(conversation: Sequence[Message]) -> list[tuple[int, int, TextPart]]:
    """Return the texts of a conversation with the turn and the part that each is."""
    return [
        (turn, index, part)
        for turn, message in enumerate(conversation)
        for index, part in enumerate(message.parts)
        if isinstance(part, TextPart)
    ]


def form_of(conversation: Sequence[Message]) -> tuple[Any, ...]:
    """Return what a template sees of a conversation beside its texts."""
    return tuple(
        (message.role, message.is_plain, tuple(isinstance(part, TextPart) for part in message.parts))
        for message in conversation
    )


def glue_of(
    conversation: Sequence[Message],
    processor: "ProcessorMixin",
    *,
    is_new: bool = False,
    add_generation_prompt: bool = False,
) -> tuple[str, ...]:
    """Return what the template writes before, between and after the texts of any conversation of this form.

    Raises:
        MaskingError: the template drops or repeats a text.
    """

    def learn() -> tuple[str, ...]:
        nonces = (nonce(i) for i in range(num_texts))
        skeleton = apply_chat_template(
            processor,
            [message.with_texts([next(nonces) for _ in message.texts]) for message in conversation],
            add_generation_prompt=add_generation_prompt,
        )
        glue = split_at_nonces(skeleton, num_texts)
        if glue is None:
            raise MaskingError(
                f"the chat template must write each of the conversation's {num_texts} texts once and in order, got them "
                f"as {[int(match) for match in _NONCE.findall(skeleton)]}; a template that drops or repeats a message "
                "cannot be masked"
            )
        return glue

    num_texts = sum(len(message.texts) for message in conversation)
    key = (template_key(processor), form_of(conversation), add_generation_prompt)
    return learn() if is_new else _GLUE.get(key, learn)


_GLUE: BoundedCache[tuple[str, ...]] = BoundedCache(1_024)


def nonce(index: int) -> str:
    """Return what stands for a text that nobody writes."""
    return f"q7Zk{index:06d}Xw9v"


def split_at_nonces(written: str, number: int) -> tuple[str, ...] | None:
    """Return what stands around the nonces from 0 on; None where they are not ``number`` of them, once and in order."""
    found = [int(match) for match in _NONCE.findall(written)]
    return tuple(_NONCE.split(written)[::2]) if found == list(range(number)) else None


_NONCE = re.compile(r"q7Zk(\d{6})Xw9v")


def as_chat(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.with_texts([part.text for part in message.texts]) for message in conversation]


def join(glue: Sequence[str], parts: Sequence[tuple[int, int, TextPart]]) -> tuple[str, tuple[Piece, ...]]:
    written, pieces, length = [glue[0]], [], len(glue[0])
    for (turn, index, part), after in zip(parts, glue[1:], strict=True):
        pieces.append(Piece(turn, index, length, length + len(part.text), part.query))
        written += [part.text, after]
        length += len(part.text) + len(after)
    return "".join(written), tuple(pieces)


def first_difference(ours: str, theirs: str) -> str:
    at = num_shared(ours, theirs)
    return f"{ours[at : at + 40]!r} became {theirs[at : at + 40]!r} at character {at}"
