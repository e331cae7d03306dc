"""The tokens of one training sequence and what each of them is, as plain arrays: all that looking at a mask needs."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, MaskPolicy, Region, RegionKind, copy_supervised

KINDS = tuple(RegionKind)
"""What the numbers in an array of kinds stand for."""
CODE_OF = {kind: code for code, kind in enumerate(KINDS)}
NO_TURN = -1


@dataclass(frozen=True, eq=False)
class LabelledTokens:
    """The tokens of one sequence, without pixels.

    Attributes:
        input_ids: int64, shape (L,), video placeholders expanded.
        kinds: int8, shape (L,): the region kind of each token, as an index into ``KINDS``.
        turns: int16, shape (L,): index of the message a token belongs to, ``NO_TURN`` outside every message.
        answer_starts: for each assistant turn the position at which the model begins to write: the length in
            tokens of the generation prompt before it.
        num_inserted: how many tokens the processor's expansion of the videos added to the rendered text.
    """

    input_ids: np.ndarray
    kinds: np.ndarray
    turns: np.ndarray
    answer_starts: tuple[int, ...]
    num_inserted: int

    def __len__(self) -> int:
        return len(self.input_ids)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The partition of [0, L) that the arrays stand for."""
        return regions_of(self.kinds, self.turns)

    @property
    def num_video(self) -> int:
        """How many tokens are of ``VIDEO_KINDS``."""
        return int(self.is_kind(*VIDEO_KINDS).sum())

    def is_kind(self, *kinds: RegionKind) -> np.ndarray:
        """Return where a token is of one of ``kinds``; bool, shape (L,)."""
        return is_of(self.kinds, kinds)

    def labels(self, policy: MaskPolicy | None = None) -> np.ndarray:
        """Return the labels of these tokens; int64, shape (L,), ``IGNORE_INDEX`` where nothing is trained."""
        labels = np.full(len(self), IGNORE_INDEX, dtype=np.int64)
        written = regions_of(
            self.kinds, self.turns, without=VIDEO_KINDS
        )  # a video has many, none of them trained
        copy_supervised(self.input_ids, labels, regions=written, policy=policy or MaskPolicy())
        return labels


def is_of(kinds: np.ndarray, wanted: Collection[RegionKind]) -> np.ndarray:
    """Return where ``kinds``, as in :class:`LabelledTokens`, is one of ``wanted``; bool of the same shape."""
    found: np.ndarray = _table(frozenset(wanted))[kinds]
    return found


@lru_cache(maxsize=64)
def _table(wanted: frozenset[RegionKind]) -> np.ndarray:
    """Return which of ``KINDS`` are wanted; bool."""
    return np.array([kind in wanted for kind in KINDS])


def regions_of(
    kinds: np.ndarray, turns: np.ndarray, *, without: Collection[RegionKind] = ()
) -> tuple[Region, ...]:
    """Return the runs of equal kind and turn, in tokens: a partition of [0, L), but for those of kinds ``without``."""
    if not len(kinds):
        return ()
    borders = np.flatnonzero((kinds[1:] != kinds[:-1]) | (turns[1:] != turns[:-1])) + 1
    starts, ends = np.concatenate([[0], borders]), np.concatenate([borders, [len(kinds)]])
    if without:
        is_kept = ~is_of(kinds[starts], without)
        starts, ends = starts[is_kept], ends[is_kept]
    return tuple(
        Region(KINDS[kind], start, end, None if turn == NO_TURN else turn)
        for kind, start, end, turn in zip(
            kinds[starts].tolist(), starts.tolist(), ends.tolist(), turns[starts].tolist(), strict=True
        )
    )


def runs_of(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of a bool mask of shape (L,) as half-open intervals, in order."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))).tolist()
    return list(zip(borders[::2], borders[1::2], strict=True))
