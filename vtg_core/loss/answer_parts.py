"""Where in an answer the loss sits: on its times, on the words around them, or on its end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vtg_core.data.answers import AnswerFormat
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.labelled_tokens import KINDS
from vtg_core.masking.times import time_nats as time_nats
from vtg_core.regions import RegionKind


class AnswerPart(StrEnum):
    """What a supervised token is of its answer."""

    TIME = "time"
    FORMAT = "format"
    END_OF_TURN = "end_of_turn"
    OTHER = "other"


@dataclass(frozen=True)
class PartLoss:
    """What tokens of one kind cost together.

    Attributes:
        num_tokens: how many there are.
        sum_nll: nats over all of them.
        mean_nll: nats a token; None where there is none.
        uniform_nll: nats over all of them, if each were guessed uniformly among what the answer format could have
            written there: 0 where it always writes the same; None where that is not known, as for thinking.
    """

    num_tokens: int
    sum_nll: float
    mean_nll: float | None
    uniform_nll: float | None


@dataclass(frozen=True)
class AnswerLoss:
    """What the supervised tokens of one sample cost, with what each of them is.

    Attributes:
        tokens: in order.
        kinds: the region that each stands in.
        parts: what each is of its answer. A token that holds any character of a time counts as time.
        uniform: nats that each would cost, guessed uniformly among what the answer format could have written there:
            ln 10 for a digit, ln of the number of bins for a time token, 0 for the format's own words.
    """

    tokens: tuple[TokenLoss, ...]
    kinds: tuple[RegionKind, ...]
    parts: tuple[AnswerPart, ...]
    uniform: tuple[float, ...]

    @property
    def total(self) -> PartLoss:
        """All tokens: ``mean_nll`` is the response-only loss."""
        return self._of(range(len(self.tokens)))

    def of_part(self, part: AnswerPart) -> PartLoss:
        """Return what the tokens of one part cost."""
        return self._of([i for i, own in enumerate(self.parts) if own is part])

    def of_kind(self, kind: RegionKind) -> PartLoss:
        """Return what the tokens of one kind of region cost."""
        return self._of([i for i, own in enumerate(self.kinds) if own is kind])

    def _of(self, which: Sequence[int]) -> PartLoss:
        total = math.fsum(self.tokens[i].nll for i in which)
        is_known = bool(which) and all(self.parts[i] in _GUESSABLE for i in which)
        return PartLoss(
            num_tokens=len(which),
            sum_nll=total,
            mean_nll=total / len(which) if which else None,
            uniform_nll=math.fsum(self.uniform[i] for i in which) if is_known else None,
        )


_GUESSABLE = frozenset({AnswerPart.TIME, AnswerPart.FORMAT, AnswerPart.END_OF_TURN})


def answer_loss(
    tokens: Sequence[TokenLoss], encoded: EncodedSample, answer_format: AnswerFormat
) -> AnswerLoss:
    """Say of each supervised token of a sample what it is.

    Args:
        tokens: of the sample, their indices counted without padding.
        encoded: the sample.
        answer_format: how its answers are written; what it cannot read as windows counts as the format's own words.
    """
    kinds, nats = encoded.tokens.kinds, time_nats(encoded, answer_format)
    own = [KINDS[kinds[token.index]] for token in tokens]
    return AnswerLoss(
        tokens=tuple(tokens),
        kinds=tuple(own),
        parts=tuple(_part(kind, nats[token.index]) for kind, token in zip(own, tokens, strict=True)),
        uniform=tuple(float(nats[token.index]) for token in tokens),
    )


def _part(kind: RegionKind, nats: float) -> AnswerPart:
    if kind is RegionKind.ANSWER:
        return AnswerPart.TIME if nats > 0 else AnswerPart.FORMAT
    return AnswerPart.END_OF_TURN if kind is RegionKind.END_OF_TURN else AnswerPart.OTHER
