"""What each question to a model will cost, before it is asked: tokens, passes, seconds, memory."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vtg_core.loss.cost import SECONDS_PER_LAYER, PassCost, estimate_plain_passes, estimate_shared_pass
from vtg_core.loss.model_shape import ModelShape
from vtg_core.masking.encoding import EncodedSample
from vtg_core.probes.generation import default_max_new_tokens
from vtg_core.probes.overfit import Trained, prompt_text
from vtg_core.probes.overfit_cost import OverfitCost, estimate_overfit
from vtg_core.regions import IGNORE_INDEX
from vtg_core.views.loss import CostView, seconds_in_words, where_in_words

BYTES_PER_SECOND = {"cuda": 1e12, "mps": 1e11, "cpu": 1e10}
"""How fast a device reads weights, which is what writing one token takes: the order of magnitude."""


def controls_cost(shape: ModelShape, sharing: Sequence[EncodedSample]) -> PassCost:
    """Estimate what the controls take: one shared pass, and a plain one for each of the two other videos.

    Args:
        shape: of the model.
        sharing: the real sample, and those that differ from it in words alone.
    """
    shared = estimate_shared_pass(shape, sharing)
    plain = estimate_plain_passes(shape, [sharing[0], sharing[0]])
    return replace(
        shared,
        num_tokens=shared.num_tokens + plain.num_tokens,
        seconds=shared.seconds + plain.seconds,
        memory_bytes=max(shared.memory_bytes, plain.memory_bytes),
        unscaled_seconds=shared.unscaled_seconds + plain.unscaled_seconds,
        flops=shared.flops + plain.flops,
    )


def generation_cost(shape: ModelShape, encoded: EncodedSample) -> PassCost:
    """Estimate what an answer takes that is as long as it may be: a pass over the prompt, and one for each token."""
    prompt, limit = estimate_plain_passes(shape, [encoded]), default_max_new_tokens(encoded)
    reading = shape.weight_bytes / BYTES_PER_SECOND.get(shape.device.split(":")[0], 1e10)
    writing = limit * (reading + SECONDS_PER_LAYER * shape.text_layers)
    cache = 2 * shape.text_layers * shape.kv_width * (len(encoded) + limit) * shape.itemsize
    return replace(
        prompt,
        num_tokens=prompt.num_tokens + limit,
        seconds=prompt.seconds + writing,
        memory_bytes=prompt.memory_bytes + cache,
        unscaled_seconds=prompt.unscaled_seconds + writing,
        flops=prompt.flops + 2.0 * limit * (shape.text_params + shape.hidden * shape.vocab_size),
    )


def overfit_cost(
    shape: ModelShape, encoded: EncodedSample, num_steps: int, trained: np.ndarray | None = None
) -> PassCost:
    """Estimate what an overfit check takes: its passes, and what training holds beside one of them.

    With another mask than ours the steps are taken twice, one copy after the other, so that both can be shown.

    Args:
        shape: of the model.
        encoded: the sample.
        num_steps: from 1 to ``MAX_STEPS``.
        trained: which tokens another mask than ours trains; bool, shape (L,).
    """
    return _overfit_costs(shape, encoded, num_steps=num_steps, trained=trained)[1]


def _overfit_costs(
    shape: ModelShape, encoded: EncodedSample, *, num_steps: int, trained: np.ndarray | None
) -> tuple[OverfitCost, PassCost]:
    watched = (prompt_text(encoded) | (encoded.labels != IGNORE_INDEX)).numpy()
    num_logits = int((watched if trained is None else watched | trained).sum())
    training = estimate_overfit(
        shape,
        num_tokens=len(encoded),
        num_patches=_num_patches(encoded),
        num_logits=num_logits,
        num_steps=num_steps,
    )
    if trained is not None:
        training = replace(training, num_passes=2 * training.num_passes)
    one = estimate_plain_passes(shape, [encoded])
    return training, replace(
        one,
        seconds=training.num_passes * one.seconds,
        memory_bytes=one.memory_bytes + training.memory_bytes,
        unscaled_seconds=training.num_passes * one.unscaled_seconds,
        flops=training.num_passes * one.flops,
    )


def _num_patches(encoded: EncodedSample) -> int:
    grids = [np.asarray(value) for name, value in encoded.media.items() if name.endswith("grid_thw")]
    return int(sum(grid.reshape(-1, 3).prod(axis=1).sum() for grid in grids))


def view_controls_cost(shape: ModelShape, sharing: Sequence[EncodedSample]) -> CostView:
    """Return the view of what the controls will cost; see :func:`controls_cost`."""
    cost = controls_cost(shape, sharing)
    return CostView(
        cost=f"3 forward passes over about {cost.num_tokens:,} tokens: {_takes(cost, shape)}.",
        references="The real sample, another query and the shifted window share a pass where the model allows it; the "
        "blank and the reversed video take one each.",
    )


def view_generation_cost(shape: ModelShape, encoded: EncodedSample) -> CostView:
    """Return the view of what an answer of the model will cost at most."""
    cost, limit = generation_cost(shape, encoded), default_max_new_tokens(encoded)
    return CostView(
        cost=f"One pass over the prompt's {encoded.answer_starts[-1]:,} tokens, and one for each of at most {limit:,} "
        f"that it writes: {_takes(cost, shape)}.",
        references="Always the likeliest token, so that the answer is the same each time; whatever sampling the "
        "checkpoint asks for is left out.",
    )


def view_overfit_cost(
    shape: ModelShape, encoded: EncodedSample, num_steps: int, trained: np.ndarray | None = None
) -> CostView:
    """Return the view of what an overfit check will cost; see :func:`overfit_cost`."""
    training, cost = _overfit_costs(shape, encoded, num_steps=num_steps, trained=trained)
    weights = f"All {training.num_trained_weights:,} weights of a copy"
    if training.trained is Trained.LORA:
        weights = f"LoRA matrices of about {training.num_trained_weights:,} weights, beside the frozen model,"
    steps = f"{num_steps:,} step{'' if num_steps == 1 else 's'}"
    if trained is not None:
        steps += " with our mask and as many with this one"
    return CostView(
        cost=f"{steps}, the work of {training.num_passes:,.0f} forward passes over {len(encoded):,} tokens: "
        f"{_takes(cost, shape)}.",
        references=f"{weights} take the steps; the model has its own back at the end, and at once where you cancel.",
    )


def _takes(cost: PassCost, shape: ModelShape) -> str:
    return f"{seconds_in_words(cost.seconds)} {where_in_words(cost, shape)}"
