"""What it costs that a video is decoded by a process of its own, over decoding it here: both read the file anew."""

import tempfile
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import av
import numpy as np

from vtg_core.files.assets import asset_folder
from vtg_core.video.decoders import decode
from vtg_core.video.isolation.client import isolated_decoding
from vtg_core.video.plan import VideoBackend
from vtg_core.video.timeline import read_timeline

NUM_FRAMES = 32
NUM_RUNS = 15


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        large = _write_1080p(Path(folder) / "1080p.mp4")
        return {
            "isolated_ratio_demo": _ratio(sorted(asset_folder().glob("*.mp4"))),
            "isolated_ratio_1080p": _ratio([large]),
        }


def _ratio(paths: list[Path]) -> float:
    """Return the least time of many runs there over that of as many here, one after the other."""
    _seconds(paths, isolated_decoding())  # whoever decodes is begun
    here, there = [], []
    for _ in range(NUM_RUNS):
        here.append(_seconds(paths, nullcontext()))
        there.append(_seconds(paths, isolated_decoding()))
    return min(there) / min(here)


def _seconds(paths: Iterable[Path], where) -> float:
    with where:
        began = time.perf_counter()
        for path in paths:
            timeline = read_timeline(path)
            indices = np.linspace(0, timeline.info.num_frames - 1, NUM_FRAMES).round().astype(int).tolist()
            size = timeline.info.width, timeline.info.height
            decode(timeline, indices, size=size, backend=VideoBackend.PYAV)
        return time.perf_counter() - began


def _write_1080p(path: Path) -> Path:
    """Write 6 s of a pattern that moves."""
    pattern = (np.indices((1080, 1920)).sum(0) // 8 % 256).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "25"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index in range(150):
            picture = np.stack([np.roll(pattern, 8 * index, 1), np.roll(pattern, 4 * index, 0), pattern], -1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
