"""The same sample's loss in several floating point types: what a smaller one costs in truth."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vtg_core.checkpoints.loading import load_model
from vtg_core.checkpoints.placement import (
    Device,
    Precision,
    check_device_map,
    resolve_device,
    resolve_precision,
)
from vtg_core.errors import CheckpointError, LossCancelledError, LossError, NotFiniteError
from vtg_core.loss.score import score

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PRECISIONS = (Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16)
"""The types that are compared, the most exact first: it is what the others are held against."""


@dataclass(frozen=True)
class PrecisionReport:
    """The loss in one floating point type.

    Attributes:
        dtype: the type, in PyTorch's words.
        mean_nll: nats a supervised token; None where there is no finite loss.
        largest_difference: nats by which a single token's NLL is farthest from the first type's; None where one of the
            two has no finite loss.
        is_finite: every token's loss is finite; None where the model could not be run.
        reason: where the loss stopped being finite, or why the model could not be run; empty where neither.
        seconds: time of the forward pass, without loading; None where there is no finite loss.
        load_seconds: time until the model was loaded; None where it was not.
    """

    dtype: str
    mean_nll: float | None
    largest_difference: float | None
    is_finite: bool | None
    reason: str
    seconds: float | None
    load_seconds: float | None


def compare_precisions(
    name: str,
    batch: Mapping[str, "Tensor"],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    device: Device | str = Device.AUTO,
    device_map: str = "",
    adapter: str = "",
    load_in_4bit: bool = False,
    dtypes: Sequence[Precision | str] = PRECISIONS,
    on_step: Callable[[int, str], None] | None = None,
    on_layer: Callable[[int], None] | None = None,
) -> list[PrecisionReport]:
    """Score a batch in each type, with one model in memory at a time: hold no other, or it stays there too.

    Args:
        name: of the checkpoint, as :func:`vtg_core.checkpoints.load_model` takes it.
        batch: what :class:`vtg_core.collator.SFTCollator` returns.
        tokenizer: of the same checkpoint.
        device, device_map: where the model runs, as :func:`vtg_core.checkpoints.load_model` takes them.
        adapter: a PEFT adapter that is put onto it, as it takes one too.
        load_in_4bit: its weights are in four bits, and it computes in each type.
        dtypes: at least one; the others are compared with the first.
        on_step: called before each type with how many are done, and its name; what it raises ends the comparison.
        on_layer: see :func:`vtg_core.loss.score.score`; counted from 1 again in each type.

    Returns:
        One report a type, in their order; a type in which the model cannot be loaded or run is told with the reason.

    Raises:
        CheckpointError: this machine has no such device, or one of ``dtypes`` is none.
    """
    check_device_map(device_map, device=device)
    resolved = resolve_device(device)
    names = [resolve_precision(dtype, resolved) for dtype in dtypes]

    def load(dtype: str) -> "PreTrainedModel":
        return load_model(
            name, device=device, dtype=dtype, device_map=device_map, adapter=adapter, load_in_4bit=load_in_4bit
        )  # fmt: skip

    found: list[tuple[PrecisionReport, tuple[float, ...]]] = []
    for done, dtype in enumerate(names):
        if on_step is not None:
            on_step(done, dtype)
        found.append(_report(load, batch, tokenizer, dtype, on_layer))
    first = found[0][1]
    return [replace(report, largest_difference=_difference(first, own)) for report, own in found]


def _difference(first: Sequence[float], own: Sequence[float]) -> float | None:
    return max(abs(a - b) for a, b in zip(first, own, strict=True)) if first and own else None


def _report(
    load: Callable[[str], "PreTrainedModel"],
    batch: Mapping[str, "Tensor"],
    tokenizer: "PreTrainedTokenizerBase",
    dtype: str,
    on_layer: Callable[[int], None] | None,
) -> tuple[PrecisionReport, tuple[float, ...]]:
    """Return what one type gives, and each token's NLL; none where there is no finite loss."""
    loaded: float | None = None
    started = time.perf_counter()
    try:
        model = load(dtype)
        loaded = time.perf_counter() - started
        scored = score(model, batch, tokenizer, on_layer=on_layer)
    except LossCancelledError:
        raise
    except (CheckpointError, LossError) as error:
        is_finite = False if isinstance(error, NotFiniteError) else None
        return PrecisionReport(dtype, None, None, is_finite, str(error), None, loaded), ()
    values = tuple(token.nll for report in scored for token in report.tokens)
    return PrecisionReport(
        dtype=dtype,
        mean_nll=math.fsum(values) / len(values),
        largest_difference=None,
        is_finite=True,
        reason="",
        seconds=scored[0].seconds,
        load_seconds=loaded,
    ), values
