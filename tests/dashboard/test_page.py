import json
import re
import subprocess
import sys
import threading
from dataclasses import replace
from inspect import signature

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.conftest import ASSETS
from vtg_core.checkpoints.loading import loaded_model
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.dashboard import Settings, build_dashboard, launch_options
from vtg_core.dashboard.inputs import END_OF_TURN, NEWLINE, Inputs, PickedRow, pick_row
from vtg_core.dashboard.notices import FieldError, as_notice
from vtg_core.dashboard.serving import ANY_NAME
from vtg_core.dashboard.work.audit import show_recipe_losses
from vtg_core.dashboard.work.loss import show_loss, show_loss_cost, show_precisions
from vtg_core.dashboard.work.prompts import show_prompts
from vtg_core.data.annotations import load_annotations
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import OutOfMemoryError, VTGError
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

SETTINGS = Settings(frames=FramePolicy(num_frames=4))


def inputs(settings=SETTINGS, **changed):
    values = {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 4, "trained": [END_OF_TURN], "template": "direct", "row": None,
    }  # fmt: skip
    return Inputs.read(settings, **{**values, **changed})


def silent(at, what):
    assert 0 <= at <= 1
    assert what


def test_the_page_is_built_before_pytorch_is_imported():
    code = (
        "import sys\n"
        "from vtg_core.dashboard import Settings, build_dashboard\n"
        "page = build_dashboard(Settings())\n"
        "assert page.title == 'VTG Lens'\n"
        "assert not {'torch', 'transformers', 'plotly'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_an_idle_page_looks_for_work_a_hundred_times_a_second_and_no_oftener():
    from gradio.queueing import Queue

    queue = build_dashboard(SETTINGS)._queue
    assert isinstance(queue, Queue)
    assert queue.sleep_when_free == 0.01


def test_what_an_event_says_is_not_replaced_by_what_one_before_said():
    rows = load_annotations(ASSETS / "demo_annotations.json").annotations
    given = {"annotation_file": ASSETS / "demo_annotations.json", "annotations": rows, "video_root": ASSETS}
    page = build_dashboard(replace(SETTINGS, endpoint="http://127.0.0.1:9/v1", writer="m", **given))
    telling = [
        one for one in page.fns.values() if one.fn is not None and "event" in signature(one.fn).parameters
    ]
    assert {one.name for one in telling} >= {"_check", "_rows", "_choose", "_grow", "_pick"}
    assert {one.name for one in telling if one.trigger_mode != "multiple"} == {
        "_grow"
    }  # again while it grows: not asked


def test_no_component_evaluates_what_it_is_given():
    components = build_dashboard(SETTINGS).get_config_file()["components"]
    templates = [c["props"]["html_template"] for c in components if c["type"] == "html"]
    assert '<div class="vtg-loss"></div>' in templates
    assert not [
        template for template in templates if not re.fullmatch(r'<div class="vtg-[a-z-]+"></div>', template)
    ]


def test_only_loopback_is_served_and_nothing_is_kept_or_shared():
    options = launch_options()
    assert (options["server_name"], options["share"], options["run_history"]) == ("127.0.0.1", False, False)


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 404), ("localhost:7860", 404), ("evil.example", 400)]
)
def test_a_page_of_another_site_cannot_reach_the_server_by_name(host, status):
    client = TestClient(Starlette(**launch_options()["app_kwargs"]))
    response = client.get("/", headers={"host": host})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("http://localhost:7860", 404), (None, 404)]
)
def test_a_page_of_another_site_cannot_send_anything(origin, status):
    client = TestClient(Starlette(**launch_options()["app_kwargs"]))
    headers = {"host": "localhost:7860"} | ({"origin": origin} if origin else {})
    assert client.post("/gradio_api/upload", headers=headers).status_code == status


def test_every_answer_of_the_server_carries_its_policy():
    client = TestClient(Starlette(**launch_options("0.0.0.0", names=ANY_NAME)["app_kwargs"]))
    headers = client.get("/", headers={"host": "any.example"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "connect-src 'self'" in headers["content-security-policy"]


def test_inspecting_gives_sixteen_prompts_those_of_the_chosen_mode_first():
    result = show_prompts(SETTINGS, inputs(mode="temporal_tokens"), silent)
    prompts = json.loads(result.prompts)
    assert [prompt["mode"] for prompt in prompts] == ["temporal_tokens"] * 8 + ["standard"] * 8
    assert set(result.tokens) == {prompt["key"] for prompt in prompts}
    assert "4 frames from 0.0 to 29.9 s · demo (Qwen3VLProcessor" in result.facts


def test_the_mask_policy_reaches_the_labels():
    policy = inputs(trained=[NEWLINE])
    [prompt] = [
        p for p in json.loads(show_prompts(SETTINGS, policy, silent).prompts) if p["key"] == "standard/direct"
    ]
    assert [part["kind"] for part in prompt["parts"] if part["num_supervised"]] == ["answer", "chat"]


def test_typed_weights_reach_the_tokens():
    tokens = json.loads(
        show_prompts(SETTINGS, inputs(weights=" time=3, format=0.5 "), silent).tokens["standard/direct"]
    )
    assert {weight for *_, weight in tokens["weights"]} == {3.0, 0.5, 1.0}
    covered = [index for start, end, _ in tokens["weights"] for index in range(start, end)]
    assert covered == [index for start, end in tokens["trained"] for index in range(start, end)]
    assert inputs(weights=" time=3,  format=0.5 ").weights == "time=3, format=0.5"
    plain = json.loads(show_prompts(SETTINGS, inputs(weights=" "), silent).tokens["standard/direct"])
    assert plain["weights"] is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "times=3",
            "must be NAME=NUMBER with a name of time, format, end_of_turn, first, last, got 'times=3'",
        ),
        ("time", "must be NAME=NUMBER"),
        ("time=x", "must be NAME=NUMBER"),
        ("time=-1", "must be a finite number, 0 or above"),
        ("time=nan", "must be a finite number, 0 or above"),
        ("time=0 format=0 end_of_turn=0", "nothing would be trained"),
    ],
)
def test_weights_that_are_none_are_said_at_their_field(typed, said):
    with pytest.raises(FieldError, match=said) as raised:
        inputs(weights=typed)
    assert raised.value.field == "weights"


def test_a_window_without_a_sampled_frame_is_remarked():
    result = show_prompts(SETTINGS, inputs(start=1, end=2), silent)
    assert json.loads(result.notice) == {
        "level": "warning",
        "text": "No sampled frame lies within the window: the model cannot see what it is asked for. Take more frames.",
    }


def test_added_temporal_tokens_are_remarked(without_temporal_tokens):
    settings = Settings(checkpoint=str(without_temporal_tokens), frames=SETTINGS.frames)
    told = json.loads(show_prompts(settings, inputs(), silent).notice)
    assert told["level"] == "warning"
    assert (
        "lacks 1,000 temporal tokens; they were added in memory, and their embeddings are untrained"
        in told["text"]
    )


def test_a_forward_pass_reports_the_shown_template():
    result = show_loss(SETTINGS, inputs(template="concise"), silent, lambda: False)
    view = json.loads(result.loss)
    figures = {figure["name"]: figure for figure in view["figures"]}
    mean, references = figures["Mean response NLL"]["value"], figures["Mean response NLL"]["references"]
    assert view["sample"] == "concise · standard · [8.0, 14.0]"
    assert mean == pytest.approx(
        next(nats for name, nats, _ in references if name == "model's own"), abs=1e-5
    )
    assert view["tokens"][-1]["text"] == "<|im_end|>"
    assert len(view["tokens"]) == 12


def test_a_forward_pass_tells_both_tabs_the_same_of_recipes():
    asked = inputs(template="detailed")
    result = show_loss(SETTINGS, asked, silent, lambda: False)
    here = {row["name"]: row["loss"] for row in json.loads(result.loss)["recipes"]}
    there = {row["name"]: row["loss"] for row in json.loads(result.recipes)["recipes"]}
    again = json.loads(show_recipe_losses(SETTINGS, asked, silent, lambda: False))
    assert here == {"ours": again["our_loss"], **there}
    assert there == {row["name"]: row["loss"] for row in again["recipes"]}


def test_what_a_pass_will_cost_is_told_before_it_runs():
    view = json.loads(show_loss_cost(SETTINGS, inputs()))
    assert "12 of them in the loss" in view["cost"]
    assert "ln 1,944 = 7.57" in view["references"]


def test_a_pass_that_cannot_fit_is_refused_before_the_model_is_loaded(monkeypatch):
    monkeypatch.setattr("vtg_core.loss.cost.free_memory", lambda device: 1000)
    monkeypatch.setattr("vtg_core.checkpoints.loading._KEPT", {})
    for job in (show_loss, show_precisions):
        with pytest.raises(
            OutOfMemoryError, match=r"must fit in the memory of cpu: .* the 0 MB that is free"
        ):
            job(SETTINGS, inputs(), silent, lambda: False)
        assert loaded_model(SETTINGS.checkpoint, device="cpu", dtype="float32") is None


def test_the_loss_in_other_floating_point_types_is_held_against_float32():
    view = json.loads(show_precisions(SETTINGS, inputs(), silent, lambda: False))
    assert [report["dtype"] for report in view["reports"]] == ["float32", "bfloat16", "float16"]
    assert [report["is_finite"] for report in view["reports"]] == [True] * 3
    assert view["reports"][0]["largest_difference"] == 0


@pytest.mark.parametrize("job", [show_loss, show_precisions])
def test_a_forward_pass_can_be_cancelled_and_run_again(job):
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(VTGError, match="cancelled; your input is kept"):
        job(SETTINGS, inputs(), silent, cancelled.is_set)
    assert json.loads(show_loss(SETTINGS, inputs(), silent, lambda: False).loss)["tokens"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"video": None}, "upload one, or pick an example"),
        ({"query": "  "}, "text of 1 to 2,000 characters"),
        ({"query": "x" * 2001}, "text of 1 to 2,000 characters, got 2,001 characters"),
        ({"end": None}, "its end is empty"),
        ({"start": 14, "end": 8}, "must end after its start at 14 s, got an end at 8 s"),
        ({"start": -1}, "start must be 0 s or later, got -1"),
        ({"num_frames": 2.5}, "whole number"),
        ({"num_frames": None}, "must be a number of frames"),
        ({"mode": None}, "among the page's own choices"),
        ({"template": "standard"}, "among the page's own choices"),
        ({"template": None}, "among the page's own choices"),
        ({"trained": None}, "among the page's own choices"),
    ],
)
def test_a_wrong_input_is_one_sentence(changed, said):
    with pytest.raises(VTGError, match=said):
        inputs(**changed)


def test_a_bug_of_ours_is_owned_up_to_without_its_details(caplog):
    failures = []
    with as_notice(failures):
        raise KeyError("/a/secret/path")
    message = json.loads(failures[0])["text"]
    assert "KeyError" in message
    assert "/a/secret" not in message
    assert "/a/secret" in caplog.text


def test_rows_of_an_annotation_file_are_picked_by_number():
    rows = load_annotations(ASSETS / "demo_annotations.json").annotations
    row = pick_row(Settings(annotations=rows), 3)
    assert (row.video.name, row.query) == ("two_events.mp4", "a green triangle appears")
    assert row.note == "Row 3 of the file (demo_annotations.json:4, row 3)."


GOOD_ROW = '{"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": "%s"}'


def settings_with(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    loaded = load_annotations(file, video_root=ASSETS, on_error="skip")
    return Settings(annotations=loaded.annotations, unreadable=loaded.unreadable, annotation_file=file)


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_a_row_behind_one_that_cannot_be_read_keeps_its_own_number(tmp_path, name):
    rows = [GOOD_ROW % "first", '{"video": "red_circle.mp4"}', GOOD_ROW % "third"]
    text = f"[{', '.join(rows)}]" if name == "rows.json" else "\n".join(rows)
    settings = settings_with(tmp_path, name, text)
    picked = pick_row(settings, 3)
    assert picked.query == "third"
    assert picked.note.startswith("Row 3 of the file (rows.json")
    assert "1 of 3 rows cannot be read, the first is row 2; File says why." in picked.note


def test_a_row_that_cannot_be_read_says_why_and_a_blank_line_that_it_is_none(tmp_path):
    settings = settings_with(tmp_path, "rows.jsonl", f"{GOOD_ROW % 'a'}\n\n{{}}\n{GOOD_ROW % 'b'}")
    assert pick_row(settings, 4).query == "b"
    with pytest.raises(VTGError, match=r"^line 2 of the file must hold a row, and is blank"):
        pick_row(settings, 2)
    with pytest.raises(VTGError, match=r"^rows.jsonl:3, field 'sentence': must be there"):
        pick_row(settings, 3)
    with pytest.raises(VTGError, match=r"from 1 to 4, got 5"):
        pick_row(settings, 5)


@pytest.mark.parametrize("number", [0, 5, None, 1.5])
def test_a_row_that_is_not_there_is_one_sentence(number):
    rows = load_annotations(ASSETS / "demo_annotations.json").annotations
    with pytest.raises(VTGError, match=r"from 1 to 4|whole number"):
        pick_row(Settings(annotations=rows), number)


def test_the_row_of_a_video_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"video": "none.mp4", "timestamp": [1, 2], "sentence": "x"}')
    with pytest.raises(VTGError, match=r"rows.jsonl:1: none.mp4 cannot be opened"):
        pick_row(Settings(annotations=load_annotations(file).annotations), 1)


def test_the_notice_says_what_became_of_a_rows_windows():
    row = PickedRow(ASSETS / "two_events.mp4", "q", (Window(5, 9), Window(18, 23)), None, "rows.json:1.", 1)
    assert (
        inputs(start=5, end=9, row=row).note
        == "rows.json:1. It has 2 windows, and all of them are in the answer."
    )
    assert (
        inputs(start=6, end=9, row=row).note == "rows.json:1. Its windows are replaced by the one typed here."
    )
    assert inputs(start=6, end=9, row=row).windows == (Window(6, 9),)


def test_a_query_over_the_limit_says_the_limit_and_its_length():
    with pytest.raises(VTGError, match="1 to 2,000 characters, got 2,001 characters"):
        inputs(query="a" * 2_001)


def test_both_answer_modes_can_be_chosen():
    assert {inputs(mode=mode).mode for mode in AnswerMode} == set(AnswerMode)


@pytest.fixture(scope="module")
def folder_with_a_variable(user_cache, tmp_path_factory):
    """The demo's processor, with a chat template that has a variable."""
    from vtg_core.checkpoints.loading import load_processor

    folder = tmp_path_factory.mktemp("variable")
    load_processor("demo").save_pretrained(folder)
    path = folder / "chat_template.jinja"
    hint = "{%- if hint is defined -%}{{- '<|im_start|>system\\n' + hint + '<|im_end|>\\n' -}}{%- endif -%}"
    path.write_text(hint + path.read_text())
    return folder


def test_a_variable_of_the_chat_template_is_set_for_the_sample_on_screen(folder_with_a_variable):
    settings = replace(SETTINGS, checkpoint=str(folder_with_a_variable))
    plain, told = (
        show_prompts(settings, inputs(settings, template_args=given), silent).prompts
        for given in ("", " hint=Briefly. ")
    )
    assert "Briefly." in told
    assert "Briefly." not in plain
    started = replace(settings, template=TemplateChange(("hint=Started.",)))
    assert "Started." in show_prompts(started, inputs(started), silent).prompts


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("thinking=false", "'thinking' must be a variable of the checkpoint's chat template; it has none"),
        ("on", "must be NAME=VALUE"),
        ("x" * 401, "at most 400 characters, got 401"),
    ],
)
def test_what_is_no_variable_of_the_chat_template_is_said_at_its_field(user_cache, typed, said):
    with pytest.raises(FieldError, match=said) as raised:
        show_prompts(SETTINGS, inputs(template_args=typed), silent)
    assert raised.value.field == "template-arg"
