"""What *Compare templates* answers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.replies import remark_of
from vtg_core.dashboard.session.runs import EVERY_ONE, MODEL, UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.compare import show_comparison, show_comparison_cost, what_stays
from vtg_core.data.answers import AnswerMode
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json


class CompareEvents:
    """Handlers of the comparison of templates, on the sample on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self) -> None:
        """Answer every event."""
        at, tab = self.layout, self.layout.loss_tab.compare
        asked = self.runs.ask_for(Task.COMPARISON, tab.run, ask=self._ask, shown=[tab.comparison])
        asked.then(
            self._compare, at.inputs, [at.notice, tab.comparison], show_progress_on=[tab.cost], **MODEL
        ).then(self._cost, outputs=[tab.cost], **COST)
        self.runs.connect_cancel(tab.cancel, at.notice, Task.COMPARISON)
        tab.comparison.pick(self._pick, outputs=[at.mode, at.template], trigger_mode=EVERY_ONE, **UNQUEUED)
        gr.on([at.views.change, at.placed.change], self._cost, outputs=[tab.cost], **COST)

    def _ask(self, request: gr.Request) -> Any:
        """Say at once that the comparison waits: another run may have the model, and it can be cancelled already."""
        is_new = self.visits.of(request.session_hash).ask(Task.COMPARISON)
        waiting = replace(NO_COMPARISON, state="waiting", num_templates=len(TEMPLATES))
        return as_json(waiting) if is_new else gr.skip()

    def _compare(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        visit = self.visits.of(request.session_hash)
        said = remark_of(visit)
        shown = self.runs.stream(
            visit, Task.COMPARISON, work=show_comparison, read=self.runs.read_page(values), progress=progress,
            stays=what_stays, changed="The input changed while the templates were compared. Compare them again.",
        )  # fmt: skip
        for failure, view in shown:
            yield failure or said, view
            said = gr.skip()

    def _cost(self, request: gr.Request) -> Any:
        visit = self.visits.of(request.session_hash)
        inputs, failures = visit.current, list[str]()
        if inputs is None or not visit.is_read:
            return ""
        with as_notice(failures):
            return show_comparison_cost(visit.settings(self.settings), inputs)
        return ""  # what is wrong with the input is said where it is read

    @staticmethod
    def _pick(event: gr.EventData) -> Any:
        """Return answer format and template of the row that was clicked, to be shown as if they were chosen."""
        names = {(str(template.mode), template.name) for template in TEMPLATES}
        if (event.mode, event.template) not in names:
            return gr.skip(), gr.skip()
        return AnswerMode(event.mode), event.template


COST: dict[str, Any] = {
    "trigger_mode": "always_last", "concurrency_id": "cost", "concurrency_limit": 1, "show_progress": "hidden",
    "api_visibility": "private",
}  # fmt: skip
"""Figures for a line that is not worth a progress bar, and of which only the last is wanted."""
