"""Which part of a sequence a token belongs to, and which parts are trained."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from vtg_core.errors import MaskingError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Ids = TypeVar("Ids", "Tensor", "np.ndarray")

IGNORE_INDEX = -100
"""The label that PyTorch's cross entropy leaves out."""


class RegionKind(StrEnum):
    """The parts of a training sequence. ``chat`` is any other text that the chat template wrote."""

    SYSTEM = "system"
    ROLE_HEADER = "role_header"
    INSTRUCTION = "instruction"
    QUERY = "query"
    VIDEO = "video"
    TIMESTAMP = "timestamp"
    THINKING = "thinking"
    ANSWER = "answer"
    END_OF_TURN = "end_of_turn"
    CHAT = "chat"
    PADDING = "padding"


VIDEO_KINDS = frozenset({RegionKind.VIDEO, RegionKind.TIMESTAMP})
"""What the processor writes for a video: placeholders, the markers around them, and time stamps."""


@dataclass(frozen=True)
class Region:
    """A part of a sequence: ``[start, end)``, counted in characters of a text or in tokens of ``input_ids``.

    Attributes:
        kind: what it is.
        start, end: half-open; never empty.
        turn: index of the message it belongs to, counted from 0; None outside every message.
    """

    kind: RegionKind
    start: int
    end: int
    turn: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise MaskingError(
                f"a region must satisfy 0 <= start < end, got {self.kind} [{self.start}, {self.end})"
            )

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class TokenWeights:
    """How much each trained token counts in the loss; what is masked weighs nothing. All 1 is the mask alone.

    Attributes:
        time: of a token that holds any character of a time: a digit, or a time token.
        format: of every other token of an answer.
        end_of_turn: of the token that closes the turn.
        other: of what else the policy trains: thinking, the newline after a turn.
        first, last: the weights of a turn's first and last trained token are multiplied by these, those between them
            in equal steps.
        focal: multiply by ``(1 - p) ** focal``, where ``p`` is what an earlier pass gave the token: what was easy
            counts less. 0 for not at all.
        cap: multiply by ``cap / NLL`` where an earlier pass's NLL was above ``cap`` nats: what was very hard, and may
            be wrong, counts no more than that. None for not at all.
        uses_messages: multiply by the weight that the row's own file gives each message, which may then be any
            number from 0 on.

    Raises:
        MaskingError: a weight is no finite number from 0 on, or all are 0.
    """

    time: float = 1.0
    format: float = 1.0
    end_of_turn: float = 1.0
    other: float = 1.0
    first: float = 1.0
    last: float = 1.0
    focal: float = 0.0
    cap: float | None = None
    uses_messages: bool = False

    def __post_init__(self) -> None:
        named = {name: value for name, value in vars(self).items() if name not in ("uses_messages", "cap")}
        if self.cap is not None:
            named["cap"] = self.cap
        for name, value in named.items():
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise MaskingError(f"weight {name} must be a finite number, 0 or above, got {value!r:.40}")
        if not any((self.time, self.format, self.end_of_turn)) or not (self.first or self.last):
            raise MaskingError(
                "some weight of an answer must be above 0, got 0 for all: nothing would be trained"
            )


class SupervisedTurns(StrEnum):
    """Which assistant turns are trained."""

    ALL = "all"
    LAST = "last"


@dataclass(frozen=True, kw_only=True)
class MaskPolicy:
    """Which regions are trained. The default: every assistant turn's content and its end-of-turn token.

    Attributes:
        turns: all assistant turns, or the last one only.
        messages: the indices of the messages that may be trained at all; None where every one may. The last turn is
            the last one of them.
        end_of_turn: train the token that closes the turn.
        newline: train the white space that the template writes after that token.
        thinking: train the thinking that the template writes before the answer.
        weights: how much each trained token counts; all alike, and no column of weights in a batch, without.
    """

    turns: SupervisedTurns = SupervisedTurns.ALL
    messages: frozenset[int] | None = None
    end_of_turn: bool = True
    newline: bool = False
    thinking: bool = False
    weights: TokenWeights | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "turns", SupervisedTurns(self.turns))
        except ValueError:
            known = ", ".join(SupervisedTurns)
            raise MaskingError(f"turns must be one of {known}, got {self.turns!r:.80}") from None

    def trains(self, kind: RegionKind) -> bool:
        """Say whether a region of ``kind`` is trained for its kind alone, in a turn that is trained."""
        return {
            RegionKind.ANSWER: True,
            RegionKind.END_OF_TURN: self.end_of_turn,
            RegionKind.THINKING: self.thinking,
        }.get(kind, False)

    def trains_in(self, turn: int | None) -> bool:
        """Say whether the message of that index may be trained; None stands outside every message."""
        return self.messages is None or turn in self.messages


def labels_from_regions(input_ids: "Tensor", regions: Sequence[Region], policy: MaskPolicy) -> "Tensor":
    """Copy ``input_ids`` where the policy trains, and mask every other position.

    Labels stay aligned with ``input_ids``; the shift by one happens once, in
    :func:`vtg_core.loss.score.predicting_positions`.

    Args:
        input_ids: int64, shape (L,), video placeholders already expanded.
        regions: a partition of [0, L), in order.
        policy: which kinds of region are trained.

    Returns:
        int64, shape (L,); ``IGNORE_INDEX`` wherever the region is not trained.

    Raises:
        MaskingError: the regions leave a gap, overlap, or train nothing.
    """
    check_partition(regions, len(input_ids))
    labels = input_ids.new_full(input_ids.shape, IGNORE_INDEX)
    copy_supervised(input_ids, labels, regions=regions, policy=policy)
    if not bool((labels[1:] != IGNORE_INDEX).any()):
        raise MaskingError(f"at least one token must be supervised, got none in {len(input_ids):,} tokens")
    return labels


def copy_supervised(input_ids: Ids, labels: Ids, *, regions: Sequence[Region], policy: MaskPolicy) -> None:
    """Copy ``input_ids`` to ``labels``, both of shape (L,), wherever ``policy`` trains: the one place that does."""
    for region in supervised_regions(regions, policy):
        labels[region.start : region.end] = input_ids[region.start : region.end]


def supervised_regions(regions: Sequence[Region], policy: MaskPolicy) -> Iterator[Region]:
    """Yield the regions that ``policy`` trains, in order; ``regions`` may leave out what is never trained."""
    answered = (r.turn for r in reversed(regions) if r.kind is RegionKind.ANSWER and policy.trains_in(r.turn))
    last_turn = next(answered, None)
    ended = None
    for region in regions:
        follows_end_of_turn = (
            region.kind is RegionKind.CHAT
            and ended is not None
            and (ended.end, ended.turn) == (region.start, region.turn)
        )
        ended = region if region.kind is RegionKind.END_OF_TURN and region.turn is not None else None
        if policy.turns is SupervisedTurns.LAST and region.turn != last_turn:
            continue
        if not policy.trains_in(region.turn):
            continue
        if policy.trains(region.kind) or (policy.newline and follows_end_of_turn):
            yield region


def check_partition(regions: Sequence[Region], length: int) -> None:
    """Raise ``MaskingError`` unless ``regions`` cover ``[0, length)`` in order, without gap or overlap."""
    end = 0
    for region in regions:
        if region.start != end:
            raise MaskingError(
                f"regions must follow each other without gap or overlap, "
                f"got {region.kind} at {region.start} after a region that ends at {end}"
            )
        end = region.end
    if end != length:
        raise MaskingError(f"regions must cover all {length} positions, got {end}")
