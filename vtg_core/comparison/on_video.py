"""One video, many templates: what each costs the model, in little more than one forward pass."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.errors import LossError
from vtg_core.inspection import Inspection
from vtg_core.loss.answer_parts import AnswerLoss, AnswerPart, PartLoss, answer_loss
from vtg_core.loss.forward_pass import input_device, peak_memory, reset_peak_memory
from vtg_core.loss.model_shape import dtype_of
from vtg_core.loss.shared_pass import SharedPlan, plan_shared_pass, run_plan
from vtg_core.loss.token_scores import token_losses

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class TemplateLoss:
    """What one template's answer costs on one sample.

    Attributes:
        template: the template's name.
        mode: its answer format, or its answer form's name.
        answer: the text that is taught.
        num_tokens: of the whole sequence.
        num_video: how many of them are video and its time stamps.
        loss: the supervised tokens, with what each of them is.
    """

    template: str
    mode: str
    answer: str
    num_tokens: int
    num_video: int
    loss: AnswerLoss

    @property
    def total(self) -> PartLoss:
        """All supervised tokens."""
        return self.loss.total

    @property
    def times(self) -> PartLoss:
        """The tokens that say times, the only ones that depend on the video."""
        return self.loss.of_part(AnswerPart.TIME)

    @property
    def words(self) -> PartLoss:
        """The tokens that the answer format always writes: brackets, commas, markers."""
        return self.loss.of_part(AnswerPart.FORMAT)

    @property
    def end_of_turn(self) -> PartLoss:
        """The token that closes the turn."""
        return self.loss.of_part(AnswerPart.END_OF_TURN)


@dataclass(frozen=True)
class ComparisonRun:
    """How a comparison was run.

    Attributes:
        plan: what was shared.
        vocab_size: how many logits each position has; uniform guessing costs ``ln(vocab_size)`` a token.
        device, dtype: where and in which floating point type.
        seconds: time of the model, without reading the video and without loading.
        peak_memory_bytes: see :class:`vtg_core.loss.score.LossReport`.
    """

    plan: SharedPlan
    vocab_size: int
    device: str
    dtype: str
    seconds: float
    peak_memory_bytes: int | None

    @property
    def uniform_nll(self) -> float:
        """Nats a token that a model pays which knows nothing."""
        return math.log(self.vocab_size)


class TemplateComparison:
    """Templates on one video, run as their losses are asked for.

    Args:
        model: run in evaluation mode.
        inspections: of :func:`vtg_core.inspection.inspect_templates`: one sample's, at least one.
        tokenizer: gives each token its text.
        on_layer: see :func:`vtg_core.loss.shared_pass.run_plan`.

    Attributes:
        plan: how they are run; known before anything is.
        run: how it went; None before the last loss was taken.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        inspections: Sequence[Inspection],
        tokenizer: "PreTrainedTokenizerBase",
        *,
        on_layer: Callable[[int, int], None] | None = None,
    ) -> None:
        if not inspections:
            raise LossError("a comparison must have at least one template, got none")
        self.model, self.tokenizer, self.on_layer = model, tokenizer, on_layer
        self.inspections = tuple(inspections)
        self.plan = plan_shared_pass(model, [inspection.encoded for inspection in inspections])
        self.run: ComparisonRun | None = None

    def __iter__(self) -> Iterator[TemplateLoss]:
        """Run the model, and yield each template's loss as soon as it is known, not always in their order.

        Raises:
            OutOfMemoryError: a pass does not fit on the device.
            LossError: an id is outside the model's vocabulary, or a loss is not finite.
        """
        device = input_device(self.model)
        samples = [inspection.encoded for inspection in self.inspections]
        reset_peak_memory(device)
        started, vocab_size = time.perf_counter(), 0
        for scored in run_plan(self.model, samples, self.plan, on_layer=self.on_layer):
            vocab_size = scored.vocab_size
            inspection = self.inspections[scored.number]
            ids = inspection.encoded.input_ids[scored.columns]
            tokens = token_losses(scored.columns, ids, scored.scores, self.tokenizer)
            yield _template_loss(
                inspection, answer_loss(tokens, inspection.encoded, inspection.sample.answer_format)
            )
        self.run = ComparisonRun(
            plan=self.plan,
            vocab_size=vocab_size,
            device=str(device),
            dtype=dtype_of(self.model),
            seconds=time.perf_counter() - started,
            peak_memory_bytes=peak_memory(device),
        )


def _template_loss(inspection: Inspection, loss: AnswerLoss) -> TemplateLoss:
    sample, encoded = inspection.sample, inspection.encoded
    return TemplateLoss(
        template=sample.template.name,
        mode=sample.template.mode,
        answer=sample.answer,
        num_tokens=len(encoded),
        num_video=encoded.num_video,
        loss=loss,
    )
