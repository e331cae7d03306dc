"""The demo's three clips and their annotations, drawn and encoded from one table.

``python -m vtg_core.demo.clips`` writes them anew into ``assets``. Every event starts and ends on a frame, so
the annotated windows are true to the frame: the frame at ``start`` is the first that shows the event, and the
frame at ``end`` (where the video goes on that long) the first that no longer does.
"""

import argparse
import colorsys
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.files.assets import asset_folder
from vtg_core.windows import Window

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

FPS = 10
WIDTH, HEIGHT = 320, 180
ANNOTATIONS_NAME = "demo_annotations.json"
GREY_BALL = (150, 154, 160)
CLOCK_GREY = (120, 124, 132)


@dataclass(frozen=True)
class Event:
    """One thing that happens in a clip, and how it is drawn.

    Attributes:
        query: the sentence that names the event.
        window: seconds, on a multiple of 1 / FPS; visible from ``start`` up to, not including, ``end``.
        corners: the shape as a polygon around (0, 0), in units of ``radius``.
        color: RGB, 0 to 255.
        path: its centre at the start and at the end of the window, in pixels of the frame.
        radius: pixels of the frame.
    """

    query: str
    window: Window
    corners: Sequence[tuple[float, float]]
    color: tuple[int, int, int]
    path: tuple[tuple[float, float], tuple[float, float]]
    radius: float

    def is_visible_at(self, seconds: float) -> bool:
        """Return whether the frame shown at ``seconds`` shows this event."""
        return self.window.start <= seconds < self.window.end

    def center_at(self, seconds: float) -> tuple[float, float]:
        """Return where the shape's centre is at ``seconds``, in pixels (x, y)."""
        way = (seconds - self.window.start) / self.window.length
        (x0, y0), (x1, y1) = self.path
        return x0 + way * (x1 - x0), y0 + way * (y1 - y0)


@dataclass(frozen=True)
class Clip:
    """A demo clip: its file's name, its length, what happens in it, and the tint behind it.

    Attributes:
        name: file name under ``assets``.
        duration: seconds; ``duration * FPS`` frames.
        events: in order of time.
        hue: of the background, from 0 to 1.
    """

    name: str
    duration: float
    events: tuple[Event, ...]
    hue: float

    @property
    def num_frames(self) -> int:
        """How many frames the clip has, at least 1."""
        return round(self.duration * FPS)


def _star(num_points: int, inner: float) -> tuple[tuple[float, float], ...]:
    """Return the corners of a star, or of a regular polygon where ``inner`` is 1, pointing up."""
    radii = (1.0, inner) * num_points
    turns = (math.tau * i / len(radii) for i in range(len(radii)))
    return tuple((r * math.sin(turn), -r * math.cos(turn)) for r, turn in zip(radii, turns, strict=True))


CIRCLE = _star(48, inner=1.0)
SQUARE = ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))
TRIANGLE = _star(3, inner=0.5)
STAR = _star(5, inner=0.45)
RED, BLUE, GREEN, YELLOW = (222, 52, 56), (44, 104, 224), (34, 160, 84), (250, 200, 40)

CLIPS = (
    Clip(
        name="red_circle.mp4",
        duration=30.0,
        events=(
            Event("a red circle appears", Window(8.0, 14.0), CIRCLE, RED, ((168, 84), (168, 84)), radius=40),
        ),
        hue=0.58,
    ),
    Clip(
        name="two_events.mp4",
        duration=32.0,
        events=(
            Event(
                "a blue square slides across the screen",
                Window(5.0, 9.0),
                SQUARE,
                BLUE,
                ((44, 72), (276, 72)),
                radius=34,
            ),
            Event(
                "a green triangle appears",
                Window(18.0, 23.0),
                TRIANGLE,
                GREEN,
                ((196, 88), (196, 88)),
                radius=48,
            ),
        ),
        hue=0.09,
    ),
    Clip(
        name="last_seconds.mp4",
        duration=24.0,
        events=(
            Event(
                "a yellow star appears at the very end",
                Window(20.0, 24.0),
                STAR,
                YELLOW,
                ((140, 84), (140, 84)),
                radius=48,
            ),
        ),
        hue=0.72,
    ),
)


@dataclass(frozen=True)
class Quality:
    """How a clip is drawn and encoded.

    Attributes:
        fps: frames per second.
        supersampling: how many times as wide a picture is drawn, before it is made smaller.
        preset, crf: of libx264.
    """

    fps: int = FPS
    supersampling: int = 4
    preset: str = "slow"
    crf: int = 21


def demo_rows() -> list[dict[str, Any]]:
    """Return the annotation rows of all clips: one per event, in the order of ``CLIPS``."""
    pairs = [(clip, event) for clip in CLIPS for event in clip.events]
    return [
        row_of(clip, event) | {"qid": f"demo-{number}"} for number, (clip, event) in enumerate(pairs, start=1)
    ]


def row_of(clip: Clip, event: Event) -> dict[str, Any]:
    """Return the annotation row that asks for an event of a clip."""
    return {
        "video": clip.name,
        "duration": clip.duration,
        "timestamp": list(event.window),
        "sentence": event.query,
    }


def write_clip(clip: Clip, folder: Path, quality: Quality = Quality()) -> Path:
    """Draw and encode ``clip`` into ``folder``, and return the file's path.

    One thread and no date in the file: the same libx264 writes the same bytes each time.
    """
    import av

    path, fps = folder / clip.name, quality.fps
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.options = {
            "crf": str(quality.crf), "preset": quality.preset, "threads": "1", "g": str(5 * fps),
        }  # fmt: skip
        for index in range(round(clip.duration * fps)):
            picture = draw_frame(clip, index / fps, quality.supersampling)
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def draw_frame(clip: Clip, seconds: float, supersampling: int = Quality.supersampling) -> "Image.Image":
    """Draw the frame of ``clip`` at ``seconds``: RGB, ``WIDTH`` by ``HEIGHT``, edges smoothed."""
    from PIL import ImageDraw, ImageFont

    picture = _background(clip.hue, supersampling).copy()
    pen = ImageDraw.Draw(picture)
    drift = 2 * math.pi * seconds / clip.duration
    ball = (WIDTH * (0.5 - 0.36 * math.cos(drift)), HEIGHT * (0.84 + 0.05 * math.sin(2 * drift)))
    _draw_shape(pen, CIRCLE, ball, 11, supersampling, color=GREY_BALL)
    for event in clip.events:
        if event.is_visible_at(seconds):
            _draw_shape(
                pen, event.corners, event.center_at(seconds), event.radius, supersampling, color=event.color
            )
    frame = picture.reduce(supersampling)
    clock = ImageFont.load_default(size=10)
    ImageDraw.Draw(frame).text((WIDTH - 8, 6), f"{seconds:.1f} s", fill=CLOCK_GREY, font=clock, anchor="ra")
    return frame


@lru_cache(maxsize=4)
def _background(hue: float, supersampling: int) -> "Image.Image":
    """Draw a pale slope of one tint, lighter at the top left, on the enlarged picture."""
    from PIL import Image

    width, height = WIDTH // 4, HEIGHT // 4
    slope = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            depth = 0.35 * x / width + 0.65 * y / height
            rgb = colorsys.hsv_to_rgb(hue, 0.05 + 0.17 * depth, 0.97 - 0.13 * depth)
            slope.putpixel((x, y), tuple(round(255 * value) for value in rgb))
    return slope.resize((WIDTH * supersampling, HEIGHT * supersampling), Image.Resampling.BICUBIC)


def _draw_shape(
    pen: "ImageDraw.ImageDraw",
    corners: Sequence[tuple[float, float]],
    center: tuple[float, float],
    radius: float,
    supersampling: int,
    *,
    color: tuple[int, int, int],
) -> None:
    """Fill a polygon given in units of ``radius`` around ``center``, on the enlarged picture."""
    (cx, cy), scale = center, supersampling
    pen.polygon([(scale * (cx + radius * x), scale * (cy + radius * y)) for x, y in corners], fill=color)


def write_assets(folder: Path) -> list[Path]:
    """Write every clip and the annotation file into ``folder``, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    annotations = folder / ANNOTATIONS_NAME
    rows = ",\n".join("  " + json.dumps(row) for row in demo_rows())
    annotations.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    return [write_clip(clip, folder) for clip in CLIPS] + [annotations]


def main(argv: Sequence[str] | None = None) -> None:
    """Remake the demo's clips and annotations."""
    parser = argparse.ArgumentParser(prog="python -m vtg_core.demo.clips", description=main.__doc__)
    parser.add_argument(
        "--out", type=Path, default=asset_folder(), help="folder to write into (default: assets)"
    )
    for path in write_assets(parser.parse_args(argv).out):
        print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
