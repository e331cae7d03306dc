"""Which form an unknown answer is in: every reading that fits the video, and never a silent guess."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vtg_core.data.answer_forms.forms import AnswerForm, FormReading, body_of, says_nothing
from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answer_forms.registry import KNOWN_FORMS
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.data.answers import ParseReason
from vtg_core.windows import Window

NO_WINDOW = "no_window"
"""Stands for the name of a form where an answer says that the moment is not in the video."""


@dataclass(frozen=True)
class Candidate:
    """One way to understand an answer.

    Attributes:
        form: the name of the form that reads it.
        unit: what its numbers count; None where it has none.
        windows: what it says then, in seconds, in the text's order; none where it says that there is none.
        times: for each window the characters of its start and of its end in the text, half-open.
        has_extra_text: whether the text says something else as well.
    """

    form: str
    unit: TimeUnit | None
    windows: tuple[Window, ...]
    times: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    has_extra_text: bool

    def distance(self, windows: Sequence[Window]) -> float:
        """Return how far an end is off ``windows``, in seconds, at most; infinite where there are more or fewer."""
        if len(windows) != len(self.windows):
            return math.inf
        as_said = _distance(self.windows, windows)
        return min(as_said, _distance(sorted(self.windows), sorted(windows)))


@dataclass(frozen=True)
class Closest:
    """The candidate that agrees best with windows that are known.

    Attributes:
        candidate: the first of those that agree best.
        seconds_off: how far one of its ends is off, at most; infinite where it has more windows or fewer.
    """

    candidate: Candidate
    seconds_off: float


@dataclass(frozen=True)
class Reading:
    """All that an answer may say.

    Attributes:
        candidates: every way to understand it that fits the video; those with the least extra text first.
        unmeasured: names of forms that its words fit too, and that need more of the video to be read.
        reason: why there is no candidate; ``ok`` where there is one.
        has_thoughts: whether the answer stands after thinking, or in ``<answer>``.
    """

    candidates: tuple[Candidate, ...]
    unmeasured: tuple[str, ...]
    reason: ParseReason
    has_thoughts: bool

    @property
    def form(self) -> str | None:
        """The name of the one form that reads the answer; None where there are none or several."""
        return self.candidates[0].form if len(self.candidates) == 1 and not self.unmeasured else None

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows (s), where there is one way to understand the answer; empty otherwise."""
        return self.candidates[0].windows if self.form is not None else ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether the text can be understood in several ways, or in one that cannot be measured yet."""
        return len(self.candidates) + len(self.unmeasured) > 1

    @property
    def ambiguity(self) -> str:
        """What the text could mean, in words; empty where there is no choice."""
        if not self.is_ambiguous:
            return ""
        names = [candidate.form for candidate in self.candidates] + [
            f"{name} (not enough is known of the video)" for name in self.unmeasured
        ]
        return f"{', '.join(names[:-1])} or {names[-1]}"

    def closest(self, windows: Sequence[Window]) -> Closest | None:
        """Return the candidate that agrees best with known ``windows`` (s); None where there is none."""
        options = [Closest(candidate, candidate.distance(windows)) for candidate in self.candidates]
        return min(options, key=lambda option: option.seconds_off, default=None)


def read_answer(
    text: str,
    *,
    duration: float | None = None,
    fps: float | None = None,
    num_frames: int | None = None,
    frame_times: Sequence[float] | None = None,
    forms: Iterable[AnswerForm] | None = None,
) -> Reading:
    """Say in which forms a text can be read, and what it says in each.

    Args:
        text: an answer.
        duration: seconds of the video; without it no time is out of range, and parts of the video are not measured.
        fps, num_frames, frame_times: how frames are counted, as in :class:`VideoMeasure`.
        forms: those to try; all of the table unless given.

    Raises:
        AnswerError: a number of the video is not above 0.
    """
    times = tuple(frame_times) if frame_times is not None else None
    video = VideoMeasure(math.inf if duration is None else duration, fps, num_frames, times)
    body = body_of(text)
    if says_nothing(body.text):
        only = Candidate(NO_WINDOW, None, (), (), False)
        return Reading((only,), (), ParseReason.OK, body.has_thoughts)
    tried = list(KNOWN_FORMS.values()) if forms is None else list(forms)
    read = [_Read(form, form.read(text, video)) for form in tried if form.can_measure(video)]
    fitting = [one for one in read if one.reading.is_read]
    candidates = tuple(_candidate(one) for one in _best(fitting, text))
    unmeasured = _unmeasured(tried, body.text, video)
    reason = ParseReason.OK if candidates else _reason(one.reading.reason for one in read)
    return Reading(candidates, unmeasured, reason, body.has_thoughts)


def windows_said(text: str, duration: float | None) -> tuple[Window, ...] | None:
    """Return the windows (s) of an answer that can be understood in one way; None where it says none, or is unclear.

    It is how :func:`vtg_core.data.annotations.load_annotations` may read answers: ``read_windows=windows_said``.
    """
    return read_answer(text, duration=duration).windows or None


@dataclass(frozen=True)
class _Read:
    form: AnswerForm
    reading: FormReading


def _best(read: list[_Read], text: str) -> list[_Read]:
    """Keep, of forms of one unit that say the same windows, the one that fits the text best; best first."""
    kept: dict[object, _Read] = {}
    ordered = sorted(read, key=lambda one: (one.reading.leftover, *_finer(one, text)))
    for one in ordered:
        kept.setdefault((one.form.unit, one.reading.windows), one)
    return list(kept.values())


def _finer(one: _Read, text: str) -> tuple[bool, int]:
    """Return how badly the decimals of a text fit a form: too many first, then too few."""
    written = [text[slice(*time)] for times in one.reading.times for time in times]
    most = max((len(time.partition(".")[2].rstrip("% >")) for time in written), default=0)
    own = one.form.code.decimals
    return own < most, abs(own - most)


def _candidate(one: _Read) -> Candidate:
    read = one.reading
    return Candidate(one.form.name, one.form.unit, read.windows, read.times, read.leftover > 0)


def _unmeasured(forms: Sequence[AnswerForm], text: str, video: VideoMeasure) -> tuple[str, ...]:
    """Return a form of each unit that fits the text and cannot be measured."""
    named: dict[TimeUnit, str] = {}
    for form in forms:
        if not form.can_measure(video) and form.unit not in named and form.shape.pairs(text, form.code):
            named[form.unit] = form.name
    return tuple(named.values())


def _reason(reasons: Iterable[ParseReason]) -> ParseReason:
    """Return the reason that says most."""
    came = set(reasons)
    order = (ParseReason.REVERSED, ParseReason.OUT_OF_RANGE)
    return next((reason for reason in order if reason in came), ParseReason.NO_MATCH)


def _distance(a: Sequence[Window], b: Sequence[Window]) -> float:
    pairs = zip(a, b, strict=True)
    return max((abs(x - y) for one, other in pairs for x, y in zip(one, other, strict=True)), default=0.0)
