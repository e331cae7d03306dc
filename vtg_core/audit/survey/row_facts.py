"""One row of a file as the survey sees it: where its windows lie in its video, whatever the checks say of them."""

import math
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path
from typing import Any

from vtg_core.audit.survey import kinds
from vtg_core.audit.survey.kinds import Kind
from vtg_core.data.annotations import Annotation, AnnotationReader
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.formats.registry import Found
from vtg_core.data.formats.row import Row, is_number, is_pair, shown
from vtg_core.data.own_words import trained_answer
from vtg_core.dataset import clip_of
from vtg_core.errors import AnnotationError, VTGError
from vtg_core.video.sampling import probe_video
from vtg_core.windows import END_TOLERANCE_SECONDS

WHOLE_SHARE = 0.95


@dataclass(frozen=True)
class RowFacts:
    """What is known of a row.

    Attributes:
        number: from 1.
        where: its place, for people.
        annotation: the row without its windows; None where it cannot be read.
        pairs: its windows as the file has them, in seconds.
        duration: of the video or its clip, in seconds: of the file where it is there, else as the row says.
        fps: of the video's file; None where it is not there.
        is_there: whether the video has a file.
        problems: what is wrong with it, and a sentence that says so.
    """

    number: int
    where: str
    annotation: Annotation | None
    pairs: tuple[tuple[float, float], ...]
    duration: float | None
    fps: float | None
    is_there: bool
    problems: tuple[tuple[Kind, str], ...]

    @property
    def shares(self) -> list[tuple[float, float]]:
        """Its windows as shares of the duration, cut at the ends of the video; those without a length are left out."""
        if not self.duration:
            return []
        cut = [(max(start, 0.0), min(end, self.duration)) for start, end in self.pairs]
        return [(start / self.duration, end / self.duration) for start, end in cut if start < end]


def facts_of(reader: AnnotationReader, found: Found) -> RowFacts:
    """Return what is known of a row; it is never refused."""
    try:
        annotation = reader.check(found)
        pairs = pairs_of(found)
    except VTGError as error:
        problem = (kinds.UNREADABLE, str(error))
        return RowFacts(found.number, found.where, None, (), None, None, False, (problem,))
    is_there = isfile(annotation.video)
    try:
        duration, fps = _measured(annotation) if is_there else (annotation.duration, None)
    except VTGError as error:
        problem = (kinds.UNREADABLE, f"{found.where}: {error}")
        return RowFacts(found.number, found.where, None, (), None, None, is_there, (problem,))
    if not pairs and duration is not None:  # the answer may be clear now that the duration is known
        said = windows_said(trained_answer(annotation), duration) or ()
        pairs = tuple((window.start, window.end) for window in said)
    problems = [
        (kind, f"{found.where}: {said}") for kind, said in _problems(annotation, pairs, duration, is_there)
    ]
    return RowFacts(found.number, found.where, annotation, pairs, duration, fps, is_there, tuple(problems))


def pairs_of(found: Found) -> tuple[tuple[float, float], ...]:
    """Return the windows of a row as it has them, whatever their order and place.

    Raises:
        AnnotationError: they are no pairs of numbers.
    """
    assert isinstance(found.row, Row), "checked before"
    field = found.row.windows
    if field.value is None and found.row.messages:
        return ()
    pairs = [field.value] if field.is_one else field.value
    if not isinstance(pairs, list) or not pairs or not all(map(_is_finite_pair, pairs)):
        form = "[start, end]" if field.is_one else "a list of [start, end]"
        raise AnnotationError(
            f"{found.where}, field '{field.name}': must be {form} in seconds, got {shown(field.value)}"
        )
    return tuple((float(start), float(end)) for start, end in pairs)


def _is_finite_pair(pair: Any) -> bool:
    return is_pair(pair) and all(
        is_number(time) and abs(time) < 1e300 and math.isfinite(time) for time in pair
    )


def _measured(annotation: Annotation) -> tuple[float, float]:
    """Return duration (s) and frame rate of the file of a row, or of the clip of it that the row speaks of."""
    info, clip = probe_video(annotation.video), clip_of(annotation)
    return (info.duration if clip is None else clip.length), info.fps


def _problems(
    annotation: Annotation,
    pairs: tuple[tuple[float, float], ...],
    duration: float | None,
    is_there: bool,
) -> list[tuple[Kind, str]]:
    found = [said for pair in pairs for said in problems_of(*pair, duration)]
    if not pairs:
        found.append((kinds.NO_WINDOWS, "its answer says no window"))
    if duration is None:
        found.append((kinds.NO_DURATION, "no duration is known"))
    declared = annotation.duration
    if is_there and declared and duration and abs(declared - duration) > max(1.0, 0.05 * duration):
        found.append((kinds.OTHER_DURATION, f"says {declared:g} s, and its file has {duration:.1f} s"))
    if not is_there:
        found.append((kinds.MISSING_VIDEO, f"no file {shown(Path(annotation.video).name)}"))
    return found


def problems_of(start: float, end: float, duration: float | None) -> list[tuple[Kind, str]]:
    """Return what is wrong with a window (s) in a video of that duration (s), where it is known."""
    said = f"the window {start:g} to {end:g} s"
    if start == end:
        return [(kinds.EMPTY, f"{said} has no length")]
    if start > end:
        return [(kinds.INVERTED, f"{said} ends before it starts")]
    if start < 0 or (duration and start >= duration):
        return [(kinds.OUTSIDE, f"{said} lies outside a video of {duration or math.nan:g} s")]
    if not duration:
        return []
    found = (_past(said, end, duration), _whole(said, start, end, duration))
    return [problem for problem in found if problem is not None]


def _past(said: str, end: float, duration: float) -> tuple[Kind, str] | None:
    if end <= duration:
        return None
    kind = kinds.PAST_END if end > duration + END_TOLERANCE_SECONDS else kinds.ROUNDED_END
    past = end - duration
    much = "less than 1 ms" if past < 1e-3 else f"{past:,.4g} s" if past < 1_000 else f"{past:,.0f} s"
    return kind, f"{said} ends {much} past a video of {duration:g} s"


def _whole(said: str, start: float, end: float, duration: float) -> tuple[Kind, str] | None:
    if min(end, duration) - start < WHOLE_SHARE * duration:
        return None
    return kinds.WHOLE_VIDEO, f"{said} covers {(min(end, duration) - start) / duration:.0%} of its video"
