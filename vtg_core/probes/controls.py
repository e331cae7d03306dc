"""Does the model use the video? The same answer where one thing about the sample is made wrong."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from vtg_core.collator import SFTCollator
from vtg_core.errors import LossError, VTGError
from vtg_core.loss.answer_parts import AnswerLoss, AnswerPart, PartLoss, answer_loss
from vtg_core.loss.forward_pass import input_device, num_layers
from vtg_core.loss.model_shape import dtype_of
from vtg_core.loss.shared_pass import SequenceScores, plan_shared_pass, run_plan
from vtg_core.loss.token_scores import token_losses
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.probes.altered_samples import (
    AlteredSample,
    with_blank_video,
    with_other_query,
    with_reversed_frames,
    with_shifted_windows,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

    from vtg_core.dataset import Sample


class Control(StrEnum):
    """What is made wrong about a sample; ``real`` is the sample as it is."""

    REAL = "real"
    BLANK = "blank"
    REVERSED = "reversed"
    OTHER_QUERY = "other_query"
    SHIFTED_WINDOW = "shifted_window"


@dataclass(frozen=True)
class ControlResult:
    """What the answer costs under one control.

    Attributes:
        control: which.
        detail: what was put in the place of the real thing, for people: the other query, the other window as it is
            written; empty for the others.
        loss: the supervised tokens, with what each of them is; None where the control cannot be run.
        reason: why it cannot, in one sentence; empty where it can.
        overlap: how much of the true answer is still right under it, as an IoU: of where reversed frames show what is
            looked for, or of the shifted windows; None for the others.
    """

    control: Control
    detail: str
    loss: AnswerLoss | None
    reason: str = ""
    overlap: float | None = None

    @property
    def total(self) -> PartLoss | None:
        """All supervised tokens; None where there is no loss."""
        return None if self.loss is None else self.loss.total

    @property
    def times(self) -> PartLoss | None:
        """The tokens that say times; None where there is no loss."""
        return None if self.loss is None else self.loss.of_part(AnswerPart.TIME)


@dataclass(frozen=True)
class ControlReport:
    """A sample under all its controls.

    Attributes:
        results: the real sample first, then the controls in the order of :class:`Control`.
        num_passes: how many forward passes they took: those that share the video's pixels share one.
        num_tokens: how many tokens the model ran.
        uniform_nll: nats a token that a model pays which knows nothing: ``ln V``.
        device, dtype: where and in which floating point type.
        seconds: time of the model.
        plain_because: why the real sample, the other query and the shifted window each had a pass of their own; empty
            where they shared one, or the real sample was alone.
    """

    results: tuple[ControlResult, ...]
    num_passes: int
    num_tokens: int
    uniform_nll: float
    device: str
    dtype: str
    seconds: float
    plain_because: str = ""

    @property
    def real(self) -> ControlResult:
        """The sample as it is."""
        return self.results[0]

    def of(self, control: Control) -> ControlResult:
        """Return what one control costs."""
        return next(result for result in self.results if result.control is control)

    def delta(self, control: Control) -> float | None:
        """Return how many nats more than the real sample a control costs in all; None where it was not run.

        A shifted window is another text: its sum says how much less likely the model finds all of it, its digits and
        where they end; its mean (:meth:`mean_delta`) does not grow with their number.
        """
        return _difference(self.of(control).total, self.real.total, "sum_nll")

    def times_delta(self, control: Control) -> float | None:
        """Return the same on the time tokens alone."""
        return _difference(self.of(control).times, self.real.times, "sum_nll")

    def mean_delta(self, control: Control) -> float | None:
        """Return how many nats a token more than the real sample a control costs; None where it was not run."""
        return _difference(self.of(control).total, self.real.total, "mean_nll")

    def times_mean_delta(self, control: Control) -> float | None:
        """Return the same on the time tokens alone."""
        return _difference(self.of(control).times, self.real.times, "mean_nll")

    @property
    def reading(self) -> str:
        """One sentence for a newcomer: whether the model uses the video, the order of its frames and the query."""
        from vtg_core.probes.control_reading import read_controls

        return read_controls(self)


def run_controls(
    model: "PreTrainedModel",
    sample: "Sample",
    processor: "ProcessorMixin",
    *,
    other_query: str | None = None,
    on_layer: Callable[[int, int], None] | None = None,
) -> ControlReport:
    """Score a sample as it is and under each control.

    Args:
        model: run in evaluation mode.
        sample: with its frames.
        processor: of the model's checkpoint.
        other_query: a sentence about another moment, another row's best; without one that control has a reason.
        on_layer: called before each layer with the number begun so far and how many there are in all; what it raises
            ends the run.

    Raises:
        MaskingError: the mask of a sample cannot be proved.
        OutOfMemoryError: a pass does not fit on the device.
        LossError: a loss is not finite.
    """
    run = _Run(model, processor, on_layer)
    real = _Altered(Control.REAL, AlteredSample(sample), run.collator.encode(sample))
    same_video = [
        run.prepare(Control.OTHER_QUERY, lambda: with_other_query(sample, other_query)),
        run.prepare(Control.SHIFTED_WINDOW, lambda: with_shifted_windows(sample)),
    ]
    run.num_ahead = 2
    results = run.together(real, same_video)
    for control, alter in ((Control.BLANK, with_blank_video), (Control.REVERSED, with_reversed_frames)):
        run.num_ahead -= 1
        # Prepared only now: two more videos at once may be more than the memory holds.
        results.append(run.alone(run.prepare(control, partial(alter, sample))))
    order = list(Control)
    return ControlReport(
        results=tuple(sorted(results, key=lambda result: order.index(result.control))),
        num_passes=run.num_passes,
        num_tokens=run.num_tokens,
        uniform_nll=math.log(run.vocab_size),
        device=str(input_device(model)),
        dtype=dtype_of(model),
        seconds=run.seconds,
        plain_because=run.plain_because,
    )


def _difference(one: PartLoss | None, other: PartLoss | None, name: str) -> float | None:
    if one is None or other is None or not one.num_tokens or not other.num_tokens:
        return None
    change: float = getattr(one, name) - getattr(other, name)
    return change


@dataclass(frozen=True, eq=False)
class _Altered:
    """A control's sample, encoded; or the reason why it cannot be."""

    control: Control
    altered: AlteredSample | None
    encoded: EncodedSample | None
    reason: str = ""

    def result(self, loss: AnswerLoss | None, reason: str = "") -> ControlResult:
        """Return what it costs, or why that is not known."""
        detail, overlap = (self.altered.detail, self.altered.overlap) if self.altered else ("", None)
        return ControlResult(self.control, detail, loss, reason or self.reason, overlap)


class _Run:
    """The passes of one report, and what they took; the arguments are those of :func:`run_controls`.

    Attributes:
        num_ahead: how many passes are to come behind the one that runs.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        processor: "ProcessorMixin",
        on_layer: Callable[[int, int], None] | None,
    ) -> None:
        self.model, self.tokenizer, self.on_layer = model, processor.tokenizer, on_layer
        self.collator = SFTCollator(process_videos_once(processor))
        self.num_ahead = self.num_begun = self.num_passes = self.num_tokens = self.vocab_size = 0
        self.seconds, self.plain_because, self.is_stopped = 0.0, "", False

    def prepare(self, control: Control, alter: Callable[[], AlteredSample]) -> _Altered:
        """Alter and encode a sample, or tell why not."""
        altered = None
        try:
            altered = alter()
            return _Altered(control, altered, self.collator.encode(altered.sample))
        except VTGError as error:
            return _Altered(control, altered, None, str(error))

    def together(self, real: _Altered, others: Sequence[_Altered]) -> list[ControlResult]:
        """Run samples that share the real one's pixels: in one pass, or where that fails each in its own."""
        ready = [real, *(one for one in others if one.encoded is not None)]
        results = [one.result(None) for one in others if one.encoded is None]
        try:
            losses = self.losses(ready)
        except LossError as error:
            if self.is_stopped or len(ready) == 1:
                raise
            self.plain_because = str(error)
            self.num_ahead += len(ready) - 1
            results.append(real.result(self.losses([real])[0]))  # fails where the sample itself does
            for one in ready[1:]:
                self.num_ahead -= 1
                results.append(self.alone(one))
            return results
        return results + [one.result(loss) for one, loss in zip(ready, losses, strict=True)]

    def alone(self, one: _Altered) -> ControlResult:
        """Run a sample in a pass of its own."""
        if one.encoded is None:
            return one.result(None)
        try:
            return one.result(self.losses([one])[0])
        except LossError as error:
            if self.is_stopped:
                raise
            return one.result(None, str(error))

    def losses(self, ready: Sequence[_Altered]) -> list[AnswerLoss]:
        """Run samples about the same video, and return their losses in the samples' order.

        Raises:
            LossError: a pass cannot be run, a loss is not finite, or ``on_layer`` raised it.
        """
        encoded = [one.encoded for one in ready if one.encoded is not None]
        plan = plan_shared_pass(self.model, encoded)
        if len(encoded) == 1:
            plan = replace(plan, plain_because="it shares its video with no other")
        elif plan.plain_because:
            self.plain_because = plan.plain_because
        started, scored = time.perf_counter(), {}
        for one in run_plan(self.model, encoded, plan, on_layer=self._counting()):
            scored[one.number] = one
        self.seconds += time.perf_counter() - started
        self.num_passes += len(encoded) if plan.plain_because else 1
        self.num_tokens += plan.num_tokens
        self.vocab_size = scored[0].vocab_size
        return [self._loss(ready[number], scored[number]) for number in range(len(ready))]

    def _loss(self, one: _Altered, scored: SequenceScores) -> AnswerLoss:
        assert one.encoded is not None
        assert one.altered is not None
        ids = one.encoded.input_ids[scored.columns]
        tokens = token_losses(scored.columns, ids, scored.scores, self.tokenizer)
        return answer_loss(tokens, one.encoded, one.altered.sample.answer_format)

    def _counting(self) -> Callable[[int, int], None]:
        """Return a function that counts the layers of a run on top of all before it."""
        before, ahead = self.num_begun, self.num_ahead * num_layers(self.model)

        def count(begun: int, total: int) -> None:
            self.num_begun = before + begun
            if self.on_layer is None:
                return
            try:
                self.on_layer(self.num_begun, before + total + ahead)
            except BaseException:
                self.is_stopped = True
                raise

        return count
