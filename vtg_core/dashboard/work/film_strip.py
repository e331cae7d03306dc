"""A small picture of what a model saw: a few frames side by side."""

import base64
import io
from collections.abc import Callable

import numpy as np

from vtg_core.dashboard.work.sample import frames_of
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.probes.altered_samples import AlteredSample, with_blank_video, with_reversed_frames
from vtg_core.probes.controls import Control
from vtg_core.video.sampling import SampledVideo

NUM_FRAMES = 6
HEIGHT = 48


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


def film_strip(video: SampledVideo) -> str:
    """Return a picture of frames evenly taken from ``video``, in their order, as the data URI of a JPEG."""
    from PIL import Image

    count, height, width, _ = video.frames.shape
    chosen = np.unique(np.linspace(0, count - 1, min(NUM_FRAMES, count)).round().astype(int))
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    strip = Image.new("RGB", (size[0] * len(chosen), HEIGHT))
    for place, index in enumerate(chosen):
        strip.paste(Image.fromarray(video.frames[index]).resize(size), (place * size[0], 0))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
