"""Every check that holds for the sixteen holds for them in each language."""

import re

import pytest

from vtg_core.data.answer_forms.promises import contradiction, units_in
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, form_named
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.data.wording.languages import LANGUAGES, language_of
from vtg_core.errors import TemplateError
from vtg_core.templates import TEMPLATES, templates_for

OTHERS = {code: language for code, language in LANGUAGES.items() if code != "en"}
IN_ALL = [t for code in OTHERS for mode in AnswerMode for t in templates_for(mode, code)]
each_language = pytest.mark.parametrize("code", OTHERS)


def of(code, mode):
    return templates_for(mode, code)


def words_of(template):
    """What a template says beside its query and the form of its answer."""
    form = ANSWER_FORMATS[template.mode].example
    return template.text.replace("{query}", "").replace(form, "")


def test_there_are_eight_languages_besides_english():
    assert list(OTHERS) == ["zh", "ja", "ko", "es", "de", "fr", "ar", "hi"]
    assert [code for code, language in OTHERS.items() if language.is_right_to_left] == ["ar"]


@each_language
@pytest.mark.parametrize("mode", AnswerMode)
def test_each_language_has_the_eight_with_the_names_and_styles_of_the_english_ones(code, mode):
    english = templates_for(mode)
    assert [(t.name, t.style, t.mode) for t in of(code, mode)] == [(t.name, t.style, t.mode) for t in english]
    assert {t.language for t in of(code, mode)} == {code}


@each_language
def test_no_two_templates_of_a_language_are_alike(code):
    assert len({t.text for mode in AnswerMode for t in of(code, mode)}) == 16


@each_language
@pytest.mark.parametrize("mode", AnswerMode)
def test_a_template_shows_the_very_form_its_answer_declares(code, mode):
    assert [t.text.count(ANSWER_FORMATS[mode].example) for t in of(code, mode)] == [1] * 8


@each_language
@pytest.mark.parametrize("mode", AnswerMode)
def test_words_and_answer_form_agree(code, mode):
    found = [contradiction(t.text.replace("{query}", ""), form_named(mode)) for t in of(code, mode)]
    assert found == [None] * 8


@each_language
def test_a_standard_template_names_seconds_in_its_own_language_and_no_other_unit(code):
    for template in of(code, AnswerMode.STANDARD):
        assert re.search(LANGUAGES[code].seconds, template.text, re.IGNORECASE), template
        assert units_in(template.text) == ["seconds"], template


@each_language
def test_a_temporal_template_names_its_tokens_in_its_own_language_and_no_other_unit(code):
    for template in of(code, AnswerMode.TEMPORAL_TOKENS):
        assert LANGUAGES[code].temporal_tokens_word in template.text, template
        assert units_in(template.text) == ["bins"], template
        assert "[" not in template.text


@each_language
def test_words_of_another_unit_are_refused_in_its_own_language(code):
    standard, tokens = of(code, AnswerMode.STANDARD)[1], of(code, AnswerMode.TEMPORAL_TOKENS)[1]
    assert "its words ask for seconds" in contradiction(standard.text, form_named("temporal_tokens"))
    assert "its words ask for bins" in contradiction(tokens.text, form_named("standard"))


@each_language
def test_any_other_answer_form_is_asked_for_in_its_own_words(code):
    for name, form in KNOWN_FORMS.items():
        if name not in tuple(AnswerMode):
            [template] = templates_for(name, code)
            assert form.example in template.text
            assert contradiction(template.text.replace("{query}", ""), form) is None


def test_the_language_of_each_template_is_known_by_its_words():
    known = {(t.language, t.mode, t.name): language_of(words_of(t)) for t in (*TEMPLATES, *IN_ALL)}
    assert {key for key, language in known.items() if language is not LANGUAGES[key[0]]} == set()


@pytest.mark.parametrize(
    "words", ["", "123 [start, end]", "Trova quando succede nel filmato", "Найди момент"]
)
def test_words_of_no_language_of_ours_are_not_taken_for_one(words):
    assert language_of(words) is None


def test_no_template_holds_what_reads_like_a_control_token_but_those_of_its_answer():
    allowed = {
        AnswerMode.STANDARD: set(),
        AnswerMode.TEMPORAL_TOKENS: {"<|box_start|>", "<|box_end|>", "<start>", "<end>"},
    }
    for template in IN_ALL:
        assert set(re.findall(r"<[^<>]+>", template.text)) <= allowed[template.mode], template


@pytest.mark.parametrize(
    "words", ["la segunda vez y el segundo plano, en %", "la seconde fois, en pour cent"]
)
def test_what_comes_second_is_no_unit(words):
    assert units_in(words) == ["percent"]


def test_built_in_templates_in_a_language_that_has_none_are_refused():
    with pytest.raises(TemplateError, match=r"must be in one of en, zh, .* got 'tlh'"):
        templates_for(AnswerMode.STANDARD, "tlh")
