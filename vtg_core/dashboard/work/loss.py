"""The loss of the sample on screen: what it would cost, what it is, and what it is in other floating point types."""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vtg_core.audit.findings import Finding
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.masks import AuditSource, Choice
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import ENCODING, Tell, load_checkpoint_of, model_shape_of, tell_nobody
from vtg_core.dashboard.work.sample import (
    Collated,
    collate,
    encode_sample,
    loss_of_its_own,
    losses_of,
    mask_of,
    masks_of,
    read_sample,
    yours_of,
)
from vtg_core.errors import LossCancelledError, VTGError
from vtg_core.inspection import Inspection
from vtg_core.loss.cost import check_fits, estimate_pass, remember
from vtg_core.loss.model_shape import ModelShape
from vtg_core.regions import IGNORE_INDEX
from vtg_core.views.loss import NO_LOSS, PrecisionsView, view_cost, view_loss
from vtg_core.views.recipes import OURS, view_recipes
from vtg_core.views.results.batch_loss import view_batch_loss
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.loss.score import LossReport
    from vtg_core.recipes.masks import RecipeMask


@dataclass(frozen=True)
class Scored:
    """What the page shows of a loss; empty where there is none.

    Attributes:
        loss: JSON for the component of that name.
        recipes: JSON for the Audit tab's recipes, of the same pass; None where it says nothing new.
    """

    loss: str = as_json(NO_LOSS)
    recipes: str | None = None


def show_loss_cost(settings: Settings, inputs: Inputs) -> str:
    """Return the JSON of what a forward pass would cost; no weight is loaded for it.

    Raises:
        VTGError: the input or the checkpoint cannot be used.
    """
    checkpoint = load_checkpoint_of(settings, tell_nobody, inputs)
    sample = read_sample(settings, inputs)
    with ENCODING:
        encoded, _ = encode_sample(sample, inputs, checkpoint)
    shape = model_shape_of(settings)
    return as_json(view_cost(estimate_pass(shape, encoded), shape, Inspection(sample, encoded)))


def show_loss(settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool]) -> Scored:
    """Run a forward pass on the template on screen, and the model's own loss.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the pass does not fit, or it was cancelled.
    """
    from vtg_core.checkpoints.loading import load_model
    from vtg_core.recipes.masks import RecipeMask

    checkpoint = load_checkpoint_of(settings, tell, inputs)
    tell(0.2, "Reading the video")
    sample = read_sample(settings, inputs)
    with ENCODING:
        encoded, known = encode_sample(sample, inputs, checkpoint)
        masks = masks_of(sample, encoded, checkpoint)
    collated = collate(settings, inputs, sample, checkpoint=checkpoint, known=known, tell=tell)
    _check_fits(model_shape_of(settings), Inspection(sample, encoded))
    tell(0.4, f"Loading the model of {settings.model_label}")
    model = load_model(settings.checkpoint, **settings.placement)
    ours = encoded.labels.numpy() != IGNORE_INDEX
    report, losses = _run(
        model,
        Inspection(sample, encoded),
        checkpoint=checkpoint,
        masks=[*masks, RecipeMask(OURS, ours), *mask_of(collated)],
        collated=collated,
        tell=tell,
        is_cancelled=is_cancelled,
    )
    losses_of(settings, inputs).update(losses)
    yours = yours_of(settings, collated)
    recipes = view_recipes(masks, known.tokens, ours, losses or None, yours=yours)
    view = view_loss(report, Inspection(sample, encoded), masks, losses, yours=recipes.yours)
    return Scored(as_json(view), as_json(recipes))


def show_batch_loss(
    settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool], *, row: float | None
) -> Scored:
    """Run a forward pass on the saved batch, under its own labels, and show what it says of a row of it, from 0.

    The sample on screen plays no part, but for the checkpoint's chat template.

    Raises:
        VTGError: the batch or the checkpoint cannot be used, there is no such row, the pass does not fit, or it was
            cancelled.
    """
    from vtg_core.audit.batch.files import load_batch
    from vtg_core.checkpoints.loading import load_model
    from vtg_core.loss.score import score

    choice = Choice.read(settings, AuditSource.BATCH, row)
    assert settings.batch is not None
    assert choice.row is not None
    checkpoint = load_checkpoint_of(settings, tell, inputs)
    tell(0.2, f"Reading {settings.batch.name}")
    batch = load_batch(settings.batch)
    tell(0.4, f"Loading the model of {settings.model_label}")
    model = load_model(settings.checkpoint, **settings.placement)
    taken = inspect.signature(model.forward).parameters
    tensors = {name: tensor for name, tensor in batch.items() if name in taken}
    reports = score(
        model, tensors, checkpoint.processor.tokenizer, on_layer=lambda _begun: _stop_if(is_cancelled)
    )
    if choice.row >= len(reports):
        raise VTGError(f"the row of the batch must be from 0 to {len(reports) - 1}, got {choice.row}")
    return Scored(as_json(view_batch_loss(reports[choice.row], choice.name(settings))))


def show_precisions(settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool]) -> str:
    """Score the template on screen in each floating point type, and return the JSON of what differs.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the most exact type does not fit, or it was cancelled.
    """
    from vtg_core.loss.precision import PRECISIONS, compare_precisions

    checkpoint = load_checkpoint_of(settings, tell, inputs)
    tell(0.05, "Reading the video")
    sample = read_sample(settings, inputs)
    with ENCODING:
        encoded, _ = encode_sample(sample, inputs, checkpoint)
    largest = replace(model_shape_of(settings), dtype=str(PRECISIONS[0]), is_loaded=False)
    _check_fits(largest, Inspection(sample, encoded))

    def on_step(done: int, dtype: str) -> None:
        _stop_if(is_cancelled)
        tell(0.1 + 0.9 * done / len(PRECISIONS), f"Running in {dtype}, {done + 1} of {len(PRECISIONS)}")

    reports = compare_precisions(
        settings.checkpoint, _batch(Inspection(sample, encoded), checkpoint), checkpoint.processor.tokenizer,
        **{name: value for name, value in settings.placement.items() if name != "dtype"},
        on_step=on_step, on_layer=lambda _begun: _stop_if(is_cancelled),
    )  # fmt: skip
    return as_json(PrecisionsView(f"{sample.template.name} · {sample.template.mode}", reports))


def _check_fits(shape: ModelShape, inspection: Inspection) -> None:
    check_fits(estimate_pass(shape, inspection.encoded), shape.device)


def _run(
    model: "PreTrainedModel",
    inspection: Inspection,
    *,
    checkpoint: "Checkpoint",
    masks: "list[RecipeMask]",
    collated: Collated | Finding | None,
    tell: Tell,
    is_cancelled: Callable[[], bool],
) -> "tuple[LossReport, dict[str, float | None]]":
    from vtg_core.loss.forward_pass import num_layers
    from vtg_core.recipes.losses import score_with_recipes

    total, length = 2 * num_layers(model), len(inspection.encoded)  # our pass, and the model's own loss
    shape = ModelShape.of(model)
    cost = estimate_pass(shape, inspection.encoded)

    def on_layer(begun: int) -> None:
        _stop_if(is_cancelled)
        tell(0.6 + 0.4 * min(begun / total, 1.0), f"Running {length:,} tokens, layer {begun} of {total}")

    started = time.perf_counter()
    report, losses = score_with_recipes(
        model, _batch(inspection, checkpoint), checkpoint.processor.tokenizer, masks, on_layer=on_layer
    )
    remember(shape, cost, time.perf_counter() - started)
    own = loss_of_its_own(model, collated, checkpoint, on_layer=lambda _begun: _stop_if(is_cancelled))
    return report, {str(name): loss for name, loss in losses.items()} | own


def _batch(inspection: Inspection, checkpoint: "Checkpoint") -> "dict[str, Tensor]":
    from vtg_core.collator import pad

    return pad([inspection.encoded], checkpoint.processor)


def _stop_if(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise LossCancelledError("the forward pass was cancelled; your input is kept")
