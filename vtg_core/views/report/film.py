"""A small picture of what a model saw: a few frames side by side."""

import base64
import io
from collections.abc import Sequence

import numpy as np

from vtg_core.video.sampling import SampledVideo
from vtg_core.views.tokens import FilmView

NUM_FRAMES = 6
HEIGHT = 48
NUM_ON_TIMELINE = 16
"""So many frames stand above the timeline at most; each is about a kilobyte."""
HEIGHT_ON_TIMELINE = 36


def view_film(video: SampledVideo) -> FilmView:
    """Return the frames that stand above the timeline."""
    chosen = _evenly(len(video.timestamps), NUM_ON_TIMELINE)
    size = _size_of(video, HEIGHT_ON_TIMELINE)
    times = [round(video.timestamps[index], 3) for index in chosen]
    return FilmView(times, chosen, *size, _picture(video, chosen, size, quality=60))


def film_strip(video: SampledVideo) -> str:
    """Return a picture of frames evenly taken from ``video``, in their order, as the data URI of a JPEG."""
    return _picture(video, _evenly(len(video.timestamps), NUM_FRAMES), _size_of(video, HEIGHT), quality=80)


def _evenly(count: int, most: int) -> list[int]:
    return [round(place) for place in np.linspace(0, count - 1, min(most, count)).tolist()]


def _size_of(video: SampledVideo, height: int) -> tuple[int, int]:
    """Return the width and height of a small picture; that of a very wide or high video is squeezed."""
    _, full_height, full_width, _ = video.frames.shape
    return min(2 * height, max(height // 2, round(full_width * height / full_height))), height


def _picture(video: SampledVideo, chosen: Sequence[int], size: tuple[int, int], *, quality: int) -> str:
    from PIL import Image

    strip = Image.new("RGB", (size[0] * len(chosen), size[1]))
    for place, index in enumerate(chosen):
        strip.paste(Image.fromarray(video.frames[index]).resize(size), (place * size[0], 0))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
