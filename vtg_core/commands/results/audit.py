"""``vtg-lens audit --out DIR``: results kept in a folder as they come, in parts that are gone on with."""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.audit.codes.audit import DECODED
from vtg_core.audit.findings import Finding
from vtg_core.commands.outputs import refuse_inputs
from vtg_core.commands.results.folder import Progress, add_folder_options, folder_usage, roots_of
from vtg_core.commands.terminal import (
    counted,
    plain,
    positive,
    print_table,
    tell,
    tell_format,
    template_change,
    terminable,
)

if TYPE_CHECKING:
    from vtg_core.audit.file_rows import FileRows
    from vtg_core.audit.foreign.collators import ForeignCollator
    from vtg_core.audit.report import Report, RowFindings
    from vtg_core.audit.row.chat_ids import ChatIds
    from vtg_core.audit.shards.blocks import Selection
    from vtg_core.audit.shards.folder import ResultsFolder
    from vtg_core.audit.shards.setup import Setup
    from vtg_core.data.annotations import Annotation, UnreadableRow

LOCAL, RAY = "local", "ray"


def add_results_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where results are kept, who makes them, and how many rows are drawn."""
    add_folder_options(command, "the results of each row", rows="1,000, or 100 where frames are decoded")
    command.add_argument(
        "--workers", type=positive, metavar="N", help="processes that audit the rows of --out (default: 1)"
    )
    command.add_argument(
        "--engine", choices=(LOCAL, RAY), help="who runs them: this machine, or Ray (default: local)"
    )
    command.add_argument(
        "--sample", type=positive, metavar="N",
        help="audit N rows drawn at random, and say in what share of the file each code is to be expected",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="S", help="of --sample (default: 0)")


def results_usage(options: argparse.Namespace) -> str | None:
    """Say what does not go together among these options; None where all do."""
    if options.batch and (options.out or options.sample):
        return f"--{'out' if options.out else 'sample'} audits the rows of --annotations, not a --batch"
    if options.sample and options.limit:
        return "give --sample or --limit, not both"
    return folder_usage(options, "resume", "workers", "engine", "shard_rows")


def refusing_videos(options: argparse.Namespace) -> Callable[["Annotation"], None]:
    """Return what is told of each row: no output may be a video of theirs."""
    seen = set[int]()

    def refuse(row: "Annotation") -> None:
        if (named := hash(str(row.video))) not in seen:
            seen.add(named)
            refuse_inputs(options, [(f"the video of {row.where}", row.video)])

    return refuse


def scanned(options: argparse.Namespace, rows: "FileRows") -> Iterator["Annotation | UnreadableRow"]:
    """Count the rows, and yield each; no output may be a video of theirs."""
    from vtg_core.data.annotations import UnreadableRow

    refuse = refusing_videos(options)
    for row in rows.scan():
        if not isinstance(row, UnreadableRow):
            refuse(row)
        yield row
    tell_format(rows)


@dataclass(frozen=True)
class FolderAudit:
    """An audit of a file's rows into a folder.

    Attributes:
        options: of the command.
        report: is filled from what is in the folder in the end.
        chat: the checkpoint's ids.
        rows: of the file.
        collator: that is audited; None for our own path.
        fuzzed: varies its input.
    """

    options: argparse.Namespace
    report: "Report"
    chat: "ChatIds"
    rows: "FileRows"
    collator: "ForeignCollator | Finding | None"
    fuzzed: Callable[[Any], Iterator["RowFindings"]]

    def run(self) -> None:
        """Audit the rows whose parts are not there, until the end or an interrupt.

        Raises:
            VTGError: the folder holds something else or cannot be written, or a worker failed.
        """
        from vtg_core.audit.report import RowFindings
        from vtg_core.audit.shards.folder import opened_results

        if isinstance(self.collator, Finding):
            self.report.add(RowFindings(None, "", (self.collator,)))
            return
        if self.collator is not None and self.collator.origin:
            self.report.subject += f" ({self.collator.origin})"
        setup = _setup(self.options, self.rows)
        fingerprints = _fingerprints(self.options, setup)
        out, is_resumed = Path(self.options.out), self.options.resume
        with terminable(), opened_results(out, fingerprints, is_resumed=is_resumed) as folder:
            try:
                _audit(self.options, folder, self.rows, setup)
            except KeyboardInterrupt:
                self.report.is_partial = True
                tell(f"stopped: {counted(len(folder.shards), 'shard')} kept; --resume goes on with them")
            self._fill(folder, fingerprints)

    def _fill(self, folder: "ResultsFolder", fingerprints: dict[str, Any]) -> None:
        """Fill the report from the shards; where all are there, add what concerns no row alone, and write it too."""
        from vtg_core.audit.shards.folder import REPORT
        from vtg_core.audit.shards.run import finish
        from vtg_core.audit.shards.summary import fill_report, videos_dict
        from vtg_core.audit.shards.video_index import ProbedVideos

        report, rows, is_whole = self.report, self.rows, not self.report.is_partial
        verified = self._verified() if is_whole and self.collator is None else []
        report.verified = {row.row for row in verified if row.row is not None}
        num_rows = fill_report(report, folder)
        if is_whole:
            report.num_in_file, report.num_read = rows.num_in_file, rows.num_read
            report.num_drawn = None if rows.chosen is None else len(rows.chosen)
            beside = list(self._beside(verified))
            for row in beside:
                report.add(row)
            finish(folder, beside, fingerprints, num_rows=num_rows)
        with ProbedVideos(folder.videos) as videos:
            report.videos = videos_dict(videos)
        folder.write_json(REPORT, report.as_dict())

    def _verified(self) -> list["RowFindings"]:
        from vtg_core.audit.run import verify_rows

        options = self.options
        return list(verify_rows(self.rows, self.chat, num_rows=options.verify, limit=options.limit))

    def _beside(self, verified: Iterable["RowFindings"]) -> Iterator["RowFindings"]:
        """Yield what concerns no row alone: the checkpoint, rows that were looked at twice, varied ones, the unit of times."""
        from vtg_core.audit.report import RowFindings
        from vtg_core.audit.run import audit_rows, suspected_units
        from vtg_core.masking.pixel_free import PixelFreeEncoder

        if self.collator is None:
            encoder = PixelFreeEncoder(self.chat.processor, sees_pixels=self.options.pixels)
            for row in audit_rows(self.rows, self.chat, limit=1, encoder=encoder):
                told = tuple(f for f in row.findings if row.row is None or f.code == DECODED.name)
                yield RowFindings(None, "", told)
        for row in verified:
            self.report.num_verified += row.is_audited
            fresh = tuple(finding for finding in row.findings if not self.report.holds(finding))
            yield RowFindings(None, row.where, fresh, decoded=row.decoded)
        if self.options.fuzz:
            yield from self.fuzzed(self.collator)
        yield from suspected_units(self.rows, limit=self.options.limit)


def _audit(options: argparse.Namespace, folder: "ResultsFolder", rows: "FileRows", setup: "Setup") -> None:
    from vtg_core.audit.shards.crews import Engine
    from vtg_core.audit.shards.run import shards_into

    source = scanned(options, rows)
    if rows.num_drawn is not None:  # which rows they are is known once all were counted
        for _ in source:
            pass
        source = iter(rows.reader)
    with Progress(rows.num_drawn or _smaller(options.limit, rows.reader.count_about())) as progress:
        shards_into(
            folder,
            source,
            setup,
            selection=_selection(options, rows),
            engine=Engine(options.engine or LOCAL),
            num_workers=options.workers or 1,
            skipped=progress.skip,
            written=progress.add,
        )


def _selection(options: argparse.Namespace, rows: "FileRows") -> "Selection":
    from vtg_core.audit.shards.blocks import Selection

    return Selection(options.limit, rows.chosen, _per_shard(options))


def _per_shard(options: argparse.Namespace) -> int:
    from vtg_core.audit.shards.setup import DECODED_ROWS_PER_SHARD, ROWS_PER_SHARD

    is_decoded = options.pixels or options.collator or options.recipe
    return options.shard_rows or (DECODED_ROWS_PER_SHARD if is_decoded else ROWS_PER_SHARD)


def _smaller(limit: int | None, total: int) -> int:
    return total if limit is None else min(limit, total)


def _setup(options: argparse.Namespace, rows: "FileRows") -> "Setup":
    from vtg_core.audit.shards.setup import Setup

    recipe = f"vtg_core.recipes:{options.recipe.replace('-', '_')}" if options.recipe else ""
    return Setup(
        selector=rows.selector,
        frames=rows.frames,
        checkpoint=options.checkpoint,
        change=template_change(options),
        clip=options.clip,
        max_length=options.max_length,
        sees_pixels=options.pixels,
        collator=options.collator or recipe,
        batch_size=options.batch_size,
        folder=os.getcwd(),
    )


def _fingerprints(options: argparse.Namespace, setup: "Setup") -> dict[str, Any]:
    from vtg_core.audit.shards.setup import fingerprints_of

    drawn = {"sample": options.sample, "seed": options.seed} if options.sample else {}
    rows = {"limit": options.limit, **drawn, "per_shard": _per_shard(options)}
    return fingerprints_of(setup, Path(options.annotations), reading=roots_of(options), rows=rows)


def print_beside(report: "Report") -> None:
    """Print which videos cannot be read, and what the rows that were drawn tell of the file."""
    videos = report.videos
    if videos:
        missing, damaged = videos["missing_videos"], [video["path"] for video in videos["damaged_videos"]]
        told = [counted(videos["videos"], "video")]
        for what, paths in (("missing", missing), ("damaged", damaged)):
            told.append(f"{videos[what]:,} {what}" + (f", such as {plain(paths[0])}" if paths else ""))
        print("; ".join(told))
    if report.rates:
        rows = [(name, rate.count, rate.in_words) for name, rate in report.rates.items()]
        print_table(("in rows that were drawn", "rows", "so many of the file"), rows)
        print()
