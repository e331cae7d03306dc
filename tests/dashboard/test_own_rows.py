"""Rows with conversations of their own on the page: their words are the sample, and templates a comparison."""

import json

import pytest

from tests.conftest import ASSETS
from tests.conversation_files import ASKED, ROWS, spoken, write_rows
from vtg_core.dashboard import Settings
from vtg_core.dashboard.address import Address
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs, pick_row
from vtg_core.dashboard.masks import Choice
from vtg_core.dashboard.samples import Samples
from vtg_core.dashboard.work.audit import show_audit
from vtg_core.dashboard.work.compare import show_comparison
from vtg_core.dashboard.work.loss import show_loss
from vtg_core.dashboard.work.probe import ask_answer
from vtg_core.dashboard.work.prompts import show_prompts
from vtg_core.data.annotations import load_annotations
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.errors import AnnotationError, VTGError
from vtg_core.video.plan import FramePolicy


def silent(at, what):
    assert 0 <= at <= 1


@pytest.fixture
def opened(tmp_path):
    """The settings of a page that was opened with rows."""

    def given(*rows):
        path = write_rows(tmp_path, *rows)
        loaded = load_annotations(path, video_root=ASSETS, read_windows=windows_said)
        return Settings(
            annotations=loaded.annotations, annotation_file=path, video_root=ASSETS, frames=FramePolicy(num_frames=4)
        )  # fmt: skip

    return given


def picked(settings, number=1, template="own", mode="standard", **typed):
    row = pick_row(settings, number)
    start, end = row.windows[0] if row.windows else (None, None)
    values = {"query": row.query, "start": start, "end": end} | typed
    return Inputs.read(
        settings, str(row.video), **values, mode=mode, num_frames=4, trained=[END_OF_TURN], template=template, row=row
    )  # fmt: skip


def prompts(settings, inputs):
    return json.loads(show_prompts(settings, inputs, silent).prompts)


def test_the_words_of_the_row_come_first_and_the_sixteen_templates_behind_them(opened):
    settings = opened(ROWS["sharegpt"])
    own, *others = prompts(settings, picked(settings))
    assert own["key"] == "own"
    assert f"{ASKED}\n" in own["rendered"]
    assert own["answer"] == "The circle is there from 8.0 to 14.0 seconds."
    assert len(others) == 16


def test_what_the_row_trains_is_in_the_loss_and_said(opened):
    settings = opened(spoken(0, None))
    [own] = prompts(settings, picked(settings))
    trained = [part["pieces"] for part in own["parts"] if part["num_supervised"] and part["kind"] == "answer"]
    assert trained == [[["Answer 1.", 1]]]
    assert "message 4 is trained, of 2 answers, as the row says" in pick_row(settings, 1).note


def test_an_answer_is_read_and_its_form_said(opened):
    row = pick_row(opened(ROWS["sharegpt"]), 1)
    assert [tuple(window) for window in row.windows] == [(8.0, 14.0)]
    assert "Its answer says 8 to 14 s" in row.note


def test_without_a_window_there_are_only_the_rows_words_until_one_is_typed(opened):
    settings = opened(ROWS["ms-swift"])
    assert [view["key"] for view in prompts(settings, picked(settings))] == ["own"]
    assert len(prompts(settings, picked(settings, start=8, end=14))) == 17
    with pytest.raises(VTGError, match="the row's own answer says none"):
        list(show_comparison(settings, picked(settings), silent, lambda: False))


def test_its_mask_is_audited_and_scored_as_it_is(opened):
    settings = opened(ROWS["chat"])
    audited = json.loads(show_audit(settings, picked(settings), Choice(), silent).audit)
    assert [found for found in audited["findings"] if found["severity"] == "error"] == []
    loss = json.loads(show_loss(settings, picked(settings), silent, lambda: False).loss)
    assert loss["sample"].startswith("own · ")


def test_a_probe_asks_for_a_template(opened):
    settings = opened(ROWS["chat"])
    with pytest.raises(VTGError, match="choose a template"):
        ask_answer(settings, picked(settings), silent, lambda: False)


def test_a_weight_that_is_neither_0_nor_1_is_said(opened):
    settings = opened(spoken(0.5))
    with pytest.raises(AnnotationError, match="must weigh 0 or 1"):
        show_prompts(settings, picked(settings), silent)


def test_a_link_without_a_template_opens_the_rows_words(opened):
    samples = Samples(opened(ROWS["chat"]))
    asked = [
        Address.read(samples.settings, samples, query, tab="audit").template
        for query in ({}, {"template": "direct"})
    ]
    assert asked == ["own", "direct"]


def test_a_form_that_is_not_built_in_has_one_template_beside_the_sixteen(opened):
    settings = opened(ROWS["sharegpt"])
    _own, form, *others = prompts(settings, picked(settings, template="direct", mode="percent_sentence"))
    assert (form["key"], form["answer"]) == (
        "percent_sentence/concise",
        "From 27% to 47%.",
    )
    assert len(others) == 16


def test_the_words_of_a_row_are_none_of_another_ones():
    with pytest.raises(VTGError, match="only a row with a conversation"):
        Inputs.read(
            Settings(), str(ASSETS / "red_circle.mp4"), "q", 1, 2, "standard", 4, [END_OF_TURN], "own", None
        )
