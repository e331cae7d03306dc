"""What a model sees of a video in each control, as small pictures."""

from collections.abc import Callable

from vtg_core.dashboard.work.sample import frames_of
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.probes.altered_samples import AlteredSample, with_blank_video, with_reversed_frames
from vtg_core.probes.controls import Control
from vtg_core.views.report.film import film_strip


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
