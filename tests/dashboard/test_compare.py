"""The comparison of all templates from the page, and that it belongs to what is on screen."""

import json
import math
from types import SimpleNamespace

import gradio as gr
import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.dashboard import Settings
from vtg_core.dashboard.events.compare import CompareEvents
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs
from vtg_core.dashboard.session.jobs import Task, sample_of
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work import compare as comparing
from vtg_core.dashboard.work.compare import show_comparison, show_comparison_cost, what_stays
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import LossCancelledError, OutOfMemoryError
from vtg_core.inspection import inspect_templates
from vtg_core.loss import cost as pass_cost
from vtg_core.loss import shared_pass
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json

SETTINGS = Settings(device="cpu", dtype="float32", frames=FramePolicy(num_frames=4))
REQUEST = SimpleNamespace(session_hash="one")
NOTHING = as_json(NO_COMPARISON)


def values(**changed):
    return {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 4, "trained": [END_OF_TURN], "template": "direct", "row": None, **changed,
    }  # fmt: skip


def inputs(**changed):
    return Inputs.read(SETTINGS, **values(**changed))


def views(of=None, tell=lambda at, what: None, is_stopped=lambda: False):
    return [json.loads(view) for view in show_comparison(SETTINGS, of or inputs(), tell, is_stopped)]


def until_raised(run):
    """What a generator gave before it raised, and what it raised."""
    given = []
    try:
        for one in run:
            given.append(one)
    except Exception as error:
        return given, error
    raise AssertionError("nothing was raised")


def rows_of(view):
    return [row for mode in view["modes"] for row in mode["rows"]]


@pytest.fixture
def step_by_step(monkeypatch):
    """Branches of a hundred tokens or so at a time, so that results come one after the other."""
    monkeypatch.setattr(shared_pass, "MAX_MASK_BYTES", 2**19)
    monkeypatch.setattr(comparing, "SECONDS_BETWEEN", 0.0)


@pytest.fixture
def events(user_cache):
    with gr.Blocks():
        visits = Visits()
        visits.of(REQUEST.session_hash).is_filled.set()
        return CompareEvents(SETTINGS, Layout(SETTINGS), visits)


def run(events, progress=lambda at, desc: None, **changed):
    """What the page is sent: (notice or None, view) each."""
    events._ask(REQUEST)
    sent = events._compare(REQUEST, *values(**changed).values(), progress=progress)
    return [
        (json.loads(said) if isinstance(said, str) else None, view if view == NOTHING else json.loads(view))
        for said, view in sent
    ]


def test_the_view_on_the_page_holds_the_comparisons_own_figures(user_cache, model, processor, video):
    inspections = inspect_templates(
        video, "a red circle appears", inputs().windows, processor=processor, templates=TEMPLATES
    )
    losses = list(TemplateComparison(model, list(inspections), processor.tokenizer))
    first, *_, last = views()
    assert (first["state"], first["num_templates"], last["state"]) == ("running", 16, "done")
    assert [(row["name"], row["mode"]) for row in rows_of(last)] == [(x.template, x.mode) for x in losses]
    assert [row["sum_nll"] for row in rows_of(last)] == pytest.approx(
        [x.total.sum_nll for x in losses], abs=1e-3
    )


def test_a_person_is_told_how_many_layers_have_begun(user_cache):
    told = []
    views(tell=lambda at, what: told.append((at, what)))
    assert all(0 <= at <= 1 for at, _ in told)
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert any(what.startswith("Running the model, layer 1 of ") for _, what in told)


def test_results_come_as_they_are_known(user_cache, step_by_step):
    counts = [view["num_scored"] for view in views()]
    assert counts[0] == 0
    assert counts[-1] == 16
    assert len(set(counts)) > 8
    assert counts == sorted(counts)


def test_what_came_before_it_was_stopped_is_kept_and_called_partial(user_cache, step_by_step):
    shown = []

    def is_stopped():
        return bool(shown) and json.loads(shown[-1])["num_scored"] >= 3

    def remembered():
        for view in show_comparison(SETTINGS, inputs(), lambda at, what: None, is_stopped):
            shown.append(view)
            yield view

    given, error = until_raised(remembered())
    last = json.loads(given[-1])
    assert isinstance(error, LossCancelledError)
    assert last["state"] == "partial"
    assert 3 <= last["num_scored"] == len(rows_of(last)) < 16
    assert last["how"].endswith("not finished.")
    assert what_stays(given[-1]) == given[-1]


def test_one_that_was_stopped_while_it_waited_runs_nothing(user_cache):
    given, error = until_raised(show_comparison(SETTINGS, inputs(), lambda at, what: None, lambda: True))
    assert isinstance(error, LossCancelledError)
    assert [json.loads(view)["num_scored"] for view in given] == [0]
    assert what_stays(given[-1]) == what_stays(None) == NOTHING


def test_what_clearly_does_not_fit_is_refused_before_it_runs(user_cache, monkeypatch):
    monkeypatch.setattr(pass_cost, "free_memory", lambda device: 1000)
    told = []
    _, error = until_raised(
        show_comparison(SETTINGS, inputs(), lambda at, what: told.append(what), lambda: False)
    )
    assert isinstance(error, OutOfMemoryError)
    assert "must fit in the memory of cpu" in str(error)
    assert not any("layer" in what for what in told)


def test_the_cost_counts_the_tokens_that_the_run_will_count(user_cache):
    view = json.loads(show_comparison_cost(SETTINGS, inputs()))
    how = views()[-1]["how"]
    [shared, plain] = [part.split(" ")[0] for part in view["cost"].split("over ")[1].split("instead of ")[:2]]
    assert f"over {shared} tokens" in how
    assert f"over {plain} ·" in how


def test_the_page_is_shown_the_comparison_and_remembers_what_it_is_of(events):
    sent = run(events)
    visit = events.visits.of("one")
    assert sent[-1][0] is None
    assert sent[-1][1]["state"] == "done"
    assert visit.results[Task.COMPARISON] == sample_of(inputs(mode="temporal_tokens", template="concise"))
    assert not visit.jobs


def test_a_cancelled_comparison_is_told_and_leaves_what_came(events, step_by_step):
    visit = events.visits.of("one")
    visit.begin_reading(inputs())
    sent = []
    for said, view in events._compare(REQUEST, *values().values(), progress=lambda at, desc: None):
        sent.append((said, json.loads(view)))
        if sent[-1][1]["num_scored"] == 4:
            events.runs.canceller(Task.COMPARISON)(REQUEST)
    said, last = sent[-1]
    assert json.loads(said)["text"] == "The comparison was cancelled; your input is kept."
    assert last["state"] == "partial"
    assert 4 <= last["num_scored"] < 16
    assert visit.keeps(Task.COMPARISON)


def test_cancelling_where_nothing_runs_says_so(events):
    assert (
        "There is no comparison to cancel"
        in json.loads(events.runs.canceller(Task.COMPARISON)(REQUEST))["text"]
    )


def test_one_that_still_waits_for_the_model_can_be_cancelled(events):
    assert json.loads(events._ask(REQUEST))["state"] == "waiting"
    events.runs.canceller(Task.COMPARISON)(REQUEST)
    sent = list(events._compare(REQUEST, *values().values(), progress=lambda at, desc: None))
    assert "cancelled" in json.loads(sent[-1][0])["text"]
    assert sent[-1][1] == NOTHING
    assert run(events)[-1][1]["state"] == "done"


def test_running_out_of_memory_ends_in_a_notice_and_the_page_goes_on(events):
    def progress(at, desc):
        if "layer 3" in desc:
            raise torch.OutOfMemoryError("CUDA out of memory")

    said, view = run(events, progress)[-1]
    assert (said["level"], view) == ("error", NOTHING)
    assert "must fit in the memory of cpu, and does not; take fewer frames" in said["text"]
    assert run(events)[-1][1]["state"] == "done"


def test_running_out_of_memory_half_way_keeps_what_came(events, step_by_step):
    sent = []

    def progress(at, desc):
        if sent and json.loads(sent[-1][1])["num_scored"] >= 5:
            raise torch.OutOfMemoryError("CUDA out of memory")

    for one in events._compare(REQUEST, *values().values(), progress=progress):
        sent.append(one)
    said, view = map(json.loads, sent[-1])
    assert said["level"] == "error"
    assert view["state"] == "partial"
    assert 5 <= view["num_scored"] < 16


def test_a_wrong_input_ends_in_a_notice(events):
    said, view = run(events, query=" ")[-1]
    assert (said["level"], view) == ("error", NOTHING)
    assert "A query must be a text" in said["text"]
    assert not events.visits.of("one").jobs


@pytest.mark.parametrize(
    "changed",
    [{"query": "a blue square"}, {"end": 15}, {"num_frames": 5}, {"trained": []}],
    ids=["query", "window", "frames", "policy"],
)
def test_another_sample_stops_the_comparison_and_clears_it(events, changed):
    visit = events.visits.of("one")
    visit.begin_reading(inputs())

    def progress(at, desc):
        if "layer 2" in desc:
            visit.begin_reading(inputs(**changed))

    said, view = run(events, progress)[-1]
    assert view == NOTHING
    assert "The input changed while the templates were compared" in said["text"]
    assert not visit.keeps(Task.COMPARISON)


def test_another_template_or_answer_format_neither_stops_nor_clears_it(events):
    visit = events.visits.of("one")
    visit.begin_reading(inputs())
    sent = run(events, lambda at, desc: visit.choose(AnswerMode.TEMPORAL_TOKENS, "concise"))
    assert sent[-1][1]["state"] == "done"
    assert visit.keeps(Task.COMPARISON)
    visit.choose(AnswerMode.STANDARD, "task")
    assert visit.keeps(Task.COMPARISON)
    visit.begin_reading(inputs(query="something else"))
    assert not visit.keeps(Task.COMPARISON)
    assert not visit.keeps(Task.COMPARISON)


@pytest.mark.parametrize(
    ("mode", "template", "is_known"),
    [("temporal_tokens", "concise", True), ("standard", "no such", False), ("<b>", "concise", False)],
)
def test_only_a_template_of_ours_can_be_picked(mode, template, is_known):
    picked = CompareEvents._pick(SimpleNamespace(mode=mode, template=template))
    assert (picked == (AnswerMode.TEMPORAL_TOKENS, "concise")) is is_known


def test_no_figure_of_the_page_is_infinite_or_no_number(user_cache):
    for row in rows_of(views()[-1]):
        assert all(math.isfinite(row[name]) for name in ("sum_nll", "mean_nll", "time_nll", "time_excess"))
