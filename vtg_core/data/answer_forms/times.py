"""How one time is written: as seconds, by the clock, as a part of the video, or as a bin."""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answers import TimeText
from vtg_core.errors import AnswerError
from vtg_core.windows import Window


class TimeUnit(StrEnum):
    """What a number in an answer counts."""

    SECONDS = "seconds"
    CLOCK = "clock"
    PERCENT = "percent"
    FRACTION = "fraction"
    FRAMES = "frames"
    BINS = "bins"


UNIT_WORDS = r"(?:%|percent|seconds?\b|secs?\b|s\b|frames?\b|minutes?\b|mins?\b|hours?\b)"
GAP = r"\s{0,9}"
"""White space; bounded, as every repetition is, so that reading takes time in proportion to the text."""


@dataclass(frozen=True)
class TimeCode(ABC):
    """A way to write one time.

    Attributes:
        name: the first part of the names of its forms.
        unit: what its number counts.
        decimals: how many digits stand after the point.
        words: how a prompt calls its start and its end.
    """

    name: str
    decimals: int = 0

    unit = TimeUnit.SECONDS
    words = ("start_time", "end_time")
    before = ""
    """What a sentence says before each time."""
    after = ""
    """What a sentence says after the last time."""
    is_number = True
    """Whether JSON holds it without quotes."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token of its own that the tokenizer must hold, in order."""
        return ()

    @property
    @abstractmethod
    def pattern(self) -> str:
        """A regular expression of one time with its unit; the one group is the time itself."""

    @abstractmethod
    def step(self, video: VideoMeasure) -> float:
        """Return the smallest difference (s) that can be written: no end of a window moves by more."""

    @abstractmethod
    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        """Return start and end of a window within the video as texts."""

    @abstractmethod
    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        """Return start and end (s) that two texts of :attr:`pattern` say; infinite where the video has no such time."""

    def can_measure(self, video: VideoMeasure) -> bool:
        """Say whether enough is known of the video to read and write times."""
        return True

    def choices(self, text: str) -> list[TimeText]:
        """Return which characters of one time vary."""
        return [TimeText(*digits.span(), 10 ** len(digits[0])) for digits in re.finditer(r"[0-9]+", text)]


@dataclass(frozen=True)
class SecondsCode(TimeCode):
    """Seconds from the first frame."""

    decimals: int = 1
    after = " seconds"

    @property
    def pattern(self) -> str:
        return bare(_DECIMAL, before="seconds?", after=r"(?:seconds?|secs?|s)\b")

    def step(self, video: VideoMeasure) -> float:
        return 10.0**-self.decimals

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        first, last = _marks(window.start, window.end, self.decimals)
        return _decimal(first, self.decimals), _decimal(last, self.decimals)

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        return float(start), float(end)


@dataclass(frozen=True)
class ClockCode(TimeCode):
    """Minutes and seconds, or hours, minutes and seconds; minutes run on past 59 where there are no hours."""

    has_hours: bool = False
    unit = TimeUnit.CLOCK
    is_number = False

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        word = (
            ("hh:" if self.has_hours else "") + "mm:ss" + ("." + "f" * self.decimals if self.decimals else "")
        )
        return word, word

    @property
    def pattern(self) -> str:
        minutes = r"[0-9]{1,5}:[0-5]?[0-9]" if self.has_hours else r"[0-9]{1,5}"
        return bare(rf"{minutes}:[0-5]?[0-9](?:\.[0-9]{{1,9}})?")

    def step(self, video: VideoMeasure) -> float:
        return 10.0**-self.decimals

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        first, last = _marks(window.start, window.end, self.decimals)
        return self._spelled(first), self._spelled(last)

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        return _by_the_clock(start), _by_the_clock(end)

    def _spelled(self, mark: int) -> str:
        minutes, rest = divmod(mark, 60 * 10**self.decimals)
        seconds = _decimal(rest, self.decimals).zfill(2 + (self.decimals + 1 if self.decimals else 0))
        if not self.has_hours:
            return f"{minutes:02d}:{seconds}"
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds}"


@dataclass(frozen=True)
class PartCode(TimeCode):
    """How much of the video has passed, from 0 to ``whole``; ``sign`` stands after each number."""

    whole: int = 1
    sign: str = ""

    @property
    def unit(self) -> TimeUnit:  # type: ignore[override]
        return TimeUnit.FRACTION if self.whole == 1 else TimeUnit.PERCENT

    @property
    def is_number(self) -> bool:  # type: ignore[override]
        return not self.sign

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        return ("start%", "end%") if self.sign else (f"start_{self.unit}", f"end_{self.unit}")

    @property
    def pattern(self) -> str:
        if self.sign:
            return rf"({_DECIMAL}{GAP}(?:%|percent))(?!\w)"
        return bare(_DECIMAL if self.decimals else "[0-9]{1,9}", after=rf"of{GAP}the{GAP}video")

    def step(self, video: VideoMeasure) -> float:
        return video.duration / (self.whole * 10.0**self.decimals)

    def can_measure(self, video: VideoMeasure) -> bool:
        return video.has_duration

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        start, end = (time / video.duration * self.whole for time in window)
        first, last = _marks(start, end, self.decimals, last=self.whole * 10**self.decimals)
        return _decimal(first, self.decimals) + self.sign, _decimal(last, self.decimals) + self.sign

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        return self._seconds(start, video), self._seconds(end, video)

    def _seconds(self, text: str, video: VideoMeasure) -> float:
        part = float(re.findall(_DECIMAL, text)[0]) / self.whole
        return part * video.duration if part <= 1 else math.inf


@dataclass(frozen=True)
class BinCode(TimeCode):
    """One of ``count`` equal parts of the video, as a token; it is read back as its centre.

    Where start and end share a bin, that bin is read back from edge to edge, because a window has a length.

    Attributes:
        count: how many bins.
        spelling: the token, with ``{}`` or ``{:03d}`` for the bin's number.
    """

    count: int = 1000
    spelling: str = "<{}>"
    unit = TimeUnit.BINS
    is_number = False
    words = ("<start>", "<end>")

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_BINS:
            raise AnswerError(f"a form must have 1 to {MAX_BINS:,} bins, got {self.count}")

    @property
    def tokens(self) -> tuple[str, ...]:
        return _tokens(self.spelling, self.count)

    @property
    def pattern(self) -> str:
        before, after = (re.escape(part) for part in re.split(r"\{.*\}", self.spelling))
        return f"({before}[0-9]{{1,9}}{after})"

    def step(self, video: VideoMeasure) -> float:
        return video.duration / self.count

    def can_measure(self, video: VideoMeasure) -> bool:
        return video.has_duration

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        first, last = (min(math.floor(self.count * time / video.duration), self.count - 1) for time in window)
        return self.spelling.format(first), self.spelling.format(last)

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        first, last = (int(re.findall(r"[0-9]{1,9}", text)[-1]) for text in (start, end))
        if max(first, last) >= self.count:
            return math.inf, math.inf
        inset = 0.0 if first == last else 0.5
        return (first + inset) * self.step(video), (last + 1 - inset) * self.step(video)

    def choices(self, text: str) -> list[TimeText]:
        return [TimeText(0, len(text), self.count)]


MAX_BINS = 10_000


@cache
def _tokens(spelling: str, count: int) -> tuple[str, ...]:
    return tuple(spelling.format(number) for number in range(count))


_DECIMAL = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"


def bare(number: str, *, before: str = "", after: str = "") -> str:
    """Return a pattern of a number that may have its own words around it, and nothing else's.

    Args:
        number: what the group holds.
        before, after: patterns of the words that may stand there.
    """
    opening = rf"(?:{before}{GAP})?" if before else ""
    own = rf"(?:{GAP}{after})?" if after else ""
    return rf"{opening}({number})(?![0-9:]|\.[0-9]){own}(?!{GAP}{UNIT_WORDS})(?!\w)"


def _marks(start: float, end: float, decimals: int, *, last: int | None = None) -> tuple[int, int]:
    """Return two different marks of a scale with ``decimals``, the nearest to ``start`` and to ``end``.

    Where one mark is nearest to both, the marks around them are taken. None is past ``last``.
    """
    first, final = (int(f"{value:.{decimals}f}".replace(".", "")) for value in (start, end))
    if first == final:
        first, final = math.floor(start * 10**decimals), math.ceil(end * 10**decimals)
    if last is not None:
        first, final = min(first, last - 1), min(final, last)
    return first, max(final, first + 1)


def _decimal(mark: int, decimals: int) -> str:
    whole, part = divmod(mark, 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def _by_the_clock(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total
