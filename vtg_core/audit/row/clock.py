"""What is wrong with the clock of a prompt, from its time stamps and the times of the frames."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from statistics import median

import numpy as np

from vtg_core.audit.row.pictures import nearer
from vtg_core.audit.row.row import Scene

Distance = Callable[[Sequence[float]], float | None]
"""How far a row's pictures are from those of its video at some times (s); None where that is not known."""

ROUNDING_SECONDS = 0.11
"""Stamps are written with one decimal, and two collators may round a frame's time to different ones."""
FACTOR_TOLERANCE = 0.02
FRAMES_A_STAMP = 2
"""As Qwen3-VL writes them, each the mean of two frames' times."""
RATE_TOLERANCE = 0.005
MIN_COVERED = 0.9
COMMON_RATES = (1, 2, 4, 8, 10, 12, 15, 16, 20, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120)
"""Frame rates that code assumes, in frames per second."""


@dataclass(frozen=True)
class StampForm:
    """How a processor writes times.

    Attributes:
        rounding: how far a stamp may lie from the time that it says (s).
        num_frames: how many frames a stamp stands for.
    """

    rounding: float = ROUNDING_SECONDS
    num_frames: int = FRAMES_A_STAMP

    @property
    def is_coarse(self) -> bool:
        """Whether stamps are whole seconds: the frames' rate cannot be told from them."""
        return self.rounding > ROUNDING_SECONDS


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
        largest: the largest difference to what they must be, in seconds; None where that is not known.
        other_row: the number of the row of the batch whose times they are, if they are another row's.
        is_choice: they are short by less than the answer's own unit wherever a window begins or ends.
    """

    message: str
    came: list[float]
    expected: list[float]
    factor: float | None = None
    fps: float | None = None
    covered: float | None = None
    largest: float | None = None
    other_row: int | None = None
    is_choice: bool = False


def clock_of(
    came: Sequence[float],
    expected: Sequence[float],
    scene: Scene | None,
    *,
    shown: Sequence[tuple[float, float]] = (),
    others: Iterable[tuple[int, Sequence[float]]] = (),
    distance: Distance = lambda times: None,
    form: StampForm = StampForm(),
) -> Clock | None:
    """Say what is wrong with time stamps; None where nothing is.

    Of the same frames as ours the stamps must be ours. Ids alone do not tell which frames were taken, so as many
    other frames as ours are as good as more or fewer: what increases, reaches the end of the video and does not run
    past it can be true.

    Args:
        came: the stamps of the row, in seconds.
        expected: the stamps of the same sample in our encoding; empty where they are not known.
        scene: the grounding task, if it is known.
        shown: for each of our stamps the first and the last time at which its picture is shown, where the row's
            pictures are those of our encoding; nothing where that is not known.
        others: the stamps of the batch's other rows in our encoding, with the rows' numbers; read where they are
            needed.
        distance: of the row's pictures; asked where stamps alone could be true.
        form: how the checkpoint's processor writes them.
    """
    came, expected = list(came), list(expected)
    ours = np.asarray(expected) if len(came) == len(expected) else None
    if ours is not None and np.abs(ours - np.asarray(came)).max() <= form.rounding:
        return None
    if ours is not None and len(shown) == len(came) and _is_proved(came, shown, form.rounding):
        return _of_our_frames(came, expected, scene, others, form)
    stands_still = len(came) > 1 and came[0] == came[-1] and not form.is_coarse
    if any(a > b for a, b in pairwise(came)) or stands_still:
        listed = ", ".join(f"{stamp:g}" for stamp in came[:6])
        return Clock(f"The time stamps must increase, and are {listed}, … s.", came, expected)
    if scene is None:
        return None
    factor = _factor(np.asarray(came), ours, form.rounding) if ours is not None else None
    if _runs_past_end(came, factor, scene, form.rounding):
        return _scaled(came, expected, factor, scene) if factor is not None else _past_end(came, scene)
    if _covered(came, scene, form) >= MIN_COVERED:
        return None if form.is_coarse else _short_of_end(came, scene, distance, form)
    rate = None if factor is not None or form.is_coarse else _impossible_rate(came, scene, form)
    if rate is not None:
        return _following(came, scene, rate)
    if factor is None or _implied_rate(factor, came[-1], scene) is None:
        return _first_part(came, scene, distance, form)
    told = nearer(came, expected, distance) if factor < 1 else 1
    if told < 0:
        return _first_part(came, scene, distance, form)
    return _scaled(came, expected, factor, scene, told=told)


def _is_proved(came: Sequence[float], shown: Sequence[tuple[float, float]], rounding: float) -> bool:
    """Say whether a stamp lies outside the time in which its picture is shown."""
    return any(
        not low - rounding <= stamp <= high + rounding for stamp, (low, high) in zip(came, shown, strict=True)
    )


def _of_our_frames(
    came: list[float],
    expected: list[float],
    scene: Scene | None,
    others: Iterable[tuple[int, Sequence[float]]],
    form: StampForm,
) -> Clock:
    """Say how the stamps of our own frames came to be other than their times."""
    largest = max(abs(a - b) for a, b in zip(came, expected, strict=True))
    off = f"they are off by up to {largest:.1f} s, the last is {came[-1]:g} s for {expected[-1]:g} s"
    number = next((n for n, stamps in others if _are_alike(came, stamps)), None)
    if number is not None:
        message = (
            f"These are the times of row {number + 1} (counted from 1), and the frames are this row's: {off}."
        )
        return Clock(message, came, expected, largest=largest, other_row=number)
    factor = _factor(np.asarray(came), np.asarray(expected), form.rounding)
    num_frames = len(scene.timestamps) if scene is not None else 0
    if (
        factor is not None
        and num_frames > 1
        and abs(factor * num_frames / (num_frames - 1) - 1) < RATE_TOLERANCE
    ):
        assert scene is not None, "its frames were counted"
        return _by_duration(came, expected, num_frames, scene)
    if factor is not None and scene is not None and abs(factor - 1) > 2 * FACTOR_TOLERANCE:
        return replace(_scaled(came, expected, factor, scene, told=1), largest=largest)
    varies = ""
    if scene is not None and scene.rate_error > ROUNDING_SECONDS:
        varies = (
            f"; the file's frame rate varies, and index / mean rate is off by up to {scene.rate_error:.1f} s"
        )
    return Clock(
        f"The frames are those of our own encoding, and their time stamps are not: {off}{varies}.",
        came, expected, largest=largest,
    )  # fmt: skip


def _by_duration(came: list[float], expected: list[float], num_frames: int, scene: Scene) -> Clock:
    """Say that frames up to the last are stamped by their number over the duration; see qwen-vl-utils' sample_fps."""
    short, unit = scene.duration / num_frames, scene.answer_format.quantum(scene.duration)
    border = max((time for window in scene.windows for time in window), default=0.0)
    moved = border / num_frames
    largest = max((abs(a - b) for a, b in zip(came, expected, strict=False)), default=short)
    moves = (
        f"; the window's {border:g} s moves by {moved:.2f} s, and the answer counts in steps of {unit:.3g} s"
    )
    return Clock(
        f"{num_frames} frames spread from the first to the last are given the rate {num_frames} / duration, which makes "
        f"all times short by 1/{num_frames}: the last stamp is {came[-1]:g} s, and {short:.1f} s are missing at the end"
        f"{moves if scene.windows else ''}.",
        came, expected, largest=largest, is_choice=moved <= unit,
    )  # fmt: skip


def _short_of_end(came: list[float], scene: Scene, distance: Distance, form: StampForm) -> Clock | None:
    """Say whether frames that reach the last are stamped as if a step were left behind it, as their pictures show."""
    each = form.num_frames
    for num_frames in (each * len(came), each * len(came) - 1):
        if num_frames <= 2:
            continue
        step = scene.duration / num_frames
        times = [min((each * i + (each - 1) / 2) * step, (num_frames - 1) * step) for i in range(len(came))]
        if max(abs(a - b) for a, b in zip(came, times, strict=True)) <= ROUNDING_SECONDS:
            true = [time * num_frames / (num_frames - 1) for time in came]
            if nearer(came, true, distance) > 0:
                return _by_duration(came, true, num_frames, scene)
    return None


def _are_alike(came: Sequence[float], stamps: Sequence[float]) -> bool:
    return len(came) == len(stamps) and all(
        abs(a - b) < ROUNDING_SECONDS / 2 for a, b in zip(came, stamps, strict=True)
    )


def sampling_step(timestamps: Sequence[float]) -> float | None:
    """Return the median time (s) from one sampled frame to the next; None for a single frame."""
    return _median_step(tuple(timestamps)) if len(timestamps) > 1 else None


@lru_cache(maxsize=256)
def _median_step(timestamps: tuple[float, ...]) -> float:
    return median(b - a for a, b in pairwise(timestamps))


def _runs_past_end(came: list[float], factor: float | None, scene: Scene, rounding: float) -> bool:
    """Say whether stamps, or the last frame where they are our frames' times by one factor, lie past the end.

    The last of an odd number of frames is doubled, and its stamp is half a step later than a pair's would be.
    """
    if came[-1] > scene.duration + rounding:
        return True
    last = scene.timestamps[-1] * factor if factor is not None else 0.0
    step = sampling_step(scene.timestamps) or 0.0
    return last > scene.duration * (1 + FACTOR_TOLERANCE) + step + rounding


def _covered(came: list[float], scene: Scene, form: StampForm) -> float:
    """Return the share of the video up to which the frames behind stamps were taken."""
    return min(1.0, reach_of(came, scene, form) / scene.duration)


def reach_of(came: Sequence[float], scene: Scene, form: StampForm = StampForm()) -> float:
    """Return the time (s) that the frames behind stamps can reach at most, the time to a next frame included.

    A stamp is the mean of two frames. The first of the last two is no earlier than the stamp before theirs, so the
    second lies no further behind their stamp than that one before it, however unevenly frames were taken.
    """
    step = sampling_step(came)
    if step is None:  # a stamp of two frames: of evenly spread ones it stands in the second quarter
        return 4 * came[-1] if came[-1] > 0 else scene.duration
    return came[-1] + max(step, came[-1] - came[-2]) + (form.rounding if form.is_coarse else 0.0)


def _scaled(came: list[float], expected: list[float], factor: float, scene: Scene, *, told: int = 0) -> Clock:
    """Say that stamps are the frames' times by one factor; ``told`` is 1 where pictures prove it."""
    fps = _implied_rate(factor, came[-1], scene)
    stretched = (
        f"All time stamps are {factor:.3g} times the frames' times: {came[-1]:g} s for {expected[-1]:g} s"
    )
    if fps is None:
        return Clock(f"{stretched}.", came, expected, factor)
    true = f" instead of {scene.fps:.4g}" if scene.fps and factor >= MIN_FACTOR else ""
    may_be_others = factor < 1 and told == 0
    other = (
        "; or the frames are others, and only the first part of the video was sampled"
        if may_be_others
        else ""
    )
    message = f"{stretched}, as if there were {fps:.4g} frames per second{true}{other}."
    return Clock(message, came, expected, factor, fps)


MIN_FACTOR = 0.05
"""A smaller factor is not one frame rate for another: the sampled frames were taken as following each other."""


def _factor(came: np.ndarray, expected: np.ndarray, rounding: float) -> float | None:
    """Return the one factor between two lists of stamps, None if there is none; both are rounded to one decimal."""
    if not expected.any():
        return None
    factor = float(came @ expected / (expected @ expected))
    tolerance = rounding * max(1.0, factor) + FACTOR_TOLERANCE * factor * expected
    return factor if factor > 0 and bool((np.abs(came - factor * expected) <= tolerance).all()) else None


def _implied_rate(factor: float, last: float, scene: Scene) -> float | None:
    """Return the frame rate that was taken for the true one, or at which the sampled frames were thought to follow
    each other; None where neither is a usual rate and stamps could as well be those of other frames.
    """
    if scene.fps and factor >= MIN_FACTOR:
        rate = scene.fps / factor
        if factor > 1 or _is_usual(rate, last):
            return rate
    step = sampling_step(scene.timestamps)
    rate = 1 / (factor * step) if step else 0.0
    return rate if rate and (factor < MIN_FACTOR or _is_usual(rate, last)) else None


def _impossible_rate(came: Sequence[float], scene: Scene, form: StampForm) -> float | None:
    """Return the rate at which frames of these stamps would follow each other, where the file has none so close.

    A stamp is that of two frames. Frames of a file lie whole steps of its own rate apart, so that stamps of a usual
    rate with which no such step agrees are counted and not read: nobody told the processor of the video.
    """
    if not scene.fps or len(came) < MIN_STAMPS or came[-1] <= came[0]:
        return None
    rate = form.num_frames * (len(came) - 1) / (came[-1] - came[0])
    frames_apart, slack = scene.fps / rate, ROUNDING_SECONDS / (came[-1] - came[0])
    if frames_apart < 1 - max(slack, FACTOR_TOLERANCE):
        return rate
    is_between = abs(frames_apart - round(frames_apart)) > max(0.1, 2 * slack * frames_apart)
    return rate if rate >= MIN_COUNTED_RATE and is_between and _is_usual(rate, came[-1]) else None


MIN_STAMPS = 3
MIN_COUNTED_RATE = 15
"""Frames that lie further apart were sampled on purpose."""


def _following(came: list[float], scene: Scene, rate: float) -> Clock:
    usual = min(COMMON_RATES, key=lambda common: abs(common - rate))
    rate = usual if _is_usual(rate, came[-1]) else rate
    return Clock(
        f"The time stamps end at {came[-1]:g} s of {scene.duration:.1f} s and say {rate:.4g} frames per second, and the "
        f"file has {scene.fps:.4g}: the sampled frames were counted as if they followed each other.",
        came, [], fps=rate,
    )  # fmt: skip


def _is_usual(rate: float, last: float) -> bool:
    """Say whether a rate that was found from stamps up to ``last`` (s), rounded to one decimal, is a usual one."""
    tolerance = max(RATE_TOLERANCE, ROUNDING_SECONDS / 2 / last)
    return any(abs(rate - usual) <= tolerance * usual for usual in COMMON_RATES)


def _past_end(came: list[float], scene: Scene) -> Clock:
    return Clock(
        f"The time stamps run to {came[-1]:g} s, and the video ends at {scene.duration:.1f} s.", came, []
    )


def _first_part(came: list[float], scene: Scene, distance: Distance, form: StampForm) -> Clock:
    """Tell frames of the first part from frames of all of it that are stamped at another rate, where pictures can."""
    factors = _factors_of_all(came, scene, form)
    told = [nearer(came, [time / factor for time in came], distance) for factor in factors]
    if max(told) > 0:
        return _covering(came, factors[told.index(1)], scene)
    covered = _covered(came, scene, form)
    assumed = "" if max(told) < 0 else _or_assumed((*factors, covered), scene)
    return Clock(
        f"The time stamps end at {came[-1]:g} s, and the video at {scene.duration:.1f} s: frames cover "
        f"{100 * covered:.0f} % of it{assumed}.",
        came, [], covered=round(covered, 4),
    )  # fmt: skip


def _factors_of_all(came: Sequence[float], scene: Scene, form: StampForm) -> tuple[float, float]:
    """Return the factor of stamps to the times of frames over the whole video: up to the last, or a step before."""
    num_frames = form.num_frames * len(came)
    last = num_frames - (form.num_frames + 1) / 2  # the mean of the last stamp's frames
    up_to_last, before = (scene.duration * last / max(1, num_frames - i) for i in (1, 0))
    return came[-1] / up_to_last, came[-1] / before


def _covering(came: list[float], factor: float, scene: Scene) -> Clock:
    rate = scene.fps / factor if scene.fps else None
    if rate is not None and (usual := _usual_near(rate)) is not None:
        rate = usual
    why = f", as if there were {rate:.4g} frames per second instead of {scene.fps:.4g}" if rate else ""
    return Clock(
        f"The pictures are those of the whole video, and the time stamps end at {came[-1]:g} s of "
        f"{scene.duration:.1f} s{why}.",
        came, [], factor=factor, fps=rate,
    )  # fmt: skip


def _or_assumed(factors: Iterable[float], scene: Scene) -> str:
    """Return the rival cause: frames that cover the whole video, stamped at another rate, if that is a usual one."""
    rates = (_usual_near(scene.fps / factor) for factor in factors if scene.fps and factor)
    rate = next((rate for rate in rates if rate is not None and rate >= MIN_COUNTED_RATE), None)
    if rate is None:
        return ""
    return f", or they cover all of it and are stamped at {rate:.4g} frames per second instead of {scene.fps:.4g}"


def _usual_near(rate: float) -> float | None:
    usual = min(COMMON_RATES, key=lambda common: abs(common - rate))
    return usual if abs(rate - usual) <= FACTOR_TOLERANCE * usual else None
