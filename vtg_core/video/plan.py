"""Which frames of a video would be taken, from its timeline alone: no frame is decoded."""

import math
import os
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from vtg_core.errors import VideoError
from vtg_core.video.timeline import (
    Size,
    Timeline,
    VideoInfo,
    file_version,
    local_file,
    shown_name,
    timeline_of,
)
from vtg_core.windows import Window

DEFAULT_NUM_FRAMES = 32
DEFAULT_MAX_FRAMES = 768
MAX_SAMPLED_BYTES = 900_000_000
"""Of the frames of one video, unless told otherwise: 32 of 4K fit, and a file that would fill the machine does not."""

MAX_KEPT_PLANS = 4_096


class VideoBackend(StrEnum):
    """Who decodes frames, in the order in which they are tried."""

    TORCHCODEC = "torchcodec"
    DECORD = "decord"
    PYAV = "pyav"


@dataclass(frozen=True, kw_only=True)
class FramePolicy:
    """Which frames of a video are taken, how large they are, and by whom.

    Attributes:
        num_frames: this many, spread evenly from the first frame to the last; all of them where the video has
            fewer. ``DEFAULT_NUM_FRAMES`` where neither this nor ``fps`` is given.
        fps: instead, frames per second of video: those nearest to 0, 1 / fps, 2 / fps, … s, none taken twice.
        max_pixels: upper bound on height * width of a frame, at least 4. A larger frame is made smaller, its
            aspect kept and its sides even; a smaller one stays as it is.
        max_frames: more frames than this is an error, never a silent cut.
        max_bytes: frames that take more memory than this, three bytes a pixel, are an error before one is decoded.
        backend: who decodes them; the first of :class:`VideoBackend` that can, unless given.

    Raises:
        VideoError: ``num_frames`` and ``fps`` are both given, or a value is out of its range.
    """

    num_frames: int | None = None
    fps: float | None = None
    max_pixels: int | None = None
    max_frames: int = DEFAULT_MAX_FRAMES
    max_bytes: int = MAX_SAMPLED_BYTES
    backend: VideoBackend | None = None

    def __post_init__(self) -> None:
        if self.backend is not None and self.backend not in tuple(VideoBackend):
            raise VideoError(f"the decoder must be one of {', '.join(VideoBackend)}, got {self.backend!r}")
        _check_whole("max_frames", self.max_frames, minimum=1)
        _check_whole("max_bytes", self.max_bytes, minimum=1)
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
class FramePlan:
    """The frames that a policy takes from a video, not decoded.

    Attributes:
        info: the video, or the clip of it, that they come from.
        timestamps: T seconds from the first frame of the video, or from the start of its clip: presentation
            times, which never go back and are strictly increasing unless the file repeats them.
        frame_indices: T positions among the video's frames in order of presentation, from 0.
        width: pixels of a frame that is taken, made as small as the policy says.
        height: as ``width``.
        clip: the part of the file (s) that is the video; None for the whole.
    """

    info: VideoInfo
    timestamps: tuple[float, ...]
    frame_indices: tuple[int, ...]
    width: int
    height: int
    clip: Window | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the frames that would be decoded: (T, H, W, 3)."""
        return len(self.timestamps), self.height, self.width, 3

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
            "frames_indices": [min(round(t * info.fps), info.num_frames - 1) for t in self.timestamps],
        }


def plan_frames(
    path: str | os.PathLike[str], policy: FramePolicy | None = None, *, clip: Window | None = None
) -> FramePlan:
    """Return the frames that :func:`vtg_core.video.sampling.sample_frames` would decode, without decoding them.

    A video is demuxed once for as long as its file stays the same; the plan of an unchanged file is the very
    same object.

    Raises:
        VideoError: ``path`` is no local file, or no video that can be read; the policy takes more frames than
            its ``max_frames``, or more bytes than its ``max_bytes``.
    """
    policy, file = policy or FramePolicy(), local_file(path)
    version = file_version(file)
    if version is None:
        return plan_with_timeline(file, policy, clip=clip)[0]
    return _kept_plan(str(file), version, policy=policy, clip=clip)


@lru_cache(maxsize=MAX_KEPT_PLANS)
def _kept_plan(path: str, version: tuple[int, ...], *, policy: FramePolicy, clip: Window | None) -> FramePlan:
    return plan_with_timeline(path, policy, clip=clip)[0]


def plan_with_timeline(
    path: str | os.PathLike[str], policy: FramePolicy, *, clip: Window | None = None
) -> tuple[FramePlan, Timeline]:
    """Return :func:`plan_frames`, made anew, and the timeline it was made of: that of the clip, where there is one."""
    timeline = timeline_of(local_file(path))
    if clip is not None:
        timeline = timeline.cut(clip)
    return _plan_of(timeline, policy, clip=clip), timeline


def _plan_of(timeline: Timeline, policy: FramePolicy, *, clip: Window | None) -> FramePlan:
    info = timeline.info
    indices = _choose_indices(timeline, policy)
    width, height = _fit_size(info.width, info.height, max_pixels=policy.max_pixels)
    if len(indices) * width * height * 3 > policy.max_bytes:
        raise VideoError(_too_large(info, (len(indices), width, height), policy=policy))
    times = tuple(timeline.times[i] for i in indices)
    return FramePlan(info, times, tuple(indices), width, height, clip)


def _too_large(info: VideoInfo, taken: tuple[int, int, int], *, policy: FramePolicy) -> str:
    """Say how much memory ``taken`` (T, W, H) would need, and what would make it fit."""
    (num_frames, width, height), max_bytes = taken, policy.max_bytes
    most, pixels = max_bytes // (3 * width * height), max_bytes // (3 * num_frames)
    fewer = f"num_frames to {most:,}, or " if most else ""
    if fewer and policy.fps is not None:
        fewer = f"fps to {math.floor(1000 * most / info.duration) / 1000:g}, or "
    smaller = f"max_pixels to {pixels:,}, or " if pixels >= 4 else ""
    return (
        f"sampled frames must take at most {max_bytes / 1e9:.3g} GB, but {num_frames} frames of {width} x {height} from "
        f"{shown_name(info.path)} take {num_frames * width * height * 3 / 1e9:.1f} GB; lower {fewer}{smaller}raise max_bytes (--max-memory)"
    )


def _check_whole(name: str, value: object, *, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise VideoError(f"{name} must be a whole number of at least {minimum}, got {value!r}")


def _choose_indices(timeline: Timeline, policy: FramePolicy) -> list[int]:
    """Return the indices of the frames that ``policy`` takes, strictly increasing.

    By number: ``linspace`` over the frames, rounded, as Qwen's processors and qwen-vl-utils do. By rate: a frame
    is taken if a tick of the asked clock is nearer to it than to any other frame.
    """
    import numpy as np

    info = timeline.info
    if policy.num_frames is not None:
        num_frames = min(policy.num_frames, info.num_frames)
        evenly: list[int] = np.linspace(0, info.num_frames - 1, num_frames).round().astype(int).tolist()
        return evenly
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


def _fit_size(width: int, height: int, *, max_pixels: int | None) -> Size:
    """Return the width and height of a frame made no larger than ``max_pixels``, sides even where it shrinks."""
    if max_pixels is None or width * height <= max_pixels:
        return width, height
    scale = math.sqrt(max_pixels / (width * height))
    short = max(2, int(min(width, height) * scale) // 2 * 2)
    long = max(2, min(int(max(width, height) * scale), max_pixels // short) // 2 * 2)
    return (long, short) if width >= height else (short, long)
