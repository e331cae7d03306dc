import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtg_core.checkpoints.loading import fingerprint
from vtg_core.comparison.files import (
    ComparisonSettings,
    NotAComparisonError,
    Question,
    StoredRow,
    json_of,
    read_csv,
    read_json,
    write_csv,
)
from vtg_core.comparison.on_file import PlainCheck
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.answers import AnswerMode
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy

RESULT = TemplateResult(
    row=0, where="rows.json:2, row 1", video="a.mp4", query="a red circle", template="direct",
    mode=AnswerMode.STANDARD, answer="[8.0, 14.0]", num_tokens=457, num_video=414, num_supervised=12, sum_nll=91.25,
    mean_nll=7.604166666666667, num_times=5, time_nll=38.25, time_uniform=11.5, word_nll=45.5, end_of_turn_nll=7.5,
)  # fmt: skip
SETTINGS = ComparisonSettings(
    "demo", "demo:1", "float32", "num_frames=12", "turns=all", "sha256:1", ("standard/direct",)
)
CHECK = PlainCheck(0, "direct", AnswerMode.STANDARD, 12, 1e-6, 1e-3)
HOSTILE = [
    "=1+1",
    "@SUM(A1)",
    "'quoted",
    "'=x",
    "+",
    "-1",
    "\tb",
    "\ra",
    "一个\n红圈",
    'say "hi", she said',
    "\x00",
    "}{",
    "\n=1",
    "＝1",
]


def row_of(**changes):
    result = replace(RESULT, **changes)
    return StoredRow(
        Question(result.video, result.query, ((8.0, 14.0), (20.0, 22.5)), (0.5, 30.0)), (result,)
    )


def as_json(rows, settings=SETTINGS):
    value = json_of(settings, rows, is_partial=True, unreadable=[], checks=[CHECK], summary=[], comparison={})
    return json.dumps(value)


def as_csv(rows, settings=SETTINGS):
    text = io.StringIO(newline="")
    write_csv(text, settings, rows.values(), header=True)
    return text.getvalue()


@pytest.mark.parametrize(("write", "read"), [(as_json, read_json), (as_csv, read_csv)])
@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_written_is_read_back_whatever_its_texts_are(write, read, text):
    rows = {0: row_of(query=text, video=text, where=text, answer=text)}
    found = read(write(rows))
    assert (found.settings, found.rows) == (SETTINGS, rows)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_any_number_come_back_from_csv(text, number):
    rows = {0: row_of(query=text, sum_nll=number)}
    assert read_csv(as_csv(rows)).rows == rows


def test_a_spreadsheet_runs_no_cell_of_the_csv():
    rows = {n: row_of(row=n, query=text) for n, text in enumerate(HOSTILE)}
    for line in csv.DictReader(io.StringIO(as_csv(rows), newline="")):
        assert not any(
            cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")) for cell in line.values()
        )


def test_a_csv_of_a_comparison_without_a_row_says_no_settings():
    assert read_csv(as_csv({})).settings is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no whole JSON"),
        ("[" * 100_000, "is no whole JSON"),
        ("[1]", "JSON of something else"),
        ('{"schema": 2}', "JSON of something else"),
        (as_json({0: row_of()})[:-40], "is no whole JSON"),
        (as_json({0: row_of()}).replace('"schema": 1', '"schema": 1, "note": "mine"'), "JSON of something else"),
        (as_json({0: row_of()}).replace('"demo"', "7"), "has settings of another form"),
        (as_json({}).replace('"results": []', '"results": [7]'), "has results of another form"),
        (as_json({}).replace('"num_tokens": 12', '"tokens": 12'), "has checks of another form"),
        (as_json({}).replace('"tolerance": 0.001', '"tolerance": "0.001"'), "a check with no tolerance that can be"),
        (as_json({0: row_of()}).replace('"sum_nll": 91.25', '"sum_nll": NaN'), "no sum_nll that can be read"),
        (as_json({0: row_of()}).replace('"sum_nll": 91.25', '"sum_nll": 1' + "0" * 400), "no sum_nll"),
        (as_json({0: row_of()}).replace('"row": 0', '"row": -1'), "no row that can be read in result 0"),
        (as_json({0: row_of()}).replace('"mode": "standard"', '"mode": "loud"'), "no mode that can be read"),
        (as_json({0: row_of()}).replace("[[8.0, 14.0], [20.0, 22.5]]", "[]"), "no windows that can be read"),
        (as_json({0: row_of()}).replace("[0.5, 30.0]", "[0.5]"), "no part that can be read"),
        (as_json({0: row_of()}).replace('"answer"', '"reply"'), "has other columns in result 0"),
        (as_json({0: row_of(), 1: row_of()}), "has row 0 twice with standard/direct"),
        (as_json({0: row_of(), 1: row_of(query="b", template="task")}), "asks two different things in row 0"),
    ],
)  # fmt: skip
def test_json_that_is_no_whole_comparison_is_told(text, said):
    with pytest.raises(NotAComparisonError, match=said):
        read_json(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,age\nx,3\n", "lacks the column 'row'"),
        (as_csv({0: row_of()}).replace("sum_nll,", "", 1), "lacks the column 'sum_nll'"),
        (as_csv({0: row_of()}).replace("row,", "row,notes,", 1), "columns of another table"),
        (as_csv({0: row_of()})[:-24], "has another number of cells in line 2"),
        (as_csv({0: row_of(query='a "b" c')})[:-60], "is no CSV"),
        (as_csv({0: row_of()}).replace("91.25", "many"), "no sum_nll that can be read in line 2"),
        (as_csv({0: row_of()}) + as_csv({1: row_of(row=1)}), "no row that can be read"),
        (
            as_csv({0: row_of()})
            + as_csv({1: row_of(row=1)}, replace(SETTINGS, dtype="float16")).partition("\n")[2],
            "lines of different settings",
        ),
    ],
)
def test_csv_that_is_no_whole_comparison_is_told(text, said):
    with pytest.raises(NotAComparisonError, match=said):
        read_csv(text)


def test_what_was_checked_is_read_back_from_json():
    assert read_json(as_json({0: row_of()})).checks == (CHECK,)


def settings_of(frames=FramePolicy(), policy=MaskPolicy(), templates=TEMPLATES[:2]):  # noqa: B008
    return ComparisonSettings.of("demo", dtype="float32", frames=frames, policy=policy, templates=templates)


def test_settings_say_all_that_a_result_depends_on():
    found = settings_of(FramePolicy(fps=0.5, max_pixels=400))
    assert found.frames == "fps=0.5 max_pixels=400"
    assert found.trained == "turns=all end_of_turn=True newline=False thinking=False"
    assert found.weights == fingerprint("demo")
    assert found.templates == ("standard/direct", "standard/question")


def test_frames_masks_and_words_are_told_apart():
    frames = [FramePolicy(), FramePolicy(num_frames=4), FramePolicy(fps=2.0), FramePolicy(max_pixels=50_176)]
    assert len({settings_of(frames=one).frames for one in frames}) == 4
    masks = [MaskPolicy(), MaskPolicy(turns="last"), MaskPolicy(end_of_turn=False), MaskPolicy(newline=True)]
    assert len({settings_of(policy=one).trained for one in masks}) == 4
    first, second = TEMPLATES[:2]
    reworded = replace(first, text=first.text.replace("please ", ""))
    words = [[first], [second], [reworded], [first, second], [reworded, second]]
    assert len({settings_of(templates=one).words for one in words}) == 5


def test_the_order_of_templates_changes_no_word():
    assert settings_of(templates=TEMPLATES[:2]).words == settings_of(templates=TEMPLATES[1::-1]).words
