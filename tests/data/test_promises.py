"""Templates whose answers are in a form of the table: their words promise it, and data sets write it."""

import re

import pytest
import yaml

from vtg_core.data.answer_forms.promises import contradiction
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, form_named
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import AnswerError, TemplateError
from vtg_core.templates import TEMPLATES, load_templates, templates_for

DEMO = "assets/demo_annotations.json"


@pytest.fixture
def load(tmp_path):
    """Read one template of a file."""

    def load(text, mode):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump([{"name": "mine", "text": text, "mode": mode}]))
        [template] = load_templates(path)
        return template

    return load


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: f"{template.mode}-{template.name}")
def test_the_words_of_a_built_in_template_promise_its_form(template):
    assert contradiction(template.text, KNOWN_FORMS[template.mode]) is None
    other = {"standard": "temporal_tokens", "temporal_tokens": "standard"}[template.mode]
    assert contradiction(template.text, KNOWN_FORMS[other])


@pytest.mark.parametrize("name", KNOWN_FORMS)
def test_any_form_can_be_promised_in_its_own_words(load, name):
    template = load("When is {query}? Write {format}", name)
    assert template.mode == name
    assert template.text == "When is {query}? Write " + KNOWN_FORMS[name].example
    assert all(contradiction(own.text, KNOWN_FORMS[name]) is None for own in templates_for(name))


@pytest.mark.parametrize(
    ("text", "mode", "wrong"),
    [
        ("When is {query}, in percent?", "standard", "its words ask for percent, and standard counts seconds"),
        ("When is {query}? Give seconds.", "percent_range", "ask for seconds, and percent_range counts percent"),
        ("When is {query}? Give mm:ss.", "seconds_0_range", "ask for clock, and seconds_0_range counts seconds"),
        ("When is {query}? Two frame numbers.", "fraction_2_range", "ask for frames, and fraction_2_range"),
        ("When is {query}? A fraction, please.", "frames_range", "ask for fraction, and frames_range"),
        ("When is {query}? In temporal tokens.", "clock_range", "ask for bins, and clock_range counts clock"),
        ("When is {query}? [start, end]", "seconds_1_json", "show the form 'brackets', and seconds_1_json writes"),
        ("When is {query}? {format} or [[a, b]]", "seconds_1_range", "show the form 'pairs', and seconds_1_range"),
    ],
)  # fmt: skip
def test_words_that_ask_for_another_answer_are_refused(load, text, mode, wrong):
    with pytest.raises(TemplateError, match=re.escape(wrong)):
        load(text, mode)


def test_words_may_speak_of_seconds_and_ask_for_percent(load):
    text = "The video lasts 30 seconds. When is {query}? In percent."
    assert load(text, "percent_range").text == text
    assert load("When is {query}?", "frames_json").text == "When is {query}?"


def test_the_query_is_no_promise():
    [template] = templates_for("clock_range")
    assert template.format("in percent").text.startswith('Find when "in percent" occurs')


@pytest.mark.parametrize(
    "name", ["percent_sentence", "clock_json", "seconds_0_pairs_thinking", "bins_100_tokens"]
)
def test_a_data_set_answers_in_the_form_that_is_chosen(name):
    sample = VideoTemporalSFTDataset(DEMO, answer_form=name).plan(0)
    form, duration = form_named(name), sample.video.info.duration
    assert sample.answer == form.render(sample.windows, duration)
    assert form.example in sample.prompt.text
    assert sample.answer_format.parse(sample.answer, duration).windows


def test_frames_are_numbered_as_they_are_taken():
    sample = VideoTemporalSFTDataset(DEMO, answer_form="frames_brackets").plan(0)
    first, last = map(int, re.findall(r"[0-9]+", sample.answer))
    [window], times = sample.windows, sample.video.timestamps
    assert times[first] == pytest.approx(window.start, abs=times[1])
    assert times[last] == pytest.approx(window.end, abs=times[1])


def test_a_data_set_says_which_form_its_templates_are_of(load):
    template = load("When is {query}? {format}", "percent_range")
    with pytest.raises(TemplateError, match="none but of 'percent_range'; pass answer_form='percent_range'"):
        VideoTemporalSFTDataset(DEMO, templates=[template])
    dataset = VideoTemporalSFTDataset(DEMO, templates=[template], answer_form="percent_range")
    assert dataset.plan(0).answer.count("%") == 2


def test_a_data_set_refuses_a_form_that_there_is_not():
    with pytest.raises(AnswerError, match="did you mean 'percent_range'"):
        VideoTemporalSFTDataset(DEMO, answer_form="percnt_range")
