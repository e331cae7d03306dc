"""The demo model's card and the picture of its curves, made from the record of its training."""

from pathlib import Path

from vtg_core.demo_training.evaluation import Figures
from vtg_core.demo_training.record import RESPONSE_ONLY, TrainingRecord

COLORS = {RESPONSE_ONLY: "#1f6feb", "text-prefix": "#d1720f"}
"""The page's blue and orange; a mask with weights is grey."""


def draw_curves(record: TrainingRecord, path: Path) -> None:
    """Draw what the time tokens of fresh clips cost against the steps, a line a mask, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    with mpl.rc_context({"svg.hashsalt": "vtg-lens", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure, axes = pyplot.subplots(figsize=(8, 4), facecolor="white", layout="constrained")
        for run in record.runs.values():
            steps, nats = zip(*run.curve, strict=True)
            color = COLORS.get(run.mask, "#6e7781")
            axes.plot(steps, nats, marker="o", markersize=3.5, linewidth=2, color=color)
            axes.annotate(
                f"{run.mask}: {nats[-1]:.2f}", (steps[-1], nats[-1]), xytext=(6, 0), textcoords="offset points",
                color=color, va="center", annotation_clip=False,
            )  # fmt: skip
        axes.set(xlabel="optimiser steps", ylabel="nats a time token, fresh clips", ylim=(0, None))
        axes.margins(x=0.02)
        axes.grid(axis="y", color="#dddddd", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def write_card(record: TrainingRecord, path: Path) -> None:
    """Write the card: data, steps, seed, results, and what the model is not."""
    run = record.runs[RESPONSE_ONLY]
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
        "The same model, steps and seed, with two masks (`demo_curves.svg`):",
        "",
        "| mask | nats a time token, at the end | median IoU | wrong query costs more |",
        "|---|---|---|---|",
        *(
            f"| {other.mask} | {other.figures.times_nll:.2f} | {other.figures.median_iou:.2f} "
            f"| {other.figures.wrong_query_share:.0%} of the clips |"
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
