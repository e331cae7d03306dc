import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.errors import TemplateError
from vtg_core.templates import (
    STANDARD_TEMPLATES,
    TEMPLATES,
    TEMPORAL_TOKEN_TEMPLATES,
    PromptTemplate,
    TemplateSelector,
    load_templates,
    templates_for,
)

STYLES = [
    "direct instruction",
    "question",
    "task description",
    "natural language",
    "concise",
    "detailed",
    "academic",
    "conversational",
]
SEED_7 = ["natural", "natural", "concise", "conversational", "natural", "natural", "task", "academic"]


def custom(text):
    return PromptTemplate("mine", "custom", AnswerMode.STANDARD, text)


def test_the_first_standard_template_is_the_one_that_checkpoints_were_trained_with():
    assert STANDARD_TEMPLATES[0] == (
        "Given the video, please identify the start and end time of the moment described by the following query: "
        '"{query}"\nProvide the answer in the format: [start_time, end_time]'
    )


def test_the_concise_standard_template_is_the_one_that_checkpoints_were_trained_with():
    concise = next(template for template in templates_for(AnswerMode.STANDARD) if template.name == "concise")
    assert concise.text == 'Find when "{query}" occurs in the video.\nAnswer with: [start, end]'
    assert concise.text in STANDARD_TEMPLATES


def test_there_are_eight_templates_for_each_answer():
    assert len(STANDARD_TEMPLATES) == len(TEMPORAL_TOKEN_TEMPLATES) == 8
    assert len({*STANDARD_TEMPLATES, *TEMPORAL_TOKEN_TEMPLATES}) == 16


@pytest.mark.parametrize("mode", AnswerMode)
def test_each_mode_has_each_of_the_eight_styles_once_and_in_order(mode):
    assert [template.style for template in templates_for(mode)] == STYLES
    assert len({template.name for template in templates_for(mode)}) == 8


def test_the_lists_are_the_table():
    assert [*STANDARD_TEMPLATES, *TEMPORAL_TOKEN_TEMPLATES] == [template.text for template in TEMPLATES]


@pytest.mark.parametrize("template", templates_for(AnswerMode.STANDARD), ids=lambda template: template.name)
def test_a_standard_template_promises_two_times_in_brackets_and_no_token(template):
    assert re.search(r"\[start(_time)?, end(_time)?\]", template.text)
    assert re.search(r"second|time|when", template.text)
    assert not re.search(r"<|\|>|token|bin|percent|minute|frame(?! and given)", template.text)


@pytest.mark.parametrize(
    "template", templates_for(AnswerMode.TEMPORAL_TOKENS), ids=lambda template: template.name
)
def test_a_temporal_template_promises_tokens_in_box_markers_and_no_seconds(template):
    assert "<|box_start|><start><end><|box_end|>" in template.text
    assert "temporal token" in template.text
    assert not re.search(r"\[|\]|second|decimal|minute", template.text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: f"{template.mode}-{template.name}")
def test_a_template_shows_the_very_form_its_answer_declares(template):
    example = ANSWER_FORMATS[template.mode].example
    assert example in template.text or (template.mode, template.name) == ("standard", "concise")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: f"{template.mode}-{template.name}")
@given(query=st.text())
def test_a_query_is_inserted_as_text_and_found_again(template, query):
    prompt = template.format(query)
    before, after = template.text.split("{query}")
    assert prompt.text == before + query + after
    assert prompt.text[prompt.query_start : prompt.query_end] == query


@pytest.mark.parametrize(
    "query",
    ["{query}", "{0.__class__}", "{}", "}{", "${HOME}", "$x", "%s %(a)d", '"', "\\n", "{{ 7*7 }}", ""],
)
def test_a_query_is_never_interpreted(query):
    assert custom('Find "{query}".').format(query).text == f'Find "{query}".'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Find it.", "{query} exactly once, got it 0 times"),
        ("{query} {query}", "{query} exactly once, got it 2 times"),
        ("Find {query} in {video}", "got '{video}'"),
        ("Find {query!r}", "got '{query!r}'"),
        ("Find {query:>9} {query}", "got '{query:>9}'"),
        ("Find {} {query}", "got '{}'"),
        ("Find {{query}}", "got '{{query}}'"),
        ("Find {Query} {query}", "got '{Query}'"),
        ("{0.__class__} {query}", "got '{0.__class__}'"),
        ("{query", "{query} exactly once, got it 0 times"),
    ],
)
def test_a_template_with_another_placeholder_or_without_its_own_is_refused_by_name(text, named):
    with pytest.raises(TemplateError, match=r"^template 'mine' must hold .*" + re.escape(named)):
        custom(text)


def test_braces_that_are_text_stay_text():
    assert custom('{"a": 1} {query} { x }').format("Q").text == '{"a": 1} Q { x }'


@pytest.mark.parametrize("text", [None, 5, "x" * 4001 + "{query}"])
def test_a_template_must_be_a_text_of_bearable_length(text):
    with pytest.raises(TemplateError, match="must be a text of at most 4,000 characters"):
        custom(text)


def test_with_a_seed_the_choice_depends_on_seed_and_index_alone():
    assert [TemplateSelector(seed=7).select(i).name for i in range(8)] == SEED_7
    selector = TemplateSelector(seed=7)
    assert [selector.select(i).name for i in (7, 6, 5, 4, 3, 2, 1, 0)] == SEED_7[::-1]


def test_with_a_seed_the_choice_is_the_same_in_another_process():
    code = (
        "from vtg_core.templates import TemplateSelector as S;"
        "print([S(seed=7).select(i).name for i in range(8)], hash('a'))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            text=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert all(str(SEED_7) in run for run in runs)
    assert runs[0] != runs[1]


def test_both_modes_make_the_same_choice():
    names = [TemplateSelector(use_temporal_tokens=True, seed=7).select(i).name for i in range(8)]
    assert names == SEED_7


def test_another_seed_is_another_choice():
    assert [TemplateSelector(seed=8).select(i).name for i in range(8)] != SEED_7


def test_a_thousand_samples_use_every_template_about_equally():
    selector = TemplateSelector(seed=0)
    names = [selector.select(i).name for i in range(1000)]
    assert all(80 < names.count(template.name) < 170 for template in selector.templates)


def test_without_a_seed_the_choice_varies():
    selector = TemplateSelector()
    assert len({selector.get_template(0) for _ in range(200)}) > 1


def test_without_random_selection_it_is_always_the_first():
    selector = TemplateSelector(random_selection=False, seed=7)
    assert {selector.get_template(i) for i in range(20)} == {STANDARD_TEMPLATES[0]}


def test_the_mode_decides_which_templates_are_chosen_among():
    assert TemplateSelector(False, False).get_template(0) == STANDARD_TEMPLATES[0]
    assert TemplateSelector(True, False).get_template(0) == TEMPORAL_TOKEN_TEMPLATES[0]


def test_a_selector_formats_the_query_with_its_choice():
    text = TemplateSelector(random_selection=False).format(query="{x}", sample_idx=3)
    assert text == STANDARD_TEMPLATES[0].replace("{query}", "{x}")


def test_a_selector_chooses_among_templates_of_ones_own():
    selector = TemplateSelector(seed=7, templates=[custom("A {query}")])
    assert {selector.format("Q", i) for i in range(5)} == {"A Q"}


def test_a_selector_needs_a_template():
    with pytest.raises(TemplateError, match="at least one template, got none"):
        TemplateSelector(templates=[])


ROWS = [
    {"name": "a", "text": "Find {query}\n😀 \u00e9"},
    {"name": "b", "text": "See {query}", "style": "short", "mode": "temporal_tokens"},
]
READ = (
    PromptTemplate("a", "custom", AnswerMode.STANDARD, "Find {query}\n😀 \u00e9"),
    PromptTemplate("b", "short", AnswerMode.TEMPORAL_TOKENS, "See {query}"),
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.json", json.dumps(ROWS, ensure_ascii=False)),
        ("ascii.json", json.dumps(ROWS)),
        ("tabs.json", json.dumps(ROWS, indent="\t")),
        ("mark.json", "\ufeff" + json.dumps(ROWS)),
        ("mine.yaml", yaml.safe_dump(ROWS, allow_unicode=True)),
        ("ascii.yaml", yaml.safe_dump(ROWS)),
    ],
)
def test_templates_are_read_from_json_and_yaml(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_templates(tmp_path / name) == READ


def test_a_mapping_from_name_to_text_is_read(tmp_path):
    (tmp_path / "t.yaml").write_text("short: Find {query}\nlong: |-\n  Please find\n  {query}\n")
    templates = load_templates(tmp_path / "t.yaml")
    assert [(t.name, t.text) for t in templates] == [
        ("short", "Find {query}"),
        ("long", "Please find\n{query}"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.yaml must hold a list of {name, text} or a mapping"),
        ("[]", "t.yaml must hold a list of {name, text} or a mapping"),
        ("7", "t.yaml must hold a list of {name, text} or a mapping"),
        ("[1]", "t.yaml, template 1 must have a text under 'name' and under 'text', got int"),
        ("- {name: a}", "t.yaml, template 1 must have a text under 'name' and under 'text'"),
        ("a: &x {query}", "t.yaml, template 1 must have a text under 'name' and under 'text'"),
        (
            "- {name: a, text: '{query}', size: 3}",
            "must have no field but language, mode, name, source, style, task, text, got 'size'",
        ),
        (
            "- {name: a, text: '{query}', mode: seconds}",
            "template 1, mode: answer form must be one of the table in docs/templates.md, got 'seconds'",
        ),
        ("a: Find it", "template 'a' must hold {query} exactly once"),
        (
            "- {name: a, text: '{query}'}\n- {name: a, text: '{query}!'}",
            "must name each template once, got 'a'",
        ),
        ("a: 'x {query}'\na: 'y {query}'", "must name each template once, got 'a'"),
        ("a: [", "t.yaml must be YAML or JSON in UTF-8, and is not"),
        ("a: !!python/object/apply:os.system ['true']", "t.yaml must be YAML or JSON in UTF-8, and is not"),
        ("a: 2024-13-45", "t.yaml"),
        ("a: " + "9" * 5000, "t.yaml"),
        ("[" * 1500, "t.yaml"),
    ],
)
def test_a_template_file_that_cannot_be_used_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(TemplateError, match=re.escape(message)):
        load_templates(tmp_path / "t.yaml")


def test_a_template_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TemplateError, match=r"template file gone.yaml cannot be read: No such file"):
        load_templates(tmp_path / "gone.yaml")


def test_a_template_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "t.yaml").write_bytes(b"a: caf\xe9 {query}")
    with pytest.raises(TemplateError, match="must be YAML or JSON in UTF-8"):
        load_templates(tmp_path / "t.yaml")


def test_a_huge_template_file_is_refused(tmp_path):
    (tmp_path / "t.yaml").write_text("a" * 1_000_001)
    with pytest.raises(TemplateError, match=r"t.yaml must be at most 1,000,000 bytes"):
        load_templates(tmp_path / "t.yaml")
