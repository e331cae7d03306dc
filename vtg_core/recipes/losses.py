"""What other people's masks would have reported as the loss of one sample, from a single forward pass."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.errors import LossCancelledError, LossError
from vtg_core.loss.forward_pass import evaluating, input_device, layers_counted, raising_loss_errors
from vtg_core.loss.score import LossReport, score
from vtg_core.loss.token_scores import MAX_LOGITS_BYTES
from vtg_core.recipes.masks import RecipeMask
from vtg_core.recipes.rules import Recipe

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def recipe_losses(
    model: "PreTrainedModel",
    batch: Mapping[str, "Tensor"],
    masks: Iterable[RecipeMask],
    *,
    on_layer: Callable[[int], None] | None = None,
) -> dict[Recipe | str, float | None]:
    """Return the loss that each recipe would have reported of one sample, from one forward pass.

    Logits are computed for the tokens that some recipe trains, a few at a time in float32: their memory is bounded
    by ``MAX_LOGITS_BYTES``, whatever the vocabulary.

    Args:
        model: any model of transformers whose logits are what its output embeddings give.
        batch: one sample without padding, as :class:`vtg_core.collator.SFTCollator` returns it; it is moved to the
            model's device, and its labels are not looked at.
        masks: of that sample.
        on_layer: called with the number of layers begun so far, before each of them; what it raises ends the pass.

    Returns:
        Nats a supervised token, the mean that the model's own ``loss`` is; None for a recipe that cannot be
        applied, or that trains nothing after the shift.

    Raises:
        OutOfMemoryError: the pass does not fit on the device.
        LossError: the model computes its logits otherwise.
    """
    import torch

    masks, device = list(masks), input_device(model)
    inputs = {name: value.to(device) for name, value in batch.items() if name != "labels"}
    columns = _columns(masks, inputs["input_ids"])
    costs = np.zeros(inputs["input_ids"].shape[1])
    with (
        evaluating(model),
        layers_counted(model, on_layer),
        raising_loss_errors(batch, device),
        torch.inference_mode(),
    ):
        if len(columns):
            costs[columns.cpu().numpy()] = _nll(model, inputs, columns).cpu().numpy()
    return {mask.recipe: _mean(costs, mask.supervised) for mask in masks}


def score_with_recipes(
    model: "PreTrainedModel",
    batch: Mapping[str, "Tensor"],
    tokenizer: "PreTrainedTokenizerBase",
    masks: Iterable[RecipeMask],
    *,
    on_layer: Callable[[int], None] | None = None,
) -> tuple[LossReport, dict[Recipe | str, float | None]]:
    """Score one sample, and return what each recipe would have reported from the pass that cross-checks the loss.

    Where the cross-check is not run, because its logits would be too large, the recipes get a pass of their own.

    Args:
        model, batch, tokenizer, on_layer: see :func:`vtg_core.loss.score.score`; one sample without padding.
        masks: of that sample.

    Returns:
        The report, and :func:`recipe_losses`; those are empty where they cannot be had from this model, or do not fit.

    Raises:
        OutOfMemoryError, LossError: see :func:`vtg_core.loss.score.score`.
    """
    masks = list(masks)
    columns = _columns(masks, batch["input_ids"].to(input_device(model)))
    with _states_caught(model, columns, batch["input_ids"].shape[1]) as caught:
        [report] = score(model, batch, tokenizer, on_layer=on_layer)
    costs = _costs_of_states(model, batch, columns, caught) if report.model_loss is not None else None
    if costs is not None and _agrees(costs, report):
        return report, {mask.recipe: _mean(costs, mask.supervised) for mask in masks}
    try:
        return report, recipe_losses(model, batch, masks, on_layer=on_layer)
    except LossCancelledError:
        raise
    except LossError:
        return report, {}


@contextmanager
def _states_caught(model: "PreTrainedModel", columns: "Tensor", length: int) -> Iterator[list["Tensor"]]:
    """Catch what the output embeddings are given before the tokens at ``columns``, in passes that ask for all logits."""
    caught: list[Tensor] = []

    def catch(_: object, given: tuple["Tensor", ...]) -> None:
        if given[0].shape[1] == length and len(columns):
            caught[:] = [_states_before(columns, given[0])]

    hook = model.get_output_embeddings().register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        hook.remove()


def _costs_of_states(
    model: "PreTrainedModel", batch: Mapping[str, "Tensor"], columns: "Tensor", caught: Sequence["Tensor"]
) -> np.ndarray | None:
    """Return nats a token, 0 where no recipe asks, float64, shape (L,); None where they do not fit."""
    import torch

    if not caught:
        return None
    costs, device = np.zeros(batch["input_ids"].shape[1]), columns.device
    targets = batch["input_ids"].to(device)[0, columns]
    try:
        with raising_loss_errors(batch, device), torch.inference_mode():
            nll = _nll_of_states(model, caught[0], targets)
    except LossError:
        return None
    costs[columns.cpu().numpy()] = nll.cpu().numpy()
    return costs


def _agrees(costs: np.ndarray, report: LossReport) -> bool:
    """Say whether the supervised tokens cost what the model's logits say, so far as they were asked for."""
    asked = [(costs[token.index], token.nll) for token in report.tokens if costs[token.index]]
    return all(abs(cost - nll) <= 0.1 + 0.02 * nll for cost, nll in asked)


def _nll(model: "PreTrainedModel", inputs: Mapping[str, "Tensor"], columns: "Tensor") -> "Tensor":
    """Return what the tokens at ``columns``, int64, shape (N,), cost in nats; float32, shape (N,).

    The states that would become logits are caught on their way into the output embeddings, which are then given
    the first of them only: one pass of the model, and no logits of the whole sequence.
    """
    import torch

    head, caught = model.get_output_embeddings(), []

    def catch(_: object, given: tuple["Tensor", ...]) -> tuple["Tensor", ...]:
        caught.append(_states_before(columns, given[0]))
        return _states_before(columns[:1], given[0])[None], *given[1:]

    hook = head.register_forward_pre_hook(catch)
    try:
        first = model(**inputs, use_cache=False).logits[0, 0].float()
    finally:
        hook.remove()
    again = head(caught[0][:1])[0].float().to(first.device) if len(caught) == 1 else None
    if again is None or not torch.allclose(again, first, rtol=1e-2, atol=1e-2):
        raise LossError(
            f"the logits of {type(model).__name__} must be what its output embeddings give, and are not; the losses "
            "of other recipes cannot be had from one pass"
        )
    return _nll_of_states(model, caught[0], inputs["input_ids"][0, columns])


def _nll_of_states(model: "PreTrainedModel", states: "Tensor", targets: "Tensor") -> "Tensor":
    import torch

    head = model.get_output_embeddings()
    step = max(1, MAX_LOGITS_BYTES // (4 * model.get_input_embeddings().num_embeddings))
    pairs = zip(states.split(step), targets.split(step), strict=True)
    logits_of = ((head(some).float(), ids) for some, ids in pairs)
    return torch.cat(
        [torch.nn.functional.cross_entropy(x, ids.to(x.device), reduction="none") for x, ids in logits_of]
    )


def _states_before(columns: "Tensor", states: "Tensor") -> "Tensor":
    """Return the states, shape (1, L, D), before the tokens at ``columns``; shape (N, D), on the states' own device."""
    return states[0, (columns - 1).to(states.device)]


def _columns(masks: Iterable[RecipeMask], input_ids: "Tensor") -> "Tensor":
    """Return where the tokens stand that some recipe trains; int64, shape (N,), on the device of the ids."""
    import torch

    wanted = np.zeros(input_ids.shape[1], dtype=bool)
    for mask in masks:
        wanted |= mask.supervised if mask.supervised is not None else False
    return torch.from_numpy(np.flatnonzero(wanted[1:]) + 1).to(input_ids.device)


def _mean(costs: np.ndarray, supervised: np.ndarray | None) -> float | None:
    if supervised is None or not supervised[1:].any():
        return None
    return float(costs[1:][supervised[1:]].mean())
