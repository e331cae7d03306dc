"""When every frame of a video file is shown, and how a file is opened without trusting it."""

import os
import re
import stat
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.errors import VideoError
from vtg_core.windows import Window

if TYPE_CHECKING:
    import av.container
    import av.video.stream

MAX_FRAME_PIXELS = 2**26
MAX_KEPT_FRAMES = 8_000_000
"""Timelines are kept for so many frames in all, 16 bytes each: 2,000 videos of two minutes."""

# Containers that hold their own pictures: no still images, and no playlist that makes ffmpeg open other files.
READ_FORMATS = "3gp,asf,avi,flv,gif,ivf,matroska,mov,mp4,mpeg,mpegts,mxf,nut,ogg,webm"
# Containers with an index, in which a seek is sure to land on a key frame at or before the time asked for.
INDEXED_FORMATS = frozenset({"matroska", "mov", "mp4", "webm"})

Size = tuple[int, int]  # width, height


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds, measured on its packets rather than read from its header.

    Attributes:
        path: the file.
        duration: seconds from the first frame shown to the end of the last, above 0.
        fps: average frames per second between the first and the last frame, above 0.
        num_frames: frames that are shown, at least 2.
        width: pixels of a frame as shown, rotation applied, pixels taken as square.
        height: as ``width``.
        codec: ffmpeg's name for it, such as ``h264``.
        rate_error: by how many seconds ``index / fps`` misses the time at which a frame of the file is shown, at
            worst: about 0 where the frame rate is constant.
    """

    path: Path
    duration: float
    fps: float
    num_frames: int
    width: int
    height: int
    codec: str
    rate_error: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """Every frame of a video in order of presentation.

    Attributes:
        info: what ``probe_video`` returns.
        pts: presentation times in the stream's own ticks, strictly increasing.
        times: the same in seconds from the first.
        keys: the pts of the frames at which decoding can begin, increasing.
        rotation: quarter turns, counterclockwise, from a stored frame to a shown one, 0 to 3.
        has_index: whether a seek lands on a key frame at or before the time asked for.
        has_leading: whether a frame is shown before a key frame that it follows in the file (open groups).
        tick: how long a tick of the stream is, in seconds.
    """

    info: VideoInfo
    pts: Sequence[int]
    times: Sequence[float]
    keys: Sequence[int]
    rotation: int
    has_index: bool
    has_leading: bool
    tick: Fraction

    def cut(self, clip: Window) -> "Timeline":
        """Return the frames shown within ``clip`` (s) alone, their times counted from its start.

        Raises:
            VideoError: the video ends more than a frame before the clip does, or shows fewer than two frames in it.
        """
        if clip.end > self.info.duration + 1 / self.info.fps:
            raise VideoError(
                f"a clip must lie within {shown_name(self.info.path)} ({self.info.duration:.2f} s), "
                f"got {clip.start:g} to {clip.end:g} s"
            )
        first, last = bisect_left(self.times, clip.start), bisect_left(self.times, clip.end)
        if last - first < 2:
            raise VideoError(
                f"a clip must show two frames or more, and {shown_name(self.info.path)} shows {last - first} "
                f"from {clip.start:g} to {clip.end:g} s"
            )
        info = replace(
            self.info, duration=min(clip.end, self.info.duration) - clip.start, num_frames=last - first
        )
        times = [time - clip.start for time in self.times[first:last]]
        return replace(self, info=info, pts=self.pts[first:last], times=times)


def local_file(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` resolved, if it is a regular local file with something in it.

    Raises:
        VideoError: it is not; the message says what it is instead.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise VideoError(f"a video must be given as the path of a local file, got {path!r:.80}")
    given = Path(os.fsdecode(path))
    try:
        found = given.stat()
        resolved = given.resolve()
    except (OSError, ValueError) as error:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", str(given)):
            raise VideoError("a video must be a local file, got an address; download it first") from None
        reason = getattr(error, "strerror", None) or "not a possible file name"
        raise VideoError(f"{shown_name(given)} cannot be opened ({reason}); check the path") from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise VideoError(f"{shown_name(given)} is {kind}; give the path of a video file")
    if found.st_size == 0:
        raise VideoError(f"{shown_name(given)} is empty (0 bytes); copy or download it again")
    return resolved


@contextmanager
def opened(path: Path) -> Iterator[tuple["av.container.InputContainer", "av.video.stream.VideoStream"]]:
    """Open the file and its first moving picture; whatever ffmpeg raises inside becomes a ``VideoError``."""
    import av
    from av.stream import Disposition

    name, options = shown_name(path), {"format_whitelist": READ_FORMATS, "protocol_whitelist": "file"}
    # With a log level, PyAV's decoder threads want the interpreter to log, while the thread that closes them holds it
    # and waits for them: for ever. Importing torchvision up to 0.24 sets one.
    if av.logging.get_level() is not None:
        av.logging.set_level(None)
    try:
        with av.open(str(path), options=options, **_lenient()) as container:
            streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
            if not streams:
                raise VideoError(f"{name} has no video in it (audio or data only)")
            stream, context = streams[0], getattr(streams[0], "codec_context", None)
            if context is None or not stream.time_base:
                raise VideoError(f"{name} uses a video codec that is not known here; convert it to H.264")
            if not 0 < context.width * context.height <= MAX_FRAME_PIXELS:
                size = f"{context.width} x {context.height}"
                raise VideoError(f"{name} must have frames of 1 to {MAX_FRAME_PIXELS:,} pixels, got {size}")
            stream.thread_type = "AUTO"
            yield container, stream
    except VideoError:
        raise
    except PermissionError:
        raise VideoError(f"{name} cannot be opened (Permission denied); check its rights") from None
    # IndexError is PyAV's own, where damage makes a stream appear that was not there at the beginning.
    except (av.FFmpegError, OSError, ValueError, RuntimeError, IndexError):
        reason = "is no video in a format that is read here, is cut short, or is damaged"
        raise VideoError(f"{name} {reason}; try to play it, or convert it to MP4") from None


def _lenient() -> dict[str, Any]:
    """Return what makes PyAV read a file whose title or language is no UTF-8; from 19 on it does so unasked."""
    import av

    return {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


def timeline_of(path: str | os.PathLike[str]) -> Timeline:
    """Return the timeline of the file at ``path``, demuxed once for as long as the file stays the same.

    Raises:
        VideoError: as :func:`read_timeline`.
    """
    version = file_version(path)
    if version is None:
        return read_timeline(Path(path))
    return _KEPT.get((os.fspath(path), version), lambda: read_timeline(Path(path)))


def keep_timeline(path: str | os.PathLike[str], read: Callable[[], Timeline]) -> None:
    """Let :func:`timeline_of` return what ``read`` does for as long as the file at ``path`` stays the same.

    Nothing is read where its timeline is kept already, or where the file has just been written.
    """
    version = file_version(path)
    if version is not None:
        _KEPT.get((os.fspath(path), version), read)


_KEPT: BoundedCache[Timeline] = BoundedCache(MAX_KEPT_FRAMES, weigh=lambda timeline: len(timeline.pts))


def file_version(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """Return what changes when the file is written again; None where a clock would be too coarse to show it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _CLOCK_TICK_NS:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


_CLOCK_TICK_NS = 100_000_000


def read_timeline(path: Path) -> Timeline:
    """Demux the whole file for the time of every frame, and decode the first one for its true shape.

    Raises:
        VideoError: the file is no video, cut short, or damaged.
    """
    width, height, rotation = _first_frame_shape(path)
    ends: dict[int, int] = {}
    keys: list[int] = []
    num_packets, has_leading = 0, False
    with opened(path) as (container, stream):
        formats, tick = set(container.format.name.split(",")), stream.time_base or Fraction(0)
        codec = stream.codec_context.codec.canonical_name
        for packet in container.demux(stream):
            num_packets += bool(packet.size or packet.dts is not None)
            if packet.pts is None:
                continue
            if packet.is_keyframe:
                keys.append(packet.pts)
            has_leading |= bool(keys) and packet.pts < keys[-1]
            if not packet.is_discard:
                ends[packet.pts] = packet.pts + max(packet.duration or 0, 0)
        if "mov" in formats and num_packets < stream.frames:
            raise VideoError(
                f"{shown_name(path)} is cut short: {num_packets} of {stream.frames} frames are in the file; "
                "copy or download it again"
            )
    # A recording cut out of a broadcast begins with frames that nothing can decode: no key frame precedes them.
    pts = sorted(p for p in ends if not keys or p >= min(keys))
    if len(pts) < 2 or tick <= 0:
        raise VideoError(
            f"{shown_name(path)} has {len(pts)} frame(s), a video has two or more; is it a picture?"
        )
    times = [float((p - pts[0]) * tick) for p in pts]
    gap = times[-1] / (len(pts) - 1)
    info = VideoInfo(
        path=path,
        duration=times[-1] + (float((ends[pts[-1]] - pts[-1]) * tick) or gap),
        fps=1 / gap,
        num_frames=len(pts),
        width=width,
        height=height,
        codec=codec,
        rate_error=max(abs(time - i * gap) for i, time in enumerate(times)),
    )
    has_index = bool(formats & INDEXED_FORMATS)
    return Timeline(
        info,
        array("q", pts),
        array("d", times),
        array("q", sorted(keys)),
        rotation,
        has_index,
        has_leading,
        tick,
    )


def _first_frame_shape(path: Path) -> tuple[int, int, int]:
    """Decode one frame; return its width and height as shown, and its rotation in quarter turns."""
    with opened(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise VideoError(
                f"{shown_name(path)} is damaged: none of its frames can be decoded; try to play it"
            )
        rotation = round(frame.rotation / 90) % 4
        return (*turned(frame.width, frame.height, rotation=rotation), rotation)


def turned(width: int, height: int, *, rotation: int) -> Size:
    """Return width and height after ``rotation`` quarter turns."""
    return (height, width) if rotation % 2 else (width, height)


def shown_name(path: Path) -> str:
    """Return the file's name as a message may show it: no folder, no control characters, not too long."""
    name = path.name or str(path)
    name = name if name.isprintable() else ascii(name)
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"
