"""Time windows in seconds: the one interval type for when something happens in a video."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real

from vtg_core.errors import WindowError


@dataclass(frozen=True, order=True)
class Window:
    """A time interval ``[start, end]`` of a video, in seconds from its first frame, both ends included.

    Raises:
        WindowError: ``0 <= start < end`` does not hold, or an end is not a finite number.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not _is_number(self.start) or not _is_number(self.end):
            shown = f"start={self.start!r:.40}, end={self.end!r:.40}"
            raise WindowError(f"window must be two numbers in seconds, got {shown}")
        start, end = float(self.start) + 0.0, float(self.end)  # + 0.0 makes a negative zero a zero
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
            raise WindowError(f"window must satisfy 0 <= start < end in seconds, got {start=}, {end=}")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    def __iter__(self) -> Iterator[float]:
        return iter((self.start, self.end))

    @property
    def length(self) -> float:
        """Seconds from start to end, above 0."""
        return self.end - self.start

    def check_within(self, duration: float, *, clip: bool = False) -> "Window":
        """Return this window, or raise where it ends past ``duration`` (s).

        An end at most 0.05 s past the video is rounding in the annotation and is moved to the end of the
        video; that bound separates rounding from wrong ends in public annotation files.

        Args:
            duration: seconds, above 0.
            clip: move an end past the video to its end, unless it is twice as late: that is another unit.

        Raises:
            WindowError: the window starts at or after ``duration``, or ends more than 0.05 s past it.
        """
        if not duration > 0:
            raise WindowError(f"duration must be above 0 s, got {duration}")
        may_clip = self.start < duration and self.end <= 2 * duration
        if self.start >= duration or (
            self.end > duration + END_TOLERANCE_SECONDS and not (clip and may_clip)
        ):
            hint = "correct the window" + (", or clip it (clip=True, --clip)" if may_clip else "")
            raise WindowError(
                f"window must satisfy 0 <= start < end <= duration ({duration:g} s), "
                f"got start={self.start:g}, end={self.end:g}; {hint}"
            )
        return Window(self.start, min(self.end, duration))


END_TOLERANCE_SECONDS = 0.05


def _is_number(value: object) -> bool:
    """Say whether ``value`` is a number that a float can hold; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def intersection_over_union(a: Window, b: Window) -> float:
    """Return the length both windows share over the length either covers, from 0 to 1."""
    shared = max(0.0, min(a.end, b.end) - max(a.start, b.start))
    return shared / (a.length + b.length - shared)


def intersection_over_union_of_unions(a: Sequence[Window], b: Sequence[Window]) -> float:
    """Return the length that both groups of windows cover over the length that either covers, from 0 to 1.

    Within a group windows may overlap: a moment counts once. A group without a window covers nothing; of two such
    the value is 0.
    """
    edges = sorted({edge for window in (*a, *b) for edge in window})
    shared, covered = [], []
    for start, end in pairwise(edges):
        inside = [any(w.start <= start and end <= w.end for w in group) for group in (a, b)]
        if any(inside):
            covered.append(end - start)
        if all(inside):
            shared.append(end - start)
    return math.fsum(shared) / math.fsum(covered) if covered else 0.0
