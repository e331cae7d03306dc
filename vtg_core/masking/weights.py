"""How much each token of a sample counts in the loss."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.data.answers import AnswerFormat
from vtg_core.errors import MaskingError
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.labelled_tokens import NO_TURN
from vtg_core.masking.times import time_nats
from vtg_core.regions import IGNORE_INDEX, RegionKind, TokenWeights

if TYPE_CHECKING:
    from torch import Tensor


def token_weights(
    encoded: EncodedSample,
    weights: TokenWeights,
    answer_format: AnswerFormat,
    *,
    message_weights: Sequence[float] = (),
) -> "Tensor":
    """Return the weight of each token of a sample.

    Args:
        encoded: the sample, labelled.
        weights: what each part of an answer weighs.
        answer_format: how its answers are written: it knows which of their characters say times.
        message_weights: of each message of the conversation, as its file says; 1 for all unless given.

    Returns:
        float32, shape (L,), aligned with the labels: 0 wherever they are ``IGNORE_INDEX``.

    Raises:
        MaskingError: a message's weight is no finite number from 0 on, or nothing is left to train.
    """
    import torch

    tokens, trained = encoded.tokens, encoded.labels.numpy() != IGNORE_INDEX
    own = np.full(len(encoded), weights.other)
    is_answer, is_time = tokens.is_kind(RegionKind.ANSWER), time_nats(encoded, answer_format) > 0
    own[is_answer] = np.where(is_time, weights.time, weights.format)[is_answer]
    own[tokens.is_kind(RegionKind.END_OF_TURN)] = weights.end_of_turn
    own *= trained
    for turn in np.unique(tokens.turns[trained]).tolist():
        places = np.flatnonzero(trained & (tokens.turns == turn))
        own[places] *= (
            np.linspace(weights.first, weights.last, len(places)) if len(places) > 1 else weights.first
        )
        if weights.uses_messages and message_weights and turn != NO_TURN:
            own[places] *= _checked(message_weights[turn], turn)
    if not own[1:].any():
        raise MaskingError(
            f"at least one trained token must weigh more than 0, and all {int(trained.sum()):,} weigh 0; "
            "leave the row out, or give its answer a weight"
        )
    return torch.from_numpy(own.astype(np.float32))


def _checked(weight: float, turn: int) -> float:
    if not np.isfinite(weight) or weight < 0:
        raise MaskingError(
            f"the weight of messages[{turn}] must be a finite number, 0 or above, got {weight!r:.40}"
        )
    return weight
