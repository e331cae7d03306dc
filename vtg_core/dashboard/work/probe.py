"""Questions to the page's model about the sample on screen: its controls, its own answer, and whether it can learn it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.collator import pad
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.film_strip import control_strips
from vtg_core.dashboard.work.kept import ENCODING, Tell, load_checkpoint_of, model_shape_of, tell_nobody
from vtg_core.dashboard.work.other_query import OtherQuery, other_query, query_asked
from vtg_core.dashboard.work.sample import encode_sample, masks_of, read_sample
from vtg_core.dataset import OWN, Sample
from vtg_core.errors import LossCancelledError, LossError, VTGError
from vtg_core.inspection import Inspection
from vtg_core.loss.cost import check_fits, remember
from vtg_core.loss.model_shape import ModelShape
from vtg_core.masking.encoding import EncodedSample
from vtg_core.probes.controls import run_controls
from vtg_core.probes.generation import generate_answer
from vtg_core.probes.overfit import (
    MAX_STEPS,
    OverfitReport,
    OverfitStep,
    check_num_steps,
    overfit,
    prompt_text,
)
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, MaskPolicy
from vtg_core.views.probe_costs import (
    controls_cost,
    generation_cost,
    overfit_cost,
    view_controls_cost,
    view_generation_cost,
    view_overfit_cost,
)
from vtg_core.views.probes import view_answer, view_controls, view_overfit, view_steps
from vtg_core.views.recipes import OURS
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from vtg_core.checkpoints.loading import Checkpoint


@dataclass
class OverfitRun:
    """An overfit check that is asked for: what it has come to, written by the check, read by whoever shows it.

    Attributes:
        view: JSON of the view.
        is_partial: it was stopped after some steps, and those are in the view.
        is_over: there will be no other view.
    """

    view: str
    is_partial: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class ProbeCosts:
    """What the questions would cost, and what there is to choose.

    Attributes:
        controls, answer, overfit: JSON for the components that say so.
        other: the query that stands in for the real one where a person types none.
        masks: (words, name) of each mask that can be trained on this sample, ours first.
    """

    controls: str
    answer: str
    overfit: str
    other: OtherQuery
    masks: list[tuple[str, str]]


@dataclass(frozen=True)
class Training:
    """What an overfit check is asked to do.

    Attributes:
        num_steps: from 1 to ``MAX_STEPS``.
        mask: "ours", or the name of a recipe.
    """

    num_steps: int
    mask: str

    @classmethod
    def read(cls, num_steps: float | None, mask: str | None) -> "Training":
        """Read the values of the page.

        Raises:
            LossError: there is no such number of steps, or no such mask.
        """
        if num_steps is None or not float(num_steps).is_integer():
            raise LossError(f"the steps must be a whole number from 1 to {MAX_STEPS}")
        if mask is None or mask not in (OURS, *Recipe):
            raise LossError("the mask must be among the page's own choices")
        return cls(check_num_steps(int(num_steps)), mask)


def show_probe_costs(settings: Settings, inputs: Inputs, typed: str | None, training: Training) -> ProbeCosts:
    """Return what each question would cost; no weight is loaded for it.

    Raises:
        VTGError: the input or the checkpoint cannot be used.
    """
    checkpoint, sample, encoded = _read(settings, inputs, tell_nobody)
    shape, other = model_shape_of(settings), other_query(settings, inputs)
    with ENCODING:
        masks = masks_of(sample, encoded, checkpoint)
    trained = {OURS: (encoded.labels != IGNORE_INDEX).numpy()}
    trained |= {str(mask.recipe): mask.supervised for mask in masks if mask.supervised is not None}
    asked = _asked_or_none(typed, other)
    by_other_mask = None if training.mask == OURS else trained.get(training.mask)
    return ProbeCosts(
        controls=as_json(
            view_controls_cost(
                shape, _sharing(sample, encoded, asked=asked, inputs=inputs, checkpoint=checkpoint)
            )
        ),
        answer=as_json(view_generation_cost(shape, encoded)),
        overfit=as_json(view_overfit_cost(shape, encoded, training.num_steps, by_other_mask)),
        other=other,
        masks=[(f"{name} · {int(own.sum()):,} tokens in the loss", name) for name, own in trained.items()],
    )


def ask_controls(
    settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool], *, typed: str | None
) -> str:
    """Score the sample on screen under its controls, and return the JSON of the view.

    Raises:
        VTGError: the input, ``typed`` or the checkpoint cannot be used, a pass does not fit, or it was cancelled.
    """
    asked = query_asked(typed, other_query(settings, inputs))
    checkpoint, sample, encoded = _read(settings, inputs, tell)
    shape, sharing = (
        model_shape_of(settings),
        _sharing(sample, encoded, asked=asked, inputs=inputs, checkpoint=checkpoint),
    )
    check_fits(controls_cost(shape, sharing), shape.device)
    model = _load(settings, tell)
    shape = ModelShape.of(model)
    cost = controls_cost(shape, sharing)

    def on_layer(begun: int, total: int) -> None:
        _stop_if(is_cancelled, "the check of the controls")
        tell(0.5 + 0.5 * min(begun / total, 1.0), f"Running the controls, layer {begun:,} of {total:,}")

    report = run_controls(model, sample, checkpoint.processor, other_query=asked, on_layer=on_layer)
    remember(shape, cost, report.seconds)
    remark = "" if inputs.policy == MaskPolicy() else DEFAULT_POLICY
    return as_json(view_controls(report, sample, control_strips(sample), remark=remark))


DEFAULT_POLICY = "the answer and its end of turn are scored, whatever the mask policy says"


def ask_answer(settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool]) -> str:
    """Let the model answer the prompt on screen, and return the JSON of the view.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the model cannot generate, it does not fit, or it was
            cancelled.
    """
    checkpoint, sample, encoded = _read(settings, inputs, tell)
    shape = model_shape_of(settings)
    check_fits(generation_cost(shape, encoded), shape.device)
    model = _load(settings, tell)

    def on_token(written: int, limit: int) -> None:
        _stop_if(is_cancelled, "the answer")
        doing = f"Writing token {written + 1:,} of at most {limit:,}" if written else "Reading the prompt"
        tell(0.5 + 0.5 * min(written / limit, 1.0), doing)

    answer = generate_answer(
        model, Inspection(sample, encoded), checkpoint.processor, checkpoint.stop_ids, on_token=on_token
    )
    return as_json(view_answer(answer, sample))


def ask_overfit_as_typed(
    settings: Settings,
    inputs: Inputs,
    tell: Tell,
    is_cancelled: Callable[[], bool],
    *,
    typed: tuple[float | None, str | None],
    run: OverfitRun,
) -> str:
    """Do as :func:`ask_overfit` does, with the steps and the mask that the page was sent.

    Raises:
        VTGError: these cannot be used, or as there.
    """
    training = Training.read(*typed)
    return ask_overfit(settings, inputs, tell, is_cancelled, training=training, run=run)


def ask_overfit(
    settings: Settings,
    inputs: Inputs,
    tell: Tell,
    is_cancelled: Callable[[], bool],
    *,
    training: Training,
    run: OverfitRun,
) -> str:
    """Train a copy of the model on the sample on screen, and return the JSON of the view; ``run`` shows each step.

    With another mask than ours, a copy is trained with ours first, so that the two can be seen side by side.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the mask cannot be applied, the model cannot be trained,
            it does not fit, or it was cancelled.
    """
    checkpoint, sample, encoded = _read(settings, inputs, tell)
    shape = model_shape_of(settings)
    labels = _labels_of(training.mask, sample, encoded=encoded, checkpoint=checkpoint)
    trained = None if labels is None else labels[0].numpy() != IGNORE_INDEX
    check_fits(overfit_cost(shape, encoded, training.num_steps, trained), shape.device)
    model = _load(settings, tell)
    known: dict[str, Any] = {"num_steps": training.num_steps, "uniform_nll": math.log(shape.vocab_size)}
    masks = {OURS: None} if labels is None else {OURS: None, training.mask: labels}
    steps: dict[str, list[OverfitStep]] = {mask: [] for mask in masks}

    def show(state: str) -> None:
        ours = steps[OURS] if len(masks) > 1 else ()
        run.view = as_json(
            view_steps(steps[training.mask], sample, state=state, mask=training.mask, ours=ours, **known)
        )

    def learn(mask: str) -> OverfitReport:
        def on_step(step: OverfitStep, num_steps: int) -> None:
            steps[mask].append(step)
            show("running")
            done = sum(map(len, steps.values())) - 1
            with_mask = f" with {'our mask' if mask == OURS else mask}" * (len(masks) > 1)
            tell(done / (len(masks) * (num_steps + 1)), f"Step {step.step:,} of {num_steps:,}{with_mask}")

        return overfit(
            model, pad([encoded], checkpoint.processor), prompt=prompt_text(encoded), num_steps=training.num_steps,
            trained_labels=masks[mask], mask=mask, on_step=on_step,
            on_layer=lambda: _stop_if(is_cancelled, "the overfit check"),
        )  # fmt: skip

    show("running")
    try:
        reports = {mask: learn(mask) for mask in masks}
    except Exception:  # whatever ended it, the steps that came are true
        if any(steps.values()):
            run.is_partial = True
            show("partial")
        raise
    ours = reports[OURS] if len(masks) > 1 else None
    return as_json(view_overfit(reports[training.mask], sample, ours=ours, **known))


def _read(settings: Settings, inputs: Inputs, tell: Tell) -> "tuple[Checkpoint, Sample, EncodedSample]":
    checkpoint = load_checkpoint_of(settings, tell, inputs)
    tell(0.2, "Reading the video")
    if inputs.template == OWN:
        raise VTGError("a probe asks in a template's words; choose a template instead of the row's own words")
    sample = read_sample(settings, inputs)
    with ENCODING:
        encoded, _ = encode_sample(sample, inputs, checkpoint)
    return checkpoint, sample, encoded


def _load(settings: Settings, tell: Tell) -> "PreTrainedModel":
    from vtg_core.checkpoints.loading import load_model

    tell(0.4, f"Loading the model of {settings.model_label}")
    return load_model(settings.checkpoint, **settings.placement)


def _sharing(
    sample: Sample, encoded: EncodedSample, *, asked: str | None, inputs: Inputs, checkpoint: "Checkpoint"
) -> list[EncodedSample]:
    """Return the samples that share the real video's pixels and differ enough to count; another window hardly does."""
    if asked is None:
        return [encoded]
    with ENCODING:
        other, _ = encode_sample(replace(sample, query=asked), inputs, checkpoint)
    return [encoded, other]


def _asked_or_none(typed: str | None, other: OtherQuery) -> str | None:
    try:
        return query_asked(typed, other)
    except VTGError:  # whoever runs the controls is told why
        return None


def _labels_of(
    mask: str, sample: Sample, *, encoded: EncodedSample, checkpoint: "Checkpoint"
) -> "Tensor | None":
    """Return the labels of another mask than ours, shape (1, L); None for ours.

    Raises:
        LossError: the mask cannot be applied to this sample.
    """
    if mask == OURS:
        return None
    with ENCODING:
        [own] = [one for one in masks_of(sample, encoded, checkpoint) if one.recipe == mask]
    if own.supervised is None:
        raise LossError(f"mask {mask} must be applicable to this sample, and is not: {own.reason}")
    labels = np.where(own.supervised, encoded.input_ids.numpy(), IGNORE_INDEX)
    return encoded.input_ids.new_tensor(labels)[None]


def _stop_if(is_cancelled: Callable[[], bool], what: str) -> None:
    if is_cancelled():
        raise LossCancelledError(f"{what} was cancelled; your input is kept")
