"""The steps: one model, one mask, and what it costs to know the times on fresh clips, every so often."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

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

Batch = TypeVar("Batch")
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
    learner = Learner(model, sum(lesson.num_steps for lesson in lessons))
    collate = MaskedBatches(processor, recipe, policy)
    for number, lesson in enumerate(lessons):
        conversations = Conversations(lesson, annotation_file, lesson_seed(seed, number))
        for batch in read_ahead(conversations, collate, lesson.batch_size, num_workers=num_workers):
            yield learner.step(batch)
    model.eval()


def lesson_seed(seed: int, number: int) -> int:
    """Return the seed of a training's lesson, by its number from 0."""
    return 100 * seed + number


def read_ahead(
    conversations: Any, collate: Callable[[Any], Batch], batch_size: int, *, num_workers: int
) -> Iterator[Batch]:
    """Yield batches of a map-style dataset, in its order, made in processes of their own."""
    from torch.utils.data import DataLoader

    return iter(DataLoader(conversations, batch_size, collate_fn=collate, num_workers=num_workers))


class Learner:
    """A model in training; a deep copy goes on by itself from where this one stands.

    Args:
        model: trained in place, on the device where it is.
        num_steps: of the whole training, which the learning rate follows.
    """

    def __init__(self, model: "PreTrainedModel", num_steps: int) -> None:
        self.model, self.num_steps, self.taken = model.train(), num_steps, 0
        self.optimizers = _optimizers(model)

    def step(self, batch: "Mapping[str, Tensor]") -> float:
        """Take a step; return what was trained on cost before it, nats a token."""
        import torch

        loss = _loss(self.model, {name: value.to(self.model.device) for name, value in batch.items()})
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * _warmth(self.taken, self.num_steps)
            optimizer.step()
        self.model.zero_grad()
        self.taken += 1
        return float(loss.detach())


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
