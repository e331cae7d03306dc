"""Templates' losses on one video."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

    from vtg_core.inspection import Inspection
    from vtg_core.loss.answer_parts import AnswerLoss
    from vtg_core.loss.score import LossReport

PARTS = {"times": "time", "words": "format", "end_of_turn": "end_of_turn", "other": "other"}
"""How the table and the JSON call each part of an answer."""


@dataclass(frozen=True)
class ScoredSamples:
    """What a run of ``loss`` found.

    Attributes:
        device, dtype: where and in which floating point type the model ran.
        samples: one a template, in their order, as the JSON holds them.
        vocab_size, uniform_nll: how many logits each position has, and what guessing among them costs, in nats a token.
        shared: how the templates shared a pass; None where each had one of its own.
    """

    device: str
    dtype: str
    samples: list[dict[str, Any]]
    vocab_size: int
    uniform_nll: float
    shared: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        return asdict(self)


def score_samples(
    inspections: Sequence["Inspection"],
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    *,
    is_cross_checked: bool,
) -> ScoredSamples:
    """Score templates on one video: one alone with the model's own loss beside it, several in a shared pass.

    Args:
        inspections: at least one.
        model, processor: of one checkpoint.
        is_cross_checked: give several a pass of their own too, and compare each with the model's own loss.

    Raises:
        OutOfMemoryError: a pass does not fit on the device.
        LossError: a loss is not finite.
    """
    if is_cross_checked or len(inspections) == 1:
        return _score_alone(inspections, model, processor)
    return _score_shared(inspections, model, processor)


def _score_alone(
    inspections: Sequence["Inspection"], model: "PreTrainedModel", processor: "ProcessorMixin"
) -> ScoredSamples:
    from vtg_core.collator import pad
    from vtg_core.loss.answer_parts import answer_loss
    from vtg_core.loss.score import score

    samples, last = [], None
    for inspection in inspections:
        [last] = score(model, pad([inspection.encoded], processor), processor.tokenizer)
        sample = inspection.sample
        loss = answer_loss(last.tokens, inspection.encoded, sample.answer_format)
        samples.append(_sample(sample.template.name, str(sample.template.mode), loss=loss, report=last))
    assert last is not None
    return ScoredSamples(
        last.device, last.dtype, samples, last.vocab_size, math.log(last.vocab_size), shared=None
    )


def _score_shared(
    inspections: Sequence["Inspection"], model: "PreTrainedModel", processor: "ProcessorMixin"
) -> ScoredSamples:
    from vtg_core.comparison.on_video import TemplateComparison

    comparison = TemplateComparison(model, inspections, processor.tokenizer)
    losses = {(loss.template, loss.mode): loss.loss for loss in comparison}
    run = comparison.run
    assert run is not None
    templates = [inspection.sample.template for inspection in inspections]
    samples = [_sample(t.name, str(t.mode), loss=losses[t.name, t.mode], report=None) for t in templates]
    shared = {
        "num_tokens": run.plan.num_tokens,
        "num_shared": run.plan.tree.num_shared,
        "num_plain_tokens": run.plan.num_plain_tokens,
        "plain_because": run.plan.plain_because,
        "seconds": run.seconds,
    }
    return ScoredSamples(run.device, run.dtype, samples, run.vocab_size, run.uniform_nll, shared)


def _sample(template: str, mode: str, *, loss: "AnswerLoss", report: "LossReport | None") -> dict[str, Any]:
    from vtg_core.loss.answer_parts import AnswerPart

    total = loss.total
    return {
        "template": template,
        "mode": mode,
        "num_supervised": total.num_tokens,
        "sum_nll": total.sum_nll,
        "mean_nll": total.mean_nll,
        "model_loss": report.model_loss if report is not None else None,
        "parts": {name: asdict(loss.of_part(AnswerPart(part))) for name, part in PARTS.items()},
        "shift_losses": list(report.shift_losses) if report is not None else None,
        "model_shift": report.model_shift if report is not None else None,
        "tokens": [
            {
                "index": token.index,
                "id": token.id,
                "text": token.text,
                "nll": token.nll,
                "prob": token.prob,
                "rank": token.rank,
                "entropy": token.entropy,
                "top": [alternative._asdict() for alternative in token.top],
                "kind": str(kind),
                "part": str(part),
                "uniform_nll": uniform,
            }
            for token, kind, part, uniform in zip(
                loss.tokens, loss.kinds, loss.parts, loss.uniform, strict=True
            )
        ],
    }


def precisions_of(
    name: str,
    inspection: "Inspection",
    processor: "ProcessorMixin",
    *,
    device: str,
    device_map: str = "",
    adapter: str = "",
    load_in_4bit: bool = False,
) -> list[dict[str, Any]]:
    """Return a sample's loss in each floating point type, as JSON can hold it; hold no model meanwhile."""
    from vtg_core.collator import pad
    from vtg_core.loss.precision import compare_precisions

    batch = pad([inspection.encoded], processor)
    return [
        asdict(report)
        for report in compare_precisions(
            name,
            batch,
            processor.tokenizer,
            device=device,
            device_map=device_map,
            adapter=adapter,
            load_in_4bit=load_in_4bit,
        )
    ]
