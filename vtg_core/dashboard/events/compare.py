"""What *Compare templates* answers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.compare_file import FileCompareEvents
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.notices import explained, notice
from vtg_core.dashboard.session.replies import progress_of, remark_of, told
from vtg_core.dashboard.session.visit import COMPARISON, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.compare import compare, cost_of, ended
from vtg_core.data.answers import AnswerMode
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json


class CompareEvents:
    """Handlers of the comparison of templates, on the sample on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits

    def connect(self, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        at, tab = self.layout, self.layout.loss_tab.compare
        asked = tab.run.click(
            self._ask, outputs=[tab.comparison], trigger_mode="once", queue=False, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
        asked.then(
            self._compare, at.inputs, [at.notice, tab.comparison], concurrency_id="model", concurrency_limit=1,
            trigger_mode="once", show_progress_on=[tab.cost], api_visibility="private",
        ).then(self._cost, outputs=[tab.cost], **COST)  # fmt: skip
        tab.cancel.click(self._cancel, outputs=[at.notice], queue=False, api_visibility="private")
        tab.comparison.pick(self._pick, outputs=[at.mode, at.template], queue=False, api_visibility="private")
        at.views.change(self._cost, outputs=[tab.cost], **COST)
        if self.settings.annotation_file is not None:
            FileCompareEvents(self.settings, self.layout, self.visits).connect(read_row)

    def _ask(self, request: gr.Request) -> Any:
        """Say at once that the comparison waits: another run may have the model, and it can be cancelled already."""
        is_new = self.visits.of(request.session_hash).ask_job(COMPARISON)
        waiting = replace(NO_COMPARISON, state="waiting", num_templates=len(TEMPLATES))
        return as_json(waiting) if is_new else gr.skip()

    def _compare(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        visit = self.visits.of(request.session_hash)
        stop, failures, view = visit.take_job(COMPARISON), list[str](), ""
        inputs, said = None, remark_of(visit)
        try:
            with explained(failures):
                inputs = Inputs.read(self.settings, *values)
                visit.begin_comparison(inputs)
                for view in compare(self.settings, inputs, progress_of(progress), stop.is_set):
                    if visit.is_about(inputs):
                        yield said, view
                        said = gr.skip()
        finally:
            visit.end_job(COMPARISON, stop)
            left = ended(view)
            is_kept = not failures or left != NOTHING
            is_shown = inputs is None or visit.end_comparison(inputs, is_kept=is_kept)
        if not is_shown:
            changed = notice(
                "info", "The input changed while the templates were compared. Compare them again."
            )
            yield told(changed, visit), NOTHING
        elif failures:
            yield told(failures[0], visit), left

    def _cancel(self, request: gr.Request) -> Any:
        visit = self.visits.of(request.session_hash)
        if visit.cancel_job(COMPARISON):
            return gr.skip()  # the comparison says itself that it is partial
        return told(notice("info", "There is no comparison to cancel."), visit)

    def _cost(self, request: gr.Request) -> Any:
        visit = self.visits.of(request.session_hash)
        inputs, failures = visit.current, list[str]()
        if inputs is None or not visit.is_read:
            return ""
        with explained(failures):
            return cost_of(self.settings, inputs, lambda at, what: None)
        return ""  # what is wrong with the input is said where it is read

    @staticmethod
    def _pick(event: gr.EventData) -> Any:
        """Return answer format and template of the row that was clicked, to be shown as if they were chosen."""
        names = {(str(template.mode), template.name) for template in TEMPLATES}
        if (event.mode, event.template) not in names:
            return gr.skip(), gr.skip()
        return AnswerMode(event.mode), event.template


NOTHING = as_json(NO_COMPARISON)
COST: dict[str, Any] = {
    "trigger_mode": "always_last", "concurrency_id": "cost", "concurrency_limit": 1, "show_progress": "hidden",
    "api_visibility": "private",
}  # fmt: skip
"""Figures for a line that is not worth a progress bar, and of which only the last is wanted."""
