import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vtg_core.files.spreadsheet import guarded, unguarded

RUN = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM(A1)")


@pytest.mark.parametrize("text", RUN)
def test_what_a_spreadsheet_would_run_becomes_text(text):
    assert guarded(text) == f"'{text}"


@given(st.text())
@example("'")
@example("''=1")
@example("'=1")
@example("\udcff")
def test_every_text_comes_back_and_none_is_run(text):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell.startswith(tuple(one[0] for one in RUN))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_texts_come_back_from_a_csv(texts):
    file = io.StringIO(newline="")
    csv.writer(file).writerow(map(guarded, texts))
    [cells] = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert list(map(unguarded, cells)) == texts


@pytest.mark.parametrize("text", ["", "a red circle", "a = b", " =1", '"=1"', "8.0"])
def test_what_is_no_formula_is_left_as_it_is(text):
    assert guarded(text) == unguarded(text) == text
