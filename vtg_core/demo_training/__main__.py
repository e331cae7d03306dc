"""``python -m vtg_core.demo_training``: train the demo model through our own dataset and collator, on a CPU in minutes.

It writes the weights (``demo.safetensors``), what was done and reached (``demo_training.json``, ``demo_card.md``) and a
picture of the curve (``demo_curves.svg``). With ``--mask text-prefix`` the same model is trained with the same seed and
in as many steps on the mask that counts the prompt before the video is expanded; its curve joins the other one. With
``--time-weight 1`` it is our own mask, all of whose tokens count alike. With ``--seed 2 --spread`` only what another seed
reached is put on the card.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.commands.terminal import quiet_libraries, tell
from vtg_core.demo.models import TOKENIZER_KEY, TRAINED_WEIGHTS, demo_folder, tokenizer_digest
from vtg_core.demo_training.lessons import LESSONS, NUM_FILMS, Lesson
from vtg_core.demo_training.record import (
    RESPONSE_ONLY,
    SHIPPED,
    TIME_WEIGHT,
    CurvePoint,
    TrainingRecord,
    TrainingRun,
    weighted_name,
)
from vtg_core.errors import VTGError
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import MaskPolicy, TokenWeights

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.demo_training.evaluation import FreshClips

START = "demo-untrained"
NUM_FRESH_CLIPS, NUM_CURVE_CLIPS, NUM_CURVE_POINTS = 200, 16, 17
"""How many unseen clips the figures stand on; how many of them each point of the curve, and how many points it has."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train the demo model; return the exit status: 0, 1 after an error, 130 where it was interrupted."""
    options = (parser := _parser()).parse_args(argv)
    if (options.spread or options.time_weight is not None) and options.mask != RESPONSE_ONLY:
        parser.error("--spread and --time-weight are about our own mask: leave --mask out")
    if options.spread and options.time_weight is not None:
        parser.error("--spread is about the weights that are shipped: leave --time-weight out")
    if options.time_weight is None:
        options.time_weight = TIME_WEIGHT
    if not 0 < options.time_weight < float("inf"):
        parser.error(f"--time-weight must be a number above 0, got {options.time_weight}")
    quiet_libraries()
    try:
        _train(options)
    except VTGError as error:
        tell(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        tell("interrupted; nothing was written")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vtg_core.demo_training", description="Train the demo model."
    )
    parser.add_argument(
        "--out", type=Path, default=TRAINED_WEIGHTS.parent, help="folder to write into (default: assets)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the clips and what is asked (default: 1)")
    parser.add_argument(
        "--mask", default=RESPONSE_ONLY, choices=[RESPONSE_ONLY, *map(str, Recipe)],
        help="the mask to train with; weights are written for our own only (default: response-only)",
    )  # fmt: skip
    parser.add_argument(
        "--time-weight", type=float, metavar="W",
        help="how much a token of a time counts beside one of the rest of an answer; the model is written for the default "
        f"only (default: {TIME_WEIGHT:g})",
    )  # fmt: skip
    parser.add_argument(
        "--spread", action="store_true",
        help="write no weights, and put what this seed reached beside the record's own run",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--processes",
        type=int,
        default=2,
        metavar="N",
        help="that draw films side by side, and all but one of them read samples ahead (default: 2)",
    )
    parser.add_argument(
        "--shorten",
        type=int,
        default=1,
        metavar="N",
        help="take one step and draw one film in N, to try the script",
    )
    return parser


def _train(options: argparse.Namespace) -> None:
    """Draw clips, train, evaluate, and write what came of it; nothing is written before the end."""
    from safetensors.torch import save_file

    from vtg_core.checkpoints.loading import load_checkpoint
    from vtg_core.demo_training.card import draw_curves, write_card

    out: Path = options.out
    lessons = [replace(lesson, num_steps=_share(lesson.num_steps, options.shorten)) for lesson in LESSONS]
    before = TrainingRecord.load(out / "demo_training.json")
    checkpoint = load_checkpoint(START)
    with tempfile.TemporaryDirectory(prefix="vtg-lens-") as scratch:
        model, run = _run(options, lessons, checkpoint, Path(scratch))
    out.mkdir(parents=True, exist_ok=True)
    if run.mask == SHIPPED and not options.spread:
        weights = {name: weight.detach().cpu().contiguous() for name, weight in model.named_parameters()}
        metadata = {"format": "pt", TOKENIZER_KEY: tokenizer_digest(demo_folder(START))}
        save_file(weights, out / TRAINED_WEIGHTS.name, metadata=metadata)
    words = tuple(lesson.in_words for lesson in lessons)
    runs, spread = before.runs, before.spread
    if options.spread:
        spread = {**spread, str(run.seed): run}
    else:
        runs = {**runs, run.mask: run}
    record = TrainingRecord(runs, spread, words, _machine(model))
    record.save(out / "demo_training.json")
    draw_curves(record, out / "demo_curves.svg")
    if SHIPPED in record.runs:
        write_card(record, out / "demo_card.md")
    print(json.dumps({"mask": run.mask, "seed": run.seed, **run.figures.as_dict()}, indent=1))


def _share(count: int, shorten: int) -> int:
    return max(1, count // shorten)


def _run(
    options: argparse.Namespace, lessons: Sequence[Lesson], checkpoint: "Checkpoint", scratch: Path
) -> "tuple[PreTrainedModel, TrainingRun]":
    from copy import deepcopy

    from vtg_core.checkpoints.loading import load_model
    from vtg_core.demo_training.evaluation import FreshClips, evaluate, reported_nll
    from vtg_core.demo_training.loop import MaskedBatches
    from vtg_core.demo_training.patches import patches_as_product
    from vtg_core.demo_training.practice import write_practice

    tell("drawing films")
    num_films, processes = _share(NUM_FILMS, options.shorten), options.processes
    annotation_file = write_practice(scratch / "films", num_films, seed=options.seed, num_processes=processes)
    fresh = FreshClips(scratch / "fresh", max(2, NUM_FRESH_CLIPS // options.shorten), num_processes=processes)
    model = deepcopy(load_model(START, device=options.device, dtype="float32"))
    with patches_as_product(model):
        seconds, curve = _learn(model, checkpoint, annotation_file, options, lessons, fresh)
        tell("asking the trained model about fresh clips")
        figures = evaluate(model, checkpoint.processor, checkpoint.stop_ids, fresh)
        clips = [fresh[number] for number in range(min(len(fresh), NUM_CURVE_CLIPS))]
        reported = reported_nll(model, MaskedBatches(checkpoint.processor, _recipe(options)), clips)
    num_steps = sum(lesson.num_steps for lesson in lessons)
    mask = weighted_name(options.time_weight) if options.mask == RESPONSE_ONLY else options.mask
    return model, TrainingRun(mask, options.seed, num_steps, seconds, tuple(curve), figures, reported)


def _learn(
    model: "PreTrainedModel",
    checkpoint: "Checkpoint",
    annotation_file: Path,
    options: argparse.Namespace,
    lessons: Sequence[Lesson],
    fresh: "FreshClips",
) -> tuple[float, list[CurvePoint]]:
    """Train the model; return how many seconds that took, and its curve on some of the fresh clips."""
    from tqdm import tqdm

    from vtg_core.demo_training.evaluation import times_nll
    from vtg_core.demo_training.loop import train

    clips = [fresh[number] for number in range(min(len(fresh), NUM_CURVE_CLIPS))]
    policy = None if options.time_weight == 1 else MaskPolicy(weights=TokenWeights(time=options.time_weight))
    curve = [CurvePoint(0, times_nll(model, checkpoint.processor, clips))]
    num_steps, started = sum(lesson.num_steps for lesson in lessons), time.perf_counter()
    steps = train(
        model, checkpoint.processor, annotation_file, seed=options.seed, lessons=lessons, recipe=_recipe(options),
        policy=policy, num_workers=max(1, options.processes - 1),
    )  # fmt: skip
    with tqdm(steps, total=num_steps, unit="step", file=sys.stderr) as bar:
        for taken, loss in enumerate(bar, start=1):
            if taken % max(1, num_steps // NUM_CURVE_POINTS) == 0 or taken == num_steps:
                curve.append(CurvePoint(taken, times_nll(model, checkpoint.processor, clips)))
                bar.set_postfix_str(
                    f"trained {loss:.2f}, times of fresh clips {curve[-1].times_nll:.2f} nats"
                )
    return time.perf_counter() - started, curve


def _recipe(options: argparse.Namespace) -> Recipe | None:
    return None if options.mask == RESPONSE_ONLY else Recipe(options.mask)


def _machine(model: "PreTrainedModel") -> str:
    import torch

    is_gpu = model.device.type == "cuda"
    threads = f"{torch.get_num_threads()} threads of a CPU"
    where = f"one {torch.cuda.get_device_name(model.device)}" if is_gpu else threads
    return f"{where} ({platform.system()} {platform.machine()}, torch {torch.__version__})"


if __name__ == "__main__":
    sys.exit(main())
