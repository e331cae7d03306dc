"""Texts of a person that look like control tokens, put into the ids as the characters they are made of."""

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.chat.control_tokens import ControlTokens, Vocabulary, encode_as_text
from vtg_core.chat.rendering import RenderedChat
from vtg_core.errors import MaskingError
from vtg_core.masking.expansion import Expansion, Offsets

if TYPE_CHECKING:
    from torch import Tensor


def with_stand_ins(chat: RenderedChat, controls: ControlTokens) -> str:
    """Return the text with harmless characters in the place of every control token that a person wrote."""
    text = chat.text
    if not chat.literals:
        return text
    entitled = set(controls.find(text)) - set(chat.literals)
    ranges = list(chat.literals)
    while ranges:
        for start, end in ranges:
            text = text[:start] + _STAND_IN * (end - start) + text[end:]
        ranges = [span for span in controls.find(text) if span not in entitled]  # what the others had hidden
    return text


_STAND_IN = "\N{MIDDLE DOT}"


def rewrite_literals(
    ids: np.ndarray, offsets: Offsets, *, expansion: Expansion, vocabulary: Vocabulary
) -> tuple[np.ndarray, Offsets, np.ndarray]:
    """Encode again, as plain text, every stretch between control tokens in which a person wrote one.

    Control tokens split the text before it is tokenised, so a stretch encodes alone as it does in its place.

    Returns:
        The new ids, int64; their offsets; and for each of them its old position, -1 where it is new, int64.
    """
    rewritten: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    rewritten_offsets: list[tuple[int, int]] = []
    remaining, is_control_id = set(expansion.literals), vocabulary.controls.is_control(ids).tolist()
    for is_control, group in groupby(range(len(ids)), key=is_control_id.__getitem__):
        first, *_, last = (*(stretch := list(group)), stretch[-1])
        start = offsets[first - 1][1] if first else 0
        end = offsets[last + 1][0] if last + 1 < len(ids) else len(expansion.text)
        touched = {(a, b) for a, b in expansion.literals if a < end and start < b}
        if is_control or not touched:
            rewritten.append(ids[first : last + 1])
            positions.append(np.arange(first, last + 1))
            rewritten_offsets += offsets[first : last + 1]
            continue
        remaining -= touched
        new_ids, new_offsets = encode_as_text(vocabulary.tokenizer, expansion.text[start:end])
        rewritten.append(np.array(new_ids, dtype=np.int64))
        positions.append(np.full(len(new_ids), -1))
        rewritten_offsets += [(start + a, start + b) for a, b in new_offsets]
    if remaining:
        raise MaskingError(
            f"each of the {len(expansion.literals)} control tokens in a person's text must be encoded as plain text, "
            f"and {len(remaining)} cannot be found again in the ids; remove them from the text"
        )
    return np.concatenate(rewritten), rewritten_offsets, np.concatenate(positions)


def moved(column: "Tensor", kept: np.ndarray) -> "Tensor":
    """Return a column along the token axis with its values at their new positions, 0 for new tokens."""
    moved = column.new_zeros(len(kept))
    moved[kept >= 0] = column[kept[kept >= 0]]
    return moved
