"""The questions to the model from the page, and that each answer belongs to what is on screen."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from tests.conftest import ASSETS
from vtg_core.checkpoints.loading import load_model
from vtg_core.dashboard import Settings
from vtg_core.dashboard.events.probe import NOTHING, ProbeEvents
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs, pick_row
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.other_query import OtherQuery, other_query, query_asked
from vtg_core.dashboard.work.probe import (
    OverfitRun,
    Training,
    ask_answer,
    ask_controls,
    ask_overfit,
    show_probe_costs,
)
from vtg_core.data.annotations import load_annotations
from vtg_core.errors import LossCancelledError, LossError, OutOfMemoryError, VTGError
from vtg_core.loss import cost as pass_cost
from vtg_core.video.plan import FramePolicy

SETTINGS = Settings(device="cpu", dtype="float32", frames=FramePolicy(num_frames=4))
REQUEST = SimpleNamespace(session_hash="one")
TRAINING = Training(3, "ours")


def values(**changed):
    return {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 4, "trained": [END_OF_TURN], "template": "direct", "row": None, **changed,
    }  # fmt: skip


def inputs(settings=SETTINGS, **changed):
    return Inputs.read(settings, **values(**changed))


def silent(at, what):
    assert 0 <= at <= 1
    assert what


def never():
    return False


@pytest.fixture
def events(user_cache):
    with gr.Blocks():
        visits = Visits()
        visits.of(REQUEST.session_hash).is_filled.set()
        return ProbeEvents(SETTINGS, Layout(SETTINGS), visits)


def progress(at, desc):
    silent(at, desc)


def ran(coroutine):
    """Run a coroutine in a thread of its own: in this one a browser test may have left its loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def watched(events):
    """What the page is shown of an overfit check, with the answers of the run itself."""

    async def both():
        shown = []

        async def watch():
            async for view in events._watch(REQUEST):
                shown.append(json.loads(view))

        watcher = asyncio.create_task(watch())
        said = await asyncio.to_thread(
            events._overfit, REQUEST, *values().values(), TRAINING.num_steps, "ours", progress=progress
        )
        await watcher
        return said, shown

    assert json.loads(events._ask_overfit(REQUEST))["state"] == "waiting"
    return ran(both())


def test_the_controls_are_shown_with_what_the_model_saw(user_cache):
    view = json.loads(ask_controls(SETTINGS, inputs(), silent, never, typed=""))
    rows = {row["control"]: row for row in view["rows"]}
    assert list(rows) == ["real", "blank", "reversed", "other_query", "shifted_window"]
    assert rows["other_query"]["detail"] == "a blue square slides across the screen"
    for name, row in rows.items():
        is_video = name in ("real", "blank", "reversed")
        assert row["frames"].startswith("data:image/jpeg;base64,") is is_video
        assert row["sum_nll"] > 0
    assert rows["real"]["frames"] != rows["reversed"]["frames"]
    assert view["reading"]


def test_a_query_that_a_person_typed_is_asked(user_cache):
    view = json.loads(ask_controls(SETTINGS, inputs(), silent, never, typed="a {green} <b>dog</b>"))
    [row] = [row for row in view["rows"] if row["control"] == "other_query"]
    assert row["detail"] == "a {green} <b>dog</b>"


def test_controls_that_leave_the_mask_policy_out_say_so(user_cache):
    view = json.loads(ask_controls(SETTINGS, inputs(trained=[]), silent, never, typed=""))
    assert "whatever the mask policy says" in view["run"]


def test_an_answer_is_shown_over_the_video(user_cache):
    view = json.loads(ask_answer(SETTINGS, inputs(), silent, never))
    assert (view["truth"], view["duration"]) == ([[8.0, 14.0]], 30.0)
    assert len(view["frame_times"]) == 4
    assert view["reading"]


@pytest.mark.parametrize("mask", ["ours", "all-tokens"])
def test_an_overfit_check_lowers_what_it_trains_and_leaves_the_model_alone(user_cache, mask):
    model, run = load_model("demo", device="cpu", dtype="float32"), OverfitRun("")
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    view = json.loads(ask_overfit(SETTINGS, inputs(), silent, never, training=Training(5, mask), run=run))
    assert [step["step"] for step in view["steps"]] == list(range(6))
    assert view["steps"][-1]["trained_nll"] < view["steps"][0]["trained_nll"]
    assert view["is_ours"] is (mask == "ours")
    beside = [step["ours_nll"] for step in view["steps"]]
    assert [nll is None for nll in beside] == [mask == "ours"] * 6
    assert mask == "ours" or beside[-1] < beside[0] == pytest.approx(view["steps"][0]["response_nll"])
    assert all(weight.equal(before[name]) for name, weight in model.state_dict().items())


def test_a_mask_that_cannot_be_applied_says_why(user_cache):
    with pytest.raises(
        LossError, match="mask generation-tags must be applicable to this sample, and is not: "
    ):
        ask_overfit(
            SETTINGS, inputs(), silent, never, training=Training(1, "generation-tags"), run=OverfitRun("")
        )


@pytest.mark.parametrize(
    ("num_steps", "mask", "said"),
    [(None, "ours", "from 1 to 200"), (1.5, "ours", "from 1 to 200"), (0, "ours", "from 1 to 200"),
     (201, "ours", "from 1 to 200"), (float("nan"), "ours", "from 1 to 200"), (5, "no such", "the page's own choices"),
     (5, None, "the page's own choices")],
)  # fmt: skip
def test_a_wrong_training_is_one_sentence(num_steps, mask, said):
    with pytest.raises(LossError, match=said):
        Training.read(num_steps, mask)


def test_costs_and_choices_are_told_before_anything_runs(user_cache):
    costs = show_probe_costs(SETTINGS, inputs(), "", TRAINING)
    assert "3 forward passes" in json.loads(costs.controls)["cost"]
    assert "that it writes" in json.loads(costs.answer)["cost"]
    assert json.loads(costs.overfit)["cost"].startswith("3 steps")
    names = [name for _, name in costs.masks]
    assert names[:2] == ["ours", "text-prefix"]
    assert "generation-tags" not in names
    assert costs.masks[0][0] == "ours · 12 tokens in the loss"


@pytest.mark.parametrize("name", [Task.CONTROLS, Task.ANSWER, Task.OVERFIT])
def test_what_cannot_fit_is_refused_before_it_runs(user_cache, monkeypatch, name):
    monkeypatch.setattr(pass_cost, "free_memory", lambda device: 1000)
    jobs = {
        Task.CONTROLS: lambda: ask_controls(SETTINGS, inputs(), silent, never, typed=""),
        Task.ANSWER: lambda: ask_answer(SETTINGS, inputs(), silent, never),
        Task.OVERFIT: lambda: ask_overfit(
            SETTINGS, inputs(), silent, never, training=TRAINING, run=OverfitRun("")
        ),
    }
    with pytest.raises(OutOfMemoryError, match="must fit in the memory of cpu"):
        jobs[name]()


@pytest.mark.parametrize("name", [Task.CONTROLS, Task.ANSWER, Task.OVERFIT])
def test_each_can_be_cancelled_while_it_runs(user_cache, name):
    jobs = {
        Task.CONTROLS: lambda: ask_controls(SETTINGS, inputs(), silent, lambda: True, typed=""),
        Task.ANSWER: lambda: ask_answer(SETTINGS, inputs(), silent, lambda: True),
        Task.OVERFIT: lambda: ask_overfit(
            SETTINGS, inputs(), silent, lambda: True, training=TRAINING, run=OverfitRun("")
        ),
    }
    with pytest.raises(LossCancelledError, match="cancelled; your input is kept"):
        jobs[name]()


def test_an_overfit_check_is_watched_from_waiting_to_its_end(events):
    said, shown = watched(events)
    assert shown[0]["state"] == "waiting"
    assert (shown[-1]["state"], len(shown[-1]["steps"])) == ("done", 4)
    counts = [len(view["steps"]) for view in shown]
    assert counts == sorted(counts)
    assert said == gr.skip()
    assert not events.visits.of("one").jobs


def test_a_cancelled_overfit_check_keeps_its_steps_and_says_so(events):
    visit = events.visits.of("one")
    visit.begin_reading(inputs())
    events._ask_overfit(REQUEST)

    def cancel_after_two(at, desc):
        if desc.startswith("Step 2"):
            events.runs.canceller(Task.OVERFIT)(REQUEST)

    said = events._overfit(REQUEST, *values().values(), 50, "ours", progress=cancel_after_two)
    view = json.loads(visit.overfit.view)
    assert "overfit check was cancelled" in json.loads(said)["text"]
    assert (view["state"], len(view["steps"])) == ("partial", 3)
    assert "bit for bit" in view["restored"]


def test_one_that_is_cancelled_while_it_waits_runs_nothing(events):
    events._ask_overfit(REQUEST)
    events.runs.canceller(Task.OVERFIT)(REQUEST)
    said = events._overfit(REQUEST, *values().values(), 3, "ours", progress=progress)
    visit = events.visits.of("one")
    assert "cancelled while it waited" in json.loads(said)["text"]
    assert (visit.overfit.view, visit.overfit.is_over) == (NOTHING, True)


def test_a_closed_page_stops_its_overfit_check_within_a_step(events):
    events._ask_overfit(REQUEST)
    steps = []

    def leave_after_one(at, desc):
        steps.extend([desc] * desc.startswith("Step"))
        if desc.startswith("Step 1"):
            events.visits.leave("one")

    events._overfit(REQUEST, *values().values(), 100, "ours", progress=leave_after_one)
    assert [desc.split(" of ")[0] for desc in steps] == ["Step 0", "Step 1"]


def test_another_input_stops_the_overfit_check_and_clears_it(events):
    visit = events.visits.of("one")
    visit.begin_reading(inputs())
    events._ask_overfit(REQUEST)

    def turn(at, desc):
        if desc.startswith("Step 1"):
            visit.begin_reading(inputs(query="a blue square"))

    said = events._overfit(REQUEST, *values().values(), 100, "ours", progress=turn)
    assert "The input changed while the overfit check ran" in json.loads(said)["text"]
    assert visit.overfit.view == NOTHING


def test_a_watcher_ends_where_nothing_was_asked(events):
    async def watch():
        return [view async for view in events._watch(REQUEST)]

    assert ran(watch()) == []


def test_each_answer_belongs_to_the_input_it_was_asked_about(events):
    visit, here, there = events.visits.of("one"), inputs(), inputs(query="a blue square")
    visit.begin_reading(here)
    job = visit.jobs.begin(Task.CONTROLS)
    visit.jobs.run_on(job, here)
    assert visit.shows(job)
    assert visit.keeps(Task.CONTROLS)
    assert not visit.keeps(Task.ANSWER)
    assert not visit.keeps(Task.LOSS)
    visit.begin_reading(there)
    assert not visit.keeps(Task.CONTROLS)
    visit.begin_reading(here)
    assert not visit.keeps(Task.CONTROLS)


def test_a_handler_returns_a_view_or_a_notice(events):
    said, view = events._controls(REQUEST, *values().values(), "", progress=progress)
    assert (said, len(json.loads(view)["rows"])) == (gr.skip(), 5)
    said, view = events._controls(REQUEST, *values().values(), "x" * 3000, progress=progress)
    assert "A query must be a text" in json.loads(said)["text"]
    assert view == gr.skip()
    said, view = events._answer(REQUEST, *values(query=" ").values(), progress=progress)
    assert json.loads(said)["level"] == "error"


def test_cancelling_where_nothing_runs_says_so(events):
    for name, what in (
        (Task.CONTROLS, "check of the controls"),
        (Task.ANSWER, "answer"),
        (Task.OVERFIT, "overfit check"),
    ):
        assert f"There is no {what} to cancel." in json.loads(events.runs.canceller(name)(REQUEST))["text"]


def test_nothing_is_said_of_costs_until_prompts_are_read(events):
    assert events._cost(REQUEST, "", 20, "ours") == [gr.skip()] * 5
    visit = events.visits.of("one")
    visit.end_reading(visit.begin_reading(inputs()))
    *costs, field, mask = events._cost(REQUEST, "", 20, "generation-tags")
    assert all("cost" in json.loads(cost) for cost in costs)
    assert field["placeholder"] == "a blue square slides across the screen"
    assert "an example of this page" in field["info"]
    assert mask["value"] == "ours"


def rows_settings():
    file = ASSETS / "demo_annotations.json"
    return Settings(
        annotations=load_annotations(file).annotations, annotation_file=file, frames=SETTINGS.frames
    )


@pytest.mark.parametrize(
    ("row", "query", "where"),
    [(1, "a blue square slides across the screen", "row 2"), (2, "a green triangle appears", "row 3"),
     (3, "a blue square slides across the screen", "row 2"), (4, "a red circle appears", "row 1")],
)  # fmt: skip
def test_another_row_gives_the_other_query_one_of_the_same_video_first(row, query, where):
    settings = rows_settings()
    picked = pick_row(settings, row)
    window = picked.windows[0]
    asked = inputs(
        settings, video=str(picked.video), query=picked.query, start=window.start, end=window.end, row=picked
    )
    found = other_query(settings, asked)
    assert found.query == query
    assert found.where.endswith(where)


@pytest.mark.parametrize(
    ("name", "query", "window", "other"),
    [("two_events.mp4", "a green triangle appears", (18, 23), "a blue square slides across the screen"),
     ("red_circle.mp4", "a red circle appears", (8, 14), "a blue square slides across the screen"),
     ("red_circle.mp4", "a blue square slides across the screen", (8, 14), "a green triangle appears")],
)  # fmt: skip
def test_without_a_row_an_example_gives_the_other_query(tmp_path, name, query, window, other):
    copied = tmp_path / name  # as the page keeps what it shows
    copied.write_bytes(Path(ASSETS / name).read_bytes())
    asked = inputs(video=str(copied), query=query, start=window[0], end=window[1])
    assert other_query(SETTINGS, asked) == OtherQuery(other, "an example of this page")


def test_what_a_person_typed_comes_before_what_was_found():
    found = OtherQuery("a dog", "rows.json:2")
    assert query_asked(None, found) == query_asked("  ", found) == "a dog"
    assert query_asked("a cat", found) == "a cat"
    assert query_asked("", OtherQuery("", "")) is None
    with pytest.raises(VTGError, match="a query must be a text"):
        query_asked("x" * 3000, found)


def test_an_overfit_check_that_ends_leaves_the_model_to_the_next_run(events):
    done = threading.Event()

    def run():
        events._ask_overfit(REQUEST)
        events._overfit(REQUEST, *values().values(), 2, "ours", progress=progress)
        done.set()

    threading.Thread(target=run).start()
    assert done.wait(60)
    said, view = events._answer(REQUEST, *values().values(), progress=progress)
    assert said == gr.skip()
    assert json.loads(view)["reading"]
