"""``vtg-lens COMMAND``: what the page shows, from a terminal and as JSON."""

import argparse
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.commands.answer_option import (
    BOTH,
    add_answer_option,
    add_language_option,
    add_task_option,
    templates_asked,
)
from vtg_core.commands.audit import add_audit_command
from vtg_core.commands.compare import add_compare_command
from vtg_core.commands.data.command import add_data_command
from vtg_core.commands.loss import (
    add_loss_options,
    precisions_of,
    print_losses,
    print_precisions,
    score_samples,
)
from vtg_core.commands.outputs import check_outputs
from vtg_core.commands.probe import add_probe_command
from vtg_core.commands.templates.command import add_templates_command
from vtg_core.commands.terminal import (
    add_frame_options,
    add_model_options,
    frame_policy,
    note_added_tokens,
    open_streams,
    plain,
    print_table,
    print_video,
    quiet_libraries,
    silence_stdout,
    tell,
    template_change,
    write_json,
)
from vtg_core.commands.training.spikes import add_spikes_command
from vtg_core.data.annotations import check_query
from vtg_core.errors import VTGError, first_line
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.windows import Window

if TYPE_CHECKING:
    from vtg_core.inspection import Inspection
    from vtg_core.video.decoders import DecoderDifference


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Exit status: 0 done, 1 an error (one sentence on stderr) or an audit's findings, 2 wrong usage, 130 interrupted
    before there was anything to show.
    """
    open_streams()
    options = _parser().parse_args(arguments)
    quiet_libraries()
    status: int | None = None
    try:
        check_outputs(options)
        status = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    except VTGError as error:
        tell(f"error: {plain(str(error))}")
        return 1
    except BrokenPipeError:  # the reader of our output has seen enough
        silence_stdout()
    except OSError as error:
        tell(f"error: the output cannot be written: {error.strerror or error}")
        silence_stdout()
        return 1
    except Exception as error:  # a bug of ours, in one line
        tell(f"error: VTG Lens itself failed, please report it: {plain(_described(error))}")
        return 1
    return status or 0


def _described(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {first_line(error)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program(), description="See what a video model is trained on.")
    add_commands(parser, is_required=True)
    return parser


def program() -> str:
    """Return how a person called us, for help and errors: they can call it so again."""
    called = Path(sys.argv[0]).name
    return {"__main__.py": "python -m vtg_core", "app.py": "python app.py"}.get(called, "vtg-lens")


def add_commands(parser: argparse.ArgumentParser, *, is_required: bool = False) -> None:
    """Add the commands with their options; ``command`` is then the name of the one that was given, or None."""
    commands = parser.add_subparsers(
        title="commands", dest="command", required=is_required, metavar="COMMAND", prog=parser.prog
    )
    for name, run, text in (
        ("inspect", _inspect, "show prompts, tokens and masks"),
        ("loss", _loss, "run a forward pass and show the response-only loss"),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        command.set_defaults(run=run)
        command.add_argument("--video", required=True, metavar="V", help="a local video file")
        command.add_argument("--query", required=True, metavar="Q", help="the sentence to look for")
        command.add_argument(
            "--window", required=True, nargs=2, type=float, action="append", metavar=("S", "E"),
            help="when it happens, in seconds; may be given more than once",
        )  # fmt: skip
        command.add_argument(
            "--template", default="all", choices=["all", *TEMPLATE_NAMES],
            help="one template, or all of the chosen answer mode (default: all)",
        )  # fmt: skip
        add_answer_option(command, default=BOTH)
        add_language_option(command, is_mixed=False)
        add_task_option(command, has_rows=False)
        add_model_options(command)
        add_frame_options(command)
        command.add_argument("--clip", action="store_true", help="move window ends past the video to its end")
        command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")
        command.set_defaults(usage=command)
        if name == "loss":
            add_loss_options(command)
    add_compare_command(commands)
    add_audit_command(commands)
    add_data_command(commands)
    add_probe_command(commands)
    add_spikes_command(commands)
    add_templates_command(commands)


def _inspections(options: argparse.Namespace) -> tuple[dict[str, Any], Iterable["Inspection"]]:
    """Return what both commands report about the input, and the inspections, made as they are asked for."""
    check_query(options.query)
    windows = [Window(start, end) for start, end in options.window]
    frames = frame_policy(options)

    from vtg_core.checkpoints.loading import load_checkpoint
    from vtg_core.inspection import inspect_templates
    from vtg_core.video.sampling import sample_frames

    video = sample_frames(options.video, frames)
    windows = [window.check_within(video.info.duration, clip=options.clip) for window in windows]
    header: dict[str, Any] = {
        "checkpoint": options.checkpoint,
        "video": {
            "duration": video.info.duration,
            "fps": video.info.fps,
            "timestamps": list(video.timestamps),
            "decoder": str(video.backend),
        },
        "query": options.query,
        "windows": [list(window) for window in windows],
    }
    checkpoint = load_checkpoint(options.checkpoint, template=template_change(options))
    note_added_tokens(checkpoint.added_tokens)
    return header, inspect_templates(
        video,
        options.query,
        windows,
        processor=checkpoint.processor,
        templates=templates_asked(options),
    )


def _inspect(options: argparse.Namespace) -> None:
    header, inspections = _inspections(options)
    samples: list[dict[str, Any]] = []
    others: list[DecoderDifference] = []
    for inspection in inspections:
        others = others if samples else _other_decoders(inspection)
        samples.append(_inspected(inspection))
    if options.json is not None:
        header["video"]["other_decoders"] = [asdict(other) for other in others]
        write_json(options.json, {**header, "samples": samples})
        return
    print_video(header)
    for other in others:
        if not other.is_same:
            print(f"{other.backend}: {other.in_words}")
    rows = [
        (s["template"], s["mode"], len(s["input_ids"]), _num_tokens(s, "video") + _num_tokens(s, "timestamp"),
         sum(label != IGNORE_INDEX for label in s["labels"]), s["answer"])
        for s in samples
    ]  # fmt: skip
    print_table(("template", "mode", "tokens", "video+stamps", "supervised", "answer"), rows)


def _other_decoders(inspection: "Inspection") -> "list[DecoderDifference]":
    from vtg_core.video.sampling import SampledVideo, other_decoders

    video = inspection.sample.video
    return other_decoders(video) if isinstance(video, SampledVideo) else []


def _inspected(inspection: "Inspection") -> dict[str, Any]:
    sample, encoded = inspection.sample, inspection.encoded
    return {
        "template": sample.template.name,
        "mode": str(sample.template.mode),
        "prompt": sample.prompt.text,
        "rendered": encoded.chat.text,
        "answer": sample.answer,
        "input_ids": encoded.input_ids.tolist(),
        "labels": encoded.labels.tolist(),
        "regions": [[str(region.kind), region.start, region.end] for region in encoded.regions],
    }


def _num_tokens(sample: dict[str, Any], kind: str) -> int:
    return sum(end - start for region_kind, start, end in sample["regions"] if region_kind == kind)


def _loss(options: argparse.Namespace) -> None:
    if options.precisions and len(templates_asked(options)) != 1:
        options.usage.error("--precisions runs one sample: choose it with --template and --answer")
    started = time.perf_counter()
    header, inspections = _inspections(options)

    from vtg_core.checkpoints.adapters import model_label
    from vtg_core.checkpoints.loading import load_model, load_processor

    processor = load_processor(options.checkpoint, template=template_change(options))
    taken = list(inspections)
    scored = score_samples(
        taken,
        load_model(
            options.checkpoint,
            device=options.device,
            dtype=options.dtype,
            device_map=options.device_map,
            adapter=options.adapter,
        ),
        processor,
        is_cross_checked=options.cross_check,
    )
    result = {"checkpoint": model_label(options.checkpoint, options.adapter), **scored.as_dict()}
    if options.precisions:
        result["precisions"] = precisions_of(
            options.checkpoint, taken[0], processor, device=options.device, device_map=options.device_map,
            adapter=options.adapter,
        )  # fmt: skip
    result["seconds"] = time.perf_counter() - started
    if options.json is not None:
        write_json(options.json, result)
        return
    print_video(header)
    print(f"{plain(result['checkpoint'])} on {scored.device} in {scored.dtype}, {result['seconds']:.1f} s")
    print_losses(scored)
    if options.precisions:
        print_precisions(result["precisions"])
