"""What the Loss tab answers about the sample on screen."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.notices import explained
from vtg_core.dashboard.session.jobs import LOSS, PRECISIONS, ModelRuns
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.audit import AuditSource
from vtg_core.dashboard.work.loss import cost_of, score, score_precisions


class LossEvents:
    """Handlers of forward passes on the template on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = ModelRuns(settings, visits)

    def connect(self) -> None:
        """Answer every event."""
        at, tab = self.layout, self.layout.loss_tab
        cost: dict[str, Any] = {
            "fn": self._cost, "outputs": [tab.cost], "show_progress": "hidden", "trigger_mode": "always_last",
            "api_visibility": "private",
        }  # fmt: skip
        at.tokens.change(**cost)  # the last thing that a reading, or another template, changes
        self.runs.connect(
            LOSS, tab.run, tab.cancel, at.notice, fn=self._score, inputs=[*at.inputs, at.tab.source],
            outputs=[at.notice, tab.loss, at.tab.recipes], show_progress_on=[tab.loss],
        ).then(**cost)  # fmt: skip
        self.runs.connect(
            PRECISIONS, tab.run_precisions, None, at.notice, fn=self._score_precisions, inputs=at.inputs,
            outputs=[at.notice, tab.precisions], show_progress_on=[tab.precisions],
        )  # fmt: skip

    def _cost(self, request: gr.Request) -> Any:
        visit = self.visits.of(request.session_hash)
        inputs, failures = visit.current, list[str]()
        if inputs is None or not visit.is_read:
            return gr.skip()
        with explained(failures):
            return cost_of(self.settings, inputs)
        return ""  # whoever runs the pass is told why

    def _score(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        *read, source = values
        visit = self.visits.of(request.session_hash)
        said, scored = self.runs.run(visit, LOSS, score, self.runs.read_page(read), progress)
        if scored is None:
            return said, gr.skip(), gr.skip()
        return said, scored.loss, scored.recipes if source == AuditSource.OURS else gr.skip()

    def _score_precisions(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Any:  # fmt: skip
        visit = self.visits.of(request.session_hash)
        said, view = self.runs.run(visit, PRECISIONS, score_precisions, self.runs.read_page(values), progress)
        return said, gr.skip() if view is None else view
