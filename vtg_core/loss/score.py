"""The response-only loss of a forward pass, token by token.

Labels everywhere are aligned with ``input_ids``. The one shift by one is :func:`predicting_positions`.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.errors import LossError, NotFiniteError, OutOfMemoryError
from vtg_core.loss.forward_pass import (
    evaluating,
    first_not_finite,
    input_device,
    kept_logits,
    layers_counted,
    peak_memory,
    raising_loss_errors,
    reset_peak_memory,
)
from vtg_core.loss.model_shape import dtype_of
from vtg_core.loss.token_scores import TokenLoss, TokenScores, score_logits, token_losses
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_CROSS_CHECK_BYTES = 2 * 1024**3
"""The model's own loss needs the logits of every position, in float32; above this it is not asked for."""

SHIFTS = (0, 1, 2)
"""How many positions before a token its logits may be looked for; 1 is right, the others are what bugs do."""


@dataclass(frozen=True)
class LossReport:
    """The loss of one sample.

    Attributes:
        tokens: the supervised tokens, in order.
        model_loss: the model's own ``loss`` on the same batch, the mean over all its rows; None where the logits
            of every position were too large to ask for.
        shift_losses: for each of ``SHIFTS`` the mean over all rows of the batch, in nats a token, if logits were
            looked for so far before their token.
        vocab_size: how many logits each position has; uniform guessing costs ``ln(vocab_size)`` a token.
        num_tokens: length of the row, padding included.
        device, dtype: where and in which floating point type the pass ran.
        seconds: time of our forward pass, without loading and without the cross-check.
        peak_memory_bytes: the most memory that PyTorch held on the GPU during it; on CPU and MPS the most that
            the process has held so far. None where the system does not tell.
    """

    tokens: tuple[TokenLoss, ...]
    model_loss: float | None
    shift_losses: tuple[float, ...]
    vocab_size: int
    num_tokens: int
    device: str
    dtype: str
    seconds: float
    peak_memory_bytes: int | None

    @property
    def num_supervised(self) -> int:
        """How many tokens are in the loss."""
        return len(self.tokens)

    @property
    def sum_nll(self) -> float:
        """Nats over all supervised tokens."""
        return math.fsum(token.nll for token in self.tokens)

    @property
    def mean_nll(self) -> float:
        """Nats a supervised token: the response-only loss."""
        return self.sum_nll / self.num_supervised

    @property
    def model_shift(self) -> int | None:
        """Which of ``SHIFTS`` the model's own loss was computed with; None where none gives it, or several do."""
        if self.model_loss is None:
            return None
        tolerance = SHIFT_TOLERANCE[self.dtype] * max(1.0, abs(self.model_loss))
        distances = sorted(
            (abs(self.model_loss - loss), shift)
            for shift, loss in zip(SHIFTS, self.shift_losses, strict=True)
        )
        (nearest, shift), (next_nearest, _), *_ = distances
        is_alone = next_nearest > max(CLEARLY_FARTHER * nearest, tolerance / 100)
        return shift if nearest <= tolerance and is_alone else None


SHIFT_TOLERANCE = {"float64": 1e-4, "float32": 1e-4, "bfloat16": 1e-2, "float16": 2e-3}
"""By floating point type, how far the model's own loss may be from ours, relative to it, to be the same."""

CLEARLY_FARTHER = 4
"""How many times as far as the nearest the others must be, for it to be the one."""


def predicting_positions(labels: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Return where the supervised tokens stand and where they are predicted: the only shift by one.

    Args:
        labels: int64, shape (B, L), aligned with ``input_ids``.

    Returns:
        Row and column of each supervised token, int64, shape (N,), row by row. The token at column ``c`` is
        predicted by the logits at column ``c - 1``. A label in column 0 has no logits and is in no loss.
    """
    rows, before = (labels[:, 1:] != IGNORE_INDEX).nonzero(as_tuple=True)
    return rows, before + 1


@dataclass(frozen=True, eq=False)
class BatchScores:
    """What the N supervised tokens of a batch cost, row by row.

    Attributes:
        rows, columns: where they stand, int64, shape (N,).
        scores: what they cost.
        shift_losses: see :class:`LossReport`.
        vocab_size: how many logits each position has.
    """

    rows: "Tensor"
    columns: "Tensor"
    scores: TokenScores
    shift_losses: tuple[float, ...]
    vocab_size: int


def score_batch(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> BatchScores:
    """Run one forward pass and measure the supervised tokens; logits are computed where one is predicted only.

    Args:
        model: any image-text-to-text model of transformers; of one that does not support ``logits_to_keep``, the
            logits of every position are computed.
        batch: what :class:`vtg_core.collator.SFTCollator` returns, on the model's device.

    Returns:
        The scores, on the CPU.

    Raises:
        LossError: the model returns logits of other positions.
    """
    import torch

    labels = batch["labels"]
    rows, columns = predicting_positions(labels)
    targets = labels[rows, columns]
    shifted = columns - torch.tensor(SHIFTS, device=columns.device)[:, None]  # (shifts, N)
    kept = shifted.clamp_min(0).unique()
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    with torch.inference_mode():
        # Plain numbers, because a tensor would have to be where the last layer is, which may be another device.
        logits = model(**inputs, logits_to_keep=kept.tolist(), use_cache=False).logits
        logits = kept_logits(model, logits, kept.tolist(), length=labels.shape[1])
        found = torch.searchsorted(kept, shifted.clamp_min(0))
        scored = [score_logits(logits[rows, at], targets).cpu() for at in found]
    means = [
        float(scores.nll[(at >= 0).cpu()].double().mean()) for scores, at in zip(scored, shifted, strict=True)
    ]
    return BatchScores(rows.cpu(), columns.cpu(), scored[SHIFTS.index(1)], tuple(means), logits.shape[2])


def score(
    model: "PreTrainedModel",
    batch: Mapping[str, "Tensor"],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    on_layer: Callable[[int], None] | None = None,
) -> list[LossReport]:
    """Report the response-only loss of each row of a batch, cross-checked against the model's own.

    Args:
        model: run in evaluation mode; the batch is moved to its device.
        batch: what :class:`vtg_core.collator.SFTCollator` returns.
        tokenizer: gives each token its text.
        on_layer: called with the number of layers begun so far, both passes counted, before each of them; what it
            raises ends the pass.

    Raises:
        OutOfMemoryError: the pass does not fit on the device.
        LossError: nothing is supervised, an id is outside the model's vocabulary, or the loss is not finite; the
            message then names the layer and the token at which it stopped being so.
    """
    check_batch(model, batch)
    device = input_device(model)
    with evaluating(model), layers_counted(model, on_layer):
        with raising_loss_errors(batch, device):
            reset_peak_memory(device)
            batch = {name: value.to(device) for name, value in batch.items()}
            started = time.perf_counter()
            measured = score_batch(model, batch)  # waits for the device
            seconds = time.perf_counter() - started
            peak = peak_memory(device)
        check_finite(model, batch, measured.scores, measured.columns)
        model_loss = _own_loss(model, batch, measured.vocab_size)
    return [
        LossReport(
            tokens=tokens,
            model_loss=model_loss,
            shift_losses=measured.shift_losses,
            vocab_size=measured.vocab_size,
            num_tokens=batch["input_ids"].shape[1],
            device=str(device),
            dtype=dtype_of(model),
            seconds=seconds,
            peak_memory_bytes=peak,
        )
        for tokens in _token_losses(batch["input_ids"].cpu(), measured, tokenizer)
    ]


def check_finite(
    model: "PreTrainedModel", batch: Mapping[str, "Tensor"], scores: TokenScores, columns: "Tensor"
) -> None:
    """Raise ``NotFiniteError`` where a loss is not finite, and say where in the model it stopped being so.

    Args:
        model: what was run.
        batch: what it was run on, on its device; where the loss is not finite, it is run on it once more.
        scores: of N tokens, on the CPU.
        columns: where these stand, int64, shape (N,).
    """
    is_finite = scores.nll.isfinite()
    if bool(is_finite.all()):
        return
    dtype = dtype_of(model)
    advice = "its weights are broken" if dtype in ("float32", "float64") else "try --dtype float32"
    at = int(columns[~is_finite][0])
    with raising_loss_errors(batch, input_device(model)):
        where = first_not_finite(model, batch)
    raise NotFiniteError(f"the loss must be finite, and is not at token {at:,} in {dtype}; {advice}; {where}")


def _token_losses(
    input_ids: "Tensor", measured: BatchScores, tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[TokenLoss, ...]]:
    ids = input_ids[measured.rows, measured.columns]
    tokens = token_losses(measured.columns, ids, measured.scores, tokenizer)
    rows: list[list[TokenLoss]] = [[] for _ in input_ids]
    for row, token in zip(measured.rows.tolist(), tokens, strict=True):
        rows[row].append(token)
    return [tuple(row) for row in rows]


def check_batch(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> None:
    """Raise ``LossError`` where a row has nothing supervised, or an id that the model does not know."""
    is_empty = (batch["labels"][:, 1:] == IGNORE_INDEX).all(dim=1)
    if bool(is_empty.any()):
        raise LossError(
            f"every row must have a supervised token after its first, row {int(is_empty.nonzero()[0])} has none"
        )
    vocabulary = model.get_input_embeddings().num_embeddings
    highest = max(int(batch["input_ids"].max()), int(batch["labels"].max()))
    if highest >= vocabulary:
        raise LossError(
            f"every id must be in the model's vocabulary of {vocabulary:,}, got {highest:,}; "
            "load processor and model from the same checkpoint"
        )


def _own_loss(model: "PreTrainedModel", batch: Mapping[str, "Tensor"], vocab_size: int) -> float | None:
    """Return the loss the model gives itself in a plain pass, or None where that needs too much memory."""
    import torch

    device = batch["input_ids"].device
    if batch["input_ids"].numel() * vocab_size * 4 > MAX_CROSS_CHECK_BYTES:
        return None
    try:
        with raising_loss_errors(batch, device), torch.inference_mode():
            return float(model(**batch, use_cache=False).loss)
    except OutOfMemoryError:  # our own loss, which needs less, is there all the same
        return None
