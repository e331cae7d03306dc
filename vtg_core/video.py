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
from vtg_core.timeline import Size, Timeline, VideoInfo, local_file, opened, read_timeline, shown_name, turned
from vtg_core.windows import Window

if TYPE_CHECKING:
    import av
    import numpy as np

DEFAULT_NUM_FRAMES = 32
DEFAULT_MAX_FRAMES = 768
MAX_SAMPLED_BYTES = 4 * 10**9
# Mean difference per colour value, of 255, below which two decoders' frames are the same picture.
SAME_PICTURE = 1.0


class VideoBackend(StrEnum):
    """Who decodes the frames."""

    DECORD = "decord"
    PYAV = "pyav"


@dataclass(frozen=True, kw_only=True)
class FramePolicy:
    """Which frames of a video are taken, and how large they are.

    Attributes:
        num_frames: this many, spread evenly from the first frame to the last; all of them where the video has
            fewer. ``DEFAULT_NUM_FRAMES`` where neither this nor ``fps`` is given.
        fps: instead, frames per second of video: those nearest to 0, 1 / fps, 2 / fps, … s, none taken twice.
        max_pixels: upper bound on height * width of a frame, at least 4. A larger frame is made smaller, its
            aspect kept and its sides even; a smaller one stays as it is.
        max_frames: more frames than this is an error, never a silent cut.

    Raises:
        VideoError: ``num_frames`` and ``fps`` are both given, or a value is out of its range.
    """

    num_frames: int | None = None
    fps: float | None = None
    max_pixels: int | None = None
    max_frames: int = DEFAULT_MAX_FRAMES

    def __post_init__(self) -> None:
        _check_whole("max_frames", self.max_frames, minimum=1)
        if self.max_pixels is not None:
            _check_whole("max_pixels", self.max_pixels, minimum=4)
        if self.num_frames is not None and self.fps is not None:
            raise VideoError(
                f"give num_frames or fps, not both, got num_frames={self.num_frames}, fps={self.fps}"
            )
        if self.fps is not None:
            is_number = isinstance(self.fps, int | float) and not isinstance(self.fps, bool)
            if not (is_number and math.isfinite(self.fps) and self.fps > 0):
                raise VideoError(f"fps must be a number above 0, in frames per second, got {self.fps!r}")
            return
        num_frames = min(DEFAULT_NUM_FRAMES, self.max_frames) if self.num_frames is None else self.num_frames
        _check_whole("num_frames", num_frames, minimum=1)
        if num_frames > self.max_frames:
            raise VideoError(
                f"num_frames must be at most max_frames ({self.max_frames}), got {num_frames}; "
                "lower num_frames or raise max_frames"
            )
        object.__setattr__(self, "num_frames", num_frames)


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
    def metadata(self) -> dict[str, Any]:
        """The ``video_metadata`` for a transformers processor, a new dict each time.

        Processors know one clock: they write a frame's time as ``frames_indices[i] / fps``. So these indices
        are ticks of a constant clock, ``round(timestamp * fps)``, which for a constant frame rate are
        ``frame_indices``, and otherwise keep the written time within half a tick of the true one.

        Source: ``VideoMetadata.timestamps`` in huggingface/transformers, src/transformers/video_utils.py.
        """
        info = self.info
        return {
            "total_num_frames": info.num_frames,
            "fps": info.fps,
            "width": info.width,
            "height": info.height,
            "duration": info.duration,
            "video_backend": str(self.backend),
            "frames_indices": [min(round(t * info.fps), info.num_frames - 1) for t in self.timestamps],
        }


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Return what the video file at ``path`` holds.

    Reads the whole file once and decodes its first frame: an hour of video takes a few seconds.

    Raises:
        VideoError: ``path`` is no local file, or no video that can be read.
    """
    return read_timeline(local_file(path)).info


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
    policy = policy or FramePolicy()
    timeline = read_timeline(local_file(path))
    timeline = timeline.cut(clip) if clip is not None else timeline
    indices = _choose_indices(timeline, policy)
    info = timeline.info
    size = _fit_size(info.width, info.height, policy.max_pixels)
    num_bytes = len(indices) * size[0] * size[1] * 3
    if num_bytes > MAX_SAMPLED_BYTES:
        raise VideoError(
            f"sampled frames must take at most {MAX_SAMPLED_BYTES / 1e9:g} GB, but {len(indices)} frames of "
            f"{size[0]} x {size[1]} from {shown_name(info.path)} take {num_bytes / 1e9:.1f} GB; "
            "lower num_frames, fps or max_pixels"
        )
    frames, used = None, VideoBackend.DECORD
    if backend is not VideoBackend.PYAV:
        frames = _decode_with_decord(timeline, indices, size)
    if frames is None and backend is VideoBackend.DECORD:
        raise VideoError(
            f"{shown_name(info.path)} cannot be decoded by decord; leave backend out to use PyAV"
        )
    if frames is None:
        frames, used = _decode_with_pyav(timeline, indices, size), VideoBackend.PYAV
    times = tuple(timeline.times[i] for i in indices)
    return SampledVideo(info, frames, timestamps=times, frame_indices=tuple(indices), backend=used)


def _check_whole(name: str, value: object, *, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise VideoError(f"{name} must be a whole number of at least {minimum}, got {value!r}")


def _is_increasing(values: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _choose_indices(timeline: Timeline, policy: FramePolicy) -> list[int]:
    """Return the indices of the frames that ``policy`` takes, strictly increasing.

    By number: ``linspace`` over the frames, rounded, as Qwen's processors and qwen-vl-utils do. By rate: a frame
    is taken if a tick of the asked clock is nearer to it than to any other frame.
    """
    import numpy as np

    info = timeline.info
    if policy.num_frames is not None:
        num_frames = min(policy.num_frames, info.num_frames)
        return np.linspace(0, info.num_frames - 1, num_frames).round().astype(int).tolist()
    assert policy.fps is not None
    times = np.asarray(timeline.times)
    borders = np.concatenate([[0.0], (times[1:] + times[:-1]) / 2, [info.duration * (1 - 1e-9)]])
    # Every frame is taken long before a clock of 1e9 ticks a second, which keeps the product finite.
    ticks_before = np.ceil(borders * min(policy.fps, 1e9))
    indices = np.flatnonzero(np.diff(ticks_before) > 0).tolist()
    if len(indices) > policy.max_frames:
        highest = math.floor(1000 * policy.max_frames / info.duration) / 1000
        raise VideoError(
            f"at fps={policy.fps:g}, {shown_name(info.path)} ({info.duration:.1f} s) gives {len(indices)} frames, more "
            f"than max_frames ({policy.max_frames}); lower fps to {highest:g} or less, or raise max_frames"
        )
    return indices


def _fit_size(width: int, height: int, max_pixels: int | None) -> Size:
    """Return the width and height of a frame made no larger than ``max_pixels``, sides even where it shrinks."""
    if max_pixels is None or width * height <= max_pixels:
        return width, height
    scale = math.sqrt(max_pixels / (width * height))
    short = max(2, int(min(width, height) * scale) // 2 * 2)
    long = max(2, min(int(max(width, height) * scale), max_pixels // short) // 2 * 2)
    return (long, short) if width >= height else (short, long)


def _decode_with_decord(timeline: Timeline, indices: list[int], size: Size) -> "np.ndarray | None":
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
    true = _decode_with_pyav(timeline, indices[middle : middle + 1], size)
    return frames if np.abs(frames[middle].astype(int) - true[0]).mean() < SAME_PICTURE else None


def _decode_with_pyav(timeline: Timeline, indices: list[int], size: Size) -> "np.ndarray":
    """Return the frames, uint8 (T, H, W, 3)."""
    import numpy as np

    width, height = size
    frames = np.empty((len(indices), height, width, 3), dtype=np.uint8)
    width, height = turned(width, height, timeline.rotation)
    with opened(timeline.info.path) as (container, stream):
        for slot, frame in enumerate(_frames_at(container, stream, timeline, indices)):
            picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
            frames[slot] = np.rot90(picture.to_ndarray(), timeline.rotation)
    return frames


def _frames_at(container, stream, timeline: Timeline, indices: list[int]) -> "Iterator[av.VideoFrame]":
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
