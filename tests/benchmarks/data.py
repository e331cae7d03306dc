"""What ``vtg-lens data`` and ``vtg-lens audit`` hold in memory, and how long they take, on JSON Lines of a gigabyte.

The file is made for the purpose and removed: rows of our own format, as long as Time-R1's, on
200,000 videos without files, a few with mistakes.
Each way runs in a process of its own; what counts is the most memory that the process ever held, its libraries included.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .loss_memory import held_mb

NUM_BYTES = 1_000_000_000
NUM_VIDEOS = 200_000
WORDS = [
    "person",
    "dog",
    "door",
    "cup",
    "book",
    "table",
    "red",
    "opens",
    "closes",
    "holds",
    "walks",
    "puts",
    "takes",
    "runs",
    "sits",
    "down",
    "up",
    "near",
    "under",
]
WAYS = ("survey", "reader", "audit")


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.jsonl"
        num_rows = write_rows(path, NUM_BYTES)
        measured = {way: _run(path, way) for way in WAYS}
    for way, found in measured.items():
        print(
            f"  {num_rows:,} rows, {way}: {found['peak']:,.0f} MB at most, {found['seconds']:,.0f} s",
            flush=True,
        )
    return {
        "data_peak_mb_1gb": measured["survey"]["peak"],
        "data_seconds_1gb": measured["survey"]["seconds"],
        "data_reader_peak_mb_1gb": measured["reader"]["peak"],
        "data_reader_seconds_1gb": measured["reader"]["seconds"],
        "audit_peak_mb_1gb": measured["audit"]["peak"],
        "audit_seconds_1gb": measured["audit"]["seconds"],
    }


def write_rows(path: Path, num_bytes: int) -> int:
    """Write rows until the file is nearly so large; return how many."""
    chance, num_rows, size = random.Random(0), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while size < num_bytes - 1_000:
            size += file.write(json.dumps(_row(num_rows, chance)) + "\n")
            num_rows += 1
    return num_rows


def _row(number: int, chance: random.Random) -> dict[str, object]:
    duration = 30.0 + number % NUM_VIDEOS % 150
    start = round(duration * chance.random() * 0.9, 2)
    end = round(start + (duration - start) * chance.random() + 0.1, 2) + 3 * (number % 1_000 == 0)
    video, sentence = f"v_{number % NUM_VIDEOS:07d}.mp4", " ".join(chance.choices(WORDS, k=12))
    return {
        "video": f"train/videos/{video}",
        "duration": duration,
        "timestamp": [start, end],
        "sentence": sentence,
        "qid": f"bench|{video}|{sentence}",
        "difficulty": 50.0,
        "pred": [start, duration],
    }


def _run(path: Path, way: str) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", __name__, str(path), way], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _measure(path: str, way: str) -> dict[str, float]:
    """Run one way; return the most memory it held, in MB, and its seconds."""
    from vtg_core.commands.cli import main
    from vtg_core.data.annotations import AnnotationReader

    began = time.perf_counter()
    if way == "survey":
        assert main(["data", path, "--json", os.devnull]) == 1
    elif way == "audit":
        assert main(["audit", "--annotations", path, "--verify", "0", "--json", os.devnull]) == 1
    else:
        assert sum(1 for _ in AnnotationReader(path)) > 0
    return {"peak": held_mb("VmHWM"), "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
