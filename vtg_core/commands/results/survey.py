"""``vtg-lens data --out DIR``: what is known of each row kept in a folder, in parts that are gone on with."""

import argparse
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.commands.answer_option import may_be_absent, selector_of
from vtg_core.commands.results.folder import Progress, add_folder_options, roots_of
from vtg_core.commands.terminal import (
    counted,
    frame_policy,
    positive,
    reading,
    tell,
    template_change,
    terminable,
)

if TYPE_CHECKING:
    from vtg_core.audit.shards.folder import ResultsFolder
    from vtg_core.audit.shards.surveyed.worker import Counting, SurveySetup
    from vtg_core.audit.survey.results import Survey
    from vtg_core.audit.survey.run import Surveyor


def add_survey_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where what is known of rows is kept, and who looks at them."""
    add_folder_options(command, "what is known of each row", rows="1,000")
    command.add_argument(
        "--workers", type=positive, metavar="N", help="processes that look at the rows of --out (default: 1)"
    )


@dataclass(frozen=True)
class FolderSurvey:
    """A survey of a file's rows into a folder.

    Attributes:
        options: of the command.
        surveyor: takes in what the folder holds in the end.
    """

    options: argparse.Namespace
    surveyor: "Surveyor"

    def run(self) -> "Survey":
        """Look at the rows whose parts are not there, until the end or an interrupt; return what all parts tell.

        Raises:
            VTGError: the folder holds something else or cannot be written, or a worker failed.
        """
        from vtg_core.audit.shards.folder import REPORT, Kind, opened_results
        from vtg_core.audit.shards.surveyed.summary import fill_survey

        options, is_partial = self.options, False
        setup, out = self._setup(), Path(options.out)
        prints = self._fingerprints(setup)
        with (
            terminable(),
            opened_results(out, prints, is_resumed=options.resume, kind=Kind.SURVEY) as folder,
        ):
            try:
                self._look(folder, setup)
            except KeyboardInterrupt:
                is_partial = True
                tell(f"stopped: {counted(len(folder.shards), 'shard')} kept; --resume goes on with them")
            num_rows = fill_survey(self.surveyor, folder)
            survey = self.surveyor.done(is_partial=is_partial)
            folder.write_json(REPORT, survey.as_dict())
            if not is_partial:
                folder.write_manifest(prints, num_rows=num_rows, is_partial=False)
        return survey

    def _look(self, folder: "ResultsFolder", setup: "SurveySetup") -> None:
        from vtg_core.audit.shards.blocks import Selection
        from vtg_core.audit.shards.run import shards_into

        limit, reader = self.options.limit, self.surveyor.reader
        total = reader.count_about()
        with Progress(total if limit is None else min(limit, total), name="data") as progress:
            shards_into(
                folder,
                islice(reader.found(), limit),
                setup,
                selection=Selection(per_shard=_per_shard(self.options)),
                num_workers=self.options.workers or 1,
                skipped=progress.skip,
                written=progress.add,
                is_readable=lambda found: True,
            )

    def _setup(self) -> "SurveySetup":
        from vtg_core.audit.shards.surveyed.worker import SurveySetup

        options = self.options
        read = {**reading(options), "may_be_absent": may_be_absent(options)}
        return SurveySetup(options.annotations, read, _counting(options), os.getcwd())

    def _fingerprints(self, setup: "SurveySetup") -> dict[str, Any]:
        from vtg_core.audit.shards.setup import fingerprints_of_file, fingerprints_of_tokens

        options, counting = self.options, setup.counting
        read = {**roots_of(options), "may_be_absent": may_be_absent(options)}
        rows = {"limit": options.limit, "per_shard": _per_shard(options)}
        prints = fingerprints_of_file(Path(options.annotations), reading=read, rows=rows)
        if counting is not None:
            prints |= fingerprints_of_tokens(
                counting.checkpoint, counting.change, frames=counting.frames, selector=counting.selector
            )
        return prints


def _per_shard(options: argparse.Namespace) -> int:
    from vtg_core.audit.shards.setup import ROWS_PER_SHARD

    return options.shard_rows or ROWS_PER_SHARD


def _counting(options: argparse.Namespace) -> "Counting | None":
    from vtg_core.audit.shards.surveyed.worker import Counting

    if not options.checkpoint:
        return None
    return Counting(
        checkpoint=options.checkpoint,
        change=template_change(options),
        frames=frame_policy(options),
        selector=selector_of(options),
    )
