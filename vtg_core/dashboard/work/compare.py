"""The comparison of all templates on the sample on screen: what it would cost, and what it found so far."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vtg_core.comparison.on_video import TemplateComparison, TemplateLoss
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import (
    ENCODING,
    Tell,
    load_checkpoint_of,
    model_shape_of,
    processor_with,
    tell_nobody,
    video_of,
)
from vtg_core.errors import LossCancelledError, VTGError
from vtg_core.inspection import Inspection, inspect_templates
from vtg_core.loss.cost import PassCost, check_fits, estimate_plain_passes, estimate_shared_pass, remember
from vtg_core.loss.model_shape import ModelShape
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison import NO_COMPARISON, view_comparison, view_comparison_cost
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint

SECONDS_BETWEEN = 0.3
"""So often a person is shown what has come."""


def show_comparison_cost(settings: Settings, inputs: Inputs) -> str:
    """Return the JSON of what a comparison would cost; no weight is loaded for it.

    Raises:
        VTGError: the input or the checkpoint cannot be used.
    """
    checkpoint = load_checkpoint_of(settings, tell_nobody, inputs)
    samples = [i.encoded for i in _inspections(settings, inputs, checkpoint=checkpoint, tell=tell_nobody)]
    shape = model_shape_of(settings)
    shared, plain = estimate_shared_pass(shape, samples), estimate_plain_passes(shape, samples)
    return as_json(view_comparison_cost(shared, plain, shape, len(samples)))


def show_comparison(
    settings: Settings, inputs: Inputs, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[str]:
    """Yield the JSON of the comparison as results come in; where it is stopped, or fails, those that came are last.

    Raises:
        VTGError: the input or the checkpoint cannot be used, or a pass does not fit.
        LossCancelledError: it was stopped.
    """
    from vtg_core.checkpoints.loading import load_model

    tell = _stoppable(tell, is_stopped)
    yield as_json(replace(NO_COMPARISON, state="running", num_templates=len(TEMPLATES)))
    checkpoint = load_checkpoint_of(settings, tell, inputs)
    inspections = _inspections(settings, inputs, checkpoint=checkpoint, tell=tell)
    shape, samples = model_shape_of(settings), [inspection.encoded for inspection in inspections]
    check_fits(estimate_shared_pass(shape, samples), shape.device)  # before the weights are loaded, with them
    tell(0.4, f"Loading the model of {settings.model_label}")
    model = load_model(settings.checkpoint, **settings.placement)
    on_layer = _layer_counter(tell)
    comparison = TemplateComparison(model, inspections, checkpoint.processor.tokenizer, on_layer=on_layer)
    cost, shape = _check_plan(comparison)
    yield from _stream(comparison)
    assert comparison.run is not None, "a comparison that ends was run"
    remember(shape, cost, comparison.run.seconds)


def what_stays(view: str | None) -> str:
    """Return the JSON that stays on screen after a comparison failed behind ``view``; nothing where nothing came."""
    is_partial = view is not None and json.loads(view)["state"] == "partial"
    return view if view is not None and is_partial else as_json(NO_COMPARISON)


def _stream(comparison: TemplateComparison) -> Iterator[str]:
    losses: list[TemplateLoss] = []
    told = time.monotonic()
    try:
        for loss in comparison:
            losses.append(loss)
            if time.monotonic() - told > SECONDS_BETWEEN:
                told = time.monotonic()
                yield as_json(view_comparison(comparison, losses, state="running"))
    except Exception:  # whatever ended it, what came is true
        if losses:
            yield as_json(view_comparison(comparison, losses, state="partial"))
        raise
    yield as_json(view_comparison(comparison, losses, state="done"))


def _stoppable(tell: Tell, is_stopped: Callable[[], bool]) -> Tell:
    def tell_or_stop(at: float, what: str) -> None:
        if is_stopped():
            raise LossCancelledError("the comparison was cancelled; your input is kept")
        tell(at, what)

    return tell_or_stop


def _layer_counter(tell: Tell) -> Callable[[int, int], None]:
    def on_layer(begun: int, total: int) -> None:
        tell(0.5 + 0.5 * min(begun / total, 1.0), f"Running the model, layer {begun:,} of {total:,}")

    return on_layer


def _inspections(
    settings: Settings, inputs: Inputs, *, checkpoint: "Checkpoint", tell: Tell
) -> list[Inspection]:
    if not inputs.windows:
        raise VTGError(
            "a template asks for a window, and the row's own answer says none; type a start and an end"
        )
    tell(0.2, "Reading the video")
    video = video_of(inputs)
    running = inspect_templates(
        video,
        inputs.query,
        [window.check_within(video.info.duration, clip=settings.clip) for window in inputs.windows],
        processor=processor_with(video, checkpoint),
        templates=settings.built_in,
        policy=inputs.policy,
    )
    inspections: list[Inspection] = []
    for number in range(1, len(TEMPLATES) + 1):
        tell(0.2 + 0.2 * number / len(TEMPLATES), f"Reading template {number} of {len(TEMPLATES)}")
        with ENCODING:  # let go in between, so that an audit need not wait for all of them
            inspections.append(next(running))
    return inspections


def _check_plan(comparison: TemplateComparison) -> tuple[PassCost, ModelShape]:
    """Return what the comparison will cost as it is planned, and on which model.

    Raises:
        OutOfMemoryError: it clearly does not fit.
    """
    shape, plan = ModelShape.of(comparison.model), comparison.plan
    samples = [inspection.encoded for inspection in comparison.inspections]
    if plan.plain_because:
        cost = estimate_plain_passes(shape, samples)
    else:
        cost = estimate_shared_pass(shape, samples, tree=plan.tree)
    check_fits(cost, shape.device)
    return cost, shape
