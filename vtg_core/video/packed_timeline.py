"""A timeline in a few hundred bytes: what is kept of a video that was probed, so that nobody probes it again."""

import json
import zlib
from array import array
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from pathlib import Path

from vtg_core.video.timeline import Timeline, VideoInfo

MEASURES = (
    "duration", "fps", "num_frames", "width", "height", "codec", "rate_error", "num_same_times", "num_restarts",
)  # fmt: skip


MAX_BYTES = 1 << 28
MAX_FRAMES = 1 << 26


def pack(timeline: Timeline) -> bytes:
    """Return a whole file's timeline as bytes; distances between frames are written once for each run of them."""
    values = {
        **{name: getattr(timeline.info, name) for name in MEASURES},
        "pts": _runs(timeline.pts),
        "keys": _runs(timeline.keys),
        "rotation": timeline.rotation,
        "has_index": timeline.has_index,
        "has_leading": timeline.has_leading,
        "tick": [timeline.tick.numerator, timeline.tick.denominator],
        "turns": _runs(timeline.turns),
        "cuts": list(timeline.cuts),
        # where the file's clock begins again, its ticks are counted on in the times alone
        "clock": _runs([round(time / timeline.tick) for time in timeline.times]) if timeline.cuts else None,
    }
    return zlib.compress(json.dumps(values, separators=(",", ":")).encode())


def unpack(path: Path, packed: bytes) -> Timeline:
    """Return the timeline that :func:`pack` was given, as that of the file at ``path``.

    What a decoder that was taken over writes may be wrong, and is no larger than a timeline can be.

    Raises:
        ValueError: the bytes are no timeline.
    """
    try:
        unpacked = zlib.decompressobj()
        values = json.loads(unpacked.decompress(packed, MAX_BYTES))
        pts = array("q", _of_runs(values["pts"]))
        clock = pts if values["clock"] is None else array("q", _of_runs(values["clock"]))
        numerator, denominator = values["tick"]
        return Timeline(
            info=VideoInfo(path, **{name: values[name] for name in MEASURES}),
            pts=pts,
            times=array("d", ((tick - clock[0]) * numerator / denominator for tick in clock)),
            keys=array("q", _of_runs(values["keys"])),
            rotation=values["rotation"],
            has_index=values["has_index"],
            has_leading=values["has_leading"],
            tick=Fraction(numerator, denominator),
            turns=array("q", _of_runs(values["turns"])),
            cuts=tuple(values["cuts"]),
        )
    except (zlib.error, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
        raise ValueError(f"no timeline: {error}") from None


def _runs(values: Sequence[int]) -> list[list[int]]:
    """Return the first value, then the distances of one to the next, each with how often it comes in a row."""
    steps = [*values[:1], *(after - before for before, after in pairwise(values))]
    return [[step, sum(1 for _ in run)] for step, run in groupby(steps)]


def _of_runs(runs: Sequence[Sequence[int]]) -> Iterable[int]:
    if sum(count for _, count in runs) > MAX_FRAMES:
        raise ValueError(f"no timeline: more than {MAX_FRAMES:,} frames")
    return accumulate(step for step, count in runs for _ in range(count))
