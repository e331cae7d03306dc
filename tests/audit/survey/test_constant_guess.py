"""The best constant answer is found exactly, over a grid and in one pass."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtg_core.audit.survey.constant_guess import GRID, ConstantGuesses
from vtg_core.windows import Window, intersection_over_union

SHARES = st.tuples(st.integers(0, 999), st.integers(1, 1000)).map(
    lambda ends: (min(ends) / 1000, max(max(ends), min(ends) + 1) / 1000)
)


def counted(rows):
    guesses = ConstantGuesses()
    for number, windows in enumerate(rows, 1):
        guesses.add(windows, number)
    return guesses.done()


def num_hits(rows, iou, start, end):
    guess = Window(start, end)
    hit = [any(intersection_over_union(Window(*w), guess) >= iou - 1e-9 for w in row) for row in rows]
    return sum(hit)


def test_one_window_for_all_is_always_right():
    half, most = counted([[(0.2, 0.4)]] * 7)
    assert (half.iou, half.num_hits, half.num_rows, half.share) == (0.5, 7, 7, 1.0)
    assert most.rows == (1, 2, 3, 4, 5, 6, 7)


def test_without_a_row_nothing_is_guessed():
    assert counted([]) == ()


@settings(max_examples=8)
@given(rows=st.lists(st.lists(SHARES, min_size=1, max_size=3), min_size=1, max_size=5))
def test_no_other_window_of_the_grid_hits_more(rows):
    for guess in counted(rows):
        pairs = [(s / GRID, e / GRID) for s, e in product(range(0, GRID, 2), range(1, GRID + 1)) if s < e]
        assert num_hits(rows, guess.iou, guess.start, guess.end) == guess.num_hits == len(guess.rows)
        assert guess.num_hits >= max(num_hits(rows, guess.iou, *pair) for pair in pairs)


@pytest.mark.parametrize("iou", [0.5, 0.7])
def test_a_row_of_several_windows_is_hit_once(iou):
    [guess] = [g for g in counted([[(0.1, 0.3), (0.11, 0.31)], [(0.1, 0.3)]]) if g.iou == iou]
    assert (guess.num_hits, guess.rows) == (2, (1, 2))
