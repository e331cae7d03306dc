"""What a person should see of the questions put to a model: plain values, documented field by field."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from vtg_core.data.answer_forms.registry import format_named
from vtg_core.data.answers import ParseReason
from vtg_core.dataset import Sample
from vtg_core.probes.controls import Control, ControlReport, ControlResult
from vtg_core.probes.generation import GeneratedAnswer
from vtg_core.probes.overfit import OverfitReport, OverfitStep, Trained
from vtg_core.probes.overfit_readings import compare_masks
from vtg_core.views.recipes import OURS
from vtg_core.windows import Window


@dataclass(frozen=True)
class ControlRow:
    """What the answer costs under one control; every figure is in nats.

    Attributes:
        control: its name in the code.
        name: what people call it.
        changed: what is made wrong, in a few words.
        detail: what stands in the place of the real thing; empty where the name says it all.
        sum_nll, time_nll: over all supervised tokens, and over those that say times; None where it was not run.
        change, time_change: the same minus that of the real sample; None for it, and where it was not run.
        reason: why it was not run; empty where it was.
        frames: data URI of a picture of what the model saw; empty where it saw the real frames, as the first row did.
    """

    control: str
    name: str
    changed: str
    detail: str
    sum_nll: float | None
    change: float | None
    time_nll: float | None
    time_change: float | None
    reason: str
    frames: str


@dataclass(frozen=True)
class ControlsView:
    """A sample under all its controls.

    Attributes:
        reading: one sentence that says whether the model uses what it is given.
        sample: what was scored.
        num_tokens, num_times: how many tokens are in the loss, and how many of them say times.
        least, most: where the bars begin and end, in nats; 0 lies between them or is one of them.
        rows: the real sample first.
        run: how it ran.
    """

    reading: str
    sample: str
    num_tokens: int
    num_times: int
    least: float
    most: float
    rows: tuple[ControlRow, ...]
    run: str


@dataclass(frozen=True)
class HeatView:
    """Where over the video a model put one of its times.

    Attributes:
        name: which time, such as ``Start``.
        text: as it was written, with its probability.
        cells: the probability of each part of the video, all of one length; each 0 to 1.
    """

    name: str
    text: str
    cells: tuple[float, ...]


@dataclass(frozen=True)
class AnswerView:
    """What the model wrote, beside the truth.

    Attributes:
        reading: one sentence that says how much of it is right.
        sample: what was asked.
        text: what was written.
        taught: what training teaches it to write.
        ended: one sentence: whether it ended its turn, and after how many tokens.
        parsed: one sentence: how the text was read as windows, or why it was not.
        iou: 0 to 1; None where nothing could be read.
        duration: of the video, in seconds.
        frame_times: when the frames that the model saw are shown, in seconds.
        truth, answer: windows as (start, end), in seconds.
        certainty: one sentence: how sure it was; empty where no time was written.
        heat: its first times where each could be any part of the video; empty where the form has no bins.
        run: how it ran.
    """

    reading: str
    sample: str
    text: str
    taught: str
    ended: str
    parsed: str
    iou: float | None
    duration: float
    frame_times: tuple[float, ...]
    truth: tuple[tuple[float, float], ...]
    answer: tuple[tuple[float, float], ...]
    certainty: str
    heat: tuple[HeatView, ...]
    run: str


@dataclass(frozen=True)
class StepRow:
    """The losses after some steps, in nats a token; None where there is none yet, or it is not finite.

    Attributes:
        step: how many steps were taken.
        response_nll, prompt_nll, trained_nll: of the answer, of the prompt's text, and of what the mask trains.
        ours_nll: of the answer where as many steps were taken with our mask; None where ours is the one that is trained.
    """

    step: int
    response_nll: float | None
    prompt_nll: float | None
    trained_nll: float | None
    ours_nll: float | None = None


@dataclass(frozen=True)
class OverfitView:
    """How a sample is learnt, as far as it is.

    Attributes:
        state: ``empty``, ``waiting`` for the model, ``running``, ``done``, or ``partial``: it was stopped.
        mask: the name of the mask that is trained.
        is_ours: it is the response-only mask, so that the loss that is trained is that of the answer.
        num_steps: how many were asked for.
        steps: what is known so far; the first is before any step.
        uniform_nll: ln of the vocabulary's size; 0 while it is not known.
        reading: one sentence; empty until it is done.
        sample: what it is trained on.
        what: one sentence: which tokens train which weights; empty until it is done.
        restored: one sentence: what became of the weights; empty while they change.
        run: how it ran; empty until it is done.
    """

    state: str
    mask: str = ""
    is_ours: bool = True
    num_steps: int = 0
    steps: tuple[StepRow, ...] = ()
    uniform_nll: float = 0.0
    reading: str = ""
    sample: str = ""
    what: str = ""
    restored: str = ""
    run: str = ""


NO_OVERFIT = OverfitView("empty")
RESTORED = "The weights are as they were, bit for bit: a copy of them took the steps."

CONTROL_NAMES = {
    Control.REAL: ("The real sample", "nothing"),
    Control.BLANK: ("Blank video", "every frame is of one colour"),
    Control.REVERSED: ("Reversed video", "the last frame comes first, the times stay"),
    Control.OTHER_QUERY: ("Another query", "asked about"),
    Control.SHIFTED_WINDOW: ("Shifted window", "the answer says"),
}
"""What a control is called, and what it makes wrong."""

PARSE_WORDS = {
    ParseReason.OK: "It is an answer in this format, and nothing else.",
    ParseReason.EXTRA_TEXT: "There is an answer in this format, with other text around it.",
    ParseReason.NO_MATCH: "No window could be read: nothing in it has the form {form}.",
    ParseReason.REVERSED: "No window could be read: it ends before it starts.",
    ParseReason.OUT_OF_RANGE: "No window could be read: it lies outside the video's {duration:.1f} s.",
}


def view_controls(
    report: ControlReport, sample: Sample, frames: dict[Control, str] | None = None, *, remark: str = ""
) -> ControlsView:
    """Return the view of a sample under its controls.

    Args:
        report: of that sample.
        sample: as it is.
        frames: for controls that change them, and for the real sample, data URI of a picture of the frames.
        remark: what else there is to say of how it ran.
    """
    rows = tuple(
        _control_row(report, result, frames=(frames or {}).get(result.control, ""))
        for result in report.results
    )
    changes = [x for row in rows for x in (row.change, row.time_change) if x is not None]
    least, most = min([0.0, *changes]), max([0.0, *changes])
    total, times = report.real.total, report.real.times
    passes = f"{report.num_passes} forward pass{'' if report.num_passes == 1 else 'es'}"
    why = f", because {report.plain_because}" if report.plain_because else ""
    return ControlsView(
        reading=report.reading,
        sample=_sample(sample),
        num_tokens=total.num_tokens if total is not None else 0,
        num_times=times.num_tokens if times is not None else 0,
        least=least,
        most=most if most > least else 1.0,
        rows=rows,
        run=f"{passes} over {report.num_tokens:,} tokens{why} · {_ran(report)}{remark and f' · {remark}'}",
    )  # fmt: skip


def view_answer(answer: GeneratedAnswer, sample: Sample) -> AnswerView:
    """Return the view of what a model wrote to a sample's prompt."""
    duration = sample.video.info.duration
    count = f"{len(answer.token_ids):,} token{'' if len(answer.token_ids) == 1 else 's'}"
    ended = f"It ended its turn by itself, after {count}."
    if not answer.is_complete:
        ended = f"It did not end its turn: it was stopped after {count}."
    words = PARSE_WORDS[answer.parsed.reason]
    return AnswerView(
        reading=answer.reading,
        sample=_sample(sample),
        text=answer.text,
        taught=sample.answer,
        ended=ended,
        parsed=words.format(form=format_named(answer.mode).example, duration=duration),
        iou=answer.iou,
        duration=duration,
        frame_times=tuple(sample.video.timestamps),
        truth=_pairs(answer.truth),
        answer=_pairs(answer.parsed.windows),
        certainty=answer.certainty,
        heat=tuple(
            HeatView(name, f"{time.text}, {100 * time.probability:.2g}%", _cells(time.bins))
            for name, time in zip(("Start", "End"), answer.times, strict=False)
            if time.bins
        ),
        run=_ran(answer),
    )


MAX_CELLS = 100
"""In a strip of the timeline: more could not be told apart."""


def _cells(bins: Sequence[float]) -> tuple[float, ...]:
    """Return probabilities of neighbouring bins summed up, so that there are at most ``MAX_CELLS``."""
    count = min(MAX_CELLS, len(bins))
    borders = [len(bins) * cell // count for cell in range(count + 1)]
    return tuple(round(math.fsum(bins[start:end]), 6) for start, end in pairwise(borders))


def view_steps(
    steps: Sequence[OverfitStep],
    sample: Sample,
    *,
    state: str,
    mask: str,
    num_steps: int,
    uniform_nll: float,
    ours: Sequence[OverfitStep] = (),
) -> OverfitView:
    """Return the view of an overfit check that runs, or was stopped: ``state`` is ``running`` or ``partial``.

    Args:
        steps: those that came so far.
        sample: what is trained on.
        state: how it stands.
        mask: the name of the mask that is trained.
        num_steps: how many were asked for.
        uniform_nll: ln of the vocabulary's size.
        ours: with another mask, the steps that were taken with ours first.
    """
    return OverfitView(
        state=state,
        mask=mask,
        is_ours=mask == OURS,
        num_steps=num_steps,
        steps=_step_rows(steps, ours),
        uniform_nll=uniform_nll,
        sample=_sample(sample),
        restored=RESTORED if state == "partial" else "",
    )


def view_overfit(
    report: OverfitReport,
    sample: Sample,
    *,
    num_steps: int,
    uniform_nll: float,
    ours: OverfitReport | None = None,
) -> OverfitView:
    """Return the view of an overfit check that ended by itself, after ``num_steps`` steps or at a broken loss.

    Args:
        report: of the mask that was chosen.
        sample: what was trained on.
        num_steps: how many were asked for.
        uniform_nll: ln of the vocabulary's size.
        ours: where that is another mask than ours, the same with ours.
    """
    return OverfitView(
        state="done",
        mask=report.mask,
        is_ours=report.mask == OURS,
        num_steps=num_steps,
        steps=_step_rows(report.steps, () if ours is None else ours.steps),
        uniform_nll=uniform_nll,
        reading=report.reading if ours is None else f"{compare_masks(ours, report)} {report.reading}",
        sample=_sample(sample),
        what=_what(report),
        restored=RESTORED,
        run=_ran(report) if ours is None else f"{_ran(report)}, after {ours.seconds:.2f} s with our mask",
    )


WEIGHTS = {
    Trained.ALL: "all {:,} weights",
    Trained.LORA: "LoRA matrices of {:,} weights beside the frozen model",
}


def _control_row(report: ControlReport, result: ControlResult, *, frames: str) -> ControlRow:
    name, changed = CONTROL_NAMES[result.control]
    total, times = result.total, result.times
    is_real = result.control is Control.REAL
    return ControlRow(
        control=str(result.control),
        name=name,
        changed=changed,
        detail=result.detail,
        sum_nll=None if total is None else total.sum_nll,
        change=None if is_real else report.delta(result.control),
        time_nll=None if times is None else times.sum_nll,
        time_change=None if is_real else report.times_delta(result.control),
        reason=result.reason,
        frames=frames,
    )


def _what(report: OverfitReport) -> str:
    mask = "our response-only mask" if report.mask == OURS else f"the mask of {report.mask}"
    weights = WEIGHTS.get(report.trained, "{:,} weights").format(report.num_trained_weights)
    count = f"{report.num_trained_tokens:,} token{'' if report.num_trained_tokens == 1 else 's'}"
    return f"{count} of {mask} trained {weights}, with AdamW at a learning rate of {report.learning_rate:g}."


def _step_rows(steps: Sequence[OverfitStep], ours: Sequence[OverfitStep]) -> tuple[StepRow, ...]:
    return tuple(
        StepRow(
            step=number,
            response_nll=_finite(step.response_nll) if step is not None else None,
            prompt_nll=_finite(step.prompt_nll) if step is not None else None,
            trained_nll=_finite(step.trained_nll) if step is not None else None,
            ours_nll=_finite(own.response_nll) if own is not None else None,
        )
        for number, (step, own) in enumerate(zip_longest(steps, ours))
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _pairs(windows: Sequence[Window]) -> tuple[tuple[float, float], ...]:
    return tuple((window.start, window.end) for window in windows)


def _sample(sample: Sample) -> str:
    return f"{sample.template.name} · {sample.template.mode} · {sample.query} · {sample.answer}"


def _ran(report: ControlReport | GeneratedAnswer | OverfitReport) -> str:
    return f"{report.seconds:.2f} s on {report.device} in {report.dtype}"
