"""An answer form: a way to write times in a shape that holds windows."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vtg_core.data.answer_forms.measure import VideoMeasure, measure_of
from vtg_core.data.answer_forms.points import PointCode
from vtg_core.data.answer_forms.shapes import FoundPair, Shape
from vtg_core.data.answer_forms.times import TimeCode, TimeUnit
from vtg_core.data.answers import AnswerFormat, AnswerMode, ParsedAnswer, ParseReason, TimeText
from vtg_core.errors import AnswerError
from vtg_core.windows import Window

MAX_ANSWER_CHARS = 100_000
"""A longer text is not read: it is no answer."""


@dataclass(frozen=True)
class FormReading:
    """What one form reads in a text.

    Attributes:
        windows: in the text's order, in seconds; empty unless ``reason`` is ``ok`` or ``extra_text``, and also where
            an answer says that there is none.
        reason: ``ok`` where the text is an answer and nothing else.
        times: for each window the characters of its start and of its end, half-open.
        leftover: how many characters belong to no window.
    """

    windows: tuple[Window, ...]
    reason: ParseReason
    times: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    leftover: int = 0

    @property
    def is_read(self) -> bool:
        """Whether the text is an answer, perhaps one of no window."""
        return self.reason in (ParseReason.OK, ParseReason.EXTRA_TEXT)


@dataclass(frozen=True)
class AnswerForm(AnswerFormat):
    """One way to write windows as text; what it writes reads back within one :meth:`step`.

    Attributes:
        name: how templates and commands choose it.
        code: how a time is written.
        shape: what stands around the times.
        has_thoughts: whether the answer stands in ``<answer>`` after a place to think in ``<think>``.
        frames: how frames are counted where only a duration is given.
    """

    name: str
    code: TimeCode = field(repr=False)
    shape: Shape = field(repr=False)
    has_thoughts: bool = False
    frames: VideoMeasure | None = field(default=None, repr=False)

    @property
    def mode(self) -> str:  # type: ignore[override]
        return self.name

    @property
    def unit(self) -> TimeUnit:  # type: ignore[override]
        """What a number in the text counts."""
        return self.code.unit

    @property
    def tokens(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.shape.tokens, *self.code.tokens)

    @property
    def example(self) -> str:  # type: ignore[override]
        return self.example_of(1)

    @property
    def nothing(self) -> str:
        """What it writes where there is no window."""
        return self._wrapped(self.shape.write([], self.code))

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of the two modes, whose answers hold a window at least."""
        return self.name in tuple(AnswerMode)

    @property
    def is_point(self) -> bool:
        """Whether it writes one time for a window, and not two."""
        return isinstance(self.code, PointCode)

    def example_of(self, num_windows: int) -> str:
        """Return its own words for so many windows, at least one."""
        return self._wrapped(self.shape.write([self.code.words] * num_windows, self.code))

    def step(self, video: float | VideoMeasure) -> float:
        """Return the smallest difference (s) that the form writes in a video of that duration (s)."""
        return self.code.step(self._measure(video))

    def quantum(self, duration: float | VideoMeasure) -> float:
        return self.step(duration)

    def can_measure(self, video: float | VideoMeasure) -> bool:
        """Say whether enough is known of a video for this form: its duration, or when its frames are shown."""
        return self.code.can_measure(self._measure(video))

    def counting(self, frame_times: Sequence[float]) -> "AnswerForm":
        """Return this form for videos whose frames are shown at these times (s)."""
        return replace(self, frames=VideoMeasure(frame_times=tuple(frame_times)))

    def render(self, windows: Sequence[Window], video: float | VideoMeasure) -> str:
        """Write windows (s); without one, that the moment is not in the video.

        Raises:
            AnswerError: not enough is known of the video.
            WindowError: a window ends past the video.
        """
        measure = self._checked(video)
        inside = [window.check_within(measure.duration) for window in windows]
        return self._wrapped(
            self.shape.write([self.code.write(window, measure) for window in inside], self.code)
        )

    def parse(self, text: str, video: float | VideoMeasure) -> ParsedAnswer:
        read = self.read(text, video)
        return ParsedAnswer(read.windows, read.reason)

    def times(self, text: str) -> list[TimeText]:
        body = body_of(text)
        return [
            TimeText(body.start + start + part.start, body.start + start + part.end, part.num_choices)
            for pair in self.shape.pairs(body.text, self.code)
            for start, end in (pair.start, pair.end)
            for part in self.code.choices(body.text[start:end])
        ]

    def read(self, text: str, video: float | VideoMeasure) -> FormReading:
        """Read the windows (s) that ``text`` says, each within the video; what it thinks before is passed over.

        Raises:
            AnswerError: not enough is known of the video.
        """
        measure = self._checked(video)
        body = body_of(text)
        found = self.shape.pairs(body.text, self.code)
        if not found:
            return self._read_nothing(body)
        windows = []
        for pair in found:
            window = self._window(body.text, pair, measure)
            if isinstance(window, ParseReason):
                return FormReading((), window)
            windows.append(window)
        leftover = self.shape.leftover(body.text, found)
        times = tuple((_moved(pair.start, body.start), _moved(pair.end, body.start)) for pair in found)
        return FormReading(tuple(windows), self._reason(body, leftover), times, leftover)

    def _measure(self, video: float | VideoMeasure) -> VideoMeasure:
        if self.frames is not None and not isinstance(video, VideoMeasure):
            return replace(self.frames, duration=video)
        return measure_of(video)

    def _checked(self, video: float | VideoMeasure) -> VideoMeasure:
        measure = self._measure(video)
        if not self.code.can_measure(measure):
            needed = "fps, num_frames or frame_times" if self.unit is TimeUnit.FRAMES else "its duration"
            raise AnswerError(f"{self.name} counts {self.unit} of the video, and needs {needed}")
        return measure

    def _wrapped(self, text: str) -> str:
        return f"<think></think><answer>{text}</answer>" if self.has_thoughts else text

    def _window(self, text: str, pair: FoundPair, video: VideoMeasure) -> Window | ParseReason:
        start, end = self.code.read(text[slice(*pair.start)], text[slice(*pair.end)], video)
        latest = video.duration + self.code.step(video)
        if start >= video.duration or end > latest or not math.isfinite(end):
            return ParseReason.OUT_OF_RANGE
        end = min(end, video.duration)
        return Window(start, end) if start < end else ParseReason.REVERSED

    def _read_nothing(self, body: "AnswerBody") -> FormReading:
        if not says_nothing(body.text):
            return FormReading((), ParseReason.NO_MATCH)
        return FormReading((), self._reason(body, 0))

    def _reason(self, body: "AnswerBody", leftover: int) -> ParseReason:
        is_exact = leftover == 0 and body.has_thoughts == self.has_thoughts
        return ParseReason.OK if is_exact else ParseReason.EXTRA_TEXT


@dataclass(frozen=True)
class AnswerBody:
    """The part of a text that is the answer.

    Attributes:
        text: what it says.
        start: where it begins, in characters of the whole text.
        has_thoughts: whether it stands in ``<answer>``, or after thinking.
    """

    text: str
    start: int
    has_thoughts: bool


def body_of(text: str) -> AnswerBody:
    """Return what a text says after its thinking; nothing where it is cut off while it thinks, or is beyond reason."""
    if len(text) > MAX_ANSWER_CHARS:
        return AnswerBody("", 0, False)
    start, end = _after(text, "</think>"), len(text)
    answer = _after(text, "<answer>", start)
    has_thoughts = max(start, answer) > 0
    if answer > start:
        start = answer
        closing = text.find("</answer>", start)
        end = closing if closing >= 0 else end
    elif (opening := text.find("<think>", start)) >= 0:
        end = opening
    return AnswerBody(text[start:end], start, has_thoughts)


def _after(text: str, mark: str, start: int = 0) -> int:
    """Return where the last ``mark`` at or after ``start`` ends, or else ``start``."""
    found = text.rfind(mark, start)
    return found + len(mark) if found >= 0 else start


def says_nothing(text: str) -> bool:
    """Say whether a text without a number says that the moment is not in the video."""
    is_short = len(text) <= 300 and not any(character.isnumeric() for character in text)
    return is_short and _NOTHING.search(text.strip()) is not None


_NOTHING = re.compile(
    r"^(?:\[\s{0,9}\]|\{\s{0,9}\}|none|null|n/a|no)\.?$"
    r"|\bnot?\b[^.]{0,60}\bin (?:the|this) video\b"
    r"|\b(?:does|do|did)(?:n't|n’t| not) (?:happen|occur|appear|take place)"
    r"|\bno such (?:moment|event|scene|action|window|segment|thing)"
    r"|\bnot (?:present|found|visible|shown|there)\b",
    re.IGNORECASE,
)


def _moved(where: tuple[int, int], by: int) -> tuple[int, int]:
    return where[0] + by, where[1] + by
