"""``python -m vtg_core probe``: questions to ask a model about one sample."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.commands.probe_answers import (
    answer_as_dict,
    controls_as_dict,
    overfit_as_dict,
    print_controls,
    print_generated,
    print_overfit,
)
from vtg_core.commands.probed_sample import ProbedSample, add_sample_options, check_sample_usage
from vtg_core.commands.terminal import (
    add_frame_options,
    add_model_options,
    plain,
    positive,
    print_video,
    settled,
    tell,
    terminable,
    write_json,
)
from vtg_core.errors import MaskingError, VTGError

if TYPE_CHECKING:
    from torch import Tensor
    from tqdm import tqdm
    from transformers import PreTrainedModel

    from vtg_core.probes.controls import ControlReport
    from vtg_core.probes.generation import GeneratedAnswer
    from vtg_core.probes.overfit import OverfitReport, OverfitStep

OURS = "ours"
NUM_STEPS = 20
TRAINED = ("auto", "all", "lora")
ABOUT = (
    "With none of --controls, --generate and --overfit it asks the first two, which cost a few forward passes. One "
    "sample is asked about: a video with its query and windows, or a row of an annotation file. Ctrl-C keeps what was "
    "answered."
)


def add_probe_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "ask a model whether it uses the video, what it would answer, and whether it can learn this sample"
    command = commands.add_parser("probe", help=text, description=f"{text.capitalize()}. {ABOUT}")
    command.set_defaults(run=run, usage=command)
    add_sample_options(command)
    command.add_argument(
        "--controls", action="store_true",
        help="score the same answer with the video blanked, its frames reversed, another query and another window",
    )  # fmt: skip
    command.add_argument("--generate", action="store_true", help="let the model answer, and read its answer")
    command.add_argument(
        "--overfit", type=positive, nargs="?", const=NUM_STEPS, metavar="K",
        help=f"train on this sample for K steps (default: {NUM_STEPS}) and leave the model as it was",
    )  # fmt: skip
    command.add_argument(
        "--mask",
        metavar="NAME",
        help="of --overfit: a common way to mask, such as text-prefix, which is shown beside ours (default: ours)",
    )
    command.add_argument(
        "--learning-rate", type=float, metavar="R", help="of --overfit: AdamW's (default: by what is trained)"
    )
    command.add_argument(
        "--train", choices=TRAINED,
        help="of --overfit: all weights, or LoRA matrices (default: auto, all of a small model and LoRA for a large one)",
    )  # fmt: skip
    command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")
    add_model_options(command)
    add_frame_options(command)


def run(options: argparse.Namespace) -> int:
    """Ask what the options name; return the exit status: 1 where a question could not be answered."""
    _check_usage(options)
    _check_numbers(options)
    options.json = settled(options.json)
    started = time.perf_counter()
    probed = ProbedSample.of(options)
    header = probed.header(options)
    if options.json != "-":
        _print_header(header)
    result: dict[str, Any] = {**header, **dict.fromkeys(_PROBES), "failed": {}, "partial": False}
    with terminable():
        model = _load(options)
        for number, name in enumerate(_asked(options)):
            try:
                _answer(name, options, model=model, probed=probed, result=result)
            except KeyboardInterrupt:
                if not number:
                    raise
                result["partial"] = True
                tell("interrupted before the last question was answered: this is what was found so far")
                break
    if options.json is not None:
        write_json(options.json, result | {"seconds": time.perf_counter() - started})
    return int(bool(result["failed"]) or result["partial"])


def _answer(
    name: str,
    options: argparse.Namespace,
    *,
    model: "PreTrainedModel",
    probed: ProbedSample,
    result: dict[str, Any],
) -> None:
    """Ask one question; put the answer into ``result``, or why there is none, and print it."""
    probe = _PROBES[name]
    report, reason = None, ""
    try:
        report = probe.ask(options, model, probed)
        result[name] = probe.as_dict(report)
    except VTGError as error:
        reason = result["failed"][name] = str(error)
    if options.json == "-":
        return
    print(f"\n{probe.title}")
    if reason:
        print(f"cannot be answered: {plain(reason)}")
    else:
        probe.show(report)
    sys.stdout.flush()


def _check_usage(options: argparse.Namespace) -> None:
    fail = options.usage.error
    check_sample_usage(options)
    of_overfit = {"--mask": options.mask, "--learning-rate": options.learning_rate, "--train": options.train}
    for name, value in of_overfit.items():
        if value is not None and options.overfit is None:
            fail(f"{name} belongs to --overfit: give that too")
    if options.mask is not None and options.mask not in (masks := _masks()):
        fail(f"--mask must be one of {', '.join(masks)}, got {options.mask!r}")


def _masks() -> list[str]:
    from vtg_core.recipes.rules import Recipe

    return [OURS, *map(str, Recipe)]


def _check_numbers(options: argparse.Namespace) -> None:
    """Raise ``LossError`` before anything is loaded where the overfit check could not be run."""
    if options.overfit is None:
        return
    from vtg_core.probes.overfit import check_learning_rate, check_num_steps

    check_num_steps(options.overfit)
    if options.learning_rate is not None:
        check_learning_rate(options.learning_rate)


def _asked(options: argparse.Namespace) -> list[str]:
    chosen = {"controls": options.controls, "generation": options.generate, "overfit": options.overfit}
    return [name for name, value in chosen.items() if value] or ["controls", "generation"]


def _load(options: argparse.Namespace) -> "PreTrainedModel":
    from vtg_core.checkpoints.loading import load_model

    return load_model(
        options.checkpoint,
        device=options.device,
        dtype=options.dtype,
        device_map=options.device_map,
        adapter=options.adapter,
        load_in_4bit=options.load_in_4bit,
    )


def _print_header(header: dict[str, Any]) -> None:
    print_video(header)
    print(f"{header['template']}, {header['mode']}: {plain(header['answer'])}")
    print(f"asked: {plain(header['checkpoint'])}")


def _controls(options: argparse.Namespace, model: "PreTrainedModel", probed: ProbedSample) -> "ControlReport":
    from vtg_core.probes.controls import run_controls

    with _bar("controls", "layer") as bar:
        return run_controls(
            model,
            probed.inspection.sample,
            probed.checkpoint.processor,
            other_query=probed.other_query,
            on_layer=lambda begun, total: _advance(bar, begun, total),
        )


def _generation(
    options: argparse.Namespace, model: "PreTrainedModel", probed: ProbedSample
) -> "GeneratedAnswer":
    from vtg_core.probes.generation import generate_answer

    checkpoint = probed.checkpoint
    with _bar("answer", "token") as bar:
        return generate_answer(
            model,
            probed.inspection,
            checkpoint.processor,
            checkpoint.stop_ids,
            on_token=lambda written, limit: _advance(bar, written, limit),
        )


def _overfit(
    options: argparse.Namespace, model: "PreTrainedModel", probed: ProbedSample
) -> "list[OverfitReport]":
    """Return how the sample is learnt with our mask, and behind it how with another one, where that is asked for."""
    masks: dict[str, Tensor | None] = {OURS: None}
    if options.mask not in (None, OURS):
        masks[options.mask] = _labels_by(options.mask, probed)
    return [
        _overfit_with(mask, labels, options=options, model=model, probed=probed)
        for mask, labels in masks.items()
    ]


def _overfit_with(
    mask: str,
    labels: "Tensor | None",
    *,
    options: argparse.Namespace,
    model: "PreTrainedModel",
    probed: ProbedSample,
) -> "OverfitReport":
    from vtg_core.collator import pad
    from vtg_core.probes.overfit import overfit, prompt_text

    encoded = probed.inspection.encoded
    with _bar(f"overfit, {mask}" if options.mask not in (None, OURS) else "overfit", "step") as bar:

        def on_step(step: "OverfitStep", total: int) -> None:
            bar.set_postfix(answer=f"{step.response_nll:.3f}", refresh=False)
            _advance(bar, step.step, total)

        return overfit(
            model,
            pad([encoded], probed.checkpoint.processor),
            prompt=prompt_text(encoded),
            num_steps=options.overfit,
            learning_rate=options.learning_rate,
            trained=options.train or TRAINED[0],
            trained_labels=labels,
            mask=mask,
            on_step=on_step,
        )


def _labels_by(name: str, probed: ProbedSample) -> "Tensor":
    """Return the labels that a recipe trains, int64, shape (1, L)."""
    import torch

    from vtg_core.recipes.masks import apply_recipe
    from vtg_core.regions import IGNORE_INDEX
    from vtg_core.video.sampling import SampledVideo

    sample, encoded = probed.inspection.sample, probed.inspection.encoded
    videos = [sample.video] if isinstance(sample.video, SampledVideo) else []
    mask = apply_recipe(name, encoded, probed.checkpoint.processor, messages=sample.messages, videos=videos)
    if mask.supervised is None:
        raise MaskingError(f"--mask {name} must be applicable to this sample, and is not: {mask.reason}")
    is_trained = torch.as_tensor(mask.supervised)
    return encoded.input_ids.where(is_trained, torch.tensor(IGNORE_INDEX))[None]


@contextmanager
def _bar(name: str, unit: str) -> "Iterator[tqdm[Any]]":
    from tqdm import tqdm

    with tqdm(desc=name, unit=unit, disable=None, leave=False, file=sys.stderr) as bar:
        yield bar


def _advance(bar: "tqdm[Any]", done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)


@dataclass(frozen=True)
class _Probe:
    """A question: its words, who answers, and how the answer is written."""

    title: str
    ask: Callable[[argparse.Namespace, "PreTrainedModel", ProbedSample], Any]
    as_dict: Callable[[Any], dict[str, Any]]
    show: Callable[[Any], None]


_PROBES = {
    "controls": _Probe("Does the model use the video?", _controls, controls_as_dict, print_controls),
    "generation": _Probe("What would it answer?", _generation, answer_as_dict, print_generated),
    "overfit": _Probe("Can it learn this sample?", _overfit, overfit_as_dict, print_overfit),
}
