"""Results in parts: rows in, shards out, until every row has its shard."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from vtg_core.audit.report import RowFindings
from vtg_core.audit.shards.blocks import Selection, blocks_of
from vtg_core.audit.shards.crews import Engine, Work, crew_of
from vtg_core.audit.shards.folder import ResultsFolder
from vtg_core.audit.shards.schedule import shards_of
from vtg_core.audit.shards.table import ShardWriter
from vtg_core.audit.shards.video_index import ProbedVideos
from vtg_core.data.annotations import Annotation

Passed = Callable[[int], None]


def shards_into(
    folder: ResultsFolder,
    rows: Iterable[Any],
    setup: Work,
    *,
    selection: Selection,
    engine: Engine = Engine.LOCAL,
    num_workers: int = 1,
    skipped: Passed = lambda count: None,
    written: Passed = lambda count: None,
    is_readable: Callable[[Any], bool] = lambda row: isinstance(row, Annotation),
) -> None:
    """Do the rows whose shards are not there, and write these; whoever stops it loses what is begun alone.

    Args:
        folder: of the results.
        rows: of the file, in its order; they are read as they are needed.
        setup: what is done with rows.
        selection: which are taken.
        engine: who runs the workers.
        num_workers: how many of them.
        skipped: is told of each shard that is there how many rows it has.
        written: is told the same of each that was written.
        is_readable: see :func:`vtg_core.audit.shards.blocks.blocks_of`.

    Raises:
        VTGError: a shard cannot be written, a worker failed, or the file cannot be read beyond a place.
    """
    done = folder.shards.keys()
    blocks = blocks_of(rows, selection, done=done, passed=skipped, is_readable=is_readable)
    probed = ProbedVideos(folder.videos) if setup.probes else nullcontext()
    with probed as videos, crew_of(engine, setup, num_workers=num_workers) as crew:
        for shard in shards_of(blocks, videos, crew):
            folder.write_shard(shard.number, shard.content)
            written(shard.num_rows)


def finish(
    folder: ResultsFolder, found: Iterable[RowFindings], fingerprints: dict[str, Any], *, num_rows: int
) -> None:
    """Write what concerns no row alone, and that the results are whole.

    Args:
        folder: of the results, every shard in it.
        found: beside the rows.
        fingerprints: of the manifest.
        num_rows: in all shards.

    Raises:
        VTGError: a file cannot be written.
    """
    writer = ShardWriter()
    for row in found:
        writer.add(row, None)
    folder.write_beside(writer.content())
    folder.write_manifest(fingerprints, num_rows=num_rows, is_partial=False)
