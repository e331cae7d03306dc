"""How fast an audit in parts is, what it holds in memory, and whether a killed one loses a row.

Rows on a thousand small clips, in processes of their own, and how soon the page shows the results of a million, which are
written as an audit writes them. All of it takes an hour or two. The environment variable ``VTG_SCALE`` names the parts to
measure and their sizes, and leaves out the others: ``fast_rows=50000`` is how fast it is, ``rows=1000000`` its memory,
``kills=40`` what kills lose, ``results=1000000`` the page; ``VTG_SCALE="kills=40 results=1000000"`` is two of them.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from tests.audit.shards.rows import write_rows
from tests.benchmarks._results import first_paint_ms, write_results
from vtg_core.audit.shards.folder import ResultsFolder

NUM_VIDEOS = 1_000
MILLION = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """How many rows each part takes, and how often the audit is killed; a part of size 0 is left out."""

    rows: int = MILLION
    fast_rows: int = 50_000
    kill_rows: int = 20_000
    kills: int = 40
    results: int = MILLION

    @classmethod
    def read(cls, said: str) -> "Sizes":
        """Read the sizes of the parts that are named, as ``name=number``; others are left out, unless none is."""
        given = {name: int(number) for name, number in (pair.split("=") for pair in said.split())}
        return replace(cls(rows=0, fast_rows=0, kills=0, results=0), **given) if given else cls()


def run(sizes: Sizes | None = None) -> dict[str, float]:
    sizes = sizes or Sizes.read(os.environ.get("VTG_SCALE", ""))
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if sizes.fast_rows:
            figures |= _measure_speed(_made(Path(scratch) / "fast", sizes.fast_rows))
        if sizes.rows:
            figures |= _measure_memory(_made(Path(scratch) / "many", sizes.rows), sizes.rows)
        if sizes.kills:
            figures |= measure_kills(_made(Path(scratch) / "kill", sizes.kill_rows), sizes)
        if sizes.results:
            figures |= _measure_page(Path(scratch) / "results", sizes.results)
    return figures


def _measure_page(folder: Path, num_rows: int) -> dict[str, float]:
    write_results(folder, num_rows)
    milliseconds = first_paint_ms(folder)
    print(f"  the page shows {num_rows:,} rows in {milliseconds:,.0f} ms", flush=True)
    return {"results_1m_first_paint_ms": milliseconds} if num_rows == MILLION else {}


def _made(folder: Path, num_rows: int) -> Path:
    folder.mkdir()
    return write_rows(folder, num_rows, num_videos=NUM_VIDEOS)


def _measure_speed(file: Path) -> dict[str, float]:
    """Audit a file in several ways, whose videos were probed before; all must give the same shards."""
    ways = {"1": ("--workers", "1"), "2": ("--workers", "2")}
    if find_spec("ray") is not None:
        ways["ray_2"] = ("--workers", "2", "--engine", "ray")
    figures, contents = {}, []
    for name, options in ways.items():
        out = file.parent / name
        done = _audit(file, out, *options)
        rows = json.loads((out / "manifest.json").read_text())["rows"]
        figures[f"rows_per_second_{name}"] = rows / done.seconds
        contents.append(_contents(out))
        print(
            f"  {name}: {rows:,} rows in {done.seconds:,.0f} s, {done.peak_mb:,.0f} MB at most a process",
            flush=True,
        )
    assert all(content == contents[0] for content in contents), "the shards of two engines differ"
    return figures


def _measure_memory(file: Path, num_rows: int) -> dict[str, float]:
    done = _audit(file, file.parent / "out", "--workers", "2")
    print(
        f"  {num_rows:,} rows in {done.seconds:,.0f} s, {done.peak_mb:,.0f} MB at most a process", flush=True
    )
    assert _lost(file.parent / "out", num_rows) == 0
    return {"million_rows_peak_mb": done.peak_mb} if num_rows == MILLION else {}


def measure_kills(file: Path, sizes: Sizes) -> dict[str, float]:
    """Kill an audit at random moments, again and again; then let it end, and compare it with one that was left alone."""
    chance, out, whole = random.Random(0), file.parent / "killed", file.parent / "whole"
    options = ("--shard-rows", str(max(1, sizes.kill_rows // (5 * sizes.kills))))
    kills = sum(killed(_arguments(file, out, *options), out, chance) for _ in range(sizes.kills))
    for folder in (out, whole):
        os.waitpid(_forked(_arguments(file, folder, *options)), 0)
    lost = _lost(out, sizes.kill_rows)
    print(f"  {kills} kills, {lost} rows lost or doubled", flush=True)
    assert _contents(out) == _contents(whole), "an audit that was killed says something else"
    return {"resume_kills": kills, "resume_lost": lost}


def killed(arguments: list[str], out: Path, chance: random.Random) -> bool:
    """Begin a command that writes parts, and kill it when it has written a few more; return whether it was not done before."""
    wanted = len(ResultsFolder(out).shards) + chance.randrange(8)
    process = _forked(arguments)
    while (ended := os.waitpid(process, os.WNOHANG)[0]) == 0 and len(ResultsFolder(out).shards) < wanted:
        time.sleep(0.002)
    if ended:
        return False
    time.sleep(chance.random() * 0.3)
    os.kill(process, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def _forked(arguments: list[str]) -> int:
    """Run a command in a process that begins with all libraries loaded; return its number."""
    from vtg_core.checkpoints.loading import load_processor
    from vtg_core.commands.cli import main

    load_processor("demo")
    process = os.fork()
    if process == 0:
        try:
            for stream in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
            os._exit(main(arguments))
        finally:
            os._exit(70)
    return process


@dataclass(frozen=True)
class Done:
    """How long an audit took, its start included, and the most that one of its processes ever held, in MB."""

    seconds: float
    peak_mb: float


def _audit(file: Path, out: Path, *options: str) -> Done:
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(_command(file, out, *options), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, *map(_held_mb, _family(process.pid)))
            time.sleep(0.5)
    assert process.returncode == 1, "the rows have faults, which an audit finds"
    return Done(time.perf_counter() - began, peak)


def _command(file: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "vtg_core", *_arguments(file, out, *options)]


def _arguments(file: Path, out: Path, *options: str) -> list[str]:
    frames = ("--num-frames", "8", "--verify", "0", "--resume")
    return ["audit", str(file), "--out", str(out), *frames, *options]


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return [pid]


def _held_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmHWM:")), default=0.0)


def _contents(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in ResultsFolder(out).shards.values()]


def _lost(out: Path, num_rows: int) -> int:
    """Return how many rows are in no shard, or in two."""
    found: Counter[int] = Counter()
    for path in ResultsFolder(out).shards.values():
        found.update(pq.read_table(path, columns=["row"])["row"].to_pylist())
    return sum(found[row] != 1 for row in range(num_rows)) + len(found.keys() - set(range(num_rows)))
