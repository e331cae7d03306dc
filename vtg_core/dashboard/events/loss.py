"""What the Loss tab answers about the sample on screen."""

from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from vtg_core.dashboard.inputs import template_in
from vtg_core.dashboard.masks import AuditSource, is_of_sample
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.jobs import PASSES, Task
from vtg_core.dashboard.session.runs import Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.loss import show_batch_loss, show_loss, show_loss_cost, show_precisions


class LossEvents:
    """Handlers of forward passes on the template on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self) -> None:
        """Answer every event."""
        at, tab = self.layout, self.layout.loss_tab
        cost: dict[str, Any] = {
            "fn": self._cost, "inputs": [at.mode, at.template], "outputs": [tab.cost], "show_progress": "hidden", "trigger_mode": "always_last",
            "api_visibility": "private",
        }  # fmt: skip
        gr.on(
            [at.tokens.change, at.placed.change], **cost
        )  # the tokens are the last thing that a reading, or another template, changes
        self.runs.connect(
            Task.LOSS, tab.run, fn=self._score, inputs=[*at.inputs, at.mask, at.batch_row],
            outputs=[at.notice, tab.loss, at.audit_tab.recipes], show_progress_on=[tab.loss],
        ).then(**cost)  # fmt: skip
        self.runs.connect(
            Task.PRECISIONS, tab.run_precisions, fn=self._score_precisions, inputs=at.inputs,
            outputs=[at.notice, tab.precisions], show_progress_on=[tab.precisions],
        )  # fmt: skip
        self.runs.connect_cancel(tab.cancel, at.notice, *PASSES)

    def _cost(self, request: gr.Request, mode: str, template: str) -> Any:
        """Return what a pass costs on the template on screen: a reading that began before may not have it yet."""
        visit = self.visits.of(request.session_hash)
        inputs, failures = visit.current, list[str]()
        if inputs is None or not visit.is_read:
            return gr.skip()
        with as_notice(failures):
            on_screen = replace(inputs, mode=mode, template=template_in(mode, template))
            return show_loss_cost(visit.settings(self.settings), on_screen)
        return ""  # whoever runs the pass is told why

    def _score(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        *read, mask, row = values
        visit = self.visits.of(request.session_hash)
        work = partial(show_batch_loss, row=row) if mask == AuditSource.BATCH else show_loss
        said, scored = self.runs.run(
            visit, Task.LOSS, work=work, read=self.runs.read_page(read), progress=progress
        )
        if scored is None:
            return said, gr.skip(), gr.skip()
        return said, scored.loss, scored.recipes if scored.recipes and is_of_sample(mask) else gr.skip()

    def _score_precisions(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Any:  # fmt: skip
        visit = self.visits.of(request.session_hash)
        said, view = self.runs.run(
            visit, Task.PRECISIONS, work=show_precisions, read=self.runs.read_page(values), progress=progress
        )
        return said, gr.skip() if view is None else view
