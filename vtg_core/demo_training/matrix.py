"""``python -m vtg_core.demo_training.matrix``: train the demo on one template, sixteen and grown ones, and ask each in all.

It writes what came of it (``demo_wordings.json``) and a picture (``demo_wordings.svg``): how well each model answers
questions in words that it was trained on, and in words that it was not.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

from vtg_core.commands.terminal import quiet_libraries, tell
from vtg_core.demo.models import TRAINED_WEIGHTS
from vtg_core.demo_training.__main__ import START
from vtg_core.demo_training.evaluation import FreshClips
from vtg_core.demo_training.lessons import LESSONS, NUM_FILMS
from vtg_core.demo_training.practice import write_practice
from vtg_core.demo_training.wordings import Outcome, ask, train_each, wordings
from vtg_core.errors import VTGError
from vtg_core.templates import load_templates

NUM_CLIPS = 60
Outcomes = Mapping[tuple[str, str], Outcome]
"""By what a model was trained on, and what it was asked in."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train, ask and write; return the exit status: 0, 1 after an error, 130 where it was interrupted."""
    options = _parser().parse_args(argv)
    quiet_libraries()
    try:
        _run(options)
    except VTGError as error:
        tell(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        tell("interrupted; nothing was written")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    assets = TRAINED_WEIGHTS.parent
    parser = argparse.ArgumentParser(
        prog="python -m vtg_core.demo_training.matrix",
        description="Train the demo on several sets of templates.",
    )
    parser.add_argument("--out", type=Path, default=assets, help="folder to write into (default: assets)")
    parser.add_argument(
        "--grown",
        type=Path,
        default=assets / "grown_templates.yaml",
        help="the grown templates (default: assets' own)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the clips and what is asked (default: 1)")
    parser.add_argument(
        "--processes", type=int, default=2, metavar="N", help="that read samples ahead (default: 2)"
    )
    parser.add_argument(
        "--shorten",
        type=int,
        default=1,
        metavar="N",
        help="take one step and draw one film in N, to try the script",
    )
    return parser


def _run(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from vtg_core.checkpoints.loading import load_checkpoint, load_model

    sets, share, started = wordings(load_templates(options.grown)), options.shorten, time.perf_counter()
    lessons = [replace(lesson, num_steps=max(1, lesson.num_steps // share)) for lesson in LESSONS]
    checkpoint = load_checkpoint(START)
    model = deepcopy(load_model(START, device="cpu", dtype="float32"))
    with tempfile.TemporaryDirectory(prefix="vtg-lens-") as scratch:
        tell("drawing films")
        films = write_practice(Path(scratch) / "films", max(1, NUM_FILMS // share), seed=options.seed)
        fresh = FreshClips(Path(scratch) / "fresh", max(2, NUM_CLIPS // share))
        steps = train_each(
            model, checkpoint.processor, films, sets=sets, seed=options.seed, lessons=lessons,
            num_workers=options.processes,
        )  # fmt: skip
        for models in tqdm(
            steps, total=sum(lesson.num_steps for lesson in lessons), unit="step", file=sys.stderr
        ):
            trained = models
        outcomes = {}
        for learnt, asked in product(sets, sets):
            tell(f"asking the model of {learnt} in the words of {asked}")
            outcomes[learnt, asked] = ask(
                trained[learnt], checkpoint.processor, checkpoint.stop_ids, fresh, sets[asked]
            )
        num_clips = len(fresh)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {"trained_on": learnt, "asked_in": asked, **asdict(own)} for (learnt, asked), own in outcomes.items()
    ]
    record = {
        "seed": options.seed,
        "num_steps": sum(lesson.num_steps for lesson in lessons),
        "num_clips": num_clips,
        "num_templates": {name: len(own) for name, own in sets.items()},
        "seconds": round(time.perf_counter() - started),
        "outcomes": rows,
    }
    (options.out / "demo_wordings.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(outcomes, options.out / "demo_wordings.svg")
    print(json.dumps(record, indent=1))


def draw(outcomes: Outcomes, path: Path) -> None:
    """Draw two tables of squares as SVG, models by questions: nats a time token, and IoU; the better, the bluer."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(learnt for learnt, _ in outcomes))
    tables = {
        "nats a time token (lower is better)": (
            "Blues_r",
            [[outcomes[i, j].times_nll for j in names] for i in names],
        ),
        "median IoU (higher is better)": (
            "Blues",
            [[outcomes[i, j].median_iou for j in names] for i in names],
        ),
    }
    with mpl.rc_context({"svg.hashsalt": "vtg-lens", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure, both = pyplot.subplots(1, 2, figsize=(8, 3.6), facecolor="white", layout="constrained")
        for axes, (title, (colors, values)) in zip(both, tables.items(), strict=True):
            least, most = min(map(min, values)), max(map(max, values))
            room = (most - least) / 2 or 1.0  # the darkest would hide what is written on it
            low, high = (least - room, most) if colors.endswith("_r") else (least, most + room)
            axes.imshow(values, cmap=colors, vmin=low, vmax=high)
            for (row, line), column in product(enumerate(values), range(len(names))):
                axes.text(column, row, f"{line[column]:.2f}", ha="center", va="center")
            axes.set(title=title, xlabel="asked in", ylabel="trained on")
            axes.set_xticks(range(len(names)), names)
            axes.set_yticks(range(len(names)), names)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
