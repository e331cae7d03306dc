"""What all commands share that keep results in a folder, in parts that are gone on with."""

import argparse
import os
import sys
import time
from typing import Any

from vtg_core.commands.terminal import counted, positive, reading, tell

SECONDS_BETWEEN_LINES = 30.0
"""Where no progress bar can be drawn, a line is written this often."""


def add_folder_options(command: argparse.ArgumentParser, what: str, *, rows: str) -> None:
    """Add the options that say where results are kept.

    Args:
        command: gets them.
        what: is kept, in words.
        rows: how many make a part unless that is said, in words.
    """
    command.add_argument("--out", metavar="DIR", help=f"keep {what} in this folder, in parts (docs/scale.md)")
    command.add_argument(
        "--resume", action="store_true", help="go on with what --out holds, where it holds something"
    )
    command.add_argument(
        "--shard-rows", type=positive, metavar="N", help=f"rows a part of --out (default: {rows})"
    )


def folder_usage(options: argparse.Namespace, *names: str) -> str | None:
    """Say which of these options needs ``--out`` and has none; None where all is well."""
    for name in names:
        if getattr(options, name) and options.out is None:
            return f"--{name.replace('_', '-')} is for the results of --out: give --out too"
    return None


def roots_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return how the annotation file is read, with the folders of its videos as they are called everywhere."""
    read = reading(options)
    given = read["video_root"] or [os.path.dirname(options.annotations) or "."]
    return {**read, "video_root": [os.path.realpath(root) for root in given]}


class Progress:
    """Says how many rows are done, how many a second, and how long the rest takes: a bar, or a line now and then."""

    def __init__(self, total: int, *, name: str = "audit") -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="row", desc=name, disable=None, file=sys.stderr)
        self._total, self._done, self._new = total, 0, 0
        self._began = self._told = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def skip(self, count: int) -> None:
        """Count rows that were done before; they say nothing of how fast it goes."""
        self._done += count
        if not self._bar.disable:
            self._bar.initial += count
            self._bar.n += count

    def add(self, count: int) -> None:
        """Count rows that are done now."""
        self._done += count
        self._bar.update(count)
        now = time.monotonic()
        if not self._began:  # the first part came after a start that says nothing of how fast it goes
            self._began = self._told = now
            return
        self._new += count
        if self._bar.disable and now - self._told >= SECONDS_BETWEEN_LINES:
            self._told, rate = now, self._new / (now - self._began)
            left = max(self._total - self._done, 0) / rate
            tell(
                f"{counted(self._done, 'row', of=self._total)}, {rate:,.0f} rows a second, {_time(left)} left"
            )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
