"""Passes on a machine that lends its GPU: a process of its own runs them, and what is given and comes back travels."""

import json
import pickle
import sys
from functools import partial

import pytest

from tests.conftest import ASSETS
from vtg_core.dashboard import Settings
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs
from vtg_core.dashboard.notices import FieldError
from vtg_core.dashboard.session import gpu
from vtg_core.dashboard.session.jobs import Task, needs_model
from vtg_core.dashboard.session.runs import Runs
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.work.compare import show_comparison
from vtg_core.dashboard.work.loss import show_loss
from vtg_core.dashboard.work.probe import OverfitRun, ask_answer, ask_controls, ask_overfit_as_typed
from vtg_core.errors import LossError
from vtg_core.video.plan import FramePolicy

SETTINGS = Settings(frames=FramePolicy(num_frames=2))
LENDS = """
import inspect, pickle

lent_to = []

def travelled(value):
    return pickle.loads(pickle.dumps(value))

def GPU(*, duration):
    def lent(run):
        lent_to.append(run.__name__)
        if inspect.isgeneratorfunction(run):
            return lambda *given: (travelled(known) for known in run(*travelled(given)))
        return lambda *given: travelled(run(*travelled(given)))
    return lent
"""


@pytest.fixture
def spaces(tmp_path, monkeypatch):
    """The package of a machine that lends its GPU."""
    (tmp_path / "spaces.py").write_text(LENDS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    gpu._lent.cache_clear()
    gpu.prepare()
    yield sys.modules.pop("spaces")
    gpu._lent.cache_clear()


def read(**changed):
    values = {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 2, "trained": [END_OF_TURN], "template": "direct", "row": None,
    }  # fmt: skip
    return Inputs.read(SETTINGS, **{**values, **changed})


def never():
    return False


def test_the_machine_is_told_before_the_page_is_served(spaces):
    assert spaces.lent_to == ["_run_alone", "_stream_alone"]


def test_passes_run_in_another_process_and_are_what_they_are_here(spaces):
    said = []
    scored = gpu.run_on_gpu(show_loss, SETTINGS, read(), lambda at, what: said.append(what), never)
    assert json.loads(scored.loss)["tokens"]
    assert said == ["Running on a GPU that is lent for it"]
    *_, last = gpu.stream_on_gpu(show_comparison, SETTINGS, read(), lambda at, what: None, never)
    assert json.loads(last)["state"] == "done"


def test_every_question_to_the_model_travels():
    for work in (
        ask_answer,
        partial(ask_controls, typed="a blue square"),
        partial(ask_overfit_as_typed, typed=(1, "ours"), run=OverfitRun("")),
    ):
        assert callable(pickle.loads(pickle.dumps((work, SETTINGS, read())))[0])


def fails(*given):
    raise FieldError("end", "the window must end within the video")


def streams(*given):
    yield "one"
    raise LossError("it does not fit")


def test_what_a_person_can_mend_comes_back_as_it_was(spaces):
    with pytest.raises(FieldError, match="must end within") as failed:
        gpu.run_on_gpu(fails, SETTINGS, None, lambda at, what: None, never)
    assert failed.value.field == "end"
    streamed = gpu.stream_on_gpu(streams, SETTINGS, None, lambda at, what: None, never)
    assert next(streamed) == "one"
    with pytest.raises(LossError, match="does not fit"):
        next(streamed)


def test_the_page_asks_for_the_gpu_where_it_runs_a_model_and_nowhere_else(spaces):
    visit, runs = Visit(), Runs(SETTINGS, Visits())
    said, _ = runs.run(visit, Task.LOSS, work=fails, read=read, progress=lambda at, desc: None)
    assert json.loads(said)["field"] == "end"
    assert [task for task in Task if not needs_model(task)] == [
        Task.READING, Task.AUDIT, Task.FILE_AUDIT, Task.SURVEY, Task.GROWTH,
    ]  # fmt: skip
