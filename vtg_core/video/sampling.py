"""Frames of a video with the times at which they are shown.

The whole file is demuxed first, so that every frame's time is known before any is decoded. Then the first decoder
that can decodes the frames asked for; PyAV does where the others are missing, cannot, or disagree about the times (AV1,
GIF, rotated or cut files). All therefore return the same frames and the same times.
"""

import math
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vtg_core.errors import VideoError
from vtg_core.video.decoders import DecoderDifference, compare_decoders, decode
from vtg_core.video.plan import FramePlan, FramePolicy, VideoBackend, plan_with_timeline
from vtg_core.video.timeline import VideoInfo, local_file, shown_name, timeline_of
from vtg_core.windows import Window

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class SampledVideo:
    """Frames taken from a video, each with the time at which it is shown.

    Attributes:
        info: the video they come from.
        frames: uint8, shape (T, H, W, 3), RGB.
        timestamps: T seconds from the first frame of the video, or from the start of its clip: presentation times, which never go
            back and are strictly increasing unless the file repeats them.
        frame_indices: T positions among the video's frames in order of presentation, from 0.
        backend: who decoded them.

    Raises:
        VideoError: the parts do not belong together.
    """

    info: VideoInfo
    frames: "np.ndarray"
    timestamps: tuple[float, ...]
    frame_indices: tuple[int, ...]
    backend: VideoBackend = VideoBackend.PYAV

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.frames.shape), self.frames.dtype.name
        if len(shape) != 4 or shape[0] < 1 or shape[3] != 3 or dtype != "uint8":
            raise VideoError(f"frames must be uint8 of shape (T, H, W, 3), got {dtype} of {shape}")
        times, indices, bound = self.timestamps, self.frame_indices, self.info.num_frames
        if not shape[0] == len(times) == len(indices):
            counts = f"{shape[0]} frames, {len(times)} timestamps, {len(indices)} indices"
            raise VideoError(f"every frame must have one timestamp and one index, got {counts}")
        if not all(map(math.isfinite, times)) or any(a > b for a, b in pairwise(times)):
            raise VideoError(f"timestamps must be finite and never go back, got {times}")
        if not (indices[0] >= 0 and indices[-1] < bound and _is_increasing(indices)):
            raise VideoError(f"frame_indices must be strictly increasing and below {bound}, got {indices}")

    @property
    def plan(self) -> FramePlan:
        """The same frames, without their pixels."""
        _, height, width, _ = self.frames.shape
        return FramePlan(self.info, self.timestamps, self.frame_indices, width, height)

    @property
    def metadata(self) -> dict[str, Any]:
        """The ``video_metadata`` for a transformers processor, a new dict each time; see :class:`FramePlan`."""
        return self.plan.metadata | {"video_backend": str(self.backend)}


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Return what the video file at ``path`` holds.

    Reads the whole file and decodes its first frame, once for as long as the file stays the same: an hour of video
    takes a few seconds.

    Raises:
        VideoError: ``path`` is no local file, or no video that can be read.
    """
    return timeline_of(local_file(path)).info


def sample_frames(
    path: str | os.PathLike[str],
    policy: FramePolicy | None = None,
    *,
    clip: Window | None = None,
) -> SampledVideo:
    """Decode the frames of the video at ``path`` that ``policy`` chooses (``FramePolicy()`` if none is given).

    With a ``clip`` (s), only what is shown within it is taken, and its start is the new zero of all times.
    Damage that a decoder paints over (a few lost bits) goes unnoticed; damage that loses a frame asked for is an error.

    Raises:
        VideoError: ``path`` is no local file, or no video that can be read; the policy takes more frames than
            its ``max_frames``, or more bytes than its ``max_bytes``; its ``backend`` cannot decode this file.
    """
    policy = policy or FramePolicy()
    plan, timeline = plan_with_timeline(path, policy, clip=clip)
    size = plan.width, plan.height
    frames, used = decode(timeline, plan.frame_indices, size=size, backend=policy.backend)
    return SampledVideo(plan.info, frames, plan.timestamps, plan.frame_indices, backend=used)


def decode_plan(plan: FramePlan) -> SampledVideo:
    """Decode the frames that a plan takes.

    Raises:
        VideoError: the file is gone, or is no longer the video that was planned; it is damaged.
    """
    timeline = timeline_of(local_file(plan.info.path))
    if plan.clip is not None:
        timeline = timeline.cut(plan.clip)
    if timeline.info != plan.info:
        raise VideoError(
            f"{shown_name(plan.info.path)} must be the video that was planned, and was changed since; plan it again"
        )
    frames, used = decode(timeline, plan.frame_indices, size=(plan.width, plan.height))
    return SampledVideo(plan.info, frames, plan.timestamps, plan.frame_indices, backend=used)


def other_decoders(video: SampledVideo) -> list[DecoderDifference]:
    """Return what each other decoder that is installed makes of the frames of ``video``."""
    others = compare_decoders(timeline_of(video.info.path), video.frames, video.frame_indices)
    return [other for other in others if other.backend is not video.backend]


def _is_increasing(values: tuple[int, ...]) -> bool:
    return all(a < b for a, b in pairwise(values))
