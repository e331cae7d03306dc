"""What the Audit tab answers, and what is shown of the template on screen."""

import json
from typing import Any

import gradio as gr

from vtg_core.dashboard.components import imported
from vtg_core.dashboard.inputs import Inputs, template_in
from vtg_core.dashboard.masks import AuditSource, Choice, chosen_mask, is_of_sample
from vtg_core.dashboard.notices import as_notice, notice
from vtg_core.dashboard.session.jobs import PASSES, Task
from vtg_core.dashboard.session.replies import comparison_of, loss_of, progress_of, read_from
from vtg_core.dashboard.session.runs import UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.file_audit import file_label
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.audit import Audited, no_audit, show_audit, show_recipe_losses
from vtg_core.errors import VTGError
from vtg_core.views.samples import template_key

IN_ORDER = f"""async (mode, template, views, mask, row) => {{
  const order = await {imported("order")};
  return [mode, template, views, {{ mask, asked: order.next() }}, row];
}}"""
"""Says beside the mask how many audits the page has asked for, by which one that comes late is told."""
NO_WINDOW = "The row's own answer says no window: type a start and an end to see what a template would ask and answer."


class AuditEvents:
    """Handlers of the Audit tab, and of the choice of what is on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    @property
    def show(self) -> dict[str, Any]:
        """The event that shows the chosen template, and audits it as chosen; the end of every reading."""
        at = self.layout
        return {  # values are asked for anew each time: a person may have chosen another while we read
            "fn": self._show,
            "js": IN_ORDER,
            "inputs": [at.mode, at.template, at.views, at.mask, at.batch_row],
            "outputs": [
                at.notice,
                at.tokens,
                at.strip,
                at.audit_tab.audit,
                at.audit_tab.recipes,
                at.prompt_pair,
                *at.loss_tab.outputs,
                *at.loss_tab.compare.outputs,
                at.edits,
            ],
            "trigger_mode": "always_last",  # what is chosen while an audit runs is audited after it
            "show_progress_on": [at.audit_tab.audit, at.tokens],
            "api_visibility": "private",
        }

    @property
    def fields(self) -> dict[str, Any]:
        """The event that shows what goes with the mask that is chosen."""
        at, tab = self.layout, self.layout.audit_tab
        shown = [at.batch_row, tab.scoring]
        if at.file_tab is not None:
            shown.append(at.file_tab.audit.run)
        return {"fn": self._fields, "inputs": [at.mask], "outputs": shown, **UNQUEUED}

    def connect(self) -> None:
        """Answer every event of the tab."""
        at, tab = self.layout, self.layout.audit_tab
        gr.on([at.template.change, at.batch_row.submit, at.batch_row.input], **self.show)
        at.mask.choose(**self.fields).then(**self.show)
        self.runs.connect(
            Task.RECIPES, tab.score, fn=self._score, outputs=[at.notice, tab.recipes], show_progress_on=[tab.recipes]
        )  # fmt: skip
        self.runs.connect_cancel(tab.cancel_score, at.notice, *PASSES)

    def _fields(self, request: gr.Request, mask: str) -> list[Any]:
        updates = [gr.update(visible=mask == AuditSource.BATCH), gr.update(visible=is_of_sample(mask))]
        if self.layout.file_tab is not None:
            settings = self.visits.of(request.session_hash).settings(self.settings)
            updates.append(gr.update(value=file_label(settings, mask)))
        return updates

    def _show(
        self,
        request: gr.Request,
        mode: str,
        template: str,
        views: dict[str, str],
        chosen: object,
        row: float | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        visit, (mask, asked) = self.visits.of(request.session_hash), chosen_mask(chosen)
        mask, row = visit.newest(asked, (mask, row))
        template = template_in(mode, template)
        tokens = views.get(template_key(mode, template), "")
        if tokens:
            visit.choose(mode, template)
        said = gr.skip()
        if visit.is_read and not tokens and visit.current is not None and not visit.current.windows:
            return notice("info", NO_WINDOW), *[gr.skip()] * 12
        if visit.is_read and not tokens:
            visit.forget()
            said = notice("info", "The prompts are no longer kept. Read them again.")
        wanted = (visit.current, visit.is_read, visit.is_stale, mask, row)
        if visit.audited == wanted:  # a field was left as it was
            return said, *[gr.skip()] * 5, *loss_of(visit), comparison_of(visit), read_from(visit)
        job = visit.begin_audit()
        audited = self._audited(visit, mask, row=row, progress=progress)
        if not visit.end_audit(job, wanted):
            return [gr.skip()] * 13
        own = tokens if audited.tokens is None else audited.tokens
        shown = (said, own, audited.strip, audited.audit, audited.recipes, audited.pair)
        return *shown, *loss_of(visit), comparison_of(visit), read_from(visit)

    def _audited(self, visit: Visit, mask: object, *, row: float | None, progress: gr.Progress) -> Audited:
        failures: list[str] = []
        choice, inputs = Choice.of(self.settings, mask), visit.current if visit.is_read else None
        with as_notice(failures):
            choice = Choice.read(self.settings, mask, row)
            if inputs is None and visit.current is not None and choice.source is not AuditSource.BATCH:
                return no_audit(self.settings, choice, "the prompts are being read; the audit follows")
            return show_audit(visit.settings(self.settings), inputs, choice, progress_of(progress))
        return no_audit(self.settings, choice, json.loads(failures[0])["text"])

    def _score(self, request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        visit = self.visits.of(request.session_hash)

        def read() -> Inputs:
            if visit.current is None or not visit.is_read:
                raise VTGError("there must be prompts to run the model on; read the prompts first")
            return visit.current

        said, recipes = self.runs.run(
            visit, Task.RECIPES, work=show_recipe_losses, read=read, progress=progress
        )
        return said, gr.skip() if recipes is None else recipes
