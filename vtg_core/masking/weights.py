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
    earlier: Sequence[float] | None = None,
) -> "Tensor":
    """Return the weight of each token of a sample.

    Args:
        encoded: the sample, labelled.
        weights: what each part of an answer weighs.
        answer_format: how its answers are written: it knows which of their characters say times.
        message_weights: of each message of the conversation, as its file says; 1 for all unless given.
        earlier: NLL (nats) of each trained token in an earlier pass, in order, as the tokens of a ``LossReport`` have
            them; needed where the weights go by difficulty.

    Returns:
        float32, shape (L,), aligned with the labels: 0 wherever they are ``IGNORE_INDEX``.

    Raises:
        MaskingError: a message's weight is no finite number from 0 on, the earlier NLL are not those of
            its trained tokens, or nothing is left to train.
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
    if weights.focal or weights.cap is not None:
        own[trained] *= by_difficulty(weights, earlier, int(trained.sum()))
    if not own[1:].any():
        raise MaskingError(
            f"at least one trained token must weigh more than 0, and all {int(trained.sum()):,} weigh 0; "
            "leave the row out, or give its answer a weight"
        )
    return torch.from_numpy(own.astype(np.float32))


def by_difficulty(weights: TokenWeights, earlier: Sequence[float] | None, num_trained: int) -> np.ndarray:
    """Return what trained tokens weigh by what they cost in an earlier pass; float64, shape (num_trained,).

    Source: the focal form of Lin et al., "Focal Loss for Dense Object Detection" (2017), here with the earlier pass's
    probability, so that the weight has no gradient.

    Raises:
        MaskingError: there is not one finite NLL for each of them.
    """
    nll = np.asarray(earlier if earlier is not None else [], dtype=np.float64)
    if nll.shape != (num_trained,) or not np.isfinite(nll).all() or (nll < 0).any():
        raise MaskingError(
            f"weights by difficulty need the NLL of each of the {num_trained:,} trained tokens in an earlier pass, got "
            f"{'none' if earlier is None else f'{nll.size:,} numbers'}; pass earlier= to the collator, scored with this mask"
        )
    focal = (1.0 - np.exp(-nll)) ** weights.focal
    capped = (
        np.ones_like(nll) if weights.cap is None else np.minimum(1.0, weights.cap / np.maximum(nll, 1e-12))
    )
    weighed: np.ndarray = focal * capped
    return weighed


def _checked(weight: float, turn: int) -> float:
    if not np.isfinite(weight) or weight < 0:
        raise MaskingError(
            f"the weight of messages[{turn}] must be a finite number, 0 or above, got {weight!r:.40}"
        )
    return weight
