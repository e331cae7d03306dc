"""What an answer form can say of the windows of a file: its smallest step, and what is lost in writing."""

import math

from vtg_core.audit.survey.results import AnswerResolution
from vtg_core.audit.survey.tally import Tally
from vtg_core.data.answers import AnswerFormat
from vtg_core.errors import VTGError
from vtg_core.windows import Window, intersection_over_union_of_unions

MAX_MEASURED = 10_000
"""So many rows are written and read again."""
LOW_IOU = 0.7


class ResolutionMeter:
    """Measures what an answer form can say of windows.

    Args:
        answer_format: how answers are written; one that numbers frames is measured only where it can count them.
    """

    def __init__(self, answer_format: AnswerFormat) -> None:
        self._format = answer_format
        self._least, self._largest = math.inf, 0.0
        self._sum, self._measured, self._below = 0.0, 0, Tally()

    def add(self, shares: list[tuple[float, float]], duration: float, number: int) -> float | None:
        """Take in a row's windows, as shares of the duration (s); return its step (s), None where there is none."""
        try:
            step = self._format.quantum(duration)
        except VTGError:
            return None
        self._least, self._largest = min(self._least, step), max(self._largest, step)
        if self._measured < MAX_MEASURED:
            self._measure(shares, duration, number)
        return step

    def done(self) -> AnswerResolution:
        """Return what was measured."""
        return AnswerResolution(
            form=str(self._format.mode),
            unit=str(self._format.unit),
            step=(self._least, self._largest) if self._largest else None,
            num_measured=self._measured,
            mean_iou=self._sum / self._measured if self._measured else None,
            num_below=self._below.count,
            rows_below=tuple(self._below.rows),
        )

    def _measure(self, shares: list[tuple[float, float]], duration: float, number: int) -> None:
        windows = [Window(start * duration, min(end * duration, duration)) for start, end in shares]
        try:
            read = self._format.parse(self._format.render(windows, duration), duration).windows
        except VTGError:
            return
        iou = intersection_over_union_of_unions(windows, read)
        self._sum, self._measured = self._sum + iou, self._measured + 1
        if iou < LOW_IOU:
            self._below.add(number)
