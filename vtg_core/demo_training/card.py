"""The demo model's card and the picture of its curves, made from the record of its training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.demo_training.evaluation import Figures
from vtg_core.demo_training.record import RESPONSE_ONLY, SHIPPED, TrainingRecord, TrainingRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {RESPONSE_ONLY: "#1f6feb", "text-prefix": "#d1720f"}
"""The page's blue and orange."""
OTHER = "#6e7781"
"""Of a mask with weights."""
BARS: Mapping[str, Callable[[TrainingRun], float]] = {
    "the loss\nit reports": lambda run: run.reported_nll,
    "median IoU\nof its answers": lambda run: run.figures.median_iou,
    "nats more with\na grey video": lambda run: run.figures.blank_video_delta,
}
"""What is drawn of each trained model beside its curve."""


def draw_curves(record: TrainingRecord, path: Path) -> None:
    """Draw as SVG what the time tokens of fresh clips cost against the steps, a line a mask, and what each model can do."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    with mpl.rc_context({"svg.hashsalt": "vtg-lens", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure, (curves, *others) = pyplot.subplots(
            1,
            1 + len(BARS),
            figsize=(11, 3.8),
            facecolor="white",
            layout="constrained",
            width_ratios=(5, 2, 2, 2),
        )
        _draw_lines(curves, record)
        for axes, (title, figure_of) in zip(others, BARS.items(), strict=True):
            _draw_bars(axes, record, title, figure_of)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def _draw_lines(axes: "Axes", record: TrainingRecord) -> None:
    most = max(nats for run in record.runs.values() for _, nats in run.curve)
    heights = _apart([run.curve[-1].times_nll for run in record.runs.values()], most / 14)
    for run, height in zip(record.runs.values(), heights, strict=True):
        steps, nats = zip(*run.curve, strict=True)
        color = COLORS.get(run.mask, OTHER)
        axes.plot(steps, nats, marker="o", markersize=3.5, linewidth=2, color=color)
        axes.annotate(
            f"{run.mask}: {nats[-1]:.2f}", (steps[-1], height), xytext=(6, 0), textcoords="offset points", color=color,
            va="center", annotation_clip=False,
        )  # fmt: skip
    axes.set(xlabel="optimiser steps", ylabel="nats a time token, fresh clips", ylim=(0, None))
    axes.margins(x=0.02)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_bars(
    axes: "Axes", record: TrainingRecord, title: str, figure_of: Callable[[TrainingRun], float]
) -> None:
    """Draw a figure of each model as a bar with its value."""
    for place, run in enumerate(record.runs.values()):
        value, color = figure_of(run), COLORS.get(run.mask, OTHER)
        axes.bar(place, value, color=color, width=0.7)
        axes.annotate(
            f"{value:.2f}",
            (place, value),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=color,
        )
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(y=0.12)
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.spines[:].set_visible(False)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Return where labels stand: as high as what they name, or so much higher that none covers another."""
    placed: dict[int, float] = {}
    lowest = -gap
    for number in sorted(range(len(heights)), key=lambda number: heights[number]):
        placed[number] = lowest = max(heights[number], lowest + gap)
    return [placed[number] for number in range(len(heights))]


def write_card(record: TrainingRecord, path: Path) -> None:
    """Write the card: data, steps, seed, results, and what the model is not."""
    run = record.runs[SHIPPED]
    untrained = run.curve[0]
    lines = [
        "# The demo model",
        "",
        "A Qwen3-VL of about a million parameters (transformers' own classes), trained from random weights through",
        "this project's own dataset and `SFTCollator`. It shows what a loss looks like on a model that knows its task; it is",
        "good for nothing else.",
        "",
        f"Made by `python -m vtg_core.demo_training --seed {run.seed}`: {run.num_steps:,} steps in "
        f"{run.seconds / 60:.0f} minutes on {record.machine}.",
        "",
        "## Data",
        "",
        "Films drawn by `vtg_core/demo_training/practice.py`, a minute and a half each, and clips cut from them: 20 to 32 seconds,",
        "one to three shapes (circle, square, triangle, star) in red, blue, green or yellow, no two of a colour and no two",
        "at a time, each for 3 to 8 whole seconds; a grey ball and a clock distract, and so do the shapes that are not",
        "asked for. Each question is about one shape, in the sixteen templates and both answer formats. As no two shapes",
        "of a clip share a colour, a model may go by colour alone.",
        "",
        "## Lessons",
        "",
        *(f"{number}. {lesson}" for number, lesson in enumerate(record.lessons, start=1)),
        "",
        "## Results",
        "",
        f"On {run.figures.num_clips} clips that no training has seen, 32 frames each at full size.",
        "",
        "| figure | what it is | value |",
        "|---|---|---|",
        *(f"| {name} | {what} | {value} |" for name, what, value in _rows(run.figures)),
        "",
        f"The untrained model (`--checkpoint demo-untrained`) pays {untrained.times_nll:.2f} nats a time token.",
        "",
        *_spread(record),
        "## Which mask it was trained with",
        "",
        "The same model, clips, steps and seed; the masks differ, and nothing else (`demo_curves.svg`):",
        "",
        "| mask | the loss it reports | nats a time token | median IoU | nats more with a grey video | another query costs more |",
        "|---|---|---|---|---|---|",
        *(
            f"| {other.mask} | {other.reported_nll:.3f} | {other.figures.times_nll:.2f} | {other.figures.median_iou:.2f} "
            f"| {other.figures.blank_video_delta:+.2f} | {other.figures.wrong_query_share:.0%} of the clips |"
            for other in record.runs.values()
        ),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _spread(record: TrainingRecord) -> list[str]:
    """Return what the same training reached with other seeds, if it was tried."""
    if not record.spread:
        return []
    return [
        "## With other seeds",
        "",
        "| seed | nats a time token | median IoU | wrong query costs more |",
        "|---|---|---|---|",
        *(
            f"| {seed} | {run.figures.times_nll:.2f} | {run.figures.median_iou:.2f} "
            f"| {run.figures.wrong_query_share:.0%} of the clips |"
            for seed, run in record.spread.items()
        ),
        "",
    ]


def _rows(figures: Figures) -> list[tuple[str, str, str]]:
    return [
        ("`times_nll`", "nats a time token", f"{figures.times_nll:.2f}"),
        (
            "`median_iou`",
            "of the greedy answer; one that cannot be read counts 0",
            f"{figures.median_iou:.2f}",
        ),
        *(
            (f"`median_iou_by_mode`, {mode}", "the same, of that answer format alone", f"{iou:.2f}")
            for mode, iou in figures.median_iou_by_mode.items()
        ),
        ("`readable_share`", "greedy answers that can be read", f"{figures.readable_share:.0%}"),
        (
            "`blank_video_delta`",
            "nats a time token more with the video blanked",
            f"{figures.blank_video_delta:.2f}",
        ),
        (
            "`wrong_query_share`",
            "clips in which another row's query costs more",
            f"{figures.wrong_query_share:.0%}",
        ),
    ]
