"""Long tasks as the page asks for them: their buttons, their turn at the model, and what they say at their end."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import gradio as gr

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.notices import as_notice, notice
from vtg_core.dashboard.session.gpu import run_on_gpu, stream_on_gpu
from vtg_core.dashboard.session.jobs import OF_NO_SAMPLE, Job, Task, needs_model
from vtg_core.dashboard.session.replies import progress_of, remark_of, told
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell
from vtg_core.errors import LossCancelledError, VTGError

W = TypeVar("W")
T = TypeVar("T")

UNQUEUED: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""What is answered at once, whatever else is under way."""

EVERY_ONE = "multiple"
"""How an event is answered that says something itself.

With "once" Gradio would drop it while the one before is answered, and with "always_last" ask again with what that one said.
"""

MODEL: dict[str, Any] = {
    "concurrency_id": "model", "concurrency_limit": 1, "trigger_mode": "once", "api_visibility": "private",
}  # fmt: skip
"""One run of the model at a time, whoever asks for it; Gradio tells those who wait their place.

A run is never cancelled by Gradio, which would give the model to the next one while a layer of this one still runs."""


class Runs:
    """Begins, shows, ends and cancels the long tasks of every page."""

    def __init__(self, settings: Settings, visits: Visits) -> None:
        self.settings, self.visits = settings, visits

    def ask_for(
        self,
        task: Task,
        button: gr.Button,
        *,
        ask: Callable[..., Any] | None = None,
        shown: Sequence[Any] = (),
    ) -> gr.events.Dependency:
        """Let a button ask for a task, which can be cancelled from then on; return that event, for the run to follow.

        Args:
            task: what is asked for.
            button: who asks.
            ask: the handler, where there is something to show meanwhile.
            shown: the components that it fills.
        """

        def ask_only(request: gr.Request) -> None:
            self.visits.of(request.session_hash).ask(task)

        asked: gr.events.Dependency = button.click(
            ask or ask_only, outputs=list(shown), trigger_mode="once", **UNQUEUED
        )
        return asked

    def connect(self, task: Task, button: gr.Button, **run: Any) -> gr.events.Dependency:
        """Let a button ask for a task that runs the model; return the run, which Gradio is given ``run`` for."""
        connected: gr.events.Dependency = self.ask_for(task, button).then(**run, **MODEL)
        return connected

    def connect_cancel(self, button: gr.Button, said: Any, *tasks: Task) -> None:
        """Let a button cancel whichever of ``tasks`` waits or runs; ``said`` is the notice."""
        button.click(self.canceller(*tasks), outputs=[said], **UNQUEUED)

    def canceller(self, *tasks: Task) -> Callable[[gr.Request], Any]:
        """Return the handler that cancels them."""

        def cancel(request: gr.Request) -> Any:
            visit, what = self.visits.of(request.session_hash), tasks[0].words
            jobs = [job for task in tasks if (job := visit.jobs.cancel(task)) is not None]
            text = f"There is no {what} to cancel."
            if any(job.is_running for job in jobs):
                if tasks[0] in OF_NO_SAMPLE:
                    return gr.skip()  # what it found stays, and says itself that it is partial
                text = f"The {what} was cancelled; your input is kept."
            elif jobs:
                text = f"The {what} that waits is cancelled; it leaves the queue when its turn comes."
            return told(notice("info", text), visit)

        return cancel

    def run(
        self,
        visit: Visit,
        task: Task,
        *,
        work: Callable[[Settings, Inputs, Tell, Callable[[], bool]], T],
        read: Callable[[], Inputs],
        progress: gr.Progress,
    ) -> tuple[Any, T | None]:
        """Run the model; return a notice, and what came of it where the page still shows what it was about.

        Args:
            visit: the page.
            task: what was asked for.
            work: what is run; it is told when to stop.
            read: returns what it is run on.
            progress: of the page.
        """
        failures: list[str] = []
        job = visit.begin(task)
        try:
            with as_notice(failures):
                if job.is_stopped():
                    raise LossCancelledError(f"the {task.words} was cancelled while it waited")
                inputs = _settled(visit, job, read)
                visit.run_on(job, inputs)
                given = (visit.settings(self.settings), inputs, progress_of(progress), job.is_stopped)
                result = run_on_gpu(work, *given)
                if visit.shows(job):
                    return remark_of(visit), result
        finally:
            visit.jobs.end(job)
        if not failures or not visit.is_about(job):
            failures = [notice("info", f"The input changed while the {task.words} ran. Run it again.")]
        return told(failures[0], visit), None

    def stream(
        self,
        visit: Visit,
        task: Task,
        *,
        work: Callable[[Settings, W, Tell, Callable[[], bool]], Iterator[T]],
        read: Callable[[], W],
        progress: gr.Progress,
        stays: Callable[[T | None], T | None],
        changed: str = "",
    ) -> Iterator[tuple[str | None, T | None]]:
        """Yield what a task comes to while the page shows what it is about, each with None; at last a notice, where one is due.

        Args:
            visit: the page.
            task: what was asked for.
            work: yields what is known so far; it is told when to stop.
            read: returns what it works on.
            progress: of the page.
            stays: returns what stays on screen beside a notice, of the last that was known; None where nothing may.
            changed: what is said where the page turned to something else meanwhile.
        """
        failures, known = list[str](), None
        job = visit.begin(task)
        try:
            with as_notice(failures):
                wanted: Any = read() if task in OF_NO_SAMPLE else _settled(visit, job, read)
                if isinstance(wanted, Inputs):
                    visit.run_on(job, wanted)
                given = (visit.settings(self.settings), wanted, progress_of(progress), job.is_stopped)
                for known in stream_on_gpu(work, *given) if needs_model(task) else work(*given):
                    if visit.shows(job):
                        yield None, known
        finally:
            visit.jobs.end(job)
        if not visit.is_about(job):
            yield told(notice("info", changed), visit), stays(None)
        elif failures:
            yield told(failures[0], visit), stays(known)

    def read_page(self, values: Sequence[Any]) -> Callable[[], Inputs]:
        """Return what reads the values of the page's left side."""
        return lambda: Inputs.read(self.settings, *values)


def _settled(visit: Visit, job: Job, read: Callable[[], W]) -> W:
    """Return what a job runs on: what stands in the fields, or the row that was still on its way into them.

    A page that opens, and one on which another row was picked, sends what stood in its fields before.

    Raises:
        VTGError: what is to be read cannot be.
    """
    if not visit.wait_for_row(job):
        return read()
    current: Any = visit.current  # inputs, as those are that `read` returns of a task about a sample
    if current is None:
        raise VTGError("there must be a sample on screen, and its row could not be read; pick another row")
    return current  # type: ignore[no-any-return]
