"""Who decodes the frames of a video: torchcodec, decord or PyAV, and where they disagree.

PyAV decodes through the file's timeline, frame by frame, and is what the others are measured by. They are faster, or
are what transformers decodes with; what they return is taken only where it proves to be the frames asked for. decord
brings an FFmpeg of 2021, and runs in a process of its own or not at all.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from vtg_core.errors import VideoError, first_line
from vtg_core.video.isolation.client import DecoderDiedError, can_isolate, have_done, is_isolated
from vtg_core.video.isolation.confinement import is_confined
from vtg_core.video.isolation.shared_memory import SharedArray
from vtg_core.video.plan import VideoBackend
from vtg_core.video.pyav_frames import frames_at
from vtg_core.video.timeline import (
    MIN_CPU_SECONDS,
    Size,
    Timeline,
    VideoInfo,
    lied,
    opened,
    shown_name,
    turned,
)

if TYPE_CHECKING:
    import numpy as np

SAME_PICTURE = 1.0
"""Mean difference per colour value, of 255, below which two decoders' frames are the same picture."""

MAX_COMPARED = 32
"""Frames that another decoder is asked for: enough to tell it, and no second gigabyte."""

MAX_BATCH_BYTES = 100_000_000
"""So much another decoder gives at once, where it gives copies."""

CPU_SECONDS_A_FRAME = 0.1
"""Of the file, all of which may have to be decoded: so long one may take in a process of its own."""

MAX_CLOCK_ERROR = 0.25
"""Of a frame's length: times that differ by less are the same frame's."""


def decode(
    timeline: Timeline, indices: Sequence[int], *, size: Size, backend: VideoBackend | None = None
) -> "tuple[np.ndarray, VideoBackend]":
    """Decode frames of a video: uint8, shape (T, H, W, 3), RGB.

    Args:
        timeline: of the file.
        indices: T positions among its frames in order of presentation, strictly increasing.
        size: width and height of a frame, pixels.
        backend: who decodes; the first that can, in the order of :class:`VideoBackend`, unless given.

    Returns:
        The frames, and who decoded them.

    Raises:
        VideoError: the file is damaged, or ``backend`` cannot decode it or is not to be trusted with it.
    """
    import numpy as np

    shape = len(indices), size[1], size[0], 3
    if not is_isolated() and not (backend is VideoBackend.DECORD and can_isolate()):
        frames = np.empty(shape, dtype=np.uint8)
        return frames, decode_here(timeline, indices, size=size, backend=backend, out=frames)
    with SharedArray(shape) as shared:
        asked = {"indices": indices, "size": size, "shape": shape, "memory": shared.descriptor}
        try:
            used = _have_done("decode", timeline, backend=backend, **asked)
        except DecoderDiedError:
            if backend is not None:
                raise
            used = _have_done("decode", timeline, backend=VideoBackend.PYAV, **asked)
        try:
            return shared.taken(), VideoBackend(used.decode())
        except ValueError:
            raise lied(timeline.info.path) from None


def _have_done(job: str, timeline: Timeline, **asked: Any) -> bytes:
    info = timeline.info
    return have_done(
        job,
        info.path,
        name=shown_name(info.path),
        cpu_seconds=MIN_CPU_SECONDS + int(info.num_frames * CPU_SECONDS_A_FRAME),
        timeline=replace(timeline, info=replace(info, path=info.path.absolute())),
        **asked,
    )


def decode_here(
    timeline: Timeline,
    indices: Sequence[int],
    *,
    size: Size,
    backend: VideoBackend | None,
    out: "np.ndarray",
) -> VideoBackend:
    """Do what :func:`decode` does, in this process and into ``out``: uint8, shape (T, H, W, 3)."""
    for one in _FAST:
        if backend in (None, one) and _is_decoded_with(one, timeline, indices, size=size, out=out):
            return one
    if backend in _FAST:
        raise VideoError(
            f"{shown_name(timeline.info.path)} cannot be decoded by {backend}; leave the decoder out to use PyAV"
        )
    _decode_with_pyav(timeline, indices, size=size, out=out)
    return VideoBackend.PYAV


@dataclass(frozen=True)
class DecoderDifference:
    """What another decoder makes of frames.

    Attributes:
        backend: which.
        num_frames: how many frames were compared.
        problem: why it gives none; empty where it does.
        num_other_pictures: how many of the frames are other pictures than ours.
        largest_clock_error: by how much its time of a frame differs from ours at most, s.
    """

    backend: VideoBackend
    num_frames: int
    problem: str = ""
    num_other_pictures: int = 0
    largest_clock_error: float = 0.0

    @property
    def is_same(self) -> bool:
        """It gives the same frames and the same times."""
        return not self.problem and not self.num_other_pictures and self.largest_clock_error < 0.001

    @property
    def in_words(self) -> str:
        """Say how it differs."""
        if self.problem:
            return f"cannot read these frames: {self.problem}"
        if self.is_same:
            return f"gives the same {self.num_frames} frames and times"
        return (
            f"gives other pictures for {self.num_other_pictures} of {self.num_frames} frames, and times up to "
            f"{self.largest_clock_error:.3f} s off"
        )


def compare_decoders(
    timeline: Timeline, frames: "np.ndarray", indices: Sequence[int]
) -> list[DecoderDifference]:
    """Return what each decoder that is installed makes of the same frames of a file, trusted or not.

    Of many frames ``MAX_COMPARED`` are compared, spread evenly, and of large ones as many as ``MAX_BATCH_BYTES`` hold.

    Args:
        timeline: of the file.
        frames: uint8, shape (T, H, W, 3), as :func:`decode` returns them.
        indices: their T positions.
    """
    step = max(math.ceil(len(indices) / MAX_COMPARED), math.ceil(frames.nbytes / MAX_BATCH_BYTES))
    frames, indices = frames[::step], indices[::step]
    height, width = frames.shape[1:3]
    asked: dict[str, Any] = {"indices": indices, "size": (width, height)}
    if not can_isolate():
        found = (compare_here(timeline, backend=one, frames=frames, **asked) for one in _FAST)
        return [difference for difference in found if difference is not None]
    differences = []
    with SharedArray(frames.shape) as shared:
        shared.write(frames)
        for one in filter(is_installed, _FAST):
            told: dict[str, Any] | None
            try:
                told = json.loads(
                    _have_done(
                        "compare",
                        timeline,
                        backend=one,
                        shape=frames.shape,
                        memory=shared.descriptor,
                        **asked,
                    )
                )
            except VideoError as error:
                problem = "it crashes" if isinstance(error, DecoderDiedError) else first_line(error)
                told = {"num_frames": len(indices), "problem": problem}
            if told is not None:
                differences.append(DecoderDifference(**told | {"backend": one}))
    return differences


def compare_here(
    timeline: Timeline, *, backend: VideoBackend, frames: "np.ndarray", indices: Sequence[int], size: Size
) -> DecoderDifference | None:
    """Return what one other decoder makes of frames, in this process; None where it is not to be had."""
    if not is_installed(backend) or (backend is VideoBackend.DECORD and not is_confined()):
        return None
    return _difference(backend, timeline, frames, indices=indices, size=size)


def _difference(
    backend: VideoBackend, timeline: Timeline, frames: "np.ndarray", *, indices: Sequence[int], size: Size
) -> DecoderDifference:
    import numpy as np

    try:
        reading = _FAST[backend](timeline.info, indices, size, np.empty_like(frames))
    except Exception as error:  # decoders raise many types
        return DecoderDifference(backend, len(indices), problem=first_line(error) or type(error).__name__)
    if reading.frames.shape != frames.shape:
        got = " x ".join(map(str, reading.frames.shape[2:0:-1]))
        problem = f"its frames are {got} instead of {size[0]} x {size[1]}"
        return DecoderDifference(backend, len(indices), problem=problem)
    apart = [np.abs(a.astype(np.int16) - b).mean() for a, b in zip(reading.frames, frames, strict=True)]
    return DecoderDifference(
        backend,
        len(indices),
        num_other_pictures=sum(bool(one >= SAME_PICTURE) for one in apart),
        largest_clock_error=float(_clock_errors(reading, timeline, indices).max()),
    )


class _Reading(NamedTuple):
    """What a decoder says.

    Attributes:
        frames: uint8, shape (T, H, W, 3).
        times: T seconds from the file's first frame; float64.
        num_frames: how many frames it finds in the file.
    """

    frames: "np.ndarray"
    times: "np.ndarray"
    num_frames: int


def _is_decoded_with(
    backend: VideoBackend, timeline: Timeline, indices: Sequence[int], *, size: Size, out: "np.ndarray"
) -> bool:
    """Decode into ``out``; say no where a decoder is not there, cannot, or is not to be trusted.

    Its times are checked at every frame, and its picture at the one in the middle.
    """
    import numpy as np

    if backend is VideoBackend.DECORD and not is_confined():
        return False
    if not is_installed(backend) or not _suits(backend, timeline, size):
        return False
    try:
        reading = _FAST[backend](timeline.info, indices, size, out)
    except Exception:  # decoders raise many types; PyAV then decodes, or says what is wrong
        return False
    if reading.num_frames != timeline.info.num_frames or reading.frames.shape != out.shape:
        return False
    if not _clock_errors(reading, timeline, indices).max() < MAX_CLOCK_ERROR / timeline.info.fps:
        return False
    middle = len(indices) // 2
    true = np.empty_like(out[:1])
    _decode_with_pyav(timeline, indices[middle : middle + 1], size=size, out=true)
    return bool(np.abs(out[middle].astype(np.int16) - true[0]).mean() < SAME_PICTURE)


def _clock_errors(reading: _Reading, timeline: Timeline, indices: Sequence[int]) -> "np.ndarray":
    import numpy as np

    errors: np.ndarray = np.abs(reading.times - [timeline.times[i] for i in indices])
    return errors


def _suits(backend: VideoBackend, timeline: Timeline, size: Size) -> bool:
    """Say whether a decoder is known to return what it is asked for from such a file.

    decord 0.6 returns other frames than those asked for, up to a second off and without an error, where it
    seeks without an index (MPEG-TS, WMV) or into open groups (x265's default, MPEG-4 with B-frames).
    torchcodec returns frames in the file's own size, which may not fit into memory where a smaller one was asked for.
    Both tell frames apart by their times.
    """
    if timeline.turns:
        return False
    if backend is VideoBackend.DECORD:
        return not timeline.rotation and not timeline.has_leading and timeline.has_index
    return size == (timeline.info.width, timeline.info.height)


def is_installed(backend: VideoBackend) -> bool:
    """Say whether a decoder is here and works; torchcodec needs the system's FFmpeg as well.

    decord is not even loaded by a process that is not confined.
    """
    if backend is VideoBackend.DECORD and not is_confined():
        return can_isolate() and find_spec("decord") is not None
    return _is_loaded(backend)


@cache
def _is_loaded(backend: VideoBackend) -> bool:
    try:
        if backend is VideoBackend.DECORD:
            import decord  # noqa: F401
        elif backend is VideoBackend.TORCHCODEC:
            from torchcodec.decoders import VideoDecoder  # noqa: F401
    except Exception:  # what a native library raises that does not load is its own affair
        return False
    return True


def _read_with_torchcodec(info: VideoInfo, indices: Sequence[int], size: Size, out: "np.ndarray") -> _Reading:
    from torchcodec.decoders import VideoDecoder

    del size  # its frames have the file's own
    decoder = VideoDecoder(str(info.path), dimension_order="NHWC", seek_mode="exact")
    batch = decoder.get_frames_at(indices=list(indices))
    frames = batch.data.numpy()
    if frames.shape == out.shape:
        out[:] = frames
    times = batch.pts_seconds.numpy() - (decoder.metadata.begin_stream_seconds or 0.0)
    return _Reading(frames, times, len(decoder))


def _read_with_decord(info: VideoInfo, indices: Sequence[int], size: Size, out: "np.ndarray") -> _Reading:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    reader = decord.VideoReader(str(info.path), width=size[0], height=size[1])
    shown = reader.get_frame_timestamp([0, *indices])[:, 0]
    step = max(1, MAX_BATCH_BYTES // out[0].nbytes)
    for start in range(0, len(indices), step):  # a batch is copied: all at once would be there twice
        batch = reader.get_batch(list(indices[start : start + step])).asnumpy()
        if batch.shape[1:] != out.shape[1:]:  # of another size than it was asked for: whoever called says so
            return _Reading(batch, shown[1 : len(batch) + 1] - shown[0], len(reader))
        out[start : start + step] = batch
    return _Reading(out, shown[1:] - shown[0], len(reader))


_FAST: dict[VideoBackend, Callable[[VideoInfo, Sequence[int], Size, "np.ndarray"], _Reading]] = {
    VideoBackend.TORCHCODEC: _read_with_torchcodec,
    VideoBackend.DECORD: _read_with_decord,
}


def _decode_with_pyav(timeline: Timeline, indices: Sequence[int], *, size: Size, out: "np.ndarray") -> None:
    """Write the frames into ``out``, uint8 (T, H, W, 3)."""
    import numpy as np

    width, height = turned(*size, rotation=timeline.rotation)
    with opened(timeline.info.path) as (container, stream):
        for slot, frame in enumerate(frames_at(container, stream, timeline=timeline, indices=indices)):
            picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
            out[slot] = np.rot90(picture.to_ndarray(), timeline.rotation)
