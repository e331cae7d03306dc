"""When every frame of a video file is shown, and how a file is opened without trusting it."""

import os
import re
import stat
import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.errors import VideoError
from vtg_core.video.claims import check_claims
from vtg_core.video.isolation.client import have_done, is_isolated
from vtg_core.video.packets import ShownFrame, counted_on, demuxed
from vtg_core.windows import Window

if TYPE_CHECKING:
    import av.container
    import av.video.stream

MAX_FRAME_PIXELS = 2**26
MAX_THREADED_PIXELS = 2**27
"""Pixels of the frames that a decoder's threads hold at once: each of them has a frame of its own."""

MAX_TWIN_FRAMES = 2_000
"""Frames that are decoded to see whether two packets of one time are two frames."""

MAX_KEPT_FRAMES = 8_000_000
"""Timelines are kept for so many frames in all, 16 bytes each: 2,000 videos of two minutes."""

MIN_CPU_SECONDS = 60
DEMUXED_BYTES = 20_000_000
"""A file is given another second to be demuxed in for so many bytes: ten times what it takes."""

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
        num_same_times: frames that the file gives the time stamp of an earlier frame; they are kept.
        num_restarts: how often the file's clock begins again, as where two recordings were joined.
    """

    path: Path
    duration: float
    fps: float
    num_frames: int
    width: int
    height: int
    codec: str
    rate_error: float = 0.0
    num_same_times: int = 0
    num_restarts: int = 0

    @property
    def clock_remark(self) -> str:
        """Say in a sentence that the file's times repeat; empty where each frame has a time of its own."""
        parts = []
        if self.num_same_times:
            parts.append(
                f"{self.num_same_times:,} of {self.num_frames:,} frames have the time stamp of another"
            )
        if self.num_restarts:
            begins = "once" if self.num_restarts == 1 else f"{self.num_restarts:,} times"
            parts.append(f"its clock begins again {begins}, and is counted on from there")
        if not parts:
            return ""
        return f"{shown_name(self.path)} repeats its times: {'; '.join(parts)}; convert it to MP4 to give each frame its own"


@dataclass(frozen=True)
class Timeline:
    """Every frame of a video in order of presentation.

    Attributes:
        info: what ``probe_video`` returns.
        pts: presentation times in the stream's own ticks, strictly increasing unless the file repeats them.
        times: the same in seconds from the first, never decreasing: a clock that begins again is counted on.
        keys: the pts of the frames at which decoding can begin, increasing.
        rotation: quarter turns, counterclockwise, from a stored frame to a shown one, 0 to 3.
        has_index: whether a seek lands on a key frame at or before the time asked for.
        has_leading: whether a frame is shown before a key frame that it follows in the file (open groups).
        tick: how long a tick of the stream is, in seconds.
        turns: where pts repeat, for each frame how many frames before it in the file have its pts; else empty.
        cuts: the numbers of the packets, from 0, with which the file's clock begins again.
    """

    info: VideoInfo
    pts: Sequence[int]
    times: Sequence[float]
    keys: Sequence[int]
    rotation: int
    has_index: bool
    has_leading: bool
    tick: Fraction
    turns: Sequence[int] = ()
    cuts: Sequence[int] = ()

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
        return replace(self, info=info, pts=self.pts[first:last], times=times, turns=self.turns[first:last])


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

    name, options = (
        shown_name(path),
        {"format_whitelist": READ_FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_FRAME_PIXELS)},
    )
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
            num_pixels = context.width * context.height
            if not 0 < num_pixels <= MAX_FRAME_PIXELS:
                size = f"{context.width} x {context.height}"
                raise VideoError(f"{name} must have frames of 1 to {MAX_FRAME_PIXELS:,} pixels, got {size}")
            stream.thread_type = "AUTO"
            # A frame may get larger on the way, and the decoder must refuse it before it has the memory for it.
            context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
            context.thread_count = min(_num_cores(), max(1, MAX_THREADED_PIXELS // num_pixels), 16)
            yield container, stream
    except VideoError:
        raise
    except PermissionError:
        raise VideoError(f"{name} cannot be opened (Permission denied); check its rights") from None
    # IndexError is PyAV's own, where damage makes a stream appear that was not there at the beginning.
    except (av.FFmpegError, OSError, ValueError, RuntimeError, IndexError):
        reason = "is no video in a format that is read here, is cut short, or is damaged"
        raise VideoError(f"{name} {reason}; try to play it, or convert it to MP4") from None


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    if not is_isolated():
        return read_here(path)
    from vtg_core.video.packed_timeline import unpack

    cpu_seconds = MIN_CPU_SECONDS + local_file(path).stat().st_size // DEMUXED_BYTES
    packed = have_done("timeline", path, name=shown_name(path), cpu_seconds=cpu_seconds)
    try:
        return unpack(path, packed)
    except (ValueError, OverflowError):
        raise lied(path) from None


def lied(path: Path) -> VideoError:
    """Return what is said of a file whose decoder answered what no decoder does."""
    return VideoError(f"{shown_name(path)} made the decoder lie about it; leave it out")


def read_here(path: Path) -> Timeline:
    """Return :func:`read_timeline`, read in this process."""
    check_claims(path, shown_name(path))
    width, height, rotation = _first_frame_shape(path)
    with opened(path) as (container, stream):
        formats, tick = set(container.format.name.split(",")), stream.time_base or Fraction(0)
        codec = stream.codec_context.codec.canonical_name
        found = demuxed(container.demux(stream), tick=tick)
        if "mov" in formats and found.num_packets < stream.frames:
            raise VideoError(
                f"{shown_name(path)} is cut short: {found.num_packets} of {stream.frames} frames are in the file; "
                "copy or download it again"
            )
    shown = found.shown()
    if (twins := _twins(shown)) and not _shows_twins(path, twins[0]):
        shown = list({(one.part, one.pts): one for one in shown}.values())  # the two fields of a frame
    if len(shown) < 2 or tick <= 0:
        raise VideoError(
            f"{shown_name(path)} has {len(shown)} frame(s), a video has two or more; is it a picture?"
        )
    clock = counted_on(shown)
    times = [float((at - clock[0]) * tick) for at in clock]
    if not times[-1] > 0:
        raise VideoError(
            f"{shown_name(path)} must say when its {len(shown):,} frames are shown, and says {times[-1]:g} s of each; "
            "convert it to MP4"
        )
    gap = times[-1] / (len(times) - 1)
    turns = _turns(shown) if found.cuts or _twins(shown) else []
    info = VideoInfo(
        path=path,
        duration=times[-1] + (float((shown[-1].end - shown[-1].pts) * tick) or gap),
        fps=1 / gap,
        num_frames=len(shown),
        width=width,
        height=height,
        codec=codec,
        rate_error=max(abs(time - i * gap) for i, time in enumerate(times)),
        num_same_times=sum(a == b for a, b in pairwise(clock)),
        num_restarts=shown[-1].part,
    )
    return Timeline(
        info,
        array("q", (one.pts for one in shown)),
        array("d", times),
        array("q", sorted(found.keys)),
        rotation,
        has_index=bool(formats & INDEXED_FORMATS),
        has_leading=found.has_leading,
        tick=tick,
        turns=array("q", turns),
        cuts=tuple(found.cuts),
    )


def _turns(shown: "Sequence[ShownFrame]") -> list[int]:
    """Return for each frame how many before it, in order of decoding, have its pts."""
    seen: Counter[int] = Counter()
    turns = []
    for one in shown:
        turns.append(seen[one.pts])
        seen[one.pts] += 1
    return turns


def _twins(shown: Sequence[ShownFrame]) -> list[int]:
    """Return each pts that two packets have, one behind the other: two frames, or the two fields of one."""
    return [b.pts for a, b in pairwise(shown) if a.pts == b.pts and a.part == b.part]


def _shows_twins(path: Path, twin: int) -> bool:
    """Decode up to a pts that two packets share; say whether two frames have it, or one of two fields."""
    with opened(path) as (container, stream):
        frames = islice(container.decode(stream), MAX_TWIN_FRAMES)
        return sum(frame.pts == twin for frame in frames) > 1


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
