"""``vtg-lens COMMAND``: what the page shows, from a terminal and as JSON."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.commands.answer_option import (
    add_answer_option,
    add_language_option,
    add_task_option,
    templates_asked,
)
from vtg_core.commands.audit import add_audit_command
from vtg_core.commands.compare import add_compare_command
from vtg_core.commands.data.command import add_data_command
from vtg_core.commands.loss import add_loss_options, print_losses, print_precisions
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
    settled,
    silence_stdout,
    tell,
    template_change,
    write_all,
    write_json,
    write_text,
)
from vtg_core.commands.training.spikes import add_spikes_command
from vtg_core.errors import VTGError, first_line
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.results.chosen import BOTH
from vtg_core.views.results.inspected import TypedRow, inspect_row, num_tokens, read_row
from vtg_core.views.results.losses import precisions_of, score_samples
from vtg_core.windows import Window

if TYPE_CHECKING:
    from vtg_core.inspection import Inspection
    from vtg_core.views.results.inspected import Inspected, Reading


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
        else:
            command.add_argument(
                "--html", metavar="OUT",
                help="write the page's view of tokens and findings to this file, which needs nothing else, or to stdout with -",
            )  # fmt: skip
    add_compare_command(commands)
    add_audit_command(commands)
    add_data_command(commands)
    add_probe_command(commands)
    add_spikes_command(commands)
    add_templates_command(commands)


def _reading(options: argparse.Namespace) -> "Reading":
    """Read what both commands are about."""
    windows = tuple(Window(start, end) for start, end in options.window)
    row = TypedRow(options.video, options.query, windows, frame_policy(options), options.clip)
    reading = read_row(
        row,
        options.checkpoint,
        templates_asked(options),
        template=template_change(options),
    )
    if reading.remark:
        tell(f"note: {plain(reading.remark)}")
    note_added_tokens(reading.checkpoint.added_tokens)
    return reading


def _inspect(options: argparse.Namespace) -> None:
    options.json, options.html = settled(options.json), settled(options.html)
    reading = _reading(options)
    inspections = list(reading.inspections)
    inspected = inspect_row(replace(reading, inspections=iter(inspections)))
    outputs: list[Callable[[], object]] = []
    if options.json is None and options.html != "-":
        outputs.append(lambda: _print_inspected(inspected))
    if options.json is not None:
        outputs.append(lambda: write_json(options.json, inspected.as_dict()))
    if options.html is not None:
        document = _report(options, reading, inspections)
        outputs.append(lambda: write_text("--html", options.html, document))
    write_all(outputs)


def _report(options: argparse.Namespace, reading: "Reading", inspections: "Sequence[Inspection]") -> str:
    """Return the page's view of the samples as a document that stands alone."""
    from vtg_core.audit.row.chat_ids import ChatIds
    from vtg_core.views.report.document import report_document
    from vtg_core.views.report.rows import report_of_samples

    chat = ChatIds.of(reading.checkpoint.processor, reading.checkpoint.stop_ids)
    samples = [inspection.sample for inspection in inspections]
    return report_document(report_of_samples(samples, chat, title=f"VTG Lens: {options.query}"))


def _print_inspected(inspected: "Inspected") -> None:
    print_video(inspected.header)
    for other in inspected.others:
        if not other.is_same:
            print(f"{other.backend}: {other.in_words}")
    rows = [
        (s["template"], s["mode"], len(s["input_ids"]), num_tokens(s, ("video", "timestamp")),
         sum(label != IGNORE_INDEX for label in s["labels"]), s["answer"])
        for s in inspected.samples
    ]  # fmt: skip
    print_table(("template", "mode", "tokens", "video+stamps", "supervised", "answer"), rows)


def _loss(options: argparse.Namespace) -> None:
    if options.precisions and len(templates_asked(options)) != 1:
        options.usage.error("--precisions runs one sample: choose it with --template and --answer")
    started = time.perf_counter()
    reading = _reading(options)

    from vtg_core.checkpoints.adapters import model_label
    from vtg_core.checkpoints.loading import load_model

    processor = reading.checkpoint.processor
    taken = list(reading.inspections)
    scored = score_samples(
        taken,
        load_model(
            options.checkpoint,
            device=options.device,
            dtype=options.dtype,
            device_map=options.device_map,
            adapter=options.adapter,
            load_in_4bit=options.load_in_4bit,
        ),
        processor,
        is_cross_checked=options.cross_check,
    )
    label = model_label(options.checkpoint, options.adapter, load_in_4bit=options.load_in_4bit)
    result = {"checkpoint": label, **scored.as_dict()}
    if options.precisions:
        result["precisions"] = precisions_of(
            options.checkpoint, taken[0], processor, device=options.device, device_map=options.device_map,
            adapter=options.adapter, load_in_4bit=options.load_in_4bit,
        )  # fmt: skip
    result["seconds"] = time.perf_counter() - started
    if options.json is not None:
        write_json(options.json, result)
        return
    print_video(reading.header)
    print(f"{plain(result['checkpoint'])} on {scored.device} in {scored.dtype}, {result['seconds']:.1f} s")
    print_losses(scored)
    if options.precisions:
        print_precisions(result["precisions"])
