"""What a person should see of templates compared on one sample: plain values, documented field by field.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from vtg_core.comparison.analytics import SMALLEST_EFFECT
from vtg_core.comparison.on_video import ComparisonRun, TemplateComparison, TemplateLoss
from vtg_core.comparison.results import COLUMNS, result_of
from vtg_core.data.answers import AnswerMode
from vtg_core.dataset import Sample
from vtg_core.files.spreadsheet import guarded
from vtg_core.loss.answer_parts import AnswerPart
from vtg_core.loss.cost import PassCost
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.shared_pass import SharedPlan
from vtg_core.loss.token_scores import is_guessing
from vtg_core.views.loss import CostView, held_in_words, where_in_words

CSV_COLUMNS = tuple(name for name in COLUMNS if name not in ("row", "where"))
"""The columns of the CSV: those of :class:`vtg_core.comparison.results.TemplateResult` that one sample has."""

MODES: dict[str, tuple[str, str]] = {
    AnswerMode.STANDARD: ("seconds", "Answers in seconds"),
    AnswerMode.TEMPORAL_TOKENS: ("temporal tokens", "Answers in temporal tokens"),
}
"""What an answer format is called within a line, and as a title."""


@dataclass(frozen=True)
class ScoredToken:
    """One supervised token.

    Attributes:
        index: its position in the sequence.
        id, text: which token it is.
        nll, prob, rank: see :class:`vtg_core.loss.token_scores.TokenLoss`.
        part: ``time``, ``format``, ``end_of_turn`` or ``other``.
        top: (text, probability) of the likeliest tokens, most likely first.
    """

    index: int
    id: int
    text: str
    nll: float
    prob: float
    rank: int
    part: str
    top: list[tuple[str, float]]


@dataclass(frozen=True)
class TemplateRow:
    """One template; every figure is in nats, and lower is easier for the model.

    Attributes:
        name, mode: of the template.
        mode_name: what the mode is called.
        num_tokens, num_supervised: of the whole sequence, and how many are in the loss.
        sum_nll, mean_nll: over all supervised tokens, and a token.
        time_nll: over the tokens that say times.
        time_excess: the same minus what guessing uniformly among the format's own choices would cost; negative where
            the model does better than that, None where that is not known.
        word_nll, end_of_turn_nll, other_nll: over the format's words, the end of turn, and whatever else is trained.
        marks: figure to ``best`` or ``worst``: the lowest and the highest among the templates of its mode, where the next
            is farther away than ``SMALLEST_EFFECT`` for each token of the figure.
        tokens: the supervised ones, in order.
    """

    name: str
    mode: str
    mode_name: str
    num_tokens: int
    num_supervised: int
    sum_nll: float
    mean_nll: float
    time_nll: float
    time_excess: float | None
    word_nll: float
    end_of_turn_nll: float
    other_nll: float
    marks: dict[str, str]
    tokens: list[ScoredToken]


@dataclass(frozen=True)
class ModeView:
    """The templates of one answer format.

    Attributes:
        title: what the format is called.
        answer: the text that each of them teaches.
        rows: a template each, in the order in which they came.
    """

    title: str
    answer: str
    rows: list[TemplateRow]


@dataclass(frozen=True)
class ComparisonView:
    """Templates compared on one sample, as far as they are.

    Attributes:
        state: ``empty``, ``waiting`` for another run to end, ``running``, ``done``, or ``partial``: it was stopped.
        sample: what they were compared on.
        num_scored, num_templates: so far, and in all.
        reading: sentences that say what the figures mean; none while it runs.
        how: how it was run, and what that took; empty while it runs.
        badges: when a template is called the best or the worst.
        uniform_nll: ln of the vocabulary's size: nats a token that a model pays which knows nothing.
        max_nll: where the scale of the tokens' colours ends, in nats.
        modes: the answer formats.
        csv_name, csv: name and text of the file to download.
    """

    state: str
    sample: str = ""
    num_scored: int = 0
    num_templates: int = 0
    reading: tuple[str, ...] = ()
    how: str = ""
    uniform_nll: float = 0.0
    max_nll: float = 0.0
    modes: tuple[ModeView, ...] = ()
    csv_name: str = ""
    csv: str = ""
    badges: str = ""


BADGES = (
    f"★ and ▼ stand only where the next template is more than {SMALLEST_EFFECT:g} nats a token away: less is not worth a "
    "name. One sample has no interval; the comparison of a file, under File, has."
)
NO_COMPARISON = ComparisonView("empty")
RANKED = (
    "num_tokens", "sum_nll", "mean_nll", "time_nll", "time_excess", "word_nll", "end_of_turn_nll"
)  # fmt: skip
"""The figures of a row in which there is a best and a worst."""


def view_comparison(
    comparison: TemplateComparison, losses: Sequence[TemplateLoss], *, state: str
) -> ComparisonView:
    """Return the view of a comparison.

    Args:
        comparison: what runs, or ran.
        losses: what it has given so far, at least one.
        state: ``running``, ``done`` or ``partial``.
    """
    is_over, sample = state != "running", comparison.inspections[0].sample
    uniform = _uniform(comparison)
    nlls = [token.nll for loss in losses for token in loss.loss.tokens]
    shown = [_view_mode(mode, [loss for loss in losses if loss.mode is mode]) for mode in AnswerMode]
    return ComparisonView(
        state=state,
        sample=_sample(sample),
        num_scored=len(losses),
        num_templates=len(comparison.inspections),
        reading=tuple(_reading(losses, uniform)) if is_over else (),
        how=_how(comparison.plan, comparison.run, len(comparison.inspections)) if is_over else "",
        uniform_nll=uniform,
        max_nll=max([uniform, *nlls]),
        modes=tuple(view for view in shown if view.rows),
        csv_name=f"templates_{sample.video.info.path.stem}.csv",
        csv=_csv(comparison, losses),
        badges=BADGES,
    )


def view_comparison_cost(
    shared: PassCost, plain: PassCost, shape: ModelShape, num_templates: int
) -> CostView:
    """Return the view of what a comparison will cost in one shared pass, and what it would in plain ones."""
    return CostView(
        cost=f"One shared pass over {shared.num_tokens:,} tokens, instead of {plain.num_tokens:,} in {num_templates} plain "
        f"ones: about {_seconds(shared.seconds)} instead of {_seconds(plain.seconds)} {where_in_words(shared, shape)}.",
        references="A model that cannot share a pass gets a plain one for each template, and says so.",
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _uniform(comparison: TemplateComparison) -> float:
    if comparison.run is not None:
        return comparison.run.uniform_nll
    return math.log(comparison.model.get_input_embeddings().num_embeddings)


def _view_mode(mode: AnswerMode, losses: Sequence[TemplateLoss]) -> ModeView:
    rows = [_row(loss) for loss in losses]
    marks = _marks(rows)
    marked = [replace(row, marks=own) for row, own in zip(rows, marks, strict=True)]
    return ModeView(MODES[mode][1], losses[0].answer if losses else "", marked)


def _row(loss: TemplateLoss) -> TemplateRow:
    total, times = loss.total, loss.times
    return TemplateRow(
        name=loss.template,
        mode=str(loss.mode),
        mode_name=MODES[loss.mode][0],
        num_tokens=loss.num_tokens,
        num_supervised=total.num_tokens,
        sum_nll=total.sum_nll,
        mean_nll=total.mean_nll or 0.0,
        time_nll=times.sum_nll,
        time_excess=None if times.uniform_nll is None else times.sum_nll - times.uniform_nll,
        word_nll=loss.words.sum_nll,
        end_of_turn_nll=loss.end_of_turn.sum_nll,
        other_nll=loss.loss.of_part(AnswerPart.OTHER).sum_nll,
        marks={},
        tokens=[
            ScoredToken(t.index, t.id, t.text, t.nll, t.prob, t.rank, str(part), [(a.text, a.prob) for a in t.top])
            for t, part in zip(loss.loss.tokens, loss.loss.parts, strict=True)
        ],
    )  # fmt: skip


def _marks(rows: Sequence[TemplateRow]) -> list[dict[str, str]]:
    """Return for each row in which figures it is the best or the worst; none where others are as good, or as bad."""
    marks: list[dict[str, str]] = [{} for _ in rows]
    for figure in RANKED:
        known = sorted(
            (value, at) for at, row in enumerate(rows) if (value := getattr(row, figure)) is not None
        )
        if len(known) < 2 or known[0][0] == known[-1][0]:
            continue
        least = SMALLEST_EFFECT * max(_num_of(row, figure) for row in rows)
        for kind, (value, at), (next_value, _) in (
            ("best", known[0], known[1]), ("worst", known[-1], known[-2]),
        ):  # fmt: skip
            if figure == "num_tokens":
                marks = [own | ({figure: kind} if getattr(row, figure) == value else {})
                         for own, row in zip(marks, rows, strict=True)]  # fmt: skip
            elif abs(next_value - value) > least:
                marks[at][figure] = kind
    return marks


_PART_OF = {"time_nll": AnswerPart.TIME, "time_excess": AnswerPart.TIME, "word_nll": AnswerPart.FORMAT}


def _num_of(row: TemplateRow, figure: str) -> int:
    """Return over how many tokens a figure adds up."""
    if figure == "sum_nll":
        return row.num_supervised
    part = _PART_OF.get(figure)
    return 1 if part is None else sum(token.part == str(part) for token in row.tokens)


def _reading(losses: Sequence[TemplateLoss], uniform: float) -> list[str]:
    is_guess = all(is_guessing(loss.loss.tokens, uniform) for loss in losses)
    by_mode = [[loss for loss in losses if loss.mode is mode] for mode in MODES]
    said = [_reading_of(own, is_guess=is_guess) for own in by_mode if own and own[0].times.num_tokens]
    if not is_guess:
        return said
    means = sorted(loss.total.mean_nll or 0.0 for loss in losses)
    ends = " to ".join(dict.fromkeys(f"{mean:.2f}" for mean in (means[0], means[-1])))
    guesses = (
        f"This model guesses: its templates cost {ends} nats a token, where picking any of "
        f"its {math.exp(uniform):,.0f} tokens blindly costs {uniform:.2f}. Random weights do that, and the order "
        "below is chance; a trained model should be far below."
    )
    return [guesses, *said]


def _reading_of(losses: Sequence[TemplateLoss], *, is_guess: bool) -> str:
    """Say of the templates of one mode which the model finds easiest by their times, and how far they are apart."""
    title = MODES[losses[0].mode][1]
    ordered = sorted(losses, key=lambda loss: loss.times.sum_nll)
    best, worst = ordered[0], ordered[-1]
    easiest, apart = best.times.sum_nll, worst.times.sum_nll - best.times.sum_nll
    if len(losses) == 1:
        return f"{title}: only {best.template} was scored; its times cost {easiest:.2f} nats."
    if is_guess or apart < SMALLEST_EFFECT * best.times.num_tokens:
        return (
            f"{title}: all {len(losses)} are alike by their times, {easiest:.2f} to {worst.times.sum_nll:.2f} nats; "
            f"{best.template} is the lowest{_against_guessing(best)}."
        )
    return (
        f"{title}: by its times the model finds {best.template} the easiest, {easiest:.2f} nats"
        f"{_against_guessing(best)}, and {worst.template} the hardest, {apart:.2f} nats more."
    )


def _against_guessing(loss: TemplateLoss) -> str:
    uniform = loss.times.uniform_nll
    if uniform is None:
        return ""
    excess = loss.times.sum_nll - uniform
    more = "more" if excess > 0 else "less"
    return f" ({abs(excess):.2f} {more} than guessing among the format's own choices)"


def _how(plan: SharedPlan, run: ComparisonRun | None, num_templates: int) -> str:
    if plan.plain_because:
        how = f"{num_templates} plain passes over {plan.num_tokens:,} tokens in all, because {plan.plain_because}"
    else:
        how = (
            f"One shared pass over {plan.num_tokens:,} tokens, instead of {num_templates} plain ones over "
            f"{plan.num_plain_tokens:,}"
        )
    if run is None:
        return f"{how}; not finished."
    ran = [f"{how} · {run.seconds:.2f} s on {run.device} in {run.dtype}"]
    return f"{'; '.join([*ran, *held_in_words(run.peak_memory_bytes, run.device)])}."


def _sample(sample: Sample) -> str:
    windows = ", ".join(f"{window.start:g} to {window.end:g} s" for window in sample.windows)
    return f"{sample.query} · {windows} · {sample.video.info.path.name}"


def _csv(comparison: TemplateComparison, losses: Sequence[TemplateLoss]) -> str:
    """Return one line a template, in the comparison's order; a cell that a spreadsheet would run is written as text."""
    samples = {
        (one.sample.template.name, one.sample.template.mode): one.sample for one in comparison.inspections
    }
    file = io.StringIO()
    writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for loss in losses:
        sample = samples[loss.template, loss.mode]
        line = replace(result_of(0, sample, loss), video=sample.video.info.path.name)
        writer.writerow({name: _cell(value) for name, value in asdict(line).items()})
    return file.getvalue()


def _cell(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value
