"""What a person should see of one sample's loss: plain values, documented field by field."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vtg_core.inspection import Inspection
from vtg_core.loss.answer_parts import AnswerLoss, AnswerPart, PartLoss, answer_loss, time_nats
from vtg_core.loss.cost import PassCost, in_words
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.precision import PrecisionReport
from vtg_core.loss.score import SHIFTS, LossReport
from vtg_core.loss.token_scores import CLEARLY_BELOW, is_guessing
from vtg_core.masking.encoding import EncodedSample
from vtg_core.recipes.masks import RecipeMask
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, RegionKind
from vtg_core.views.recipes import OURS, USED_BY, YOURS, RecipeView

PART_NAMES = {
    AnswerPart.TIME: "times",
    AnswerPart.FORMAT: "format words",
    AnswerPart.END_OF_TURN: "end of turn",
    AnswerPart.OTHER: "anything else",
}


@dataclass(frozen=True)
class CostView:
    """What a forward pass on the sample on screen will cost, before it is run.

    Attributes:
        cost: one sentence: tokens, seconds, memory.
        references: one sentence: what guessing costs, which the loss is held against.
    """

    cost: str
    references: str


@dataclass(frozen=True)
class FigureView:
    """A figure beside what it is held against.

    Attributes:
        name: of the figure.
        value: in nats; None where it has none, as the mean of no token.
        unit: what it is counted in.
        references: (name, nats, explanation); nats is None where it is not known.
    """

    name: str
    value: float | None
    unit: str
    references: list[tuple[str, float | None, str]]


@dataclass(frozen=True)
class TokenRow:
    """A supervised token.

    Attributes:
        index, id, text: where it stands in the row, its id, and its text.
        part: what it is of its answer.
        nll, prob, rank, entropy: see :class:`vtg_core.loss.token_scores.TokenLoss`.
        top: the likeliest tokens, as (id, text, probability), most likely first.
    """

    index: int
    id: int
    text: str
    part: str
    nll: float
    prob: float
    rank: int
    entropy: float
    top: list[tuple[int, str, float]]


@dataclass(frozen=True)
class PartRow:
    """Tokens of one region, or of one part of the answer.

    Attributes:
        group: ``region``, ``part`` or ``all``.
        name: of the region kind, or of the part as people call it.
        num_tokens, sum_nll, mean_nll, uniform_nll: see :class:`vtg_core.loss.answer_parts.PartLoss`.
        share: of the whole loss, from 0 to 1.
    """

    group: str
    name: str
    num_tokens: int
    sum_nll: float
    mean_nll: float | None
    share: float
    uniform_nll: float | None


@dataclass(frozen=True)
class RecipeRow:
    """What a masking recipe would have reported as the loss of this sample.

    Attributes:
        key: the name of the mask, as the page's switch has it.
        name, does: of the recipe, and what it does.
        num_supervised: how many tokens it trains; None where it cannot be applied.
        loss: nats a token; None where there is none.
        difference: to ours; None where there is none.
        reason: why it cannot be applied; empty where it can.
    """

    key: str
    name: str
    does: str
    num_supervised: int | None
    loss: float | None
    difference: float | None
    reason: str


@dataclass(frozen=True)
class LossView:
    """One sample's loss.

    Attributes:
        sample: what was scored: template, answer format and answer; empty where nothing was.
        reading: one sentence that says what the figures mean.
        figures: those that matter, side by side.
        uniform_nll: nats a token that a model pays which knows nothing.
        vocab_size: how many logits each position has.
        tokens: the supervised ones, in order.
        parts: by region, by part of the answer, and all.
        shift: one sentence: which shift the model's own loss uses.
        shift_losses: (shift, nats a token if logits were looked for so far before their token).
        model_loss: the model's own; None where it was not run.
        recipes: ours first, then a person's own collator; empty where their losses cannot be had.
        run: how it ran: device, type, seconds, memory.
    """

    sample: str
    reading: str
    figures: list[FigureView]
    uniform_nll: float
    vocab_size: int
    tokens: list[TokenRow]
    parts: list[PartRow]
    shift: str
    shift_losses: list[tuple[int, float | None]]
    model_loss: float | None
    recipes: list[RecipeRow]
    run: str


NO_LOSS = LossView(
    "", "Run a forward pass to see what each trained token of this template costs the model: on which tokens the loss "
    "sits, what guessing would cost, which tokens the model would rather have written, and what other masks would "
    "have reported.", [], 0.0, 0, [], [], "", [], None, [], "",
)  # fmt: skip


@dataclass(frozen=True)
class PrecisionsView:
    """The same loss in several floating point types; ``reports`` in their order, the most exact first."""

    sample: str
    reports: list[PrecisionReport]


def view_cost(cost: PassCost, shape: ModelShape, inspection: Inspection) -> CostView:
    """Return the view of what a pass on a sample will cost, and what its loss will be held against."""
    encoded = inspection.encoded
    supervised = (encoded.labels != IGNORE_INDEX).numpy()
    times = float(time_nats(encoded, inspection.sample.answer_format)[supervised].sum())
    return CostView(
        cost=f"{cost.num_tokens:,} tokens, {int(supervised.sum()):,} of them in the loss: {seconds_in_words(cost.seconds)} "
        f"{where_in_words(cost, shape)}.",
        references=f"A model that knows nothing pays ln {shape.vocab_size:,} = {math.log(shape.vocab_size):.2f} nats a "
        f"token. One that knows the answer's form and guesses its times pays {times:.2f} nats for all of them.",
    )


def where_in_words(cost: PassCost, shape: ModelShape) -> str:
    """Return where a pass will run and what memory it needs, as the end of a sentence."""
    free = f" of {in_words(cost.free_bytes)} free" if cost.free_bytes is not None else ""
    weights = "" if shape.is_loaded else ", its weights included"
    return f"on {shape.device} in {shape.dtype}, and about {in_words(cost.memory_bytes)}{free}{weights}"


def view_loss(
    report: LossReport,
    inspection: Inspection,
    masks: Sequence[RecipeMask] = (),
    recipe_losses: Mapping[str, float | None] | None = None,
    *,
    yours: RecipeView | None = None,
) -> LossView:
    """Return the loss view of a report on a sample.

    Args:
        report: of one sample without padding.
        inspection: that sample.
        masks: what recipes train of it.
        recipe_losses: nats a token by recipe, and our own under ``OURS``; None or empty where they are not known.
        yours: what a person's own collator trains and would have reported; None where there is none.
    """
    sample = inspection.sample
    loss = answer_loss(report.tokens, inspection.encoded, sample.answer_format)
    uniform = math.log(report.vocab_size)
    return LossView(
        sample=f"{sample.template.name} · {sample.template.mode} · {sample.answer}",
        reading=_reading(report, loss, uniform=uniform),
        figures=_figures(report, loss, uniform=uniform, yours=yours),
        uniform_nll=uniform,
        vocab_size=report.vocab_size,
        tokens=[
            TokenRow(t.index, t.id, t.text, PART_NAMES[part], t.nll, t.prob, t.rank, t.entropy, [(a.id, a.text, a.prob) for a in t.top])
            for t, part in zip(loss.tokens, loss.parts, strict=True)
        ],
        parts=_part_rows(loss),
        shift=_shift(report),
        shift_losses=[(n, x if math.isfinite(x) else None) for n, x in zip(SHIFTS, report.shift_losses, strict=True)],
        model_loss=report.model_loss,
        recipes=_recipe_rows(masks, recipe_losses or {}, encoded=inspection.encoded, yours=yours),
        run=ran_in_words(report),
    )  # fmt: skip


def _reading(report: LossReport, loss: AnswerLoss, *, uniform: float) -> str:
    mean, worst = report.mean_nll, max(report.tokens, key=lambda token: token.nll)
    against = f"{mean:.2f} nats a token, where picking any token blindly costs ln {report.vocab_size:,} = {uniform:.2f}"
    if is_guessing(report.tokens, uniform):
        return f"This model guesses: {against}. Random weights do that, as those of demo-untrained; a trained model should be far below."
    if mean > uniform - CLEARLY_BELOW:
        than = "worse" if mean > uniform else "no better"
        return f"This model is {than} than a blind guess: {against}. It expects something else, most of all at {worst.text!r}."
    hardest = f"The hardest token is {worst.text!r} ({worst.nll:.2f} nats, rank {worst.rank:,})."
    return f"This model knows more than nothing: {against}. {_times_reading(loss.of_part(AnswerPart.TIME))}{hardest}"


def _times_reading(times: PartLoss) -> str:
    if not times.num_tokens or times.uniform_nll is None:
        return ""
    figures = f"{times.sum_nll:.2f} nats against {times.uniform_nll:.2f}"
    if times.sum_nll > 0.95 * times.uniform_nll:
        return f"But its times are no better than guessed among all that the format can write ({figures}). "
    return f"Its times are better than guessed ({figures}). "


def _figures(
    report: LossReport, loss: AnswerLoss, *, uniform: float, yours: RecipeView | None
) -> list[FigureView]:
    total = loss.total
    means = [
        *_references(total, uniform, scale=1 / total.num_tokens),
        ("model's own", report.model_loss, "a second, plain pass with labels"),
    ]
    if report.model_loss is not None:
        means.append(
            ("difference", abs(report.model_loss - report.mean_nll), "rounding alone, if the shift is right")
        )  # fmt: skip
    figures = [
        FigureView("Mean response NLL", report.mean_nll, "nats a token", means),
        *_beside(report, yours),
        FigureView("Sum", report.sum_nll, _over(total), _references(total, uniform)),
    ]
    for name, part in (
        ("Times only", AnswerPart.TIME), ("Format words", AnswerPart.FORMAT), ("End of turn", AnswerPart.END_OF_TURN)
    ):  # fmt: skip
        own = loss.of_part(part)
        value = own.sum_nll if own.num_tokens else None
        figures.append(
            FigureView(name, value, _over(own), _references(own, uniform) if own.num_tokens else [])
        )
    return figures


def _beside(report: LossReport, yours: RecipeView | None) -> list[FigureView]:
    """Return what a person's own collator would have reported; nothing where that is not known."""
    if yours is None or yours.loss is None:
        return []
    of = [("ours", report.mean_nll, "the mean response NLL, of our own mask")]
    num = f"nats a token, over {yours.num_supervised:,}"
    return [
        FigureView(
            "Your collator's loss", yours.loss, num, [*of, ("against ours", yours.loss - report.mean_nll, "")]
        )
    ]


def _references(part: PartLoss, uniform: float, *, scale: float = 1.0) -> list[tuple[str, float | None, str]]:
    as_written = part.uniform_nll * scale if part.uniform_nll is not None else None
    return [
        ("blind guess", uniform * part.num_tokens * scale, "the logarithm of the vocabulary's size, each token"),
        ("form known", as_written, "the answer's form is known, and its times are guessed"),
    ]  # fmt: skip


def _over(part: PartLoss) -> str:
    return f"nats over {part.num_tokens:,} token{'' if part.num_tokens == 1 else 's'}"


def _part_rows(loss: AnswerLoss) -> list[PartRow]:
    total = loss.total
    kinds = [kind for kind in RegionKind if kind in loss.kinds]
    parts = [part for part in AnswerPart if part in loss.parts]
    rows = [("region", str(kind), loss.of_kind(kind)) for kind in kinds]
    rows += [("part", PART_NAMES[part], loss.of_part(part)) for part in parts]
    return [
        PartRow(group, name, own.num_tokens, own.sum_nll, own.mean_nll,
                own.sum_nll / total.sum_nll if total.sum_nll else 0.0, own.uniform_nll)
        for group, name, own in [*rows, ("all", "all in the loss", total)]
    ]  # fmt: skip


def _shift(report: LossReport) -> str:
    if report.model_loss is None:
        return "The model's own loss was not run: the logits of every position would take too much memory."
    if report.model_shift is None:
        return "Which shift the model's own loss uses is undecided: none of them gives it, or several do."
    if report.model_shift == 1:
        return (
            "The model's own loss uses shift 1, as it should: each token is predicted by the one before it."
        )
    return f"The model's own loss uses shift {report.model_shift}, and not 1: it is computed on the wrong positions."


def _recipe_rows(
    masks: Sequence[RecipeMask],
    losses: Mapping[str, float | None],
    *,
    encoded: EncodedSample,
    yours: RecipeView | None,
) -> list[RecipeRow]:
    ours = losses.get(OURS)
    if ours is None:
        return []
    num_ours = int((encoded.labels != IGNORE_INDEX).sum())
    rows = [RecipeRow(OURS, OURS, "trains the answers and their ends of turn", num_ours, ours, None, "")]
    if yours is not None:
        less = None if yours.loss is None else yours.loss - ours
        rows.append(
            RecipeRow(YOURS, yours.name, yours.does, yours.num_supervised, yours.loss, less, yours.reason)
        )
    for mask in masks:
        name, loss = str(mask.recipe), losses.get(mask.recipe)
        count = None if mask.supervised is None else int(np.count_nonzero(mask.supervised))
        less = None if loss is None else loss - ours
        rows.append(RecipeRow(name, name, USED_BY[Recipe(name)][0], count, loss, less, mask.reason))
    return rows


def ran_in_words(report: LossReport) -> str:
    said = [
        "every loss is finite", f"{report.num_supervised:,} of {report.num_tokens:,} tokens in the loss", report.device,
        report.dtype, f"{report.seconds:.2f} s for the pass alone",
    ]  # fmt: skip
    return " · ".join([*said, *held_in_words(report.peak_memory_bytes, report.device)])


def held_in_words(peak_memory_bytes: int | None, device: str) -> list[str]:
    """Return what a run held at most and whose memory that is, as one part of a sentence; none where it is not known."""
    if peak_memory_bytes is None:
        return []
    whose = "PyTorch on the GPU" if device.startswith("cuda") else "this process so far"
    return [f"at most {in_words(peak_memory_bytes)} held by {whose}"]


def seconds_in_words(seconds: float) -> str:
    """Return an estimate of a time as people say it."""
    if seconds < 0.95:
        return "less than a second"
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"
