"""Points in time: a window of a second at most is written as the one time in its middle."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answer_forms.shapes import FoundPair, Shape
from vtg_core.data.answer_forms.times import GAP, SecondsCode, TimeCode
from vtg_core.errors import AnswerError
from vtg_core.windows import Window

POINT_SECONDS = 1.0
"""What is longer is no point in time; a point is read back as the window of this length around it."""


@dataclass(frozen=True)
class PointCode(SecondsCode):
    """The middle of a short window, in seconds."""

    words = ("time", "time")

    def step(self, video: VideoMeasure) -> float:
        return POINT_SECONDS / 2 + super().step(video)

    def write(self, window: Window, video: VideoMeasure) -> tuple[str, str]:
        if window.length > POINT_SECONDS * (1 + 1e-6):
            raise AnswerError(
                f"a point in time must be a window of at most {POINT_SECONDS:g} s, got {window.length:g} s; "
                "ask for a window instead"
            )
        middle = (window.start + window.end) / 2
        written, _ = super().write(Window(middle, middle + POINT_SECONDS), video)
        return written, written

    def read(self, start: str, end: str, video: VideoMeasure) -> tuple[float, float]:
        return max(float(start) - POINT_SECONDS / 2, 0.0), float(end) + POINT_SECONDS / 2


@dataclass(frozen=True)
class Point(Shape):
    """One time in brackets."""

    def write_one(self, start: str, end: str, code: TimeCode) -> str:
        return f"[{start}]"

    def find(self, text: str, code: TimeCode) -> Iterator[FoundPair]:
        for match in re.finditer(rf"\[{GAP}{code.pattern}{GAP}\]", text):
            yield FoundPair(match.span(), match.span(1), match.span(1))


POINT = Point("point")
