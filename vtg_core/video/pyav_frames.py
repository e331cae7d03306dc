"""Which frames PyAV decodes of a file, one by one: by jumps where that is sure, and else from the start."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vtg_core.errors import VideoError
from vtg_core.video.timeline import Timeline, opened, shown_name

if TYPE_CHECKING:
    import av


def frames_at(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    *,
    timeline: Timeline,
    indices: Sequence[int],
) -> "Iterator[av.VideoFrame]":
    """Decode the frames at ``indices``.

    Where the size of frames changes, FFmpeg's decoders drop the frames that they have not given out yet. Then this one
    and all further frames are decoded from the start, by a decoder that is emptied before each change.
    """
    done = 0
    try:
        by = _frames_in_turn if timeline.turns else _frames_by_jumps
        for frame in by(container, stream, timeline=timeline, indices=indices):
            yield frame
            done += 1
    except _LostFrameError:
        cuts = {*timeline.cuts, *_changes_of_size(timeline)}
        if len(cuts) == len(timeline.cuts):
            raise
        with opened(timeline.info.path) as (again, its_stream):
            yield from _frames_in_turn(
                again, its_stream, timeline=replace(timeline, cuts=tuple(cuts)), indices=indices[done:]
            )


def _frames_by_jumps(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    *,
    timeline: Timeline,
    indices: Sequence[int],
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
            raise _LostFrameError(timeline, index)
        position = target
        yield frame


def _frames_in_turn(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    *,
    timeline: Timeline,
    indices: Sequence[int],
) -> "Iterator[av.VideoFrame]":
    """Decode the frames at ``indices`` from the start: each is known by its time, and its turn among those of that time."""
    seen: Counter[int | None] = Counter()
    frames = (frame for _, frame in _numbered(container, stream, cuts=timeline.cuts))
    for index in indices:
        wanted = timeline.pts[index], timeline.turns[index] if timeline.turns else 0
        for frame in frames:
            turn = seen[frame.pts]
            seen[frame.pts] += 1
            if (frame.pts, turn) == wanted:
                yield frame
                break
        else:
            raise _LostFrameError(timeline, index)


def _numbered(
    container: "av.container.InputContainer", stream: "av.VideoStream", *, cuts: Sequence[int] = ()
) -> "Iterator[tuple[int, av.VideoFrame]]":
    """Yield all frames, each with the number of the packet that brought it out; the decoder is emptied before ``cuts``."""
    for number, packet in enumerate(container.demux(stream)):
        if number in cuts:
            for frame in stream.decode(None):
                yield number, frame
            stream.codec_context.flush_buffers()
        for frame in stream.decode(packet):
            yield number, frame


def _changes_of_size(timeline: Timeline) -> set[int]:
    """Return the numbers of the packets with which frames of another size begin; decodes the whole file."""
    changes, before = set[int](), None
    with opened(timeline.info.path) as (container, stream):
        keys: dict[int | None, int] = {}
        for number, packet in enumerate(container.demux(stream)):
            if packet.is_keyframe:
                keys[packet.pts] = number
            for frame in stream.decode(packet):
                size = frame.width, frame.height
                if before not in (None, size) and frame.pts in keys:
                    changes.add(keys[frame.pts])
                before = size
    return changes


class _LostFrameError(VideoError):
    """A frame that the timeline knows does not come out of the decoder."""

    def __init__(self, timeline: Timeline, index: int) -> None:
        super().__init__(
            f"{shown_name(timeline.info.path)} is damaged: its frame at {timeline.times[index]:.2f} s cannot be "
            "decoded; copy or download it again"
        )


def _first_from(pts: int, frames: "Iterator[av.VideoFrame]") -> "av.VideoFrame | None":
    return next((frame for frame in frames if frame.pts is not None and frame.pts >= pts), None)
