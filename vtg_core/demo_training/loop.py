"""The steps: one model, one mask, and what it costs to know the times on fresh clips, every so often."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.collator import SFTCollator, pad
from vtg_core.dataset import Sample
from vtg_core.demo_training.lessons import LESSONS, Conversations, Lesson
from vtg_core.errors import MaskingError
from vtg_core.loss.score import predicting_positions
from vtg_core.recipes.masks import apply_recipe
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, MaskPolicy

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer
    from transformers import PreTrainedModel, ProcessorMixin

LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.01
NUM_WARM_UP_STEPS = 50
MAX_GRADIENT_NORM = 1.0


class MaskedBatches:
    """Our collator; with a recipe, our collator with that recipe's labels. Nothing else differs.

    Args:
        processor: of the model's checkpoint.
        recipe: whose mask is trained; our own response-only mask without one.
        policy: of our own mask, for weights; every trained token alike unless given.
    """

    def __init__(
        self, processor: "ProcessorMixin", recipe: Recipe | None = None, policy: MaskPolicy | None = None
    ) -> None:
        self.collator, self.recipe = SFTCollator(processor, policy=policy), recipe

    def __call__(self, conversations: Sequence[Sample | Mapping[str, Any]]) -> "dict[str, Tensor]":
        """Return a batch as :class:`SFTCollator` does.

        Raises:
            MaskingError: the recipe cannot be applied to a conversation.
        """
        if self.recipe is None:
            return self.collator(conversations)
        encoded = []
        for ours in map(self.collator.encode, conversations):
            mask = apply_recipe(self.recipe, ours, self.collator.processor)
            if mask.supervised is None:
                raise MaskingError(
                    f"recipe {self.recipe} must be applicable to each conversation: {mask.reason}"
                )
            labels = np.where(mask.supervised, ours.input_ids.numpy(), IGNORE_INDEX)
            encoded.append(replace(ours, labels=ours.input_ids.new_tensor(labels)))
        return pad(encoded, self.collator.processor)


def train(
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    annotation_file: Path,
    *,
    seed: int,
    lessons: Sequence[Lesson] = LESSONS,
    recipe: Recipe | None = None,
    policy: MaskPolicy | None = None,
    num_workers: int = 1,
) -> Iterator[float]:
    """Train all weights of a model in place, and yield after each step what it trained on cost, nats a token.

    Muon for the layers' matrices and AdamW for the rest: with AdamW alone the demo does not find the video in the same
    number of steps. The learning rate warms up, stays, and falls to nothing over the last fifth.

    Args:
        model: trained on the device where it is.
        processor: of its checkpoint.
        annotation_file: of :func:`vtg_core.demo_training.practice.write_practice`.
        seed: of what is asked about which clip.
        lessons: what is shown, in order.
        recipe: whose mask is trained; our own without one.
        policy: of our own mask, for weights.
        num_workers: processes that read and encode the samples ahead.
    """
    import torch

    optimizers, collate = _optimizers(model), MaskedBatches(processor, recipe, policy)
    num_steps, step = sum(lesson.num_steps for lesson in lessons), 0
    model.train()
    for number, lesson in enumerate(lessons):
        for batch in _batches(lesson, annotation_file, collate, 100 * seed + number, num_workers):
            loss = _loss(model, {name: value.to(model.device) for name, value in batch.items()})
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = LEARNING_RATE * _warmth(step, num_steps)
                optimizer.step()
            model.zero_grad()
            step += 1
            yield float(loss.detach())
    model.eval()


def _batches(
    lesson: Lesson, annotation_file: Path, collate: MaskedBatches, seed: int, num_workers: int
) -> "Iterator[dict[str, Tensor]]":
    from torch.utils.data import DataLoader

    conversations = Conversations(lesson, annotation_file, seed)
    return iter(
        DataLoader(conversations, lesson.batch_size, collate_fn=collate, num_workers=num_workers)  # type: ignore[arg-type]
    )


def _optimizers(model: "PreTrainedModel") -> "list[Optimizer]":
    import torch

    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weight in model.named_parameters():
        is_table = "embed" in name or "lm_head" in name  # a row stands for a token or a place: no matrix
        (matrices if weight.ndim == 2 and not is_table else others).append(weight)
    return [
        torch.optim.Muon(matrices, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY),
    ]


def _warmth(step: int, num_steps: int) -> float:
    """Return the share of the learning rate that a step takes, above 0 and at most 1."""
    return min((step + 1) / NUM_WARM_UP_STEPS, 1.0, 5 * (num_steps - step) / num_steps)


def _loss(model: "PreTrainedModel", batch: "dict[str, Tensor]") -> "Tensor":
    """Return the mean NLL of the batch's supervised tokens, by their weights, nats; logits are computed where one is predicted."""
    import torch

    labels, weights = batch.pop("labels"), batch.pop("loss_weights", None)
    rows, columns = predicting_positions(labels)
    kept = torch.unique(columns - 1)
    logits = model(**batch, use_cache=False, logits_to_keep=kept).logits
    nll = torch.nn.functional.cross_entropy(
        logits[rows, torch.searchsorted(kept, columns - 1)].float(), labels[rows, columns], reduction="none"
    )
    if weights is None:
        return nll.mean()
    own = weights[rows, columns]
    return (nll * own).sum() / own.sum()
