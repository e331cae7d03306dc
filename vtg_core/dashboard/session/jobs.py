"""Forward passes of a page: one at a time, asked for before they have the model, and cancelled without losing it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import gradio as gr

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.notices import explained, notice
from vtg_core.dashboard.session.replies import progress_of, remark_of, told
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell
from vtg_core.errors import LossCancelledError

T = TypeVar("T")

LOSS, PRECISIONS, RECIPES = "loss", "precisions", "recipes"
"""The long tasks that run the model on the template on screen; one button cancels them all."""

MODEL: dict[str, Any] = {
    "concurrency_id": "model", "concurrency_limit": 1, "trigger_mode": "once", "api_visibility": "private",
}  # fmt: skip
"""One run of the model at a time, whoever asks for it; Gradio tells those who wait their place.

A run is never cancelled by Gradio, which would give the model to the next one while a layer of this one still runs."""


class ModelRuns:
    """Runs the model for a page, and cancels that."""

    def __init__(self, settings: Settings, visits: Visits) -> None:
        self.settings, self.visits = settings, visits

    def connect(
        self, name: str, button: gr.Button, cancel: gr.Button | None, said: Any, **run: Any
    ) -> gr.events.Dependency:
        """Let a button ask for a run and another one cancel it; return the run.

        Args:
            name: of the task.
            button, cancel: the buttons; None where one that cancels is connected already.
            said: the notice.
            run: what Gradio is given for the run itself.
        """
        unqueued: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        if cancel is not None:
            cancel.click(self._cancel, outputs=[said], **unqueued)

        def ask(request: gr.Request) -> None:
            self.visits.of(request.session_hash).ask_job(name)

        asked: gr.events.Dependency = button.click(ask, trigger_mode="once", **unqueued).then(**run, **MODEL)
        return asked

    def run(
        self,
        visit: Visit,
        name: str,
        job: Callable[[Settings, Inputs, Tell, Callable[[], bool]], T],
        read: Callable[[], Inputs],
        progress: gr.Progress,
        *,
        what: str = "forward pass",
    ) -> tuple[Any, T | None]:
        """Run the model; return a notice, and what came of it where the page still shows what it was about.

        Args:
            visit: the page.
            name: of the task.
            job: what is run; it is told when to stop.
            read: returns what it is run on.
            progress: of the page.
            what: what a person calls it.
        """
        failures: list[str] = []
        inputs, asked = None, visit.take_job(name)
        try:
            with explained(failures):
                if asked.is_set():
                    raise LossCancelledError(f"the {what} was cancelled while it waited")
                inputs = read()
                stop = visit.begin_pass(inputs)
                try:
                    result = job(
                        self.settings, inputs, progress_of(progress), lambda: asked.is_set() or stop.is_set()
                    )
                finally:
                    is_shown = visit.end_pass(inputs, stop, name)
                if is_shown:
                    return remark_of(visit), result
        finally:
            visit.end_job(name, asked)
        if inputs is not None and visit.current not in (None, inputs):
            failures = [notice("info", f"The input changed while the {what} ran. Run it again.")]
        return told(failures[0], visit), None

    def read_page(self, values: Sequence[Any]) -> Callable[[], Inputs]:
        """Return what reads the values of the page's left side."""
        return lambda: Inputs.read(self.settings, *values)

    def _cancel(self, request: gr.Request) -> str:
        visit = self.visits.of(request.session_hash)
        was_running = visit.running is not None
        cancelled = [name for name in (LOSS, PRECISIONS, RECIPES) if visit.cancel_job(name)]
        text = "There is no forward pass to cancel."
        if cancelled and was_running:
            text = "The forward pass was cancelled; your input is kept."
        elif cancelled:
            text = "The forward pass that waits is cancelled; it leaves the queue when its turn comes."
        return told(notice("info", text), visit)
