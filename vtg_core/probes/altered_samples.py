"""A sample with one thing about it made wrong: its pictures, their order, its query, or its windows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vtg_core.data.annotations import Annotation, check_query
from vtg_core.dataset import Sample
from vtg_core.errors import AnnotationError, VideoError, WindowError
from vtg_core.video.sampling import SampledVideo
from vtg_core.windows import Window, intersection_over_union_of_unions

RIGHT_IOU = 0.5
"""An answer that overlaps the truth this much is called right by the field's usual measure (R@1 at IoU 0.5), so a window
that is moved must overlap it less to be wrong."""

NUM_SHIFTS = 1_000
"""Windows are moved by multiples of the video's length over this: as fine as the temporal tokens' bins."""


@dataclass(frozen=True, eq=False)
class AlteredSample:
    """A sample with one thing made wrong.

    Attributes:
        sample: everything else is as it was.
        detail: what was put in, for people; empty where that needs no words.
        overlap: how much of the true answer is still right for it, as an IoU: of where the frames now show what is
            looked for, or of the windows that are now answered; None where neither was moved.
    """

    sample: Sample
    detail: str = ""
    overlap: float | None = None


def with_blank_video(sample: Sample) -> AlteredSample:
    """Replace every frame by the mean colour of all; their number, size, times and metadata stay.

    Raises:
        VideoError: the sample has no frames, or they are of one colour already.
    """
    video = _frames_of(sample)
    color = np.rint(video.frames.mean(axis=(0, 1, 2))).astype(np.uint8)  # (3,)
    frames = np.empty_like(video.frames)
    frames[:] = color
    if all(map(np.array_equal, frames, video.frames)):
        raise VideoError("the frames must show something to be blanked, and are of one colour already")
    return AlteredSample(replace(sample, video=replace(video, frames=frames)))


def with_reversed_frames(sample: Sample) -> AlteredSample:
    """Show the same frames in reverse order under the original times.

    What was shown at ``t`` is then shown at ``first + last - t``, with the times of the first and the last frame.

    Raises:
        VideoError: the sample has no frames, or they are the same from behind.
    """
    video = _frames_of(sample)
    if all(map(np.array_equal, video.frames, video.frames[::-1])):
        raise VideoError("the frames must change when they are reversed, and are the same from behind")
    frames = np.ascontiguousarray(video.frames[::-1])  # torch takes no negative strides
    both, duration = video.timestamps[0] + video.timestamps[-1], video.info.duration
    mirrored = [(max(0.0, both - end), min(both - start, duration)) for start, end in sample.windows]
    shown = [Window(start, end) for start, end in mirrored if start < end]
    overlap = intersection_over_union_of_unions(sample.windows, shown)
    return AlteredSample(replace(sample, video=replace(video, frames=frames)), overlap=overlap)


def with_other_query(sample: Sample, query: str | None) -> AlteredSample:
    """Ask for something else in the words of the same template.

    Raises:
        AnnotationError: there is no other query, or it is no sentence that can be looked for, or the same one.
    """
    if query is None:
        raise AnnotationError("another query must be given to ask for something else, and there is none")
    check_query(query)
    if _is_same_sentence(query, sample.query):
        raise AnnotationError(f"the other query must be another sentence, got {query!r:.80} for both")
    return AlteredSample(replace(sample, query=query), query)


def with_shifted_windows(sample: Sample) -> AlteredSample:
    """Answer with the same windows at another time: where they overlap the true ones least.

    All are moved together, as on a ring, so that their lengths and the gaps between them stay and none crosses the
    end of the video. Of places that overlap the truth equally little, one is taken that keeps half a window's length
    from the truth and from both ends of the video (answers like to begin with 0), if there is one; of these one whose
    times have as many digits as the true ones; and of these the one that keeps the most.

    Raises:
        WindowError: the windows fill so much of the video that no place is wrong.
    """
    duration, answer_format = sample.video.info.duration, sample.answer_format
    truth = [window.check_within(duration) for window in sample.windows]
    places = [(round(_covered([*truth, *moved]), 6), moved) for moved in _moved(truth, duration)]
    # Their own lengths stay, so what covers most together with the truth overlaps it least.
    most = max((covered for covered, _ in places), default=0.0)
    wrong = [moved for covered, moved in places if covered == most]
    overlap = intersection_over_union_of_unions(truth, wrong[0]) if wrong else 1.0
    if overlap >= RIGHT_IOU:
        why = (
            f"overlap the truth by an IoU of at least {overlap:.2f} wherever they are" if wrong else "fill it"
        )
        raise WindowError(f"the windows must leave room in the video to be moved to a wrong place, and {why}")

    def choices(windows: Sequence[Window]) -> float:
        times = answer_format.times(answer_format.render(windows, duration))
        return math.fsum(math.log(time.num_choices) for time in times)

    expected = choices(truth)
    enough = min(window.length for window in truth) / 2

    def rank(moved: Sequence[Window]) -> tuple[float, ...]:
        margin = round(_margin(moved, truth, duration), 6)
        return -min(margin, enough), round(abs(choices(moved) - expected), 6), -margin

    moved = min(wrong, key=rank)
    shifted = replace(sample, windows=tuple(moved))
    if shifted.answer == sample.answer:
        raise WindowError(
            f"the moved windows must be written otherwise than the true ones, got {sample.answer}"
        )
    return AlteredSample(shifted, shifted.answer, overlap)


def find_other_query(annotations: Sequence[Annotation], row: int) -> str | None:
    """Return a sentence of another row to ask for instead of a row's own; None where no row has one.

    A row about the same video is best, the one whose windows overlap the row's least: one that overlaps them by
    ``RIGHT_IOU`` says the same in other words. Else it is the next row's, about another video, that has another sentence.
    """
    own = annotations[row]
    others = [other for other in (*annotations[row + 1 :], *annotations[:row]) if not _is_same(other, own)]
    overlaps = [
        (intersection_over_union_of_unions(own.windows, other.windows), other.query)
        for other in others
        if _source_of(other) == _source_of(own)
    ]
    overlap, query = min(overlaps, key=lambda found: found[0], default=(1.0, None))
    if overlap < RIGHT_IOU:
        return query
    return next((other.query for other in others if _source_of(other) != _source_of(own)), None)


def _is_same(one: Annotation, other: Annotation) -> bool:
    return _is_same_sentence(one.query, other.query)


def _is_same_sentence(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _source_of(annotation: Annotation) -> tuple[Path, float | None, float | None]:
    return annotation.video, annotation.video_start, annotation.video_end


def _frames_of(sample: Sample) -> SampledVideo:
    if not isinstance(sample.video, SampledVideo):
        raise VideoError("a sample must have its frames to be shown others, got the plan of them")
    return sample.video


def _moved(windows: Sequence[Window], duration: float) -> Iterator[list[Window]]:
    """Yield the windows moved along the video as on a ring, wherever none crosses its end; never where they are."""
    is_in_order = list(windows) == sorted(windows)
    for number in range(1, NUM_SHIFTS):
        starts = [(window.start + duration * number / NUM_SHIFTS) % duration for window in windows]
        ends = [start + window.length for start, window in zip(starts, windows, strict=True)]
        if max(ends) <= duration:
            moved = [Window(start, end) for start, end in zip(starts, ends, strict=True)]
            yield sorted(moved) if is_in_order else moved


def _margin(moved: Sequence[Window], truth: Sequence[Window], duration: float) -> float:
    """Return how many seconds are at least between a moved window's edge and a true one's, or an end of the video."""
    edges = np.array([edge for window in moved for edge in window])
    others = np.array([0.0, duration, *(edge for window in truth for edge in window)])
    return float(np.abs(edges[:, None] - others).min())


def _covered(windows: Sequence[Window]) -> float:
    """Return how many seconds lie in at least one of the windows."""
    length = reached = 0.0
    for start, end in sorted((window.start, window.end) for window in windows):
        length += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return length
