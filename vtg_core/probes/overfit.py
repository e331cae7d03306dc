"""Does training on this mask teach the answer? A few steps on one sample, taken by a copy of the model."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vtg_core.errors import LossError, NotFiniteError
from vtg_core.loss.forward_pass import (
    first_not_finite,
    input_device,
    kept_logits,
    layers_counted,
    raising_loss_errors,
)
from vtg_core.loss.model_shape import dtype_of
from vtg_core.loss.score import check_batch, predicting_positions
from vtg_core.loss.token_scores import MAX_LOGITS_BYTES
from vtg_core.probes.overfit_readings import read_overfit
from vtg_core.probes.trainable_copy import (
    check_trainable,
    full_copy,
    lora_copy,
    random_state_kept,
    recompute_layers,
)
from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, RegionKind

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

    from vtg_core.masking.encoding import EncodedSample


class Trained(StrEnum):
    """Which weights take the steps."""

    AUTO = "auto"
    ALL = "all"
    LORA = "lora"


@dataclass(frozen=True)
class OverfitStep:
    """The losses after ``step`` optimiser steps, of which 0 is before the first.

    Attributes:
        step: how many steps were taken.
        response_nll: nats a token of the answer and its end of turn: what our mask trains, whichever mask trained.
        prompt_nll: nats a token of the prompt's text, which our mask does not train; video tokens left out. None where
            there is no such token.
        trained_nll: nats a token of what was trained: that of the answer, unless another mask was given.
    """

    step: int
    response_nll: float
    prompt_nll: float | None
    trained_nll: float


@dataclass(frozen=True)
class OverfitReport:
    """How a sample was learnt.

    Attributes:
        steps: one more than steps were taken; fewer where it was stopped early because a loss was not finite.
        mask: the name of the mask that was trained, "ours" for the response-only mask.
        num_trained_tokens: how many tokens it has in the loss.
        trained: which weights.
        num_trained_weights: how many numbers those are.
        learning_rate: of AdamW.
        device, dtype: where and in which floating point type the copy ran: float32 where all weights of a model in
            half precision were trained.
        seconds: time of all steps.
        was_stopped: a loss was not finite after the last of ``steps``.
    """

    steps: tuple[OverfitStep, ...]
    mask: str
    num_trained_tokens: int
    trained: Trained
    num_trained_weights: int
    learning_rate: float
    device: str
    dtype: str
    seconds: float
    was_stopped: bool = False

    @property
    def reading(self) -> str:
        """One sentence for a newcomer: whether the answer is being learnt, and what that says of the mask."""
        return read_overfit(self)


def overfit(
    model: "PreTrainedModel",
    batch: "Mapping[str, Tensor]",
    *,
    prompt: "Tensor",
    num_steps: int = 20,
    learning_rate: float | None = None,
    trained: Trained | str = Trained.AUTO,
    trained_labels: "Tensor | None" = None,
    mask: str = "ours",
    on_step: Callable[[OverfitStep, int], None] | None = None,
    on_layer: Callable[[], None] | None = None,
) -> OverfitReport:
    """Take AdamW steps on one sample, with a copy of the model; the model itself is never written to.

    Dropout is off, so that the curve shows what was learnt and no noise. Gradients are clipped at
    ``MAX_GRADIENT_NORM``; weights do not decay. Logits are computed only for the tokens that are trained or watched.

    Args:
        model: its weights, buffers, gradients, modes and random state are afterwards what they were.
        batch: one sample without padding, as :class:`vtg_core.collator.SFTCollator` returns it; its labels say what
            the answer is.
        prompt: bool, shape (L,): the tokens of the prompt's text, whose loss is watched; see :func:`prompt_text`.
        num_steps: from 1 to ``MAX_STEPS``.
        learning_rate: above 0; :func:`default_learning_rate` unless given.
        trained: which weights take the steps, see :func:`resolve_trained`.
        trained_labels: int64, shape (1, L): another mask to train on instead of ours.
        mask: its name.
        on_step: called with the losses before the first step and after each, and with how many steps there are.
        on_layer: called before each layer, also where one is computed again for the gradients; what either raises
            ends the run.

    Raises:
        LossError: a number is out of its range, nothing is trained, or this model cannot be trained so.
        NotFiniteError: a loss is not finite before the first step.
        OutOfMemoryError: it does not fit on the device.
    """
    import torch

    check_num_steps(num_steps)
    resolved = resolve_trained(trained, model.num_parameters())
    if learning_rate is None:
        learning_rate = default_learning_rate(resolved, model.num_parameters())
    rate = check_learning_rate(learning_rate)
    check_batch(model, batch)
    check_trainable(model)
    device = input_device(model)
    started = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad(), random_state_kept(device):
        watched = _Watched.of(batch, prompt, trained_labels)
        with raising_loss_errors(batch, device):
            run = _Run(_copy_of(model, resolved, on_layer), batch, watched, rate)
        with layers_counted(run.copy, None if on_layer is None else lambda _: on_layer()):
            steps = run.take(num_steps, on_step)
    return OverfitReport(
        steps=steps,
        mask=mask,
        num_trained_tokens=int(watched.is_trained.sum()),
        trained=resolved,
        num_trained_weights=sum(weight.numel() for weight in run.weights),
        learning_rate=rate,
        device=str(device),
        dtype=dtype_of(run.copy),
        seconds=time.perf_counter() - started,
        was_stopped=len(steps) <= num_steps,
    )


MAX_STEPS = 200
MAX_ALL_WEIGHTS = 20_000_000
"""Up to so many parameters all weights are trained; a real model gets LoRA."""

MAX_GRADIENT_NORM = 1.0
"""The usual bound of fine-tuning: a first large gradient moves a weight no farther than the others."""

LOSS_SCALES = {"float16": 2.0**10}
"""By what a loss is multiplied, and its gradients divided, so that the small ones are not 0 in float16."""


def prompt_text(encoded: "EncodedSample") -> "Tensor":
    """Return which tokens are the prompt's text, whose loss nobody trains by our mask.

    Returns:
        bool, shape (L,): what stands before the last answer and is not supervised, no video, no timestamp and no
        padding; the first token of all is left out, as nothing predicts it.
    """
    import torch

    is_text = encoded.labels == IGNORE_INDEX
    for region in encoded.regions:
        if region.kind in VIDEO_KINDS or region.kind is RegionKind.PADDING:
            is_text[region.start : region.end] = False
    positions = torch.arange(len(encoded))
    return is_text & (positions > 0) & (positions < encoded.answer_starts[-1])


def resolve_trained(trained: Trained | str, num_params: int) -> Trained:
    """Return which weights take the steps: of ``auto``, all up to ``MAX_ALL_WEIGHTS`` parameters, and else LoRA's.

    Args:
        trained: a :class:`Trained`.
        num_params: of the model, as :class:`vtg_core.loss.model_shape.ModelShape` knows it before weights are loaded.

    Raises:
        LossError: ``trained`` is none.
    """
    try:
        trained = Trained(trained)
    except ValueError:
        raise LossError(f"trained must be one of {', '.join(Trained)}, got {trained!r:.80}") from None
    if trained is not Trained.AUTO:
        return trained
    return Trained.ALL if num_params <= MAX_ALL_WEIGHTS else Trained.LORA


def default_learning_rate(trained: Trained, num_params: int) -> float:
    """Return the learning rate of AdamW with which 20 steps teach a model the answer of one sample.

    AdamW moves each weight by about the rate in a step, whatever its gradient. A small model's sums have few terms, so
    that it needs large moves: 2e-3, and 5e-3 where only LoRA's matrices move, were measured on models of a million
    weights. A large one takes what overfitting a sample is usually done with.

    Args:
        trained: all weights or LoRA's.
        num_params: of the model.
    """
    is_small = num_params <= MAX_ALL_WEIGHTS
    if trained is Trained.ALL:
        return 2e-3 if is_small else 1e-4
    return 5e-3 if is_small else 1e-3


def check_num_steps(num_steps: int) -> int:
    """Return a number of steps, or raise ``LossError`` unless it is a whole one from 1 to ``MAX_STEPS``."""
    if not isinstance(num_steps, int) or isinstance(num_steps, bool) or not 1 <= num_steps <= MAX_STEPS:
        raise LossError(f"num_steps must be a whole number from 1 to {MAX_STEPS}, got {num_steps!r:.80}")
    return num_steps


def check_learning_rate(learning_rate: float) -> float:
    """Return a learning rate, or raise ``LossError`` unless it is above 0 and at most 1."""
    is_number = isinstance(learning_rate, int | float) and not isinstance(learning_rate, bool)
    if not is_number or not 0 < learning_rate <= 1:
        raise LossError(f"learning_rate must be above 0 and at most 1, got {learning_rate!r:.80}")
    return float(learning_rate)


@dataclass(frozen=True, eq=False)
class _Watched:
    """The N tokens whose losses are needed.

    Attributes:
        columns: where they stand, int64, shape (N,).
        is_response, is_prompt, is_trained: what each is, bool, shape (N,).
    """

    columns: "Tensor"
    is_response: "Tensor"
    is_prompt: "Tensor"
    is_trained: "Tensor"

    @classmethod
    def of(
        cls, batch: "Mapping[str, Tensor]", prompt: "Tensor", trained_labels: "Tensor | None"
    ) -> "_Watched":
        import torch

        ids = batch["input_ids"].cpu()
        is_padded = "attention_mask" in batch and not bool(batch["attention_mask"].all())
        if len(ids) != 1 or is_padded:
            padding = "with padding" if is_padded else "without padding"
            raise LossError(f"a batch must be one sample without padding, got {len(ids)} {padding}")
        if prompt.shape != ids.shape[1:] or prompt.dtype != torch.bool:
            raise LossError(
                f"prompt must be bool of shape ({ids.shape[1]},), got {prompt.dtype} of {tuple(prompt.shape)}"
            )
        labels = batch["labels"].cpu()
        trained = labels if trained_labels is None else trained_labels.cpu()
        if trained.shape != ids.shape or bool(((trained != ids) & (trained != IGNORE_INDEX)).any()):
            raise LossError(
                f"trained_labels must be the ids of a batch of shape {tuple(ids.shape)} where they are trained and "
                f"{IGNORE_INDEX} elsewhere, got others or the shape {tuple(trained.shape)}"
            )
        masks = [labels[0] != IGNORE_INDEX, prompt.cpu(), trained[0] != IGNORE_INDEX]
        if not bool(masks[2][1:].any()):
            raise LossError("a mask must train at least one token after the first, this one trains none")
        _, columns = predicting_positions(torch.where(masks[0] | masks[1] | masks[2], ids, IGNORE_INDEX))
        return cls(columns, *(chosen[columns] for chosen in masks))


def _copy_of(
    model: "PreTrainedModel", trained: Trained, on_layer: Callable[[], None] | None
) -> "PreTrainedModel":
    copy = full_copy(model) if trained is Trained.ALL else lora_copy(model)
    if model.num_parameters() > MAX_ALL_WEIGHTS:  # the activations of a small one are small
        recompute_layers(copy, on_layer)
    return copy


class _Run:
    """Measures and steps by turns: the pass that tells the losses after a step gives the next one its gradients."""

    def __init__(
        self, copy: "PreTrainedModel", batch: "Mapping[str, Tensor]", watched: _Watched, learning_rate: float
    ) -> None:
        import torch

        device = input_device(copy)
        self.copy, self.batch, self.watched = copy, batch, watched
        self.inputs = {name: _on(device, value) for name, value in batch.items() if name != "labels"}
        self.weights = [weight for weight in copy.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=learning_rate, weight_decay=0.0)

    def take(
        self, num_steps: int, on_step: Callable[[OverfitStep, int], None] | None
    ) -> tuple[OverfitStep, ...]:
        """Take so many steps, and return the losses before the first and after each, as long as they are finite."""
        steps: list[OverfitStep] = []
        for step in range(num_steps + 1):
            with raising_loss_errors(self.batch, self.inputs["input_ids"].device):
                measured = self.measure(step, is_last=step == num_steps)
            if measured is None:
                break
            steps.append(measured)
            if on_step is not None:
                on_step(measured, num_steps)
        return tuple(steps)

    def measure(self, step: int, *, is_last: bool) -> OverfitStep | None:
        """Return the losses after ``step`` steps, and take another; None where they are not finite any more.

        Raises:
            NotFiniteError: they are not finite before the first step.
        """
        import torch

        with torch.set_grad_enabled(not is_last):
            nll = self._nll()
        costs = nll.detach().double().cpu()
        is_finite = costs.isfinite()
        if not bool(is_finite.all()):
            if step > 0:
                return None
            at, where = int(self.watched.columns[~is_finite][0]), first_not_finite(self.copy, self.inputs)
            raise NotFiniteError(
                f"the loss must be finite before the first step, and is not at token {at:,} in "
                f"{dtype_of(self.copy)}; {where}"
            )
        if not is_last:
            self._step(nll[self.watched.is_trained.to(nll.device)].mean())
        return OverfitStep(
            step=step,
            response_nll=float(costs[self.watched.is_response].mean()),
            prompt_nll=float(costs[chosen].mean())
            if bool((chosen := self.watched.is_prompt).any())
            else None,
            trained_nll=float(costs[self.watched.is_trained].mean()),
        )

    def _nll(self) -> "Tensor":
        """Return what the watched tokens cost in nats, float32, shape (N,); few logits at a time are in float32."""
        import torch
        from torch.nn.functional import cross_entropy
        from torch.utils.checkpoint import checkpoint

        columns = self.watched.columns.to(self.inputs["input_ids"].device)
        logits = self.copy(**self.inputs, logits_to_keep=columns - 1, use_cache=False).logits
        kept = (columns - 1).tolist()
        logits = kept_logits(self.copy, logits, kept, length=self.inputs["input_ids"].shape[1])
        targets = self.inputs["input_ids"][0, columns].to(logits.device)
        size = max(1, MAX_LOGITS_BYTES // (4 * logits.shape[2]))
        pairs = zip(logits[0].split(size), targets.split(size), strict=True)

        def costs(some: "Tensor", ids: "Tensor") -> "Tensor":
            return cross_entropy(some.float(), ids, reduction="none")

        return torch.cat([checkpoint(costs, some, ids, use_reentrant=False) for some, ids in pairs])

    def _step(self, loss: "Tensor") -> None:
        import torch

        scale = LOSS_SCALES.get(dtype_of(self.copy), 1.0)
        self.optimizer.zero_grad()
        (scale * loss).backward()
        for weight in self.weights:
            if weight.grad is not None:
                weight.grad.div_(scale)
        torch.nn.utils.clip_grad_norm_(self.weights, MAX_GRADIENT_NORM)
        self.optimizer.step()


def _on(device: "torch.device", value: "Tensor") -> "Tensor":
    """Return a tensor on a device, as one that autograd may keep."""
    value = value.to(device)
    return value.clone() if value.is_inference() else value
