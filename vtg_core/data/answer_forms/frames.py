"""Times as the numbers of frames."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answer_forms.times import TimeCode, TimeUnit, bare
from vtg_core.windows import Window


@dataclass(frozen=True)
class FrameCode(TimeCode):
    """The number of a frame, from 0 on; one frame for both ends is the time that it is shown."""

    unit = TimeUnit.FRAMES
    before = "frame "
    words = ("start_frame", "end_frame")

    @property
    def pattern(self) -> str:
        return bare("[0-9]{1,9}", before="frames?")

    def can_measure(self, video: VideoMeasure) -> bool:
        has_rate = video.fps is not None or (video.num_frames is not None and video.has_duration)
        return video.frame_times is not None or has_rate

    def step(self, video: VideoMeasure) -> float:
        times = video.frame_times
        if times is None:
            fps = _rate(video)
            return max(1 / fps, video.duration - _last_frame(video) / fps) if video.has_duration else 1 / fps
        edges = [0.0, *times[1:], *([video.duration] if video.has_duration else [])]
        return max((b - a for a, b in pairwise(edges)), default=0.0)

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        start, end = (_place(time, video) for time in window)
        first, last = (min(round(place), _last_frame(video)) for place in (start, end))
        if first == last:
            first, last = math.floor(start), min(math.ceil(end), _last_frame(video))
        return str(min(first, last)), str(last)

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        first, last = int(start), int(end)
        if first == last:
            return (0.0 if video.frame_times and first == 0 else _shown_at(first, video)), min(
                _shown_at(last + 1, video), video.duration
            )
        return _shown_at(first, video), _shown_at(last, video)


def _rate(video: VideoMeasure) -> float:
    """Return how many frames a second are counted where no list says when each is shown."""
    if video.fps is not None:
        return video.fps
    return (video.num_frames or 1) / video.duration


def _last_frame(video: VideoMeasure) -> int:
    """Return the number of the last frame that starts within the video."""
    if video.frame_times is not None:
        return len(video.frame_times) - 1
    limits = [video.num_frames - 1] if video.num_frames is not None else []
    if video.has_duration:
        limits.append(max(math.ceil(video.duration * _rate(video)) - 1, 0))
    return min(limits, default=10**9)


def _place(time: float, video: VideoMeasure) -> float:
    """Return where a time (s) lies on the scale of frame numbers."""
    times = video.frame_times
    if times is None:
        return time * _rate(video)
    before = bisect_right(times, time) - 1
    if before < 0 or before == len(times) - 1:
        return float(max(before, 0))
    return before + (time - times[before]) / (times[before + 1] - times[before])


def _shown_at(number: int, video: VideoMeasure) -> float:
    """Return when (s) a frame is first shown; the one after the last begins where the video ends."""
    times = video.frame_times
    if times is None:
        return number / _rate(video)
    return times[number] if number < len(times) else video.duration if number == len(times) else math.inf
