"""Prompts as short lists of items, so that two of them can be compared whatever frames their videos have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.videos import find_blocks

VIDEO = -1
"""What stands for a block of videos in a list of items."""


@dataclass(frozen=True)
class Items:
    """The tokens of a sequence, each block of videos as one item.

    Attributes:
        ids: a token's id, or ``VIDEO``.
        starts: where each item begins, and at the end where the last one ends, in positions of the sequence.
    """

    ids: tuple[int, ...]
    starts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> "Items":
        start, end, _ = part.indices(len(self))
        return Items(self.ids[start:end], self.starts[start : end + 1] or self.starts[:1])

    def without(self, start: int, end: int) -> "Items":
        """Return the items but those of ``[start, end)``."""
        return Items(self.ids[:start] + self.ids[end:], self.starts[:start] + self.starts[end:])

    def is_continued_by(self, other: "Items") -> bool:
        """Say whether ``other`` begins with these items and goes on."""
        return len(self) < len(other) and other.ids[: len(self)] == self.ids


def items_of(ids: np.ndarray, chat: ChatIds) -> Items:
    """Return the items of ``ids``, int64, shape (L,)."""
    found: list[int] = []
    starts: list[int] = []
    at = 0
    for block in find_blocks(ids, chat):
        found += [*ids[at : block.start].tolist(), VIDEO]
        starts += [*range(at, block.start), block.start]
        at = block.end
    return Items((*found, *ids[at:].tolist()), (*starts, *range(at, len(ids)), len(ids)))


def text_of(items: Items, chat: ChatIds, ids: np.ndarray) -> str:
    """Return the text of ``items`` of ``ids``; videos next to each other read like ``⟨video, 960 tokens⟩``."""
    written: list[str] = []
    plain: list[int] = []
    for item, start, end in zip(items.ids, items.starts, items.starts[1:], strict=False):
        if item != VIDEO:
            plain.append(item)
            continue
        num_tokens = int(np.isin(ids[start:end], list(chat.media_ids)).sum())
        written += [chat.decode(plain), f"⟨video, {num_tokens:,} tokens⟩"]
        plain = []
    return "".join((*written, chat.decode(plain)))


def collapsed(ids: Sequence[int] | np.ndarray, chat: ChatIds) -> str:
    """Return the text of tokens, with each run of one placeholder as the placeholder and its count."""
    ids = np.asarray(ids, dtype=np.int64)
    is_media = np.isin(ids, list(chat.media_ids))
    borders = np.flatnonzero((np.diff(ids) != 0) & (is_media[1:] | is_media[:-1])) + 1
    written = []
    for start, end in zip([0, *borders.tolist()], [*borders.tolist(), len(ids)], strict=True):
        if start < end:
            is_run = bool(is_media[start])
            written.append(
                f"{chat.decode(ids[start : start + 1])}×{end - start}"
                if is_run
                else chat.decode(ids[start:end])
            )
    return "".join(written)
