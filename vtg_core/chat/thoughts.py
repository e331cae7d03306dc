"""Answers that think first: a chat template may take what stands in ``<think>…</think>`` apart, and write it its own way."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vtg_core.chat.character_regions import Piece
from vtg_core.chat.conversation import Message, Role, TextPart
from vtg_core.chat.markup import apply_chat_template
from vtg_core.chat.skeleton import as_chat, join, nonce, split_at_nonces, text_parts

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def thinks(text: str) -> bool:
    """Say whether an answer holds what was thought before it."""
    return _THINKS.fullmatch(text) is not None


def fill_with_thoughts(
    conversation: Sequence[Message], processor: "ProcessorMixin"
) -> tuple[str, tuple[Piece, ...]] | None:
    """Return a conversation as the template writes it, thoughts and answers as pieces of their own.

    None where nobody thinks, or the template writes something else.

    Raises:
        MaskingError: the template fails.
    """
    parts: list[tuple[int, int, TextPart]] = []
    texts: list[list[str]] = [[] for _ in conversation]
    for turn, index, part in text_parts(conversation):
        match = _THINKS.fullmatch(part.text) if conversation[turn].role is Role.ASSISTANT else None
        if match is None:
            texts[turn].append(nonce(len(parts)))
            parts.append((turn, index, part))
            continue
        thought = nonce(len(parts)) if match["thought"] else ""
        parts += [(turn, index, TextPart(match["thought"]))] if thought else []
        texts[turn].append(f"{match['open']}{thought}{match['close']}{nonce(len(parts))}")
        parts.append((turn, index, TextPart(match["said"])))
    if not any(thinks(part.text) for m in conversation if m.role is Role.ASSISTANT for part in m.texts):
        return None
    written = [message.with_texts(own) for message, own in zip(conversation, texts, strict=True)]
    glue = split_at_nonces(apply_chat_template(processor, written), len(parts))
    if glue is None:
        return None
    real = apply_chat_template(processor, as_chat(conversation))
    for tried in (parts, [(turn, index, part.stripped()) for turn, index, part in parts]):
        text, found = join(glue, tried)
        if text == real:
            return text, found
    return None


_THINKS = re.compile(
    r"(?P<open>\s*(?:<think>\s*)?)(?P<thought>.*?)(?P<close>\s*</think>\s*)(?P<said>\S.*)", re.DOTALL
)
