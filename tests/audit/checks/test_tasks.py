"""The audit knows what other tasks ask for: several windows, none, a point, a caption."""

import json

import pytest

from tests.audit.checks.test_answer import answered, codes
from tests.audit.conftest import build_batch
from tests.conftest import ASSETS
from vtg_core.commands.cli import main
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.data.wording.tasks import TASKS, task_templates
from vtg_core.dataset import Sample
from vtg_core.windows import Window


def asked(processor, video, task, windows=((8, 14),)):
    template = task_templates(task)[0]
    windows = tuple(Window(*window) for window in windows)
    return build_batch(
        processor, [Sample(video, "a red circle", windows, template, format_named(template.mode))]
    )


@pytest.mark.parametrize("text", ["Not in the video.", "It does not happen."])
def test_an_answer_that_says_that_nothing_happens_is_right_where_nothing_does(processor, video, text):
    assert codes(answered(asked(processor, video, "absent", ()), text)) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [("From 8.0 to 14.0 seconds.", "answer.window-differs"), ("I cannot tell.", "answer.does-not-parse")],
)
def test_an_answer_that_says_otherwise_is_an_error_where_nothing_happens(processor, video, text, code):
    assert codes(answered(asked(processor, video, "absent", ()), text)) == [code]


def test_an_answer_of_one_window_is_an_error_where_several_are_asked_for(processor, video):
    good = asked(processor, video, "several", ((8, 14), (20, 26)))
    assert codes(good) == []
    assert codes(answered(good, "[8.0, 14.0]")) == ["answer.window-differs"]


def test_a_point_is_right_within_half_a_second(processor, video):
    good = asked(processor, video, "point", ((8, 9),))
    assert codes(good) == codes(answered(good, "[8.9]")) == []
    assert codes(answered(good, "[10.5]")) == ["answer.window-differs"]


def test_a_caption_is_no_window(processor, video):
    assert codes(answered(asked(processor, video, "caption"), "two red circles appear")) == []


def rows(tmp_path, *windows):
    path = tmp_path / "rows.json"
    path.write_text(
        json.dumps([{"video": "two_events.mp4", "query": "a red circle", "windows": w} for w in windows])
    )
    return ["--annotations", str(path), "--video-root", str(ASSETS), "--num-frames", "4"]


@pytest.mark.parametrize("task", [*TASKS])
def test_rows_are_audited_by_task(tmp_path, capsys, task):
    window = [[8, 9]] if task == "point" else [[8, 14]]
    assert main(["audit", *rows(tmp_path, window), "--task", task]) == 0, capsys.readouterr().out


def test_rows_choose_their_own_task_and_one_without_a_window_is_read(tmp_path, capsys):
    mixed = rows(tmp_path, [], [[8, 14]], [[8, 14], [20, 26]])
    assert main(["audit", *mixed, "--task", "auto", "--answer", "seconds_1_sentence"]) == 0
    assert "3 rows" in capsys.readouterr().out
    assert main(["audit", *mixed]) == 1
    assert "field 'windows': must be a list of [start, end]" in capsys.readouterr().out
