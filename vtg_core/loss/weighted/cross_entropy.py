"""The weighted mean of the NLL of labelled tokens."""

from typing import TYPE_CHECKING

from vtg_core.errors import LossError
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor


def weighted_loss(
    logits: "Tensor",
    labels: "Tensor",
    loss_weights: "Tensor | None" = None,
    *,
    sum_of_weights: "Tensor | float | None" = None,
) -> "Tensor":
    """Return the sum of weight times NLL over the trained tokens, over the sum of their weights.

    Labels and weights are aligned with the ids, and shifted here. Without weights every trained token weighs 1, and
    the loss is the model's own.

    Args:
        logits: (B, L, V).
        labels: int64, shape (B, L); ``IGNORE_INDEX`` where nothing is trained.
        loss_weights: of shape (B, L), finite, 0 or above; those of masked tokens play no part.
        sum_of_weights: what to divide by, such as the sum over all batches of one step; this batch's own unless given.

    Returns:
        A scalar in float32, in nats.

    Raises:
        LossError: shapes differ, or the weights of all trained tokens are 0.
    """
    import torch

    labels = labels.to(logits.device)
    weights = (labels != IGNORE_INDEX).float() if loss_weights is None else loss_weights.to(logits.device)
    if not labels.shape == weights.shape == logits.shape[:2]:
        raise LossError(
            f"labels and loss_weights must have the shape (B, L) of the logits, {tuple(logits.shape[:2])}, "
            f"got {tuple(labels.shape)} and {tuple(weights.shape)}"
        )
    total = weights_of(labels, weights).sum() if sum_of_weights is None else sum_of_weights
    if not torch.is_tensor(total):
        total = torch.tensor(float(total))
    if not bool(total > 0):
        raise LossError(
            "the weights of the trained tokens must sum to more than 0, got 0: nothing is trained"
        )
    nll = torch.nn.functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1),
        labels[:, 1:].flatten(),
        ignore_index=IGNORE_INDEX,
        reduction="none",
    )
    counted: Tensor = (nll * weights[:, 1:].flatten().to(nll.dtype)).sum() / total.to(nll.device)
    return counted


def weights_of(labels: "Tensor", loss_weights: "Tensor") -> "Tensor":
    """Return the weights of the tokens that are trained and have one before them, which predicts them; shape (N,)."""
    return loss_weights[:, 1:][labels[:, 1:] != IGNORE_INDEX]
