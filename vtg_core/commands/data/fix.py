"""``vtg-lens data --fix``: a mended copy of an annotation file, and a list of every change."""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from vtg_core.commands.terminal import counted, plain, print_table
from vtg_core.errors import VTGError
from vtg_core.files.outputs import new_output

if TYPE_CHECKING:
    from vtg_core.audit.survey.mending import Change, MendedRow, Mender
    from vtg_core.audit.survey.results import Survey
    from vtg_core.data.annotations import AnnotationReader

MAX_TOLD_CHANGES = 100_000
"""So many changes are in ``--json``; the file of changes has all."""


@dataclass
class Mending:
    """What was written.

    Attributes:
        output: the copy.
        changes_file: every change, a line of JSON each.
        num_rows, num_written: how many rows there were, and how many the copy has.
        counts: how many changes of each kind there are.
        changes: the first of them.
    """

    output: str
    changes_file: str
    num_rows: int = 0
    num_written: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    changes: list["Change"] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "output": self.output,
            "changes_file": self.changes_file,
            "num_rows": self.num_rows,
            "num_written": self.num_written,
            "counts": dict(self.counts),
            "changes": [asdict(change) for change in self.changes],
        }


def changes_beside(output: str | PathLike[str]) -> Path:
    """Return where the changes of a copy are listed: ``clean.changes.jsonl`` for ``clean.jsonl``."""
    return Path(output).with_suffix(".changes.jsonl")


def mend(options: argparse.Namespace, reader: "AnnotationReader", survey: "Survey") -> Mending:
    """Write the copy that ``--output`` names, and its changes beside it; both appear when all rows were written.

    Raises:
        VTGError: ``--unit`` is not suspected of most rows, no row could be kept, or a file is there already or
            cannot be written.
    """
    from vtg_core.audit.survey.mending import Mender
    from vtg_core.audit.survey.units import UNIT_NAMES

    _check_unit(options, survey)
    unit = UNIT_NAMES[options.unit] if options.unit else None
    are_there = not next(count.count for count in survey.counts if count.name == "no_videos")
    mender = Mender(
        reader, unit=unit, are_videos_there=are_there and survey.num_readable > 0, limit=options.limit
    )
    beside = changes_beside(options.output)
    mending = Mending(options.output, str(beside))
    with new_output("--output", options.output) as rows, new_output("--output", beside) as changes:
        _write(mender, mending, rows, changes)
        if not mending.num_written:
            raise VTGError(
                f"--fix must have a row that can be kept, and {reader.path.name} has none of {mending.num_rows:,}; "
                "run the command without --fix to see why"
            )
    return mending


def print_mending(mending: Mending) -> None:
    """Print what was written, and a line for each kind of change."""
    written = counted(mending.num_written, "row", of=mending.num_rows)
    print(
        f"{plain(mending.output)}: {written}; every change is a line of {plain(Path(mending.changes_file).name)}"
    )
    if not mending.counts:
        print("nothing was changed but the format")
        return
    first: dict[str, Change] = {}
    for change in mending.changes:
        first.setdefault(str(change.kind), change)
    print_table(
        ("change", "count", "the first"),
        [
            (kind, count, _told(first[kind]) if kind in first else "")
            for kind, count in mending.counts.items()
        ],
    )


def _told(change: "Change") -> str:
    shown = [
        f"{value[0]:g} to {value[1]:g} s" if isinstance(value, tuple) else f"{value:g} s"
        for value in (change.before, change.after)
        if value is not None
    ]
    before_after = f"{' → '.join(shown)}, " if shown else ""
    why = change.why.removeprefix(f"{change.where}, ").removeprefix(f"{change.where}: ")
    return f"{change.where}: {before_after}{why}"


def _check_unit(options: argparse.Namespace, survey: "Survey") -> None:
    suspected = [unit.name for unit in survey.units if unit.is_most]
    if options.unit and options.unit not in suspected:
        raise VTGError(
            f"--unit must be what most times of the file seem to be in ({', '.join(suspected) or 'seconds alone'}), "
            f"got {options.unit}; nothing was written"
        )


def _write(mender: "Mender", mending: Mending, rows: TextIO, changes: TextIO) -> None:
    from tqdm import tqdm

    from vtg_core.commands.data.command import PROGRESS_SECONDS

    mended = tqdm(
        mender.rows(), unit="row", desc="fix", disable=None, file=sys.stderr, delay=PROGRESS_SECONDS
    )
    for row in mended:
        _take(row, mending)
        if row.values is not None:
            rows.write(json.dumps(row.values, ensure_ascii=False) + "\n")
        for change in row.changes:
            changes.write(json.dumps(asdict(change), ensure_ascii=False) + "\n")


def _take(row: "MendedRow", mending: Mending) -> None:
    mending.num_rows += 1
    mending.num_written += row.values is not None
    mending.counts.update(str(change.kind) for change in row.changes)
    mending.changes += row.changes[: max(MAX_TOLD_CHANGES - len(mending.changes), 0)]
