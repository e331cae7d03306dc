"""What a person should see of somebody else's prompt beside ours: plain values, documented field by field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.row import Row
from vtg_core.chat.control_tokens import placeholder_ids
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.labelled_tokens import regions_of
from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, Region, RegionKind

SAID_MOST = 60
"""So many characters are quoted of where two prompts part."""


@dataclass(frozen=True)
class PairPart:
    """Tokens of one region that are in both prompts, or in this one alone.

    Attributes:
        kind: of the region; ``video`` with its time stamps.
        pieces: its text in order, as (text, how often it stands there in a row), see
            :class:`vtg_core.views.samples.PromptPart`.
        num_tokens, num_supervised: in all; in the loss.
        is_other: what stands between the prompts' common beginning and their common end.
    """

    kind: str
    pieces: list[tuple[str, int]]
    num_tokens: int
    num_supervised: int
    is_other: bool


@dataclass(frozen=True)
class PairSide:
    """One of the two prompts, as the model reads it.

    Attributes:
        name: whose it is.
        text: all of it, each run of one placeholder as one; what the copy button copies.
        num_tokens, num_supervised: in all; in the loss.
        parts: in order.
    """

    name: str
    text: str
    num_tokens: int
    num_supervised: int
    parts: list[PairPart]


@dataclass(frozen=True)
class PairView:
    """Somebody else's prompt beside ours; ``said`` is one sentence on where they part."""

    said: str
    sides: list[PairSide]


def view_pair(name: str, row: Row, ours: EncodedSample) -> PairView:
    """Return the view of a row that ``name`` made of a sample beside our own encoding of it."""
    own = ours.input_ids.numpy()
    parting, (our_end, their_end) = _parting(own, row.ids)
    sides = [
        _side("our collator", own, ours.labels.numpy(), ours.regions, row.chat, (parting, our_end)),
        _side(name, row.ids, row.labels, regions_of(row.kinds, row.turns), row.chat, (parting, their_end)),
    ]
    return PairView(_said(own, row, parting=parting, ends=(our_end, their_end)), sides)


def _parting(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, tuple[int, int]]:
    """Return the first token at which two rows differ, and in each the first of what they end with alike."""
    most = min(len(ours), len(theirs))
    before = _num_equal(ours[:most], theirs[:most])
    rest = most - before
    behind = _num_equal(ours[::-1][:rest], theirs[::-1][:rest])
    return before, (len(ours) - behind, len(theirs) - behind)


def _num_equal(ours: np.ndarray, theirs: np.ndarray) -> int:
    differing = np.flatnonzero(ours != theirs)
    return int(differing[0]) if len(differing) else len(ours)


def _said(ours: np.ndarray, row: Row, *, parting: int, ends: tuple[int, int]) -> str:
    if parting == len(ours) == len(row.ids):
        return f"Its {len(row.ids):,} tokens are those of our own row, one by one; what differs is the mask."
    texts = (
        _quoted(row.chat.decode(ids[parting:end])) for ids, end in zip((ours, row.ids), ends, strict=True)
    )
    our_text, their_text = texts
    return (
        f"It has {len(row.ids):,} tokens and our row {len(ours):,}; they part at token {parting:,}, where ours has {our_text} and "
        f"this one {their_text}."
    )


def _quoted(text: str) -> str:
    if not text:
        return "nothing"
    return f"“{text[:SAID_MOST]}…”" if len(text) > SAID_MOST else f"“{text}”"


def _side(
    name: str,
    ids: np.ndarray,
    labels: np.ndarray,
    regions: Sequence[Region],
    chat: ChatIds,
    other: tuple[int, int],
) -> PairSide:
    parts = [
        PairPart(
            kind=kind,
            pieces=list(_pieces(ids[start:end], chat, is_padding=kind == RegionKind.PADDING)),
            num_tokens=end - start,
            num_supervised=int((labels[start:end] != IGNORE_INDEX).sum()),
            is_other=other[0] <= start < other[1],
        )
        for kind, start, end in _sections(regions, other)
    ]
    text = "".join(piece for part in parts for piece, _ in part.pieces)
    return PairSide(name, text, len(ids), sum(part.num_supervised for part in parts), parts)


def _sections(regions: Sequence[Region], cuts: tuple[int, int]) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, first token, one behind the last): a video with its stamps is one, and none goes across a cut."""
    for kind, run in groupby(
        regions, key=lambda region: RegionKind.VIDEO if region.kind in VIDEO_KINDS else region.kind
    ):
        members = list(run)
        start, end = members[0].start, members[-1].end
        borders = sorted({start, end, *(cut for cut in cuts if start < cut < end)})
        for first, last in pairwise(borders):
            yield str(kind), first, last


def _pieces(ids: np.ndarray, chat: ChatIds, *, is_padding: bool) -> Iterator[tuple[str, int]]:
    placeholders = placeholder_ids(chat.processor)
    for token_id, run in groupby(ids.tolist(), key=lambda i: i if is_padding or i in placeholders else None):
        members = list(run)
        if token_id is None:
            yield chat.decode(members), 1
        else:
            yield chat.decode([token_id]), len(members)
