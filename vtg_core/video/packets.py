"""The packets of a video file in order of decoding → its frames in order of presentation, times that repeat kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import av

RESTART_SECONDS = 0.2
"""A clock that falls back by more than this at a key frame has begun again; by less, a muxer was careless."""


class ShownFrame(NamedTuple):
    """A frame as its packet says it.

    Attributes:
        part: how often the file's clock has begun again before it.
        pts: when it is shown, in the stream's ticks.
        end: when it is no longer shown.
    """

    part: int
    pts: int
    end: int


@dataclass
class Demuxed:
    """What the packets of a file say.

    Attributes:
        num_packets: how many there are.
        frames: those that are shown, in order of decoding.
        keys: the pts of the frames at which decoding can begin.
        has_leading: whether a frame is shown before a key frame that it follows in the file (open groups).
        cuts: the numbers of the packets, from 0, with which the file's clock begins again.
    """

    num_packets: int = 0
    frames: list[ShownFrame] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    has_leading: bool = False
    cuts: list[int] = field(default_factory=list)
    _first_keys: dict[int, int] = field(default_factory=dict)

    def add_key(self, part: int, pts: int) -> None:
        """Take note of a key frame."""
        self.keys.append(pts)
        self._first_keys[part] = min(pts, self._first_keys.get(part, pts))

    def shown(self) -> list[ShownFrame]:
        """Return the frames in order of presentation; frames of one time stay in order of decoding.

        A recording cut out of a broadcast begins with frames that nothing can decode, which no key frame precedes:
        they are left out.
        """
        decodable = (f for f in self.frames if f.pts >= self._first_keys.get(f.part, f.pts))
        return sorted(decodable, key=lambda frame: frame[:2])


def demuxed(packets: "Iterable[av.Packet[Any]]", *, tick: Fraction) -> Demuxed:
    """Go through all packets of a stream.

    Args:
        packets: in the file's order.
        tick: seconds a tick of their times.
    """
    found, part = Demuxed(), 0
    latest, last_dts = None, None
    for number, packet in enumerate(packets):
        found.num_packets += bool(packet.size or packet.dts is not None)
        if packet.pts is None:
            continue
        if packet.is_keyframe:
            falls_back = packet.dts is not None and last_dts is not None and packet.dts < last_dts
            if falls_back and latest is not None and (latest - packet.pts) * tick > RESTART_SECONDS:
                part, latest = part + 1, None
                found.cuts.append(number)
            found.add_key(part, packet.pts)
            last_key = packet.pts
        elif found.keys:
            found.has_leading |= packet.pts < last_key
        last_dts = packet.dts if packet.dts is not None else last_dts
        latest = packet.pts if latest is None else max(latest, packet.pts)
        if not packet.is_discard:
            end = packet.pts + max(packet.duration or 0, 0)
            found.frames.append(ShownFrame(part, packet.pts, end))
    return found


def counted_on(shown: Sequence[ShownFrame]) -> list[int]:
    """Return when each frame is shown, in ticks, on one clock: what begins again goes on where the part before ended."""
    clock: list[int] = []
    end = None
    for _, part in groupby(shown, key=lambda frame: frame.part):
        frames = list(part)
        shift = 0 if end is None else end - frames[0].pts
        clock += [frame.pts + shift for frame in frames]
        step = (frames[-1].pts - frames[0].pts) // max(1, len(frames) - 1)
        end = (frames[-1].end if frames[-1].end > frames[-1].pts else frames[-1].pts + step) + shift
    return clock
