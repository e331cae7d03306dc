"""Frames of a video with the times at which they are shown.

The whole file is demuxed first, so that every frame's time is known before any is decoded. decord then decodes
the frames asked for; PyAV does where decord is missing, cannot, or disagrees about the times (AV1, GIF,
rotated or cut files). Both therefore return the same frames and the same times.
"""

import math
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vtg_core.errors import VideoError
from vtg_core.video.plan import FramePlan, FramePolicy, plan_with_timeline
from vtg_core.video.timeline import (
    Size,
    Timeline,
    VideoInfo,
    local_file,
    opened,
    shown_name,
    timeline_of,
    turned,
)
from vtg_core.windows import Window

if TYPE_CHECKING:
    import av
    import numpy as np

# Mean difference per colour value, of 255, below which two decoders' frames are the same picture.
SAME_PICTURE = 1.0


class VideoBackend(StrEnum):
    """Who decodes the frames."""

    DECORD = "decord"
    PYAV = "pyav"


@dataclass(frozen=True, eq=False)
class SampledVideo:
    """Frames taken from a video, each with the time at which it is shown.

    Attributes:
        info: the video they come from.
        frames: uint8, shape (T, H, W, 3), RGB.
        timestamps: T seconds from the first frame of the video, or from the start of its clip, strictly increasing: presentation times.
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
        if not all(map(math.isfinite, times)) or not _is_increasing(times):
            raise VideoError(f"timestamps must be finite and strictly increasing, got {times}")
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
    backend: VideoBackend | None = None,
) -> SampledVideo:
    """Decode the frames of the video at ``path`` that ``policy`` chooses (``FramePolicy()`` if none is given).

    With a ``clip`` (s), only what is shown within it is taken, and its start is the new zero of all times. With
    no ``backend``, decord decodes, and PyAV where decord cannot. Damage that a decoder paints over (a few
    lost bits) goes unnoticed; damage that loses a frame asked for is an error.

    Raises:
        VideoError: ``path`` is no local file, or no video that can be read; the policy takes more frames than
            its ``max_frames``, or more bytes than ``MAX_SAMPLED_BYTES``; ``backend`` cannot decode this file.
    """
    plan, timeline = plan_with_timeline(path, policy or FramePolicy(), clip=clip)
    info, indices, size = plan.info, list(plan.frame_indices), (plan.width, plan.height)
    frames, used = None, VideoBackend.DECORD
    if backend is not VideoBackend.PYAV:
        frames = _decode_with_decord(timeline, indices, size=size)
    if frames is None and backend is VideoBackend.DECORD:
        raise VideoError(
            f"{shown_name(info.path)} cannot be decoded by decord; leave backend out to use PyAV"
        )
    if frames is None:
        frames, used = _decode_with_pyav(timeline, indices, size=size), VideoBackend.PYAV
    return SampledVideo(info, frames, plan.timestamps, plan.frame_indices, backend=used)


def _is_increasing(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _decode_with_decord(timeline: Timeline, indices: list[int], *, size: Size) -> "np.ndarray | None":
    """Return the frames, uint8 (T, H, W, 3), or None where decord cannot, or is not to be trusted.

    decord 0.6 returns other frames than those asked for, up to a second off and without an error, where it
    seeks without an index (MPEG-TS, WMV) or into open groups (x265's default, MPEG-4 with B-frames). Those
    are left out; its times are checked at every frame, and its picture at the one in the middle.
    """
    import numpy as np

    info, (width, height) = timeline.info, size
    if timeline.rotation or timeline.has_leading or not timeline.has_index:
        return None
    try:
        import decord

        decord.logging.set_level(decord.logging.QUIET)
        reader = decord.VideoReader(str(info.path), width=width, height=height)
        if len(reader) != info.num_frames:
            return None
        shown = reader.get_frame_timestamp([0, *indices])[:, 0]
        errors = np.abs(shown[1:] - shown[0] - [timeline.times[i] for i in indices])
        if not errors.max() < 0.25 / info.fps:
            return None
        frames = reader.get_batch(indices).asnumpy()
    except Exception:  # decord raises many types; PyAV then decodes, or says what is wrong
        return None
    middle = len(indices) // 2
    true = _decode_with_pyav(timeline, indices[middle : middle + 1], size=size)
    return frames if np.abs(frames[middle].astype(int) - true[0]).mean() < SAME_PICTURE else None


def _decode_with_pyav(timeline: Timeline, indices: list[int], *, size: Size) -> "np.ndarray":
    """Return the frames, uint8 (T, H, W, 3)."""
    import numpy as np

    width, height = size
    frames = np.empty((len(indices), height, width, 3), dtype=np.uint8)
    width, height = turned(width, height, rotation=timeline.rotation)
    with opened(timeline.info.path) as (container, stream):
        for slot, frame in enumerate(_frames_at(container, stream, timeline=timeline, indices=indices)):
            picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
            frames[slot] = np.rot90(picture.to_ndarray(), timeline.rotation)
    return frames


def _frames_at(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    *,
    timeline: Timeline,
    indices: list[int],
) -> "Iterator[av.VideoFrame]":
    """Decode the frames at ``indices``, jumping to a key frame where that saves decoding.

    A jump may miss: after some frames marked as key (intra refresh), decoding takes a while to recover. Then
    this one and all further frames are decoded from the start.
    """
    keys, position = timeline.keys, -math.inf
    decoded, can_jump = container.decode(stream), timeline.has_index and bool(keys)
    for index in indices:
        target = timeline.pts[index]
        if can_jump and (key := keys[bisect_right(keys, target) - 1]) > position:
            container.seek(key, stream=stream)
            decoded = container.decode(stream)
        frame = _first_from(target, decoded)
        if can_jump and (frame is None or frame.pts != target):
            can_jump = False
            container.seek(keys[0], stream=stream)
            decoded = container.decode(stream)
            frame = _first_from(target, decoded)
        if frame is None or frame.pts != target:
            raise VideoError(
                f"{shown_name(timeline.info.path)} is damaged: its frame at {timeline.times[index]:.2f} s cannot be "
                "decoded; copy or download it again"
            )
        position = target
        yield frame


def _first_from(pts: int, frames: "Iterator[av.VideoFrame]") -> "av.VideoFrame | None":
    return next((frame for frame in frames if frame.pts is not None and frame.pts >= pts), None)
