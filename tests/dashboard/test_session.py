"""An open page: its jobs, and that what it shows belongs to what is on screen."""

import json
from threading import Thread, Timer

import gradio as gr
import pytest

from tests.conftest import ASSETS
from vtg_core.dashboard import Settings
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs
from vtg_core.dashboard.notices import notice
from vtg_core.dashboard.session.jobs import PASSES, Jobs, Task
from vtg_core.dashboard.session.replies import progress_of, read_from
from vtg_core.dashboard.session.runs import Runs
from vtg_core.dashboard.session.visit import MAX_VISITS, Visit, Visits
from vtg_core.dashboard.work.loss import show_loss
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import VTGError
from vtg_core.video.plan import FramePolicy

SETTINGS = Settings(frames=FramePolicy(num_frames=4))


def inputs(**changed):
    values = {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 4, "trained": [END_OF_TURN], "template": "direct", "row": None,
    }  # fmt: skip
    return Inputs.read(SETTINGS, **{**values, **changed})


def begun(visit, task, of):
    """A job that runs on some inputs."""
    job = visit.jobs.begin(task)
    visit.jobs.run_on(job, of)
    return job


def run(visit, work=lambda *_: "a loss", progress=lambda at, desc: None):
    return Runs(SETTINGS, Visits()).run(visit, Task.LOSS, work=work, read=inputs, progress=progress)


def streamed(visit, work, task=Task.COMPARISON):
    runs = Runs(SETTINGS, Visits())
    told = {"stays": lambda last: f"after {last}", "changed": "it changed"}
    return list(runs.stream(visit, task, work=work, read=inputs, progress=None, **told))


def test_an_answer_on_its_way_is_not_taken_away_by_a_reading_that_ends_before_it_and_comes_after():
    visit = Visit()
    visit.end_reading(visit.begin_reading(inputs()))
    assert not visit.keeps(Task.ANSWER)  # nothing is there, and nothing comes
    job = begun(visit, Task.ANSWER, inputs())
    assert visit.keeps(Task.ANSWER)
    assert visit.shows(job)
    visit.jobs.end(job)
    assert visit.keeps(Task.ANSWER)
    begun(visit, Task.ANSWER, inputs())
    visit.end_reading(visit.begin_reading(inputs(query="a blue square")))
    assert not visit.keeps(Task.ANSWER)  # what is there is of the input before, whatever comes


def test_a_second_click_does_not_ask_twice():
    jobs = Jobs()
    assert jobs.ask(Task.COMPARISON)
    first = jobs.begin(Task.COMPARISON)
    assert not jobs.ask(Task.COMPARISON)
    assert not first.is_stopped()
    jobs.cancel(Task.COMPARISON)
    assert jobs.ask(Task.COMPARISON)
    assert not jobs.begin(Task.COMPARISON).is_stopped()


def test_an_audit_that_comes_late_is_of_the_mask_that_was_chosen_since():
    visit = Visit()
    assert visit.newest(2, ("all-tokens", None)) == ("all-tokens", None)
    assert visit.newest(1, ("ours", None)) == ("all-tokens", None)
    assert visit.newest(3, ("batch", 1)) == ("batch", 1)
    assert visit.newest(0, ("ours", None)) == ("ours", None), "who does not say when is heard"


def test_a_job_that_was_cancelled_while_it_waited_begins_stopped():
    jobs = Jobs()
    jobs.ask(Task.ANSWER)
    assert not jobs.cancel(Task.ANSWER).is_running
    job = jobs.begin(Task.ANSWER)
    assert job.is_stopped()
    assert not jobs.end(job)
    assert not jobs


def test_a_job_that_begins_stops_the_one_before_and_an_old_end_is_none_of_its_business():
    jobs = Jobs()
    assert jobs.cancel(Task.FILE_AUDIT) is None
    first, second = jobs.begin(Task.FILE_AUDIT), jobs.begin(Task.FILE_AUDIT)
    assert first.is_stopped()
    assert not jobs.end(first)
    assert jobs.cancel(Task.FILE_AUDIT) is second
    assert second.is_stopped()


@pytest.mark.parametrize(
    ("task", "changed", "is_stopped"),
    [
        (Task.LOSS, {"query": "a blue square"}, True), (Task.LOSS, {"template": "concise"}, True),
        (Task.COMPARISON, {"query": "a blue square"}, True), (Task.COMPARISON, {"template": "concise"}, False),
        (Task.FILE_AUDIT, {"query": "a blue square"}, False), (Task.OVERFIT, {}, False),
    ],
)  # fmt: skip
def test_a_job_stops_where_the_page_turns_to_something_else_than_it_is_about(task, changed, is_stopped):
    visit = Visit()
    visit.begin_reading(inputs())
    job = begun(visit, task, inputs())
    visit.begin_reading(inputs(**changed))
    assert job.is_stopped() is is_stopped
    assert visit.is_about(job) is not is_stopped


def test_a_run_may_be_asked_for_anew_while_one_of_another_input_comes_to_its_end():
    visit = Visit()
    old = begun(visit, Task.OVERFIT, inputs())
    visit.begin_reading(inputs(query="a blue square"))
    assert visit.jobs.ask(Task.OVERFIT)
    visit.jobs.end(old)
    assert not visit.jobs.begin(Task.OVERFIT).is_stopped()


def test_a_loss_belongs_to_the_inputs_it_was_run_on():
    visit, here, there = Visit(), inputs(), inputs(query="a blue square")
    visit.begin_reading(here)
    job = begun(visit, Task.LOSS, here)
    visit.begin_reading(there)
    assert job.is_stopped()
    assert not visit.shows(job)
    assert not visit.keeps(Task.LOSS)
    assert visit.shows(begun(visit, Task.LOSS, there))
    assert visit.keeps(Task.LOSS)
    visit.choose(AnswerMode.STANDARD, "concise")
    assert not visit.keeps(Task.LOSS)


def test_a_loss_of_what_was_just_typed_is_shown_though_its_reading_comes_later():
    visit, here, there = Visit(), inputs(), inputs(query="a blue square")
    visit.begin_reading(here)
    job = visit.begin(Task.LOSS)
    visit.jobs.run_on(job, there)
    assert visit.shows(job)
    visit.begin_reading(there)
    assert visit.keeps(Task.LOSS)


def test_a_reading_that_nobody_waits_for_any_more_is_given_up():
    visit = Visit()
    first, second = visit.begin_reading(inputs()), visit.begin_reading(inputs(query="a blue square"))
    with pytest.raises(VTGError, match="a later reading has begun"):
        progress_of(None, first)(0.5, "Reading")
    progress_of(lambda at, desc: None, second)(0.5, "Reading")


def test_only_the_last_reading_is_shown():
    visit = Visit()
    slow, fast = visit.begin_reading(inputs()), visit.begin_reading(inputs(query="a blue square"))
    assert visit.end_reading(fast)
    assert not visit.end_reading(slow)
    assert not visit.fail_reading(slow)
    assert visit.is_read
    assert not visit.is_stale


def test_a_reading_is_not_shown_after_an_input_that_could_not_be_read():
    visit = Visit()
    slow = visit.begin_reading(inputs())
    assert visit.fail_reading(None)
    assert not visit.end_reading(slow)
    assert visit.is_stale


def test_only_the_last_audit_is_shown():
    visit = Visit()
    slow, fast = visit.begin_audit(), visit.begin_audit()
    assert visit.end_audit(fast, "fast")
    assert not visit.end_audit(slow, "slow")
    assert visit.audited == "fast"


def test_the_page_is_told_the_fields_that_what_it_shows_was_read_from():
    visit = Visit()
    job = visit.begin_reading(inputs())
    assert "fields" not in read_from(visit)  # not read yet: what the page knows stays
    visit.end_reading(job)
    told = [json.loads(read_from(visit)) for _ in range(2)]
    assert told[0]["fields"] == told[1]["fields"] == {
        "query": "a red circle appears", "start": 8, "end": 14, "frames": 4, "policy": [END_OF_TURN], "row": None,
        "chat": "",
        "weights": "",
    }  # fmt: skip
    assert told[0]["number"] != told[1]["number"]


def test_what_is_on_screen_is_stale_from_an_error_to_the_next_reading():
    visit = Visit()
    visit.end_reading(visit.begin_reading(inputs()))
    assert visit.fail_reading(None)
    assert (visit.current, visit.is_stale) == (None, True)
    visit.end_reading(visit.begin_reading(inputs()))
    assert not visit.is_stale


def test_a_template_chosen_during_a_reading_does_not_end_it():
    visit = Visit()
    job = visit.begin_reading(inputs())
    visit.choose(AnswerMode.TEMPORAL_TOKENS, "concise")
    assert visit.end_reading(job)
    assert visit.current == inputs(mode="temporal_tokens", template="concise")


def test_a_pass_that_was_cancelled_while_it_waited_is_not_run():
    visit, ran = Visit(), []

    def work(*_):
        ran.append(True)
        return "a loss"

    visit.jobs.ask(Task.LOSS)
    visit.jobs.cancel(Task.LOSS)
    said, result = run(visit, work)
    assert "cancelled while it waited" in json.loads(said)["text"]
    assert (ran, result) == ([], None)
    visit.jobs.ask(Task.LOSS)
    assert run(visit, work)[1] == "a loss"


def test_a_pass_that_is_asked_for_before_the_pages_row_is_read_runs_on_that_row():
    visit, row = Visit(), inputs(query="a blue square")
    visit.ask(Task.ANSWER)
    arrives = Thread(target=lambda: visit.end_reading(visit.begin_reading(row)))
    arrives.start()
    _, read = Runs(SETTINGS, Visits()).run(
        visit, Task.ANSWER, work=lambda _, read, *rest: read, read=inputs, progress=None
    )
    arrives.join()
    assert read is row
    assert visit.keeps(Task.ANSWER)


def test_a_pass_does_not_wait_for_a_row_once_it_was_cancelled_or_the_row_cannot_be_read():
    visit = Visit()
    visit.ask(Task.LOSS)
    visit.jobs.cancel(Task.LOSS)
    assert run(visit)[1] is None
    visit.ask(Task.LOSS)
    Timer(0.1, visit.fail_reading, [None]).start()
    assert "its row could not be read" in json.loads(run(visit)[0])["text"]


def test_a_pass_that_waited_is_not_shown_where_the_page_has_turned_to_another_sample_meanwhile():
    visit = Visit()
    visit.end_reading(visit.begin_reading(inputs()))
    visit.ask(Task.LOSS)
    visit.end_reading(visit.begin_reading(inputs(query="a blue square")))
    said, result = run(visit)
    assert "The input changed" in json.loads(said)["text"]
    assert result is None


def test_a_pass_that_does_not_fit_ends_in_a_message_and_the_next_one_runs(monkeypatch):
    visit = Visit()
    with monkeypatch.context() as patch:
        patch.setattr("vtg_core.loss.cost.free_memory", lambda device: 1000)
        said, result = run(visit, show_loss)
    assert json.loads(said)["level"] == "error"
    assert "must fit in the memory of cpu" in json.loads(said)["text"]
    assert result is None
    assert run(visit, show_loss)[1].loss != ""


def test_a_pass_whose_input_changed_is_not_shown_and_says_so():
    visit = Visit()
    visit.begin_reading(inputs())
    said, result = run(visit, lambda *_: visit.begin_reading(inputs(query="a blue square")) and "a loss")
    assert "The input changed while the forward pass ran. Run it again." in json.loads(said)["text"]
    assert result is None
    assert not visit.keeps(Task.LOSS)


def test_a_pass_that_ends_well_takes_away_what_was_said_of_an_earlier_one():
    visit = Visit()
    visit.end_reading(visit.begin_reading(inputs()))
    visit.remark = notice("info", "rows.json:2, row 1.")
    assert run(visit) == (visit.remark, "a loss")


def test_a_pass_leaves_the_notice_where_the_last_input_could_not_be_read():
    visit = Visit()
    visit.end_reading(visit.begin_reading(inputs()))
    visit.fail_reading(None)
    assert run(visit) == (gr.skip(), "a loss")


def test_a_run_that_comes_bit_by_bit_keeps_what_came_where_it_fails():
    def work(*_):
        yield "one"
        raise VTGError("the disk is full")

    visit = Visit()
    (none, one), (said, left) = streamed(visit, work)
    assert (none, one, left) == (None, "one", "after one")
    assert json.loads(said)["text"] == "The disk is full."
    assert not visit.jobs


def test_nothing_of_a_run_is_shown_once_the_page_has_turned_to_something_else():
    visit = Visit()
    visit.begin_reading(inputs())

    def work(*_):
        yield "one"
        visit.begin_reading(inputs(query="a blue square"))
        yield "two"

    first, (said, left) = streamed(visit, work)
    assert (first, left) == ((None, "one"), "after None")
    assert json.loads(said)["text"] == "it changed"


def test_a_run_whose_page_takes_no_more_of_it_is_over():
    visit = Visit()
    shown = Runs(SETTINGS, Visits()).stream(
        visit, Task.FILE_AUDIT, work=lambda *_: iter("ab"), read=inputs, progress=None, stays=str
    )
    assert next(shown) == (None, "a")
    assert Task.FILE_AUDIT in visit.jobs
    shown.close()
    assert Task.FILE_AUDIT not in visit.jobs


@pytest.mark.parametrize(
    ("tasks", "waits", "runs"),
    [
        (PASSES, "The forward pass that waits is cancelled", "The forward pass was cancelled; your input is kept."),
        ([Task.COMPARISON], "The comparison that waits is cancelled", "The comparison was cancelled; your input is kept."),
        ([Task.FILE_AUDIT], "The audit of the file that waits is cancelled", None),
    ],
)  # fmt: skip
def test_whoever_cancels_is_told_whether_it_waited_or_ran_or_was_not_there(tasks, waits, runs):
    visits = Visits()
    jobs, request = visits.of("one").jobs, type("Request", (), {"session_hash": "one"})
    cancel = Runs(SETTINGS, visits).canceller(*tasks)
    assert json.loads(cancel(request))["text"] == f"There is no {tasks[0].words} to cancel."
    jobs.ask(tasks[-1])
    assert json.loads(cancel(request))["text"].startswith(waits)
    assert jobs.begin(tasks[-1]).is_stopped()
    said = cancel(request)
    assert said == gr.skip() if runs is None else json.loads(said)["text"] == runs


def test_a_page_that_is_closed_lets_go_of_whatever_it_runs():
    visits = Visits()
    visit = visits.of("closed")
    visit.jobs.ask(Task.LOSS)
    stopped = [visit.jobs.begin(Task.LOSS), begun(visit, Task.ANSWER, inputs())]
    visits.leave("closed")
    visits.leave("never there")
    assert all(job.is_stopped() for job in stopped)
    assert visits.of("closed") is not visit


def test_the_least_recent_visit_is_forgotten_first():
    visits = Visits()
    first = visits.of("0")
    for number in range(1, MAX_VISITS):
        visits.of(str(number))
    assert visits.of("0") is first
    visits.of("one more")
    assert visits.of("0") is first
