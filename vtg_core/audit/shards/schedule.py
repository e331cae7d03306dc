"""What is to be done next: videos are probed before the rows that speak of them, and few blocks wait at a time."""

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import replace
from typing import Protocol

from vtg_core.audit.shards.setup import Block
from vtg_core.audit.shards.video_index import ProbedVideos
from vtg_core.audit.shards.worker import Probe, Result, Shard, Task

VIDEOS_A_PROBE = 16
"""So many videos are one task: a network file system may take a second for each."""


class Crew(Protocol):
    """Those who do tasks."""

    @property
    def num_workers(self) -> int:
        """How many tasks are done at once."""

    def send(self, task: Task) -> None:
        """Give a task to one who is idle."""

    def received(self) -> list[Result]:
        """Return what is done, as soon as something is.

        Raises:
            VTGError: one of them is gone, or failed.
        """


class Schedule:
    """Decides what is done next.

    Args:
        blocks: the rows, read as they are needed.
        videos: which videos are known; None where none is probed.
        look_ahead: at most so many blocks are held.
    """

    def __init__(self, blocks: Iterator[Block], videos: ProbedVideos | None, *, look_ahead: int) -> None:
        self._blocks, self._videos, self._look_ahead = blocks, videos, look_ahead
        self._waiting: deque[tuple[Block, Set[str]]] = deque()
        self._probes: deque[Probe] = deque()
        self._asked: set[str] = set()

    def next(self) -> Task | None:
        """Return a task that can be begun; None where none can before another is done, or all are begun."""
        while True:
            if self._probes:
                return self._probes.popleft()
            for number, (block, paths) in enumerate(self._waiting):
                if not paths & self._asked:
                    del self._waiting[number]
                    return (
                        block
                        if self._videos is None
                        else replace(block, videos=self._videos.known(block.paths))
                    )
            read = next(self._blocks, None) if len(self._waiting) < self._look_ahead else None
            if read is None:
                return None
            unknown = [] if self._videos is None else self._videos.unknown(read.paths)
            self._ask([path for path in unknown if path not in self._asked])
            self._waiting.append((read, frozenset(unknown)))

    def take(self, result: Result) -> Shard | None:
        """Take in what was done; return it where it is a shard."""
        if isinstance(result, Shard):
            return result
        assert self._videos is not None
        self._videos.add(result)
        self._asked.difference_update(video.path for video in result)
        return None

    def _ask(self, paths: list[str]) -> None:
        self._asked.update(paths)
        for start in range(0, len(paths), VIDEOS_A_PROBE):
            self._probes.append(Probe(tuple(paths[start : start + VIDEOS_A_PROBE])))


def shards_of(blocks: Iterator[Block], videos: ProbedVideos | None, crew: Crew) -> Iterator[Shard]:
    """Let a crew do blocks, and yield each shard as soon as it is made; in no order."""
    schedule = Schedule(blocks, videos, look_ahead=2 * crew.num_workers)
    num_busy = 0
    while True:
        while num_busy < crew.num_workers and (task := schedule.next()) is not None:
            crew.send(task)
            num_busy += 1
        if not num_busy:
            return
        for result in crew.received():
            num_busy -= 1
            if (shard := schedule.take(result)) is not None:
                yield shard
