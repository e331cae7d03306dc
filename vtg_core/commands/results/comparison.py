"""``vtg-lens compare --out DIR``: what templates cost on each row kept in a folder, in parts that are gone on with."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.commands.results.folder import add_folder_options, folder_usage, roots_of
from vtg_core.commands.terminal import counted, plain, tell

if TYPE_CHECKING:
    from vtg_core.audit.shards.folder import ResultsFolder
    from vtg_core.comparison.files import ComparisonSettings
    from vtg_core.comparison.parts import PartWriter
    from vtg_core.comparison.store import ComparisonStore
    from vtg_core.dataset import VideoTemporalSFTDataset


def add_comparison_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where results are kept; one process scores, as the model is in one."""
    add_folder_options(command, "the results of each row", rows="10")


def comparison_usage(options: argparse.Namespace) -> str | None:
    """Say what does not go together among these options; None where all do."""
    for name in ("json", "csv"):
        if options.out is not None and getattr(options, name) not in (None, "-"):
            return f"--out keeps all results, in its report.json too: give it or a file of --{name}, not both"
    return folder_usage(options, "resume", "shard_rows")


@contextmanager
def kept_parts(
    options: argparse.Namespace, dataset: "VideoTemporalSFTDataset", store: "ComparisonStore"
) -> Iterator["PartWriter | None"]:
    """Fill a store from the folder of ``--out``, and yield what writes the parts that are not there; None without one.

    What all parts come to is written when the block ends.

    Raises:
        VTGError: the folder holds something else, or cannot be written.
    """
    if options.out is None:
        yield None
        return
    from vtg_core.audit.shards.blocks import Selection, blocks_of
    from vtg_core.audit.shards.folder import Kind, opened_results
    from vtg_core.comparison.parts import ROWS_PER_SHARD, PartWriter, read_parts

    per_shard = options.shard_rows or ROWS_PER_SHARD
    prints = _fingerprints(options, store.settings, per_shard)
    out, is_resumed = Path(options.out), options.resume
    with opened_results(out, prints, is_resumed=is_resumed, kind=Kind.COMPARISON) as folder:
        done = folder.shards.keys()
        for compared in read_parts(folder):
            store.add(compared)
        rows = dataset.annotations[: options.limit]
        writer = PartWriter(folder, list(blocks_of(rows, Selection(per_shard=per_shard), done=done)))
        if done:
            kept = counted(len(rows) - len(writer.rows), "row", of=len(rows))
            tell(f"{kept} are in {plain(repr(options.out))} already")
        try:
            yield writer
        finally:
            is_whole = len(folder.shards) == len(done) + len(writer.blocks)
            _sum_up(folder, store, metric=options.sort, is_partial=not is_whole)
            if is_whole:
                folder.write_manifest(prints, num_rows=len(rows), is_partial=False)


def _sum_up(folder: "ResultsFolder", store: "ComparisonStore", *, metric: str, is_partial: bool) -> None:
    from vtg_core.audit.shards.folder import REPORT
    from vtg_core.comparison.analytics import Metric
    from vtg_core.views.results.compared import sum_up

    summed = sum_up(store, Metric(metric))
    folder.write_json(REPORT, store.as_dict(is_partial, summed.summary, summed.comparison))


def _fingerprints(
    options: argparse.Namespace, settings: "ComparisonSettings", per_shard: int
) -> dict[str, Any]:
    from vtg_core.audit.shards.setup import fingerprints_of_file

    rows = {"limit": options.limit, "per_shard": per_shard}
    prints = fingerprints_of_file(Path(options.annotations), reading=roots_of(options), rows=rows)
    own = asdict(settings)
    return prints | {**own, "templates": sorted(settings.templates)}
