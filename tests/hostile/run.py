"""The corpus and what comes of it: each file is read by a process that is watched, and begun again where it dies."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.batches import write_batches
from tests.hostile.rows import write_rows
from tests.hostile.templates import write_templates
from tests.hostile.videos import write_videos

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 10.0
MAX_PEAK_MB = 1_500.0


@dataclass(frozen=True)
class Outcome:
    """What came of a file.

    Attributes:
        path: the file.
        kind: what it was given for: ``video``, ``rows``, ``batch`` or ``template``.
        is_read: it was read, rather than refused.
        said: what it was read as, or the sentence it was refused with.
        fault: what must not happen: the name of an exception, ``died``, ``hang``; empty where nothing did.
        seconds: how long it took.
        peak_mb: the most memory the process held meanwhile, its libraries included, MB.
    """

    path: Path
    kind: str
    is_read: bool
    said: str
    fault: str
    seconds: float
    peak_mb: float


def write_corpus(folder: Path) -> dict[str, list[Path]]:
    """Write every file of the corpus into a folder of its kind."""
    writers = {"video": write_videos, "rows": write_rows, "batch": write_batches, "template": write_templates}
    corpus = {}
    for kind, write in writers.items():
        (folder / kind).mkdir()
        corpus[kind] = list(write(folder / kind))
    return corpus


def read_all(corpus: dict[str, Iterable[Path]]) -> Iterator[Outcome]:
    """Yield what comes of each file."""
    worker = _Worker()
    try:
        for kind, paths in corpus.items():
            for path in paths:
                yield worker.read(kind, path)
    finally:
        worker.end()


class _Worker:
    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, kind: str, path: Path) -> Outcome:
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"kind": kind, "path": str(path)}) + "\n")
        process.stdin.flush()
        waited = MAX_SECONDS + 5
        is_there, _, _ = select.select([process.stdout], [], [], waited)
        line = process.stdout.readline() if is_there else ""
        if not line:
            fault = "died" if is_there else "hang"
            self.end()
            return Outcome(path, kind, False, "", fault, waited, 0.0)
        found = json.loads(line)
        fault = found["fault"] or ("hang" if found["seconds"] > MAX_SECONDS else "")
        return Outcome(path, kind, found["read"], found["said"], fault, found["seconds"], found["peak_mb"])

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _begin(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.hostile.worker"]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._wait_until_it_imported(self._process)
        return self._process

    @staticmethod
    def _wait_until_it_imported(process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"kind": "rows", "path": "/dev/null"}) + "\n")
        process.stdin.flush()
        process.stdout.readline()
