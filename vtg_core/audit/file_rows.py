"""The rows that an audit goes through: of a data set, or of a file that is read anew each time and never held."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from vtg_core.data.annotations import Annotation, AnnotationReader, UnreadableRow
from vtg_core.dataset import Sample, VideoTemporalSFTDataset, sample_of
from vtg_core.errors import AnnotationError
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePlan, FramePolicy
from vtg_core.video.sampling import SampledVideo

T = TypeVar("T")
Take = Callable[..., SampledVideo | FramePlan]
"""Takes the frames of a video, called as :func:`vtg_core.video.sampling.sample_frames` is, or plans them."""

NUM_FIRST_ROWS = 500
"""So many rows of either kind tell in which unit times are."""


class AuditRows(Protocol):
    """Rows that can be gone through more than once, in the file's order; an index counts those that can be read."""

    @property
    def video_root(self) -> Path:
        """The folder that videos are looked for in first."""

    @property
    def format(self) -> str:
        """The name of the format that they are read in."""

    @property
    def num_readable(self) -> int:
        """How many rows can be read."""

    def unreadable(self) -> Iterator[UnreadableRow]:
        """Yield the rows that cannot be read."""

    def each(self, limit: int | None = None) -> Iterator[tuple[int, Annotation]]:
        """Yield index and row of the first ``limit`` that can be read, all of them unless given."""

    def sample(self, take: Take, index: int, annotation: Annotation) -> Sample:
        """Return the sample of a row."""

    def first(self) -> tuple[Sequence[Annotation], Sequence[UnreadableRow]]:
        """Return the first ``NUM_FIRST_ROWS`` of those that can be read, and of those that cannot."""


@dataclass
class DatasetRows:
    """The rows of a data set, which holds them."""

    dataset: VideoTemporalSFTDataset

    @property
    def video_root(self) -> Path:
        return self.dataset.video_root

    @property
    def format(self) -> str:
        return self.dataset.format

    @property
    def num_readable(self) -> int:
        return len(self.dataset)

    def unreadable(self) -> Iterator[UnreadableRow]:
        return iter(self.dataset.unreadable)

    def each(self, limit: int | None = None) -> Iterator[tuple[int, Annotation]]:
        return islice(enumerate(self.dataset.annotations), limit)

    def sample(self, take: Take, index: int, annotation: Annotation) -> Sample:
        return self.dataset.sample_with(take, index)

    def first(self) -> tuple[Sequence[Annotation], Sequence[UnreadableRow]]:
        return self.dataset.annotations[:NUM_FIRST_ROWS], self.dataset.unreadable[:NUM_FIRST_ROWS]


@dataclass
class FileRows:
    """The rows of an annotation file, one of them held at a time; go through :meth:`scan` first, which counts them.

    Attributes:
        reader: the file.
        selector: chooses the template of each row.
        frames: which frames are taken.
        num_drawn: keep to so many rows, drawn at random; all of them unless given.
        seed: equal seeds draw the same rows of a file.
        num_in_file, num_read: how many rows the file has, and how many of them can be read, once they were counted.
        chosen: the positions in the file, from 0, of the rows that were drawn; None where all are taken.
        videos: which videos are missing or called otherwise, in a line, once the rows were counted.
    """

    reader: AnnotationReader
    selector: TemplateSelector
    frames: FramePolicy
    num_drawn: int | None = None
    seed: int = 0
    num_in_file: int = field(default=0, init=False)
    num_read: int = field(default=0, init=False)
    videos: str = field(default="", init=False)
    chosen: frozenset[int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._first: tuple[list[Annotation], list[UnreadableRow]] = ([], [])
        self._indices: list[int] = []

    @property
    def video_root(self) -> Path:
        return self.reader.finder.roots[0]

    @property
    def format(self) -> str:
        """The name of the format that the file is read in."""
        return self.reader.format

    @property
    def why(self) -> str:
        """What speaks for it, in a line."""
        return self.reader.why

    def scan(self) -> Iterator[Annotation | UnreadableRow]:
        """Count the rows, and yield each.

        Raises:
            AnnotationError: the file cannot be read beyond a place, or has no row.
        """
        readable, unreadable = self._first
        drawn = _Drawn(self.num_drawn or 0, random.Random(self.seed))
        for row in self.reader:
            drawn.add((row.row, self.num_read if isinstance(row, Annotation) else -1))
            self.num_in_file += 1
            if isinstance(row, Annotation):
                self.num_read += 1
                _keep(readable, row)
            else:
                _keep(unreadable, row)
            yield row
        if not self.num_in_file:
            raise AnnotationError(f"{self.reader.path.name} must hold at least one row, got none")
        self.videos = self.reader.finder.told()
        if self.num_drawn is not None:
            self.chosen = frozenset(row for row, _ in drawn.kept)
            self._indices = sorted(index for _, index in drawn.kept if index >= 0)

    @property
    def num_readable(self) -> int:
        """How many rows are taken that can be read, once they were counted."""
        return self.num_read if self.chosen is None else len(self._indices)

    def unreadable(self) -> Iterator[UnreadableRow]:
        return (row for row in self._taken() if isinstance(row, UnreadableRow))

    def each(self, limit: int | None = None) -> Iterator[tuple[int, Annotation]]:
        return islice(enumerate(row for row in self._taken() if isinstance(row, Annotation)), limit)

    def sample(self, take: Take, index: int, annotation: Annotation) -> Sample:
        if self.chosen is not None:
            index = self._indices[index]  # the template of a row is the same whether others are taken or not
        return sample_of(
            annotation,
            take,
            template=self.selector.select(index, len(annotation.windows)),
            frames=self.frames,
            clip=self.reader.clip,
        )

    def first(self) -> tuple[Sequence[Annotation], Sequence[UnreadableRow]]:
        return self._first

    def _taken(self) -> Iterator[Annotation | UnreadableRow]:
        chosen = self.chosen
        return (row for row in self.reader if chosen is None or row.row in chosen)


@dataclass
class _Drawn:
    """So many of all that are added, each as likely to be kept as any other (Vitter's algorithm R)."""

    num: int
    chance: random.Random
    kept: list[tuple[int, int]] = field(default_factory=list)
    num_added: int = 0

    def add(self, item: tuple[int, int]) -> None:
        self.num_added += 1
        if len(self.kept) < self.num:
            self.kept.append(item)
        elif self.num and (place := self.chance.randrange(self.num_added)) < self.num:
            self.kept[place] = item


def rows_in(given: VideoTemporalSFTDataset | AuditRows) -> AuditRows:
    """Return the rows of a data set, or those that are given."""
    return DatasetRows(given) if isinstance(given, VideoTemporalSFTDataset) else given


def _keep(rows: list[T], row: T) -> None:
    if len(rows) < NUM_FIRST_ROWS:
        rows.append(row)
