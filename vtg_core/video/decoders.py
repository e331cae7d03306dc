"""Who decodes the frames of a video: torchcodec, decord or PyAV, and where they disagree.

PyAV decodes through the file's timeline, frame by frame, and is what the others are measured by. They are faster, or
are what transformers decodes with; what they return is taken only where it proves to be the frames asked for.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vtg_core.errors import VideoError, first_line
from vtg_core.video.plan import VideoBackend
from vtg_core.video.pyav_frames import frames_at
from vtg_core.video.timeline import Size, Timeline, VideoInfo, opened, shown_name, turned

if TYPE_CHECKING:
    import numpy as np

SAME_PICTURE = 1.0
"""Mean difference per colour value, of 255, below which two decoders' frames are the same picture."""

MAX_COMPARED = 32
"""Frames that another decoder is asked for: enough to tell it, and no second gigabyte."""

MAX_BATCH_BYTES = 100_000_000
"""So much another decoder gives at once, where it gives copies."""

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
    for one in _FAST:
        if backend in (None, one):
            frames = _decode_with(one, timeline, indices, size=size)
            if frames is not None:
                return frames, one
    if backend in _FAST:
        raise VideoError(
            f"{shown_name(timeline.info.path)} cannot be decoded by {backend}; leave the decoder out to use PyAV"
        )
    return _decode_with_pyav(timeline, indices, size=size), VideoBackend.PYAV


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
    return [
        _difference(one, timeline, frames, indices=indices, size=(width, height))
        for one in _FAST
        if is_installed(one)
    ]


def _difference(
    backend: VideoBackend, timeline: Timeline, frames: "np.ndarray", *, indices: Sequence[int], size: Size
) -> DecoderDifference:
    import numpy as np

    try:
        reading = _FAST[backend](timeline.info, indices, size)
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
        num_other_pictures=sum(one >= SAME_PICTURE for one in apart),
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


def _decode_with(
    backend: VideoBackend, timeline: Timeline, indices: Sequence[int], *, size: Size
) -> "np.ndarray | None":
    """Return the frames, or None where a decoder is not there, cannot, or is not to be trusted.

    Its times are checked at every frame, and its picture at the one in the middle.
    """
    import numpy as np

    if not is_installed(backend) or not _suits(backend, timeline, size):
        return None
    try:
        reading = _FAST[backend](timeline.info, indices, size)
    except Exception:  # decoders raise many types; PyAV then decodes, or says what is wrong
        return None
    if reading.num_frames != timeline.info.num_frames or reading.frames.shape[1:3] != size[::-1]:
        return None
    if not _clock_errors(reading, timeline, indices).max() < MAX_CLOCK_ERROR / timeline.info.fps:
        return None
    middle = len(indices) // 2
    true = _decode_with_pyav(timeline, indices[middle : middle + 1], size=size)
    is_same = np.abs(reading.frames[middle].astype(int) - true[0]).mean() < SAME_PICTURE
    return reading.frames if is_same else None


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


@lru_cache(maxsize=len(VideoBackend))
def is_installed(backend: VideoBackend) -> bool:
    """Say whether a decoder is here and works; torchcodec needs the system's FFmpeg as well."""
    try:
        if backend is VideoBackend.DECORD:
            import decord  # noqa: F401
        elif backend is VideoBackend.TORCHCODEC:
            from torchcodec.decoders import VideoDecoder  # noqa: F401
    except Exception:  # what a native library raises that does not load is its own affair
        return False
    return True


def _read_with_torchcodec(info: VideoInfo, indices: Sequence[int], size: Size) -> _Reading:
    from torchcodec.decoders import VideoDecoder

    del size  # its frames have the file's own
    decoder = VideoDecoder(str(info.path), dimension_order="NHWC", seek_mode="exact")
    batch = decoder.get_frames_at(indices=list(indices))
    times = batch.pts_seconds.numpy() - (decoder.metadata.begin_stream_seconds or 0.0)
    return _Reading(batch.data.numpy(), times, len(decoder))


def _read_with_decord(info: VideoInfo, indices: Sequence[int], size: Size) -> _Reading:
    import decord
    import numpy as np

    decord.logging.set_level(decord.logging.QUIET)
    reader = decord.VideoReader(str(info.path), width=size[0], height=size[1])
    shown = reader.get_frame_timestamp([0, *indices])[:, 0]
    frames = np.empty((len(indices), size[1], size[0], 3), dtype=np.uint8)
    step = max(1, MAX_BATCH_BYTES // frames[0].nbytes)
    for start in range(0, len(indices), step):  # a batch is copied: all at once would be there twice
        batch = reader.get_batch(list(indices[start : start + step])).asnumpy()
        if (
            batch.shape[1:] != frames.shape[1:]
        ):  # of another size than it was asked for: whoever called says so
            return _Reading(batch, shown[1 : len(batch) + 1] - shown[0], len(reader))
        frames[start : start + step] = batch
    return _Reading(frames, shown[1:] - shown[0], len(reader))


_FAST: dict[VideoBackend, Callable[[VideoInfo, Sequence[int], Size], _Reading]] = {
    VideoBackend.TORCHCODEC: _read_with_torchcodec,
    VideoBackend.DECORD: _read_with_decord,
}


def _decode_with_pyav(timeline: Timeline, indices: Sequence[int], *, size: Size) -> "np.ndarray":
    """Return the frames, uint8 (T, H, W, 3)."""
    import numpy as np

    width, height = size
    frames = np.empty((len(indices), height, width, 3), dtype=np.uint8)
    width, height = turned(width, height, rotation=timeline.rotation)
    with opened(timeline.info.path) as (container, stream):
        for slot, frame in enumerate(frames_at(container, stream, timeline=timeline, indices=indices)):
            picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
            frames[slot] = np.rot90(picture.to_ndarray(), timeline.rotation)
    return frames
