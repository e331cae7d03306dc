"""Who audits a block of rows, or probes videos: one a process, with its own checkpoint and what it remembers."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.codes.audit import DECODED
from vtg_core.audit.file_rows import NUM_FIRST_ROWS, Take
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import ForeignCollator, load_collator
from vtg_core.audit.report import RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_collator, audit_rows, unreadable_row
from vtg_core.audit.shards.setup import Block, Setup
from vtg_core.audit.shards.table import ShardWriter
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.data.formats.flat_rows import OWN
from vtg_core.dataset import Sample, sample_of
from vtg_core.errors import VideoError, VTGError
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.video.isolation.client import isolate
from vtg_core.video.packed_timeline import pack, unpack
from vtg_core.video.timeline import keep_timeline, local_file, timeline_of


@dataclass(frozen=True)
class Probe:
    """Videos to be probed, by their paths."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Probed:
    """What a video file holds.

    Attributes:
        path: of the file.
        size, changed: in bytes, and in ns since 1970; -1 and 0 where there is no such file.
        packed: its timeline; empty where it cannot be read.
        reason: why it cannot; empty where it can.
    """

    path: str
    size: int
    changed: int
    packed: bytes = b""
    reason: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether there is no such file."""
        return self.size < 0


@dataclass(frozen=True)
class Shard:
    """A shard, ready to be written.

    Attributes:
        number: of its block.
        content: a file of Parquet.
        num_rows: how many rows it holds.
    """

    number: int
    content: bytes
    num_rows: int


Task = Block | Probe
Result = Shard | tuple[Probed, ...]


class Worker:
    """Does one task after the other.

    Args:
        setup: how rows are audited.

    Raises:
        VTGError: its checkpoint or its collator cannot be loaded.
    """

    def __init__(self, setup: Setup) -> None:
        if setup.folder:
            with suppress(OSError):  # another machine may not have it
                os.chdir(setup.folder)
        checkpoint = load_checkpoint(setup.checkpoint, template=setup.change)
        self._setup = setup
        self._chat = ChatIds.of(checkpoint.processor, checkpoint.stop_ids)
        self._encoder = PixelFreeEncoder(checkpoint.processor, sees_pixels=setup.sees_pixels)
        self._collator = _collator(setup, checkpoint.processor) if setup.collator else None
        self._model = AskedModel.of_checkpoint(setup.checkpoint, self._chat) if setup.collator else None

    def do(self, task: Task) -> Result:
        """Do a task."""
        return tuple(map(probed, task.paths)) if isinstance(task, Probe) else self.audit(task)

    def audit(self, block: Block) -> Shard:
        """Audit the rows of a block."""
        for path, (size, changed, packed) in block.videos.whole.items():
            _remember(path, size, changed, packed)
        found = {row.row: row for row in self._audited(BlockRows(block, self._setup)) if row.row is not None}
        writer = ShardWriter()
        for _, row in block.rows:
            if isinstance(row, UnreadableRow):
                writer.add(replace(unreadable_row(row), row=row.row), row)
            else:
                writer.add(_of_row(found[row.row]), row)
        return Shard(block.number, writer.content(), len(block.rows))

    def _audited(self, rows: "BlockRows") -> Iterator[RowFindings]:
        bound = self._setup.max_length
        if self._collator is None:
            return audit_rows(rows, self._chat, max_length=bound, encoder=self._encoder)
        return audit_collator(
            rows, self._collator, self._chat, batch_size=self._setup.batch_size, max_length=bound, model=self._model
        )  # fmt: skip


@dataclass
class BlockRows:
    """The rows of a block, as those of a file are gone through."""

    block: Block
    setup: Setup
    video_root: Path = Path()
    format: str = OWN.name

    @property
    def num_readable(self) -> int:
        return sum(1 for _ in self.each())

    def unreadable(self) -> Iterator[UnreadableRow]:
        return (row for _, row in self.block.rows if isinstance(row, UnreadableRow))

    def each(self, limit: int | None = None) -> Iterator[tuple[int, Annotation]]:
        readable = ((index, row) for index, row in self.block.rows if isinstance(row, Annotation))
        return (one for number, one in enumerate(readable) if limit is None or number < limit)

    def sample(self, take: Take, index: int, annotation: Annotation) -> Sample:
        if reason := self.block.videos.broken.get(str(annotation.video)):
            raise VideoError(f"{annotation.where}: {reason}")
        setup = self.setup
        template = setup.selector.select(index, len(annotation.windows))
        return sample_of(annotation, take, template=template, frames=setup.frames, clip=setup.clip)

    def first(self) -> tuple[Sequence[Annotation], Sequence[UnreadableRow]]:
        return [row for _, row in self.each(NUM_FIRST_ROWS)], list(self.unreadable())[:NUM_FIRST_ROWS]


def probed(path: str) -> Probed:
    """Probe a video file: read all of it for the time of every frame, and decode its first."""
    try:
        found = os.stat(path)
        size, changed = found.st_size, found.st_mtime_ns
    except (OSError, ValueError):
        size, changed = -1, 0
    try:
        return Probed(path, size, changed, pack(timeline_of(local_file(path))))
    except VideoError as error:
        return Probed(path, size, changed, reason=str(error))


def alone() -> None:
    """Make a process that is one of several take one core, say nothing of its own, and have others decode."""
    isolate()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _remember(path: str, size: int, changed: int, packed: bytes) -> None:
    """Keep a timeline that was read by another process, if the file is still the one that it read."""
    with suppress(OSError, ValueError, VideoError):
        now = os.stat(path)
        if (now.st_size, now.st_mtime_ns) == (size, changed):
            resolved = local_file(path)
            keep_timeline(resolved, lambda: unpack(resolved, packed))


def _of_row(found: RowFindings) -> RowFindings:
    """Leave out that frames had to be decoded: it is told of the file, not of each process's first row."""
    kept = tuple(finding for finding in found.findings if finding.code != DECODED.name)
    return replace(found, findings=kept)


def _collator(setup: Setup, processor: Any) -> ForeignCollator:
    loaded = load_collator(setup.collator, processor)
    if isinstance(loaded, Finding):
        raise VTGError(f"--collator must load in every process, and in one it did not: {loaded.message}")
    return loaded
