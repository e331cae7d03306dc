"""Sets of templates by task: each agrees with its answer form, as the sixteen do."""

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.data.answer_forms.promises import contradiction, units_in
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, form_named
from vtg_core.data.wording.prompt import Task
from vtg_core.data.wording.tasks import TASKS, asked_windows, task_templates
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import AnnotationError, AnswerError, TemplateError
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

SEVERAL = [Window(8, 14), Window(2, 3), Window(20, 26)]
each_task = pytest.mark.parametrize("task", TASKS)


def forms_of(task):
    """Every answer form that a task can have."""
    if task is Task.POINT:
        return [form_named("seconds_1_point")]
    return [form for form in KNOWN_FORMS.values() if task is not Task.ABSENT or not form.is_built_in]


def dataset(tmp_path, rows, **options):
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    return VideoTemporalSFTDataset(
        tmp_path / "rows.json",
        ASSETS,
        use_random_templates=False,
        frames=FramePolicy(num_frames=4),
        **options,
    )


def row(*windows):
    return {"video": "two_events.mp4", "query": "a red circle appears", "windows": [list(w) for w in windows]}


def test_every_task_but_a_moment_has_a_set():
    assert set(TASKS) == set(Task) - {Task.MOMENT}


@each_task
def test_words_and_answer_form_agree_in_every_form_that_the_task_can_have(task):
    for form in forms_of(task):
        for template in task_templates(task, form.name):
            assert contradiction(template.text.replace("{query}", ""), form) is None, template
            assert form.example in template.text or form.example_of(2) in template.text
            assert form.unit in units_in(template.text), template


@each_task
def test_a_set_has_four_templates_of_its_own_form_that_say_what_they_ask(task):
    templates = task_templates(task)
    assert [t.name for t in templates] == ["direct", "question", "concise", "conversational"]
    assert {(t.mode, t.task) for t in templates} == {(TASKS[task].form, task)}
    assert len({t.text for t in templates}) == 4


def test_the_words_of_what_may_not_happen_say_how_to_say_so():
    assert all("Not in the video." in t.text for t in task_templates(Task.ABSENT))
    assert all("[]" in t.text for t in task_templates(Task.ABSENT, "seconds_1_pairs"))


@pytest.mark.parametrize(
    ("task", "form"),
    [
        ("absent", "standard"),
        ("absent", "seconds_1_point"),
        ("point", "standard"),
        ("first", "seconds_1_point"),
    ],
)
def test_a_form_that_cannot_answer_a_task_is_refused(task, form):
    with pytest.raises(TemplateError, match=f"task '{task}' needs an answer form .*, got '{form}'"):
        task_templates(Task(task), form)


def test_a_task_that_there_is_not_is_refused():
    with pytest.raises(TemplateError, match=r"task must be one of moment, several, .*, got 'twice'"):
        TemplateSelector(task="twice")


def test_sets_are_in_english():
    with pytest.raises(TemplateError, match="task 'first' must be in English, got language 'zh'"):
        TemplateSelector(task="first", language="zh")


def test_the_first_and_the_last_are_by_time_and_not_by_the_files_order():
    assert asked_windows(Task.FIRST, SEVERAL) == (Window(2, 3),)
    assert asked_windows(Task.LAST, SEVERAL) == (Window(20, 26),)
    assert asked_windows(Task.SEVERAL, SEVERAL) == tuple(SEVERAL)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("several", "[8.0, 14.0], [20.0, 26.0]"),
        ("first", "[8.0, 14.0]"),
        ("last", "[20.0, 26.0]"),
        ("short", "[8.00, 14.00], [20.00, 26.00]"),
        ("long", "[00:00:08.0, 00:00:14.0], [00:00:20.0, 00:00:26.0]"),
        ("caption", "a red circle appears"),
    ],
)
def test_the_answer_of_a_sample_is_what_its_task_asks_for(tmp_path, task, answer):
    sample = dataset(tmp_path, [row((8, 14), (20, 26))], task=task).plan(0)
    assert sample.answer == answer
    assert sample.template.task == task


def test_a_caption_is_asked_for_by_its_windows(tmp_path):
    sample = dataset(tmp_path, [row((8, 14))], task="caption").plan(0)
    assert sample.prompt.text.endswith("given in seconds as [start_time, end_time]: [8.0, 14.0]")
    assert "a red circle" not in sample.prompt.text


def test_the_windows_of_a_row_choose_its_task(tmp_path):
    rows = [row(), row((8, 14)), row((8, 14), (20, 26))]
    samples = dataset(tmp_path, rows, task="auto", answer_form="seconds_1_sentence")
    told = [(sample.template.task, sample.answer) for sample in map(samples.plan, range(3))]
    assert told == [
        ("absent", "Not in the video."),
        ("moment", "From 8.0 to 14.0 seconds."),
        ("several", "From 8.0 to 14.0 seconds. From 20.0 to 26.0 seconds."),
    ]


def test_a_row_without_a_window_is_bad_where_the_task_needs_one(tmp_path):
    with pytest.raises(AnnotationError, match="field 'windows': must be a list of"):
        dataset(tmp_path, [row()], task="several")


def test_a_form_that_cannot_say_no_is_refused_where_a_row_must(tmp_path):
    samples = dataset(tmp_path, [row()], task="auto")
    with pytest.raises(
        TemplateError, match="task 'absent' needs an answer form that can say that nothing happens"
    ):
        samples.plan(0)


def test_a_point_is_the_middle_of_a_second_at_most():
    form = form_named("seconds_1_point")
    assert form.example == "[time]"
    assert form.render([Window(8, 9)], 30) == "[8.5]"
    assert form.parse("[8.5]", 30).windows == (Window(8, 9),)
    assert form.parse("[29.9]", 30).windows == (Window(29.4, 30),)
    with pytest.raises(AnswerError, match="must be a window of at most 1 s, got 6 s"):
        form.render([Window(8, 14)], 30)


@pytest.mark.parametrize("end", [29.99, 30.0])
def test_a_point_at_the_end_of_the_video_reads_back(end):
    form = form_named("seconds_1_point")
    [window] = form.parse(form.render([Window(end - 0.2, end)], 30), 30).windows
    assert abs(window.start - (end - 0.2)) <= form.step(30)
    assert abs(window.end - end) <= form.step(30)
