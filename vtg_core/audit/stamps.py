"""What is wrong with the clock of a prompt, from its time stamps and the times of the frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median

import numpy as np

from vtg_core.audit.rows import Scene

ROUNDING_SECONDS = 0.11
"""Stamps are written with one decimal, and two collators may round a frame's time to different ones."""
FACTOR_TOLERANCE = 0.02
RATE_TOLERANCE = 0.005
MIN_COVERED = 0.9
COMMON_RATES = (1, 2, 4, 8, 10, 12, 15, 16, 20, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120)
"""Frame rates that code assumes, in frames per second."""


@dataclass(frozen=True)
class Clock:
    """What is wrong with the time stamps of a prompt.

    Attributes:
        message: in one sentence.
        came: the stamps, in seconds.
        expected: what they must be, in seconds; empty where other frames were taken and only their range is known.
        factor: of all stamps to the true times, if it is one.
        fps: the frame rate that explains it, if one does.
        covered: the share of the video up to which frames were taken, where only the first part was.
    """

    message: str
    came: list[float]
    expected: list[float]
    factor: float | None = None
    fps: float | None = None
    covered: float | None = None


def clock_of(came: Sequence[float], expected: Sequence[float], scene: Scene | None) -> Clock | None:
    """Say what is wrong with time stamps; None where nothing is.

    Args:
        came: the stamps of the row, in seconds.
        expected: the stamps of the same sample in our encoding; empty where they are not known.
        scene: the grounding task, if it is known.
    """
    came, expected = list(came), list(expected)
    if len(came) == len(expected):
        return _of_same_frames(came, expected, scene)
    if any(a >= b for a, b in pairwise(came)):
        shown = ", ".join(f"{stamp:g}" for stamp in came[:6])
        return Clock(f"The time stamps must increase, and are {shown}, … s.", came, expected)
    return _of_other_frames(came, scene) if scene is not None else None


def sampling_step(timestamps: Sequence[float]) -> float | None:
    """Return the median time (s) from one sampled frame to the next; None for a single frame."""
    return _median_step(tuple(timestamps)) if len(timestamps) > 1 else None


@lru_cache(maxsize=256)
def _median_step(timestamps: tuple[float, ...]) -> float:
    return median(b - a for a, b in pairwise(timestamps))


def _of_same_frames(came: list[float], expected: list[float], scene: Scene | None) -> Clock | None:
    ours, theirs = np.asarray(expected), np.asarray(came)
    worst = int(np.argmax(np.abs(ours - theirs)))
    if abs(ours[worst] - theirs[worst]) <= ROUNDING_SECONDS or _may_be_other_frames(theirs, ours, scene):
        return None
    factor = _factor(theirs, ours)
    if factor is None:
        return Clock(
            f"{int((np.abs(ours - theirs) > ROUNDING_SECONDS).sum())} of {len(came)} time stamps are not the frames' "
            f"times; one says {theirs[worst]:g} s for {ours[worst]:g} s.",
            came, expected,
        )  # fmt: skip
    fps = _implied_rate(factor, came[-1], scene)
    if factor < MIN_COVERED and fps is None and scene is not None:
        return _first_part(came, scene)
    stretched = (
        f"All time stamps are {factor:.3g} times the frames' times: {came[-1]:g} s for {expected[-1]:g} s"
    )
    if fps is None:
        return Clock(f"{stretched}.", came, expected, factor)
    true = f" instead of {scene.fps:.4g}" if scene is not None and scene.fps and factor >= MIN_FACTOR else ""
    other = (
        "; or the frames are others, and only the first part of the video was sampled" if factor < 1 else ""
    )
    message = f"{stretched}, as if there were {fps:.4g} frames per second{true}{other}."
    return Clock(message, came, expected, factor, fps)


def _may_be_other_frames(came: np.ndarray, expected: np.ndarray, scene: Scene | None) -> bool:
    """Say whether stamps can be true of as many other frames: evenly spread over the whole video, and none of them
    further from ours than our frames are apart. Ids alone do not tell which frames were taken.
    """
    step = sampling_step(scene.timestamps) if scene is not None else None
    if scene is None or step is None or came[-1] > scene.duration + ROUNDING_SECONDS:
        return False
    steps = np.diff(came)
    is_even = len(steps) > 0 and bool(np.ptp(steps) <= 2 * ROUNDING_SECONDS)
    reaches_end = (came[-1] + step) / scene.duration >= MIN_COVERED
    return is_even and reaches_end and bool(np.abs(came - expected).max() <= step)


MIN_FACTOR = 0.05
"""A smaller factor is not one frame rate for another: the sampled frames were taken as following each other."""


def _factor(came: np.ndarray, expected: np.ndarray) -> float | None:
    """Return the one factor between two lists of stamps, None if there is none; both are rounded to one decimal."""
    if not expected.any():
        return None
    factor = float(came @ expected / (expected @ expected))
    tolerance = ROUNDING_SECONDS * max(1.0, factor) + FACTOR_TOLERANCE * factor * expected
    return factor if factor > 0 and bool((np.abs(came - factor * expected) <= tolerance).all()) else None


def _implied_rate(factor: float, last: float, scene: Scene | None) -> float | None:
    """Return the frame rate that was taken for the true one, or at which the sampled frames were thought to follow
    each other; None where neither is a usual rate and stamps could as well be those of other frames.
    """
    if scene is None:
        return None
    if scene.fps and factor >= MIN_FACTOR:
        rate = scene.fps / factor
        if factor > 1 or _is_usual(rate, last):
            return rate
    step = sampling_step(scene.timestamps)
    rate = 1 / (factor * step) if step else 0.0
    return rate if rate and (factor < MIN_FACTOR or _is_usual(rate, last)) else None


def _is_usual(rate: float, last: float) -> bool:
    """Say whether a rate that was found from stamps up to ``last`` (s), rounded to one decimal, is a usual one."""
    tolerance = max(RATE_TOLERANCE, ROUNDING_SECONDS / 2 / last)
    return any(abs(rate - usual) <= tolerance * usual for usual in COMMON_RATES)


def _of_other_frames(came: list[float], scene: Scene) -> Clock | None:
    """Judge stamps of other frames than ours: they must reach the end of the video and not run past it."""
    step = sampling_step(came) or scene.duration
    if came[-1] > scene.duration + ROUNDING_SECONDS:
        return Clock(
            f"The time stamps run to {came[-1]:g} s, and the video ends at {scene.duration:.1f} s.", came, [],
            factor=None,
        )  # fmt: skip
    return _first_part(came, scene) if (came[-1] + step) / scene.duration < MIN_COVERED else None


def _first_part(came: list[float], scene: Scene) -> Clock:
    step = sampling_step(came) or 0.0
    covered = min(1.0, (came[-1] + step) / scene.duration)
    return Clock(
        f"The time stamps end at {came[-1]:g} s, and the video at {scene.duration:.1f} s: frames cover "
        f"{100 * covered:.0f} % of it.",
        came, [], covered=round(covered, 4),
    )  # fmt: skip
