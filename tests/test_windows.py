import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtg_core.errors import VTGError, WindowError
from vtg_core.windows import Window, intersection_over_union, intersection_over_union_of_unions

times = st.floats(0, 100_000, allow_nan=False)


@st.composite
def windows(draw):
    start, end = sorted(draw(st.tuples(times, times).filter(lambda pair: pair[0] != pair[1])))
    return Window(start, end)


def test_a_window_knows_its_length():
    assert Window(8, 14.5).length == 6.5


def test_whole_numbers_become_floats():
    assert isinstance(Window(8, 14).start, float)
    assert isinstance(Window(8, 14).end, float)


def test_windows_sort_by_start_and_then_by_end():
    assert sorted([Window(2, 3), Window(1, 9), Window(1, 4)]) == [Window(1, 4), Window(1, 9), Window(2, 3)]


@pytest.mark.parametrize(
    ("start", "end"),
    [(2, 2), (3, 2), (-0.1, 2), (math.nan, 2), (0, math.nan), (0, math.inf), (-math.inf, 2)],
)
def test_a_window_that_is_no_interval_in_time_is_refused(start, end):
    with pytest.raises(WindowError, match="must satisfy 0 <= start < end in seconds, got start="):
        Window(start, end)


@pytest.mark.parametrize(("start", "end"), [(None, 2), (0, "soon"), ([], 2)])
def test_a_window_of_something_else_than_numbers_is_refused(start, end):
    with pytest.raises(WindowError, match="must be two numbers in seconds"):
        Window(start, end)


def test_a_number_too_large_for_a_float_is_refused():
    with pytest.raises(WindowError):
        Window(0, 10**400)


def test_a_negative_zero_is_zero():
    assert math.copysign(1, Window(-0.0, 2).start) == 1.0


def test_a_window_error_can_be_shown_to_a_person():
    assert issubclass(WindowError, VTGError)


def test_a_window_that_fits_is_returned_as_it_is():
    assert Window(8, 14).check_within(30) == Window(8, 14)


def test_an_end_at_most_a_twentieth_of_a_second_past_the_video_moves_to_its_end():
    assert Window(28, 30.05).check_within(30) == Window(28, 30)


def test_an_end_further_past_the_video_is_refused_with_both_numbers():
    with pytest.raises(WindowError, match=r"<= duration \(30.5 s\), got start=28, end=31.2; .*clip=True"):
        Window(28, 31.2).check_within(30.5)


def test_clip_moves_an_end_to_the_end_of_the_video():
    assert Window(28, 60).check_within(30.5, clip=True) == Window(28, 30.5)


def test_an_end_twice_as_late_as_the_video_is_another_unit_and_never_clipped():
    with pytest.raises(WindowError, match=r"got start=120, end=14220; correct the window$"):
        Window(120, 14220).check_within(157.8, clip=True)


def test_a_start_at_the_end_of_the_video_is_refused_even_with_clip():
    with pytest.raises(WindowError, match=r"correct the window$"):
        Window(30, 31).check_within(30, clip=True)


@pytest.mark.parametrize("duration", [0, -1, math.nan])
def test_no_window_fits_a_video_without_a_duration(duration):
    with pytest.raises(WindowError):
        Window(1, 2).check_within(duration)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Window(0, 10), Window(0, 10), 1.0),
        (Window(0, 10), Window(5, 15), 1 / 3),
        (Window(0, 10), Window(2, 4), 0.2),
        (Window(0, 10), Window(10, 20), 0.0),
        (Window(0, 10), Window(50, 60), 0.0),
    ],
)
def test_intersection_over_union_is_what_both_share_over_what_either_covers(a, b, expected):
    assert intersection_over_union(a, b) == pytest.approx(expected)


@given(windows(), windows())
def test_intersection_over_union_is_symmetric_and_between_zero_and_one(a, b):
    value = intersection_over_union(a, b)
    assert value == intersection_over_union(b, a)
    assert 0 <= value <= 1


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([Window(0, 10)], [Window(0, 4), Window(6, 10)], 0.8),
        ([Window(0, 4), Window(6, 10)], [Window(0, 4), Window(6, 10)], 1.0),
        ([Window(0, 4), Window(6, 10)], [Window(6, 10), Window(20, 24)], 1 / 3),
        ([Window(0, 6), Window(4, 10)], [Window(0, 10)], 1.0),
        ([Window(0, 10), Window(0, 10), Window(2, 3)], [Window(0, 5)], 0.5),
        ([Window(0, 4)], [Window(4, 10)], 0.0),
        ([Window(0, 4)], [], 0.0),
        ([], [], 0.0),
    ],
)
def test_of_unions_each_moment_counts_once(a, b, expected):
    assert intersection_over_union_of_unions(a, b) == pytest.approx(expected)


groups = st.lists(windows(), min_size=1, max_size=5)


@given(windows(), windows())
def test_of_single_windows_it_is_intersection_over_union(a, b):
    value = intersection_over_union_of_unions([a], [b])
    assert value == pytest.approx(intersection_over_union(a, b), rel=1e-6, abs=1e-9)


@given(groups, groups)
def test_of_unions_it_is_symmetric_between_zero_and_one_and_one_only_where_all_is_shared(a, b):
    value = intersection_over_union_of_unions(a, b)
    assert value == intersection_over_union_of_unions(b, a)
    assert 0 <= value <= 1
    assert intersection_over_union_of_unions(a, a) == 1


@given(groups, groups, st.randoms())
def test_neither_order_nor_repetition_nor_cutting_a_window_changes_what_is_covered(a, b, random):
    value = intersection_over_union_of_unions(a, b)
    first = a[0]
    middle = (first.start + first.end) / 2
    halves = (
        [Window(first.start, middle), Window(middle, first.end)] if first.start < middle < first.end else []
    )
    other = [*a[1:], *(halves or [first]), *a[:1]]
    random.shuffle(other)
    assert intersection_over_union_of_unions(other, b) == pytest.approx(value, rel=1e-9, abs=1e-12)
