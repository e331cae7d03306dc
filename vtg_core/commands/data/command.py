"""``python -m vtg_core data``: what an annotation file holds, and a mended copy of it."""

import argparse
import sys
from collections.abc import Callable
from os.path import lexists
from typing import TYPE_CHECKING

from vtg_core.audit.findings import Severity
from vtg_core.commands.answer_option import (
    STANDARD,
    add_answer_option,
    add_language_option,
    add_task_option,
    may_be_absent,
    selector_of,
)
from vtg_core.commands.data.fix import changes_beside, mend, print_mending
from vtg_core.commands.data.text import print_rows, print_survey
from vtg_core.commands.results.folder import folder_usage
from vtg_core.commands.results.survey import FolderSurvey, add_survey_options
from vtg_core.commands.terminal import (
    NEVER,
    add_fail_on_option,
    add_file_options,
    add_frame_options,
    add_template_options,
    frame_policy,
    plain,
    positive,
    reading,
    settled,
    tell,
    template_change,
    write_all,
    write_json,
    write_text,
)
from vtg_core.files.outputs import shared_output

if TYPE_CHECKING:
    from vtg_core.audit.survey.results import Survey
    from vtg_core.audit.survey.tokens import TokenRules
    from vtg_core.data.annotations import AnnotationReader

UNITS = ("fractions", "percent", "frames", "centiseconds", "milliseconds", "bins", "chunks", "minutes")
PROGRESS_SECONDS = 1.0
"""A shorter run shows no bar."""


def add_data_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "say what an annotation file holds: counts, distributions, what guessing scores"
    command = commands.add_parser("data", help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run, clip=False)
    command.add_argument("annotations", metavar="FILE", help="annotation file, in any of the formats")
    add_file_options(command, file="FILE")
    command.add_argument("--limit", type=positive, metavar="N", help="the first N rows only")
    command.add_argument(
        "--checkpoint", metavar="NAME",
        help="count the tokens of each row whose video is there: demo, demo-qwen2.5-vl, a folder or a hub id",
    )  # fmt: skip
    add_template_options(command)
    add_frame_options(command)
    command.add_argument("--max-length", type=positive, metavar="N", help="tokens that training keeps")
    add_answer_option(command, default=STANDARD)
    add_language_option(command, is_mixed=True)
    add_task_option(command)
    add_survey_options(command)
    command.add_argument(
        "--show", metavar="NAME",
        help="print the rows of one figure: a name of the table, iou_0.5, resolution, or length:3 for the third bar",
    )  # fmt: skip
    command.add_argument(
        "--fix", action="store_true",
        help="write a mended copy in our own format to --output: ends clipped and put in order, what cannot be mended "
        "left out; every change is listed in a file beside it",
    )  # fmt: skip
    command.add_argument("--output", metavar="NEW", help="the copy of --fix; nothing is overwritten")
    command.add_argument(
        "--unit",
        choices=UNITS,
        help="with --fix: times are in this unit, as the command suspects; make seconds of them",
    )
    add_fail_on_option(command)
    command.add_argument(
        "--plots", metavar="OUT", help="write the charts of the distributions as one HTML file"
    )
    command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")
    command.set_defaults(usage=command)


def run(options: argparse.Namespace) -> int:
    """Survey the file; return the exit status: 1 too where it was stopped or held no row that can be read."""
    from vtg_core.data.annotations import AnnotationReader
    from vtg_core.data.answer_forms.reading import windows_said

    _check_usage(options)
    options.json, options.plots = settled(options.json), settled(options.plots)
    reader = AnnotationReader(
        options.annotations,
        **reading(options),
        read_windows=windows_said,
        may_be_absent=may_be_absent(options),
    )
    survey = _surveyed(options, reader) if options.out is None else _kept(options, reader)
    if options.fix:
        return _fix(options, reader, survey)
    if options.show and survey.rows_of(options.show) is None:
        options.usage.error(f"--show must be one of {', '.join(survey.names)}, got {options.show!a:.60}")
    _show(options, survey)
    return _status(options, survey)


def _fix(options: argparse.Namespace, reader: "AnnotationReader", survey: "Survey") -> int:
    """Write the mended copy; return 1 where it lacks a row."""
    if survey.is_partial:
        raise KeyboardInterrupt
    mending = mend(options, reader, survey)
    outputs: list[Callable[[], object]] = []
    if options.json != "-":
        outputs.append(lambda: print_mending(mending))
    if options.json is not None:
        outputs.append(lambda: write_json(options.json, survey.as_dict() | {"mending": mending.as_dict()}))
    write_all(outputs)
    return int(options.fail_on != NEVER and mending.num_written < mending.num_rows)


def _check_usage(options: argparse.Namespace) -> None:
    fail = options.usage.error
    if options.fix != bool(options.output):
        fail("--fix writes to --output: give both or neither")
    if options.unit and not options.fix:
        fail("--unit is what --fix converts from: give both")
    for name in ("show", "plots", "out"):
        if options.fix and getattr(options, name):
            fail(f"give --fix or --{name}, not both")
    if (said := folder_usage(options, "resume", "workers", "shard_rows")) is not None:
        fail(said)
    if options.fix:
        _check_new_files(options)
    if not options.checkpoint:
        for name in ("max_length", "num_frames", "fps", "max_pixels"):
            if getattr(options, name) is not None:
                option = f"--{name.replace('_', '-')}"
                fail(f"{option} is about tokens: say whose with --checkpoint")


def _check_new_files(options: argparse.Namespace) -> None:
    """End the program where a file of ``--fix`` is there already, or would be that of ``--json``."""
    for path in (options.output, str(changes_beside(options.output))):
        if lexists(path):
            options.usage.error(f"--output must name a new file, and {plain(path)!r} is there already")
        outs = {"--output": path} | ({"--json": options.json} if options.json not in (None, "-") else {})
        if (said := shared_output(outs)) is not None:
            options.usage.error(plain(said))


def _surveyed(options: argparse.Namespace, reader: "AnnotationReader") -> "Survey":
    """Survey the file, with a progress bar, until the end or an interrupt."""
    from tqdm import tqdm

    from vtg_core.audit.survey.run import Surveyor
    from vtg_core.data.answer_forms.registry import format_named

    surveyor = Surveyor(reader, format_named(options.answer), _token_rules(options), options.limit)
    bar = tqdm(unit="row", desc="data", disable=None, file=sys.stderr, delay=PROGRESS_SECONDS)
    with bar:
        try:
            for _ in surveyor.rows():
                bar.update()
        except KeyboardInterrupt:
            return surveyor.done(is_partial=True)
    return surveyor.done()


def _kept(options: argparse.Namespace, reader: "AnnotationReader") -> "Survey":
    """Survey the file in parts that are kept in a folder."""
    from vtg_core.audit.survey.run import Surveyor
    from vtg_core.data.answer_forms.registry import format_named

    surveyor = Surveyor(reader, format_named(options.answer), _token_rules(options), options.limit)
    return FolderSurvey(options, surveyor).run()


def _token_rules(options: argparse.Namespace) -> "TokenRules | None":
    if not options.checkpoint:
        return None
    from vtg_core.audit.survey.tokens import TokenRules
    from vtg_core.checkpoints.loading import load_checkpoint

    return TokenRules(
        load_checkpoint(options.checkpoint, template=template_change(options)).processor,
        frame_policy(options),
        selector_of(options),
        options.max_length,
    )


def _status(options: argparse.Namespace, survey: "Survey") -> int:
    order = list(Severity)
    bad = [] if options.fail_on == NEVER else order[: order.index(Severity(options.fail_on)) + 1]
    is_bad = any(count.count and count.severity in bad for count in survey.counts)
    return int(is_bad or survey.is_partial or not survey.num_readable)


def _show(options: argparse.Namespace, survey: "Survey") -> None:
    """Print the survey and write the file; where one cannot be written, the other is all the same."""
    from vtg_core.views.results.histograms import charts_document

    outputs: list[Callable[[], object]] = []
    if options.show:
        outputs.append(lambda: print_rows(survey, options.show))
    elif "-" not in (options.json, options.plots):
        outputs.append(lambda: print_survey(survey))
    if options.json is not None:
        outputs.append(lambda: write_json(options.json, survey.as_dict()))
    if options.plots is not None:
        outputs.append(lambda: write_text("--plots", options.plots, charts_document(survey)))
    if survey.videos.tried:
        tell(f"note: {plain(survey.videos.tried)}")
    write_all(outputs)
