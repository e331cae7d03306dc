"""What an overfit check will take, before a weight is loaded: passes and memory, from the measures of the model alone.

On a CPU the memory was within a quarter of what was measured, on the demo and on two layers of Qwen3-VL-2B's width.
"""

from dataclasses import dataclass

from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.token_scores import MAX_LOGITS_BYTES
from vtg_core.probes.overfit import MAX_ALL_WEIGHTS, Trained, check_num_steps, resolve_trained
from vtg_core.probes.trainable_copy import LORA_RANK


@dataclass(frozen=True)
class OverfitCost:
    """What an overfit check will take.

    Attributes:
        trained: which weights take the steps, never ``auto``.
        num_trained_weights: about how many numbers those are.
        num_passes: of all steps, in units of one forward pass over the sample.
        copy_bytes: of weights that are copied, and of LoRA's.
        gradient_bytes: of the weights that take the steps.
        optimizer_bytes: of the two running means that AdamW keeps for each of them.
        activation_bytes: of what the layers keep for the gradients, with the logits.
    """

    trained: Trained
    num_trained_weights: int
    num_passes: float
    copy_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int

    @property
    def memory_bytes(self) -> int:
        """All of it; the model's own weights, which must be there for any pass, are not counted."""
        return self.copy_bytes + self.gradient_bytes + self.optimizer_bytes + self.activation_bytes


def estimate_overfit(
    shape: ModelShape,
    *,
    num_tokens: int,
    num_patches: int = 0,
    num_logits: int,
    num_steps: int = 20,
    trained: Trained | str = Trained.AUTO,
) -> OverfitCost:
    """Estimate what :func:`vtg_core.probes.overfit.overfit` will take beside the model.

    A backward pass costs two forward ones where all weights have gradients, and one where the activations alone do,
    which is what LoRA needs; a model of more than ``MAX_ALL_WEIGHTS`` computes its layers once more. One pass at the
    end measures the last step.

    Args:
        shape: of the model.
        num_tokens: of the sample.
        num_patches: that the vision tower is given.
        num_logits: how many tokens are trained or watched.
        num_steps: from 1 to ``MAX_STEPS``.
        trained: which weights take the steps.

    Raises:
        LossError: ``num_steps`` or ``trained`` is out of its range.
    """
    check_num_steps(num_steps)
    resolved = resolve_trained(trained, shape.num_params)
    is_all, is_recomputed = resolved is Trained.ALL, shape.num_params > MAX_ALL_WEIGHTS
    num_weights = shape.num_params if is_all else _num_lora_weights(shape)
    itemsize = max(4, shape.itemsize) if is_all else shape.itemsize  # a copy of all weights is in float32
    activations = _kept(shape, num_tokens, num_patches if is_all else 0, is_recomputed=is_recomputed)
    logits = 2 * num_logits * shape.vocab_size * itemsize
    chunk = min(MAX_LOGITS_BYTES, 4 * num_logits * shape.vocab_size)
    own = max(4, shape.itemsize) * num_weights
    return OverfitCost(
        trained=resolved,
        num_trained_weights=num_weights,
        num_passes=num_steps * (1 + (2 if is_all else 1) + is_recomputed) + 1,
        copy_bytes=own,
        gradient_bytes=own,
        optimizer_bytes=2 * own,
        activation_bytes=int(activations * itemsize + logits + 3 * chunk),
    )


def _num_lora_weights(shape: ModelShape) -> int:
    """Return the numbers in matrices beside attention's four projections and the three of a gated layer."""
    hidden, inner, kv = shape.hidden, shape.intermediate, shape.kv_width
    return LORA_RANK * shape.text_layers * (4 * hidden + 2 * (hidden + kv) + 3 * (hidden + inner))


def _kept(shape: ModelShape, num_tokens: int, num_patches: int, *, is_recomputed: bool) -> float:
    """Return how many numbers the layers keep: each its input alone, and one of them all, where they are recomputed."""
    text = num_tokens * (NUM_STATES * shape.hidden + NUM_INNER * shape.intermediate)
    vision = num_patches * (NUM_STATES * shape.vision_hidden + NUM_INNER * shape.vision_intermediate)
    if not is_recomputed:
        return shape.text_layers * text + shape.vision_layers * vision
    inputs = num_tokens * shape.hidden * shape.text_layers
    inputs += num_patches * shape.vision_hidden * shape.vision_layers
    return inputs + 2 * max(text, vision)  # with the gradients of what is computed again


NUM_STATES, NUM_INNER = 18, 5
"""How many hidden and how many inner states a layer keeps for each position."""
