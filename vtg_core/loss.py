"""The response-only loss of a forward pass, token by token.

Labels everywhere are aligned with ``input_ids``. The one shift by one is :func:`predicting_positions`.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.errors import LossError, OutOfMemoryError, VTGError, first_line
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_CROSS_CHECK_BYTES = 2 * 1024**3
"""The model's own loss needs the logits of every position, in float32; above this it is not asked for."""


@dataclass(frozen=True)
class TokenLoss:
    """What one supervised token costs.

    Attributes:
        index: its position in the row, padding included.
        id: its id.
        text: its text, decoded alone.
        nll: negative log-likelihood in nats, at least 0.
        prob: probability the model gave it, from 0 to 1.
        rank: how many tokens were more likely, plus 1.
    """

    index: int
    id: int
    text: str
    nll: float
    prob: float
    rank: int


@dataclass(frozen=True)
class LossReport:
    """The loss of one sample.

    Attributes:
        tokens: the supervised tokens, in order.
        model_loss: the model's own ``loss`` on the same batch, the mean over all its rows; None where the logits
            of every position were too large to ask for.
        vocab_size: how many logits each position has; uniform guessing costs ``ln(vocab_size)`` a token.
        num_tokens: length of the row, padding included.
        device, dtype: where and in which floating point type the pass ran.
        seconds: time of our forward pass, without loading and without the cross-check.
        peak_memory_bytes: the most memory that PyTorch held on the GPU during it; on CPU and MPS the most that
            the process has held so far. None where the system does not tell.
    """

    tokens: tuple[TokenLoss, ...]
    model_loss: float | None
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
class TokenNLL:
    """What the N supervised tokens of a batch cost, row by row.

    Attributes:
        rows, columns: where they stand, int64, shape (N,).
        nll: negative log-likelihood in nats, float32, shape (N,).
        ranks: how many tokens were more likely, plus 1; int64, shape (N,).
        vocab_size: how many logits each position has.
    """

    rows: "Tensor"
    columns: "Tensor"
    nll: "Tensor"
    ranks: "Tensor"
    vocab_size: int

    def to(self, device: str) -> "TokenNLL":
        """Return the same on another device."""
        rows, columns, nll, ranks = (v.to(device) for v in (self.rows, self.columns, self.nll, self.ranks))
        return TokenNLL(rows, columns, nll, ranks, self.vocab_size)


def token_nll(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> TokenNLL:
    """Run one forward pass and measure the supervised tokens; logits are computed where one is predicted only.

    Args:
        model: any image-text-to-text model of transformers that takes ``logits_to_keep``.
        batch: what :class:`vtg_core.collator.SFTCollator` returns, on the model's device.

    Raises:
        LossError: the model does not take ``logits_to_keep``.
    """
    import torch

    labels = batch["labels"]
    rows, columns = predicting_positions(labels)
    kept = (columns - 1).unique()
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    with torch.inference_mode():
        logits = model(**inputs, logits_to_keep=kept, use_cache=False).logits
        if logits.shape[1] != len(kept):
            raise LossError(
                f"{type(model).__name__} must return logits for the {len(kept)} positions asked for, "
                f"got {logits.shape[1]}; it does not support logits_to_keep"
            )
        predicted = logits[rows, torch.searchsorted(kept, columns - 1)].float()
        targets = labels[rows, columns]
        target_logits = predicted.gather(1, targets[:, None])
        nll = (predicted.logsumexp(1) - target_logits[:, 0]).clamp_min(0)
        ranks = (predicted > target_logits).sum(1) + 1
    return TokenNLL(rows, columns, nll, ranks, predicted.shape[1])


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
        LossError: nothing is supervised, an id is outside the model's vocabulary, or the loss is not finite.
    """
    _check(model, batch)
    device = next(model.parameters()).device
    with evaluating(model), layers_counted(model, on_layer):
        with explained(batch, device):
            _reset_peak_memory(device)
            batch = {name: value.to(device) for name, value in batch.items()}
            started = time.perf_counter()
            measured = token_nll(model, batch).to("cpu")  # waits for the device
            seconds = time.perf_counter() - started
            peak = _peak_memory(device)
        model_loss = _own_loss(model, batch, measured.vocab_size)
    _check_finite(model, measured)
    rows = _token_losses(batch["input_ids"].cpu(), measured, tokenizer)
    return [
        LossReport(
            tokens=tokens,
            model_loss=model_loss,
            vocab_size=measured.vocab_size,
            num_tokens=batch["input_ids"].shape[1],
            device=str(device),
            dtype=str(model.dtype).removeprefix("torch."),
            seconds=seconds,
            peak_memory_bytes=peak,
        )
        for tokens in rows
    ]


def _check_finite(model: "PreTrainedModel", measured: TokenNLL) -> None:
    is_finite = measured.nll.isfinite()
    if not bool(is_finite.all()):
        dtype = str(model.dtype).removeprefix("torch.")
        advice = "its weights are broken" if dtype == "float32" else "try --dtype float32"
        at = int(measured.columns[~is_finite][0])
        raise LossError(f"the loss must be finite, and is not at token {at} in {dtype}; {advice}")


def _token_losses(
    input_ids: "Tensor", measured: TokenNLL, tokenizer: "PreTrainedTokenizerBase"
) -> list[tuple[TokenLoss, ...]]:
    rows: list[list[TokenLoss]] = [[] for _ in input_ids]
    for row, column, nll, rank in zip(
        measured.rows.tolist(),
        measured.columns.tolist(),
        measured.nll.tolist(),
        measured.ranks.tolist(),
        strict=True,
    ):
        token_id = int(input_ids[row, column])
        text = tokenizer.decode([token_id])
        rows[row].append(TokenLoss(column, token_id, text, nll, math.exp(-nll), rank))
    return [tuple(tokens) for tokens in rows]


def _check(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> None:
    is_empty = (batch["labels"][:, 1:] == IGNORE_INDEX).all(dim=1)
    if bool(is_empty.any()):
        raise LossError(
            f"every row must have a supervised token after its first, row {int(is_empty.nonzero()[0])} has none"
        )
    vocabulary, highest = model.get_input_embeddings().num_embeddings, int(batch["input_ids"].max())
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
        with explained(batch, device), torch.inference_mode():
            return float(model(**batch, use_cache=False).loss)
    except OutOfMemoryError:  # our own loss, which needs less, is there all the same
        return None


@contextmanager
def evaluating(model: "PreTrainedModel") -> Iterator[None]:
    """Switch dropout and the like off, and back on if they were."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


# What PyTorch's CPU, MPS and cuBLAS say in errors that have no type of their own.
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


@contextmanager
def explained(batch: Mapping[str, "Tensor"], device: "torch.device") -> Iterator[None]:
    """Turn whatever a forward pass raises into one clear error.

    Args:
        batch: what the pass is given; ``input_ids`` is counted.
        device: where it runs.

    Raises:
        OutOfMemoryError: the pass does not fit.
        LossError: it fails otherwise.
    """
    import torch

    try:
        yield
    except VTGError:
        raise
    except Exception as error:  # a model is another project's code and may refuse in any way
        has_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
        is_memory = has_type or any(said in str(error) for said in _OUT_OF_MEMORY)
        if not is_memory:
            raise LossError(
                f"the forward pass must run on {device}, and fails: {first_line(error)}"
            ) from error
        raise OutOfMemoryError(
            f"a forward pass over {batch['input_ids'].numel():,} tokens must fit in the memory of {device}, "
            "and does not; take fewer frames (--num-frames, --fps), smaller ones, or a smaller --dtype"
        ) from None


def num_layers(model: "PreTrainedModel") -> int:
    """Return how many layers one forward pass begins, those of the vision tower included."""
    return len(_layers(model))


def _layers(model: "PreTrainedModel") -> list["torch.nn.Module"]:
    import torch

    return [layer for stack in model.modules() if isinstance(stack, torch.nn.ModuleList) for layer in stack]


@contextmanager
def layers_counted(model: "PreTrainedModel", on_layer: Callable[[int], None] | None) -> Iterator[None]:
    """Call ``on_layer`` with the number of layers begun so far, before each of them; what it raises ends the pass."""
    begun = 0

    def count(*_: object) -> None:
        nonlocal begun
        begun += 1
        if on_layer is not None:
            on_layer(begun)

    hooks = [layer.register_forward_pre_hook(count) for layer in _layers(model)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _reset_peak_memory(device: "torch.device") -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()  # what an earlier pass that did not fit has left in pieces
        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: "torch.device") -> int | None:
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
