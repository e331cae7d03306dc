"""A rendered chat after the processor put the videos in: where each character went."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtg_core.chat.rendering import RenderedChat
from vtg_core.errors import MaskingError
from vtg_core.regions import Region, RegionKind

Offsets = Sequence[tuple[int, int]]
"""For each token the half-open range of characters of a text it stands for."""


@dataclass(frozen=True)
class Expansion:
    """The rendered chat after the processor put the videos in.

    Attributes:
        text: the expanded text, as people wrote it.
        regions: of ``chat``, in characters of ``text``.
        replaced: half-open ranges of ``text`` that the processor wrote.
        literals, answer_starts: of ``chat``, in characters of ``text``.
        placeholders: what the processor replaced.
    """

    text: str
    regions: tuple[Region, ...]
    replaced: tuple[tuple[int, int], ...]
    literals: tuple[tuple[int, int], ...]
    answer_starts: tuple[int, ...]
    placeholders: frozenset[str]

    @classmethod
    def unexpanded(cls, chat: RenderedChat, places: Sequence[tuple[int, int]]) -> "Expansion":
        """Return the chat with the placeholder at each of ``places`` as what stands for its video."""
        return cls(
            text=chat.text,
            regions=chat.regions,
            replaced=tuple(places),
            literals=chat.literals,
            answer_starts=chat.answer_starts,
            placeholders=frozenset(chat.text[start:end] for start, end in places),
        )

    @classmethod
    def of(cls, chat: RenderedChat, replacements: Sequence[Mapping[str, Any]]) -> "Expansion":
        """Follow a processor's record of what it replaced where.

        Raises:
            MaskingError: it replaced something that is no video's placeholder, or not every video.
        """
        in_video = [region for region in chat.regions if region.kind is RegionKind.VIDEO]
        for replacement in replacements:
            start, end = replacement["span"]
            if not any(region.start <= start < end <= region.end for region in in_video):
                raise MaskingError(
                    f"the processor must expand nothing but the videos' placeholders, "
                    f"and expanded {chat.text[start:end]!r} at character {start}"
                )
        if len(replacements) != len(chat.video_sources):
            raise MaskingError(
                f"the processor must expand each of the {len(chat.video_sources)} videos, it expanded {len(replacements)}"
            )
        ends = [replacement["span"][1] for replacement in replacements]
        gains: list[int] = [
            0,
            *(replacement["new_span"][1] - replacement["span"][1] for replacement in replacements),
        ]

        def moved(character: int) -> int:
            return character + gains[bisect_right(ends, character)]

        written, last = [], 0
        for replacement in replacements:
            start, end = replacement["span"]
            written += [chat.text[last:start], replacement["replacement"]]
            last = end
        return cls(
            text="".join((*written, chat.text[last:])),
            regions=tuple(Region(r.kind, moved(r.start), moved(r.end), r.turn) for r in chat.regions),
            replaced=tuple(tuple(replacement["new_span"]) for replacement in replacements),
            literals=tuple((moved(start), moved(end)) for start, end in chat.literals),
            answer_starts=tuple(moved(start) for start in chat.answer_starts),
            placeholders=frozenset(replacement["text"] for replacement in replacements),
        )
