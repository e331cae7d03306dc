"""Weights in a trainer of transformers: what it accumulates is divided by the sum of weights, not by a count."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vtg_core.errors import LossError
from vtg_core.loss.weighted.cross_entropy import weighted_loss, weights_of
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Trainer

COLUMN = "loss_weights"


def use_loss_weights(trainer: "Trainer") -> "Trainer":
    """Make a trainer count the ``loss_weights`` of its batches, and return it; without the column it counts as before.

    A step's loss is the sum of weight times NLL over all its tokens, over the sum of their weights: over every batch
    that the step accumulates, and every process where the trainer averages tokens across them. The column never
    reaches the model.

    Raises:
        LossError: the trainer has a loss of its own, or spreads one process over several GPUs.
    """
    if trainer.compute_loss_func is not None or trainer.label_smoother is not None:
        raise LossError(
            "a trainer that counts weights must have no other loss; leave compute_loss_func and label smoothing out"
        )
    if trainer.args.n_gpu > 1:
        raise LossError(
            f"weights need one process a GPU, and this trainer spreads one over {trainer.args.n_gpu}; start it with torchrun"
        )
    loss = WeightedLoss()
    trainer.model.register_forward_pre_hook(loss.take, with_kwargs=True)
    trainer.compute_loss_func = loss
    count = trainer.get_batch_samples

    def get_batch_samples(*args: Any, **kwargs: Any) -> tuple[list[Any], "Tensor | int | None"]:
        batches, num_items = count(*args, **kwargs)
        loss.step_total = _sum_of_weights(trainer, batches, num_items)
        return batches, loss.step_total if loss.step_total is not None else num_items

    trainer.get_batch_samples = get_batch_samples
    return trainer


class WeightedLoss:
    """The loss of a trainer whose batches may have weights, as ``compute_loss_func`` is called.

    Attributes:
        step_total: the sum of weights over the step that is running; None where it is not known.
    """

    def __init__(self) -> None:
        self.step_total: Tensor | int | None = None
        self._weights: Tensor | None = None

    def take(self, module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Take the weights out of what a model is called with: it would not know them."""
        self._weights = kwargs.pop(COLUMN, None)
        return args, kwargs

    def __call__(
        self, outputs: Any, labels: "Tensor", num_items_in_batch: "Tensor | int | None" = None
    ) -> "Tensor":
        """Return the loss of a batch: its part of the step's while training, and its own mean in an evaluation."""
        import torch

        logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
        weights, self._weights = self._weights, None
        if weights is None:
            return weighted_loss(logits, labels, sum_of_weights=num_items_in_batch)
        if not torch.is_grad_enabled():
            return weighted_loss(logits, labels, weights)
        if self.step_total is None:
            raise LossError(
                "a step's weights must be summed before it runs, and this trainer took its batches past "
                "get_batch_samples; call super().get_batch_samples in it"
            )
        return weighted_loss(logits, labels, weights, sum_of_weights=self.step_total)


def _sum_of_weights(
    trainer: "Trainer", batches: Sequence[Any], num_items: "Tensor | int | None"
) -> "Tensor | int | None":
    """Return what the trainer's count of tokens would be with each counted as its weight; None without weights.

    The trainer's own count says over which processes it is taken, and which of them hold the same batch.
    """
    import torch

    own = [batch for batch in batches if COLUMN in batch]
    if num_items is None or not own:
        return None
    if len(own) < len(batches):
        raise LossError(
            f"every batch of a step must have {COLUMN}, or none, got {len(own)} of {len(batches)}"
        )
    pairs = [(batch["labels"], batch[COLUMN]) for batch in own]
    total = math.fsum(float(weights_of(*pair).sum()) for pair in pairs)
    count = sum(int((labels[:, 1:] != IGNORE_INDEX).sum()) for labels, _ in pairs)
    if trainer.args.average_tokens_across_devices and trainer.args.world_size > 1:
        of_all = torch.tensor([[total, count]], dtype=torch.float32, device=trainer.args.device)
        total, count = trainer.accelerator.gather(of_all).sum(dim=0).tolist()
    return torch.as_tensor(num_items).to(torch.float32) * (total / count if count else 0.0)
