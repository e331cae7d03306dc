"""What the Loss tab answers about the sample on screen."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.handlers import explained, notice, score
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.layout import Layout
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.telling import loss_values, progress_of, told
from vtg_core.dashboard.visits import Visits


class LossEvents:
    """Handlers of the forward pass on the template on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits

    def connect(self) -> None:
        """Answer every event."""
        at, tab = self.layout, self.layout.loss_tab
        run = tab.run.click(
            self._score, at.inputs, [at.notice, *tab.outputs], concurrency_id="model", concurrency_limit=1,
            trigger_mode="once", show_progress_on=[tab.facts], api_visibility="private",
        )  # fmt: skip
        tab.cancel.click(
            self._cancel, outputs=[at.notice], cancels=[run], queue=False, api_visibility="private"
        )

    def _score(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        visit = self.visits.of(request.session_hash)
        failures: list[str] = []
        inputs = None
        with explained(failures):
            inputs = Inputs.read(self.settings, *values)
            stop = visit.begin_pass(inputs)
            try:
                result = score(self.settings, inputs, progress_of(progress), stop.is_set)
            finally:
                is_shown = visit.end_pass(inputs, stop)
            if is_shown:
                return gr.skip(), *loss_values(result)
        if inputs is not None and visit.current not in (None, inputs):
            failures = [notice("info", "The input changed while the forward pass ran. Run it again.")]
        return told(failures[0], visit), *[gr.skip()] * 3

    def _cancel(self, request: gr.Request) -> str:
        visit = self.visits.of(request.session_hash)
        was_running = "The forward pass was cancelled; your input is kept."
        was_not = "There is no forward pass to cancel; one that was waiting is dropped."
        return told(notice("info", was_running if visit.cancel() else was_not), visit)
