import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtg_core.data.annotations import Annotation
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.errors import AnnotationError, VideoError, WindowError
from vtg_core.probes.altered_samples import (
    RIGHT_IOU,
    find_other_query,
    with_blank_video,
    with_other_query,
    with_reversed_frames,
    with_shifted_windows,
)
from vtg_core.templates import templates_for
from vtg_core.video.plan import FramePolicy, plan_frames
from vtg_core.video.sampling import SampledVideo
from vtg_core.video.timeline import VideoInfo
from vtg_core.windows import Window, intersection_over_union_of_unions

from ..conftest import ASSETS


def sample_of(video, *windows, query="a red circle appears", mode="standard"):
    windows = tuple(Window(*window) for window in windows or [(8, 14)])
    mode = AnswerMode(mode)
    return Sample(video, query, windows, templates_for(mode)[0], ANSWER_FORMATS[mode])


def video_of(duration, frames=None):
    """A video of so many seconds; two tiny frames unless others are given."""
    frames = np.zeros((2, 2, 2, 3), dtype=np.uint8) if frames is None else frames
    info = VideoInfo(Path("v.mp4"), duration, 10.0, max(len(frames), int(duration * 10)), 2, 2, "h264")
    times = tuple(duration * number / len(frames) for number in range(len(frames)))
    return SampledVideo(info, frames, times, tuple(range(len(frames))))


def shifted(duration, *windows, mode="standard"):
    return with_shifted_windows(sample_of(video_of(duration), *windows, mode=mode))


def all_but_frames(video):
    return video.info, video.timestamps, video.frame_indices, video.metadata, video.frames.shape


# The video


def test_a_blank_video_is_of_its_mean_color_and_otherwise_the_same(video):
    blank = with_blank_video(sample_of(video)).sample
    assert np.unique(blank.video.frames.reshape(-1, 3), axis=0).shape == (1, 3)
    mean = video.frames.mean(axis=(0, 1, 2))
    assert np.abs(blank.video.frames[0, 0, 0] - mean).max() <= 0.5
    assert all_but_frames(blank.video) == all_but_frames(video)
    assert replace(blank, video=video).messages == sample_of(video).messages


def test_reversed_frames_are_the_same_frames_under_the_same_times(video):
    altered = with_reversed_frames(sample_of(video))
    assert np.array_equal(altered.sample.video.frames, video.frames[::-1])
    assert all_but_frames(altered.sample.video) == all_but_frames(video)


def test_the_originals_are_left_as_they_are(video):
    before = video.frames.copy()
    with_blank_video(sample_of(video))
    with_reversed_frames(sample_of(video))
    assert np.array_equal(video.frames, before)


@pytest.mark.parametrize(
    ("window", "overlap"), [((8, 14), 0), ((12, 18), 5.9 / 6.1), ((0, 5), 0), ((10, 18), 6.1 / 9.9)]
)
def test_reversing_says_how_much_of_the_truth_it_leaves_where_it_is(video, window, overlap):
    found = with_reversed_frames(sample_of(video, window)).overlap
    assert found == pytest.approx(overlap)  # the frames are from 0.0 to 29.9 s


def test_a_video_of_one_color_cannot_be_blanked():
    with pytest.raises(VideoError, match="must show something to be blanked, and are of one colour already"):
        with_blank_video(sample_of(video_of(30.0)))


@pytest.mark.parametrize("levels", [[7], [3, 3], [1, 9, 1]])
def test_frames_that_are_the_same_from_behind_cannot_be_reversed(levels):
    frames = np.stack([np.full((2, 2, 3), level, dtype=np.uint8) for level in levels])
    with pytest.raises(VideoError, match="are the same from behind"):
        with_reversed_frames(sample_of(video_of(30.0, frames)))


@pytest.mark.parametrize("alter", [with_blank_video, with_reversed_frames])
def test_a_plan_of_frames_has_nothing_to_be_altered(alter):
    plan = plan_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=4))
    with pytest.raises(VideoError, match="must have its frames to be shown others, got the plan of them"):
        alter(sample_of(plan))


# The query


def test_another_query_stands_in_the_same_template(video):
    altered = with_other_query(sample_of(video), "a blue {square} costs $5")
    assert altered.detail == altered.sample.query == "a blue {square} costs $5"
    assert altered.sample.prompt.text == altered.sample.template.format("a blue {square} costs $5").text
    assert altered.sample.answer == sample_of(video).answer


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (None, "another query must be given to ask for something else, and there is none"),
        (" A Red circle appears ", "the other query must be another sentence, got ' A Red circle appears '"),
        ("  ", "a query must be a text of 1 to 2,000 characters"),
        ("\ud800", "a query must be a text of 1 to 2,000 characters"),
    ],
)
def test_a_query_that_asks_for_nothing_else_is_refused(video, query, said):
    with pytest.raises(AnnotationError, match=said):
        with_other_query(sample_of(video), query)


def row(video, query, *windows, **clip):
    return Annotation(Path(video), query, tuple(Window(*w) for w in windows or [(0, 5)]), None, "f:1", **clip)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "x", (0, 5)), ("b", "y"), ("a", "z", (7, 9))], "z"),
        ([("a", "x", (0, 5)), ("a", "y", (4, 9)), ("a", "z", (7, 9))], "z"),
        ([("a", "x", (0, 5)), ("a", "the same moment", (0, 5)), ("b", "y")], "y"),
        ([("a", "x", (0, 5)), ("a", " X ", (7, 9)), ("b", "y")], "y"),
        ([("a", "x", (0, 5)), ("a", "the same moment", (0, 5))], None),
        ([("a", "x"), ("b", "X")], None),
        ([("a", "x")], None),
    ],
)
def test_another_rows_query_is_about_another_moment_of_the_same_video_at_best(rows, expected):
    assert find_other_query([row(*one) for one in rows], 0) == expected


def test_the_row_behind_comes_before_the_row_ahead():
    rows = [row("a", "first"), row("b", "second"), row("c", "third")]
    assert [find_other_query(rows, number) for number in range(3)] == ["second", "third", "first"]


def test_another_clip_of_a_long_video_is_another_video():
    rows = [
        row("a", "x", video_start=0.0, video_end=9.0),
        row("a", "y", (6, 8), video_start=9.0, video_end=18.0),
        row("a", "z", (6, 8), video_start=0.0, video_end=9.0),
    ]
    assert find_other_query(rows, 0) == "z"


# The windows


@pytest.mark.parametrize(
    ("duration", "windows", "answer"),
    [
        (30, [(8, 14)], "[19.0, 25.0]"),
        (32, [(5, 9)], "[18.5, 22.5]"),
        (24, [(20, 24)], "[10.0, 14.0]"),  # as many digits, though [8.0, 12.0] keeps farther away
        (30, [(0, 15)], "[15.0, 30.0]"),
        (100, [(10, 20), (30, 40)], "[55.0, 65.0], [75.0, 85.0]"),
    ],
)
def test_windows_go_where_they_are_clear_of_the_truth_and_of_both_ends(duration, windows, answer):
    altered = shifted(duration, *windows)
    assert (altered.sample.answer, altered.detail, altered.overlap) == (answer, answer, 0)


@pytest.mark.parametrize("mode", AnswerMode)
def test_the_moved_windows_are_written_in_the_samples_own_format(mode):
    altered = shifted(30, (8, 14), mode=mode)
    assert altered.detail == altered.sample.answer
    assert altered.detail == (
        "[19.0, 25.0]" if mode is AnswerMode.STANDARD else "<|box_start|><633><833><|box_end|>"
    )
    assert altered.sample.answer_format is ANSWER_FORMATS[mode]


def test_a_window_without_room_beside_it_overlaps_the_truth_as_little_as_can_be():
    altered = shifted(30, (4, 22))
    [window] = altered.sample.windows
    assert window.end == pytest.approx(30, abs=0.05)
    assert altered.overlap == pytest.approx(10 / 26, abs=0.01)


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ([(0, 30)], "must leave room in the video to be moved to a wrong place, and fill it"),
        ([(0, 12), (12, 30)], "and fill it|by an IoU of at least"),
        ([(2, 28)], r"overlap the truth by an IoU of at least 0\.8\d wherever they are"),
    ],
)
def test_windows_that_fill_the_video_cannot_be_moved(windows, said):
    with pytest.raises(WindowError, match=said):
        shifted(30, *windows)


def test_a_moved_window_must_be_written_otherwise():
    with pytest.raises(WindowError, match="must be written otherwise than the true ones"):
        shifted(0.04, (0.001, 0.002))


@given(st.data())
def test_windows_keep_their_lengths_and_order_and_are_never_right(data):
    duration = data.draw(st.floats(2, 5000))
    edges = sorted(data.draw(st.lists(st.floats(0, duration), min_size=2, max_size=8, unique=True)))
    windows = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if b - a > duration / 500]
    if not windows or sum(b - a for a, b in windows) > duration / 4:
        return
    altered = shifted(duration, *windows)
    moved = altered.sample.windows
    assert sorted(w.length for w in moved) == pytest.approx(sorted(b - a for a, b in windows), rel=1e-6)
    assert list(moved) == sorted(moved)
    assert all(w.start >= 0 and w.end <= duration for w in moved)
    truth = [Window(*window) for window in windows]
    assert altered.overlap < RIGHT_IOU
    assert altered.overlap == pytest.approx(intersection_over_union_of_unions(truth, moved), abs=1e-4)


def test_windows_out_of_order_stay_so():
    moved = shifted(100, (30, 40), (10, 20)).sample.windows
    assert moved[0].start - moved[1].start == pytest.approx(20)


def test_a_hundred_windows_are_moved_in_a_moment():
    altered = shifted(1000, *[(10 * n, 10 * n + 2) for n in range(100)])
    assert (len(altered.sample.windows), altered.overlap) == (100, 0)
    assert math.isfinite(altered.sample.windows[0].start)
