"""Annotation files of any length on small clips, with the faults that files have."""

import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

MISSING, DAMAGED = "gone.mp4", "damaged.mp4"
THINGS = ("a red circle", "the person in green", "a blue square", "somebody", "the last of the cars")
DOINGS = ("appears", "opens the door and looks outside", "is gone", "moves from left to right", "turns")


@dataclass(frozen=True)
class Size:
    """How long a clip is in seconds, its frames a second, and their width and height."""

    duration: int = 8
    fps: int = 4
    width: int = 64
    height: int = 48


def write_rows(folder: Path, num_rows: int, *, num_videos: int = 3) -> Path:
    """Write rows of JSON Lines and their clips, one of which is damaged and one not there; return the rows' file.

    Of 100 rows one cannot be read, one ends past its video, one's video is missing and one's is damaged.
    """
    clip = write_clip(folder / "clip_0000.mp4")
    for number in range(1, num_videos):
        shutil.copyfile(clip, folder / f"clip_{number:04d}.mp4")
    (folder / DAMAGED).write_bytes(clip.read_bytes()[:200])
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_rows):
            file.write(json.dumps(row_of(number, num_videos)) + "\n")
    return path


def row_of(number: int, num_videos: int) -> dict[str, object]:
    """Return a row; equal numbers give equal rows."""
    start = round(number % 61 / 10, 1)
    window = {11: [5.0, 2.0], 23: [start, 60.0]}.get(number % 100, [start, start + 1.5])
    video = {37: MISSING, 53: DAMAGED}.get(number % 100, f"clip_{number % num_videos:04d}.mp4")
    return {"video": video, "timestamp": window, "sentence": sentence_of(number)}


def sentence_of(number: int) -> str:
    """Return what a row asks for; other numbers give other sentences."""
    return f"{THINGS[number % 5]} {DOINGS[number // 5 % 5]}, number {number}"


def write_clip(path: Path, size: Size = Size()) -> Path:  # frozen
    """Write a clip in which every frame differs from the one before."""
    import av

    columns, lines = np.meshgrid(np.arange(size.width), np.arange(size.height))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=size.fps)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for index in range(size.duration * size.fps):
            picture = np.stack([columns % 256, lines % 256, np.full_like(lines, index * 7 % 256)], axis=-1)
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, size.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
