"""What is known of a video that an answer counts along."""

import math
from dataclasses import dataclass
from itertools import pairwise

from vtg_core.errors import AnswerError


@dataclass(frozen=True)
class VideoMeasure:
    """What is known of a video that an answer counts along.

    Attributes:
        duration: seconds, above 0; infinite where it is not known.
        fps: frames that an answer counts per second, above 0.
        num_frames: how many there are; spread evenly over the video where ``fps`` is not given.
        frame_times: when each frame is shown, in seconds, rising; comes before ``fps``.

    Raises:
        AnswerError: a number is none, or not above 0, or the frames' times do not rise.
    """

    duration: float = math.inf
    fps: float | None = None
    num_frames: int | None = None
    frame_times: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("duration", "fps", "num_frames"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise AnswerError(f"{name} must be above 0, got {value!r:.40}")
        times = self.frame_times
        if times is not None and not (times and times[0] >= 0 and all(a < b for a, b in pairwise(times))):
            raise AnswerError("frame_times must be seconds from 0 on, each later than the one before it")

    @property
    def has_duration(self) -> bool:
        """Whether the length of the video is known."""
        return math.isfinite(self.duration)


def measure_of(video: "float | VideoMeasure") -> VideoMeasure:
    """Return what is known of a video of which perhaps only the duration (s) is given."""
    return video if isinstance(video, VideoMeasure) else VideoMeasure(video)
