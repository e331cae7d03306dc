"""The tokens of one training sequence and what each of them is, as plain arrays: all that looking at a mask needs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.masking.token_labelling import CODE_OF, KINDS, NO_TURN, arrays_of, regions_of
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, Region, RegionKind, SupervisedTurns, supervised_regions

if TYPE_CHECKING:
    from vtg_core.masking.encoding import EncodedSample

__all__ = ["CODE_OF", "KINDS", "NO_TURN", "LabelledTokens", "arrays_of", "labelled", "regions_of", "runs_of"]


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

    def is_kind(self, *kinds: RegionKind) -> np.ndarray:
        """Return where a token is of one of ``kinds``; bool, shape (L,)."""
        chosen = np.zeros(len(KINDS), dtype=bool)
        chosen[[CODE_OF[kind] for kind in kinds]] = True
        found: np.ndarray = chosen[self.kinds]
        return found

    def regions(self) -> tuple[Region, ...]:
        """Return the partition of [0, L) that the arrays stand for."""
        return regions_of(self.kinds, self.turns)

    def labels(self, policy: MaskPolicy | None = None) -> np.ndarray:
        """Return the labels of these tokens; int64, shape (L,), ``IGNORE_INDEX`` where nothing is trained."""
        policy = policy or MaskPolicy()
        if policy.turns is SupervisedTurns.ALL and not policy.newline:  # kinds alone decide
            return np.where(_is_trained(policy)[self.kinds], self.input_ids, IGNORE_INDEX)
        labels = np.full(len(self), IGNORE_INDEX, dtype=np.int64)
        for region in supervised_regions(self.regions(), policy):
            labels[region.start : region.end] = self.input_ids[region.start : region.end]
        return labels


@lru_cache(maxsize=16)
def _is_trained(policy: MaskPolicy) -> np.ndarray:
    """Return which of ``KINDS`` a policy trains; bool."""
    return np.array([policy.trains(kind) for kind in KINDS])


def labelled(encoded: "EncodedSample") -> LabelledTokens:
    """Return the arrays of an encoded sample."""
    kinds, turns = arrays_of(encoded.regions)
    return LabelledTokens(
        input_ids=encoded.input_ids.numpy(),
        kinds=kinds,
        turns=turns,
        answer_starts=encoded.answer_starts,
        num_inserted=encoded.num_inserted,
    )


def runs_of(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of a bool mask of shape (L,) as half-open intervals, in order."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))).tolist()
    return list(zip(borders[::2], borders[1::2], strict=True))
