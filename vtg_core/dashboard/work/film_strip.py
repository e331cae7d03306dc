"""A small picture of what a model saw: a few frames side by side."""

import base64
import io
from collections.abc import Callable, Sequence

import numpy as np

from vtg_core.dashboard.work.sample import frames_of
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.probes.altered_samples import AlteredSample, with_blank_video, with_reversed_frames
from vtg_core.probes.controls import Control
from vtg_core.video.sampling import SampledVideo
from vtg_core.views.tokens import FilmView

NUM_FRAMES = 6
HEIGHT = 48
NUM_ON_TIMELINE = 16
"""So many frames stand above the timeline at most; each is about a kilobyte."""
HEIGHT_ON_TIMELINE = 36


def control_strips(sample: Sample) -> dict[Control, str]:
    """Return pictures of the real frames, and of those of each control that changes them and can be run."""
    strips = {Control.REAL: film_strip(frames_of(sample))}
    for control, alter in _ALTERED.items():
        try:
            strips[control] = film_strip(frames_of(alter(sample).sample))
        except VTGError:
            continue  # the control itself says why
    return strips


_ALTERED: dict[Control, Callable[[Sample], AlteredSample]] = {
    Control.BLANK: with_blank_video,
    Control.REVERSED: with_reversed_frames,
}


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
