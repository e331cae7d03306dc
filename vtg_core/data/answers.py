"""How time windows are written as an answer, and read back from one."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from vtg_core.errors import AnswerError
from vtg_core.windows import Window


class AnswerMode(StrEnum):
    """Which of the two built-in formats an answer is written in."""

    STANDARD = "standard"
    TEMPORAL_TOKENS = "temporal_tokens"


class ParseReason(StrEnum):
    """Why an answer was, or was not, read as windows."""

    OK = "ok"
    EXTRA_TEXT = "extra_text"
    NO_MATCH = "no_match"
    REVERSED = "reversed"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class ParsedAnswer:
    """What was read from an answer's text.

    Attributes:
        windows: what the text says, in its order, in seconds; empty unless ``reason`` is ``ok`` or
            ``extra_text``. There is never a stand-in window.
        reason: ``ok`` where the text is an answer and nothing else.
    """

    windows: tuple[Window, ...]
    reason: ParseReason


class TimeText(NamedTuple):
    """Characters of an answer that say a time.

    Attributes:
        start, end: where they stand, half-open.
        num_choices: how many texts of the format could stand in their place.
    """

    start: int
    end: int
    num_choices: int


class AnswerFormat(ABC):
    """One way to write windows as text. ``parse(render(w))`` gives ``w`` back within one quantum.

    Attributes:
        mode: the name of the format.
        unit: what a number in the text counts.
        tokens: every token of its own that the tokenizer must hold, in order.
        example: the form in words, as prompts promise it.
    """

    mode: AnswerMode
    unit: str
    tokens: tuple[str, ...]
    example: str

    @abstractmethod
    def quantum(self, duration: float) -> float:
        """Return the smallest difference (s) that the format can write in a video of ``duration`` seconds."""

    @abstractmethod
    def render(self, windows: Sequence[Window], duration: float) -> str:
        """Write windows (s) of a video of ``duration`` seconds.

        Raises:
            AnswerError: there is no window to write.
            WindowError: a window ends past the video.
        """

    @abstractmethod
    def parse(self, text: str, duration: float) -> ParsedAnswer:
        """Read the windows (s) that ``text`` says for a video of ``duration`` seconds."""

    @abstractmethod
    def times(self, text: str) -> list[TimeText]:
        """Return which characters of ``text`` say times, in order: the rest is the format's own and never varies."""


class StandardAnswer(AnswerFormat):
    """``[start_time, end_time]`` in seconds with one decimal; several windows are joined by ``", "``."""

    mode = AnswerMode.STANDARD
    unit = "seconds"
    tokens = ()
    example = "[start_time, end_time]"

    _WINDOW = r"\[\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*,\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*\]"

    def quantum(self, duration: float) -> float:
        return 0.1

    def render(self, windows: Sequence[Window], duration: float) -> str:
        return ", ".join(self._render_one(window) for window in _checked(windows, duration))

    def parse(self, text: str, duration: float) -> ParsedAnswer:
        def decode(start: str, end: str) -> tuple[float, float]:
            return float(start), float(end)

        return _parse(
            text, self._WINDOW, decode, separator=r"\s*,\s*", duration=duration, slack=self.quantum(duration)
        )

    def times(self, text: str) -> list[TimeText]:
        numbers = [match.span(group) for match in re.finditer(self._WINDOW, text) for group in (1, 2)]
        return [
            TimeText(start + digits.start(), start + digits.end(), 10 ** len(digits[0]))
            for start, end in numbers
            for digits in re.finditer(r"[0-9]+", text[start:end])
        ]

    @staticmethod
    def _render_one(window: Window) -> str:
        start, end = f"{window.start:.1f}", f"{window.end:.1f}"
        if start == end:  # too short for one decimal: widen to the tenths around it, still within one quantum
            start, end = f"{math.floor(window.start * 10) / 10:.1f}", f"{math.ceil(window.end * 10) / 10:.1f}"
        return f"[{start}, {end}]"


class TemporalTokenAnswer(AnswerFormat):
    """``<|box_start|><s><e><|box_end|>``: the video is cut into ``num_bins`` equal bins, one token each.

    ``bin = min(floor(num_bins * t / duration), num_bins - 1)``; a bin is read back as its centre. Where start
    and end share a bin, that bin is read back from edge to edge, because a window has a length.

    Source: the 1,000-bin family of relative time tokens, with Qwen's box markers around them.
    """

    mode = AnswerMode.TEMPORAL_TOKENS
    unit = "bins"
    example = "<|box_start|><start><end><|box_end|>"

    _WINDOW = r"<\|box_start\|><([0-9]{1,9})><([0-9]{1,9})><\|box_end\|>"

    def __init__(self, num_bins: int = 1000) -> None:
        if num_bins < 1:
            raise AnswerError(f"num_bins must be at least 1, got {num_bins}")
        self.num_bins = num_bins
        self.tokens = ("<|box_start|>", "<|box_end|>", *(f"<{i}>" for i in range(num_bins)))

    def quantum(self, duration: float) -> float:
        return duration / self.num_bins

    def render(self, windows: Sequence[Window], duration: float) -> str:
        return "".join(
            f"<|box_start|><{self._bin(window.start, duration)}><{self._bin(window.end, duration)}><|box_end|>"
            for window in _checked(windows, duration)
        )

    def parse(self, text: str, duration: float) -> ParsedAnswer:
        def decode(start: str, end: str) -> tuple[float, float]:
            first, last = int(start), int(end)
            if max(first, last) >= self.num_bins:
                return math.inf, math.inf
            inset = 0.0 if first == last else 0.5
            quantum = self.quantum(duration)
            return (first + inset) * quantum, (last + 1 - inset) * quantum

        return _parse(
            text, self._WINDOW, decode, separator="", duration=duration, slack=self.quantum(duration)
        )

    def times(self, text: str) -> list[TimeText]:
        spans = [match.span(group) for match in re.finditer(self._WINDOW, text) for group in (1, 2)]
        return [
            TimeText(start - 1, end + 1, self.num_bins) for start, end in spans
        ]  # with its angle brackets

    def _bin(self, time: float, duration: float) -> int:
        return min(math.floor(self.num_bins * time / duration), self.num_bins - 1)


def _checked(windows: Sequence[Window], duration: float) -> list[Window]:
    if not windows:
        raise AnswerError("an answer needs at least one window, got none")
    return [window.check_within(duration) for window in windows]


def _parse(
    text: str,
    window: str,
    decode: Callable[[str, str], tuple[float, float]],
    *,
    separator: str,
    duration: float,
    slack: float,
) -> ParsedAnswer:
    matches = list(re.finditer(window, text))
    if not matches:
        return ParsedAnswer((), ParseReason.NO_MATCH)
    windows = []
    for match in matches:
        start, end = decode(match[1], match[2])
        if start >= duration or end > duration + slack:
            return ParsedAnswer((), ParseReason.OUT_OF_RANGE)
        end = min(end, duration)
        if start >= end:
            return ParsedAnswer((), ParseReason.REVERSED)
        windows.append(Window(start, end))
    is_exact = re.fullmatch(rf"\s*{window}(?:{separator}{window})*\s*", text) is not None
    return ParsedAnswer(tuple(windows), ParseReason.OK if is_exact else ParseReason.EXTRA_TEXT)


STANDARD_ANSWER = StandardAnswer()
TEMPORAL_TOKEN_ANSWER = TemporalTokenAnswer()

ANSWER_FORMATS: dict[AnswerMode, AnswerFormat] = {
    AnswerMode.STANDARD: STANDARD_ANSWER,
    AnswerMode.TEMPORAL_TOKENS: TEMPORAL_TOKEN_ANSWER,
}
"""The one format of each mode."""

TEMPLATE_TOKENS = frozenset(
    token for answer_format in ANSWER_FORMATS.values() for token in answer_format.tokens
)
"""Control tokens that a prompt template's own words may hold where it is not known which answers it asks for."""
