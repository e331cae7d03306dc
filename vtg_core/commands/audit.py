"""``python -m vtg_core audit``: the mask audit from a terminal and in CI."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.findings import Finding, Severity
from vtg_core.commands.answer_option import (
    STANDARD,
    add_answer_option,
    add_language_option,
    add_task_option,
    may_be_absent,
    selector_of,
)
from vtg_core.commands.results.audit import (
    FolderAudit,
    add_results_options,
    print_beside,
    refusing_videos,
    results_usage,
)
from vtg_core.commands.terminal import (
    NEVER,
    add_fail_on_option,
    add_frame_options,
    add_model_options,
    add_row_options,
    counted,
    frame_policy,
    natural,
    plain,
    positive,
    print_table,
    reading,
    settled,
    tell_format,
    template_change,
    write_all,
    write_json,
    write_text,
)
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.results.chosen import ALL

if TYPE_CHECKING:
    from vtg_core.audit.file_rows import FileRows
    from vtg_core.audit.report import Report, RowFindings
    from vtg_core.audit.row.chat_ids import ChatIds
    from vtg_core.views.results.audited import RowsAudit


def add_audit_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "find what is wrong with masks: ours, a collator's, or a saved batch's"
    command = commands.add_parser("audit", help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run)
    command.add_argument(
        "annotations", metavar="FILE", nargs="?", default=argparse.SUPPRESS, help="the same as --annotations"
    )
    command.add_argument("--annotations", metavar="F", help="annotation file whose rows are audited")
    add_row_options(command)
    command.add_argument(
        "--collator",
        metavar="M:F",
        help="audit this collator (package.module:name) on the rows, or a framework by its name (docs/frameworks.md)",
    )
    command.add_argument(
        "--recipe", metavar="NAME", help="audit a common way to mask on the rows, such as text-prefix"
    )
    command.add_argument("--batch", metavar="B", help="audit a saved batch (.safetensors or torch.save)")
    command.add_argument(
        "--batch-size", type=positive, default=2, metavar="N", help="rows a batch of --collator (default: 2)"
    )
    command.add_argument("--fuzz", type=positive, metavar="N", help="vary the input of --collator N times")
    command.add_argument(
        "--verify", type=natural, default=3, metavar="K",
        help="rows that also go through the processor, pixels and all (default: 3)",
    )  # fmt: skip
    command.add_argument(
        "--serve", metavar="URL",
        help="hold the prompts of --verify rows against what a server writes for them (POST /v1/chat/completions/render)",
    )  # fmt: skip
    command.add_argument(
        "--pixels",
        action="store_true",
        help="decode every video and show it to the processor, as training does",
    )
    command.add_argument("--max-length", type=positive, metavar="N", help="tokens that training keeps")
    command.add_argument(
        "--template", choices=TEMPLATE_NAMES, help="one prompt template (default: one of eight a row)"
    )
    add_answer_option(command, default=STANDARD)
    add_language_option(command, is_mixed=True)
    add_task_option(command)
    add_fail_on_option(command)
    command.add_argument(
        "--verbose", action="store_true",
        help="print also what nobody can act on, such as markers that transformers' own processor nests; --json and "
        "--csv hold it always",
    )  # fmt: skip
    command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")
    command.add_argument(
        "--csv", metavar="OUT", help="write a line a finding to this file, or to stdout with -"
    )
    command.add_argument(
        "--markdown", metavar="OUT",
        help="write the first finding of each kind as for a bug report to this file, or to stdout with -",
    )  # fmt: skip
    add_results_options(command)
    add_model_options(command)
    add_frame_options(command)
    command.set_defaults(usage=command)


def run(options: argparse.Namespace) -> int:
    """Audit what the options name; return the exit status: 1 too where nothing could be audited."""
    _check_usage(options)
    options.json, options.csv, options.markdown = map(settled, (options.json, options.csv, options.markdown))

    from vtg_core.audit.report import Report
    from vtg_core.audit.row.chat_ids import ChatIds
    from vtg_core.checkpoints.loading import load_checkpoint

    checkpoint = load_checkpoint(options.checkpoint, template=template_change(options))
    chat = ChatIds.of(checkpoint.processor, checkpoint.stop_ids)
    report = Report(_subject(options))
    if options.out is not None:
        audit = _rows_audit(options, chat)
        FolderAudit(options, report, chat, audit.rows, audit.loaded(), audit.fuzzed).run()
    else:
        found, count = _saved(options, chat) if options.batch else _rows(options, chat, report)
        _collect(report, found, count)
    status = _status(options, report)
    _show(options, report)
    return status


def _status(options: argparse.Namespace, report: "Report") -> int:
    from vtg_core.audit.report import reaches

    least = None if options.fail_on == NEVER else Severity(options.fail_on)
    return int(reaches(report.first_of.values(), least) or report.is_partial or not report.num_audited)


def _show(options: argparse.Namespace, report: "Report") -> None:
    """Print the report and write the files; where one cannot be written, the others are all the same.

    Raises:
        VTGError: a file cannot be written.
        OSError: stdout cannot.
    """
    outputs: list[Callable[[], object]] = []
    if "-" not in (options.json, options.csv, options.markdown):
        outputs.append(lambda: print_report(report, is_verbose=options.verbose))
    if options.json is not None:
        outputs.append(lambda: write_json(options.json, report.as_dict()))
    if options.csv is not None:
        outputs.append(lambda: write_text("--csv", options.csv, report.as_csv()))
    if options.markdown is not None:
        from vtg_core.audit.issue import issues_of

        text = issues_of(report, checkpoint=options.checkpoint)
        outputs.append(lambda: write_text("--markdown", options.markdown, text))
    write_all(outputs)


def print_report(report: "Report", *, is_verbose: bool = False) -> None:
    """Print a table of the codes and, for each, the first finding and what to do.

    Args:
        report: what was found.
        is_verbose: print the codes too that nobody can act on.
    """
    from vtg_core.audit.report import UNACTIONABLE

    summary = {code: n for code, n in report.summary.items() if is_verbose or code not in UNACTIONABLE}
    decoded = f"; {report.decoded_by}" if report.decoders else ""
    print(f"{plain(report.subject)}: {report.headline}{decoded}")
    if report.is_partial:
        print("stopped before the last row: this is what was found so far")
    print_beside(report)
    if not summary:
        found_none = "nothing to act on" if report.findings else "nothing found"
        nothing = found_none if report.num_audited else "nothing was audited"
        print(f"{nothing}: 0 errors, 0 warnings")
        return
    by_code = report.first_of
    print_table(
        ("code", "severity", "count", "first rows"),
        [
            (code, str(by_code[code].severity), count, "; ".join(report.first(code)))
            for code, count in summary.items()
        ],
    )
    for code in summary:
        finding = by_code[code]
        told = "\n".join(f"  {_told(*cause)}" for cause in report.causes(code))
        print(f"\n{finding.severity}: {finding.title} ({code})\n{told}\n  {finding.fix}")
        if "test" in finding.evidence:
            print("\n" + "\n".join(map(plain, str(finding.evidence["test"]).split("\n"))))
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    print(f"\n{counted(errors, 'error')}, {counted(warnings, 'warning')}")


def _told(first: Finding, places: list[str], count: int) -> str:
    """Return a finding's message, and where its cause is met again."""
    again = [place for place in places if not first.message.startswith(place)]
    if count == 1 or first.code != UNREADABLE.name:
        return plain(first.message)
    more = f" and {count - 1 - len(again):,} more" if count - 1 > len(again) else ""
    return plain(f"{first.message} Likewise {'; '.join(again) or 'others'}{more}.")


def _check_usage(options: argparse.Namespace) -> None:
    fail = options.usage.error
    if bool(options.annotations) == bool(options.batch):
        fail("give --annotations, or --batch alone")
    if options.batch and (options.collator or options.recipe or options.fuzz):
        fail("--collator, --recipe and --fuzz need the rows of --annotations, and --batch has none")
    if options.collator and options.recipe:
        fail("give --collator or --recipe, not both")
    if options.serve and options.batch:
        fail("--serve needs the rows of --annotations: a saved batch has no video to send")
    if options.fuzz and not (options.collator or options.recipe):
        fail("--fuzz varies the input of a collator: give --collator or --recipe")
    if (said := results_usage(options)) is not None:
        fail(said)
    if options.recipe and options.recipe not in _recipes():
        fail(f"--recipe must be one of {', '.join(_recipes())}, got {options.recipe!r}")


def _recipes() -> list[str]:
    from vtg_core.recipes.rules import Recipe

    return [str(recipe) for recipe in Recipe]


def _subject(options: argparse.Namespace) -> str:
    if options.batch:
        return f"saved batch {options.batch}"
    served = f", held against {options.serve}" if options.serve else ""
    if options.recipe:
        return f"recipe {options.recipe}{served}"
    return f"collator {options.collator}{served}" if options.collator else f"our own collator{served}"


def _saved(
    options: argparse.Namespace, chat: "ChatIds"
) -> tuple[Iterator["RowFindings"], Callable[[], int | None]]:
    from vtg_core.audit.batch.files import load_batch
    from vtg_core.audit.batch.model_inputs import AskedModel
    from vtg_core.audit.run import audit_saved

    batch = load_batch(options.batch)
    rows = batch.get("input_ids")
    total = len(rows) if rows is not None and rows.ndim else 0
    model = AskedModel.of_checkpoint(options.checkpoint, chat)
    found = audit_saved(batch, chat, max_length=options.max_length, model=model, path=Path(options.batch))
    return found, lambda: total


def _rows(
    options: argparse.Namespace, chat: "ChatIds", report: "Report"
) -> tuple[Iterator["RowFindings"], Callable[[], int | None]]:
    """Return what is found in the rows, and how many there are to audit, which is known once they were counted."""
    audit = _rows_audit(options, chat)
    on_counted = partial(tell_format, audit.rows)
    found = audit.run(report, on_row=refusing_videos(options), on_counted=on_counted)
    return found, lambda: audit.count(report)


def _rows_audit(options: argparse.Namespace, chat: "ChatIds") -> "RowsAudit":
    from vtg_core.audit.batch.model_inputs import AskedModel
    from vtg_core.audit.serving import RenderServer
    from vtg_core.views.results.audited import RowsAudit

    collator = _collator(options)
    return RowsAudit(
        _file_rows(options), chat, options.checkpoint, collator=collator,
        limit=options.limit, batch_size=options.batch_size, fuzz=options.fuzz or 0, verify=options.verify,
        sees_pixels=options.pixels, max_length=options.max_length,
        model=AskedModel.of_checkpoint(options.checkpoint, chat) if collator else None,
        server=RenderServer(options.serve, template_change(options).values) if options.serve else None,
    )  # fmt: skip


def _collator(options: argparse.Namespace) -> str:
    from vtg_core.views.results.audited import recipe_collator

    return recipe_collator(options.recipe) if options.recipe else options.collator or ""


def _file_rows(options: argparse.Namespace) -> "FileRows":
    from vtg_core.audit.file_rows import FileRows
    from vtg_core.data.annotations import AnnotationReader
    from vtg_core.data.answer_forms.reading import windows_said

    return FileRows(
        AnnotationReader(
            options.annotations,
            **reading(options),
            read_windows=windows_said,
            may_be_absent=may_be_absent(options),
        ),
        selector_of(options, options.template or ALL),
        frame_policy(options),
        options.sample,
        options.seed,
    )


def _collect(report: "Report", found: Iterable["RowFindings"], count: Callable[[], int | None]) -> None:
    """Take in what is found, with a progress bar, until the end or an interrupt; ``count`` says how many rows there are."""
    from tqdm import tqdm

    with tqdm(total=count(), unit="row", desc="audit", disable=None, file=sys.stderr) as bar:
        try:
            for row in found:
                report.add(row)
                bar.total = count()
                bar.update(row.row is not None)
        except KeyboardInterrupt:
            report.is_partial = True
