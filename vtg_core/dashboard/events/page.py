"""The page: which handler answers what a person does."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.components import imported
from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.events.compare import CompareEvents
from vtg_core.dashboard.events.loss import LossEvents
from vtg_core.dashboard.events.probe import ProbeEvents
from vtg_core.dashboard.inputs import Inputs, pick_row
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.player import preview_of, uploaded_file
from vtg_core.dashboard.session.jobs import Job
from vtg_core.dashboard.session.replies import loss_of, progress_of, told
from vtg_core.dashboard.session.runs import UNQUEUED
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import TITLE, Layout
from vtg_core.dashboard.work.prompts import Inspected, show_prompts


def build_dashboard(settings: Settings) -> gr.Blocks:
    """Build the page. Nothing heavy is imported until a person opens it."""
    page: gr.Blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 86_400))
    with page:
        _Events(settings, Layout(settings)).connect(page)
    page.queue(max_size=32, default_concurrency_limit=4)
    return page


NO_ROW = (None, None, "", None, None, None)
"""Preview, file, query, start, end and the row itself, where a row that was picked cannot be read."""
TELL_FIELDS = f"""async (video, query, start, end, frames, policy, row, source) => {{
  const store = await {imported("store")};
  store.set("fields", {{ hasVideo: Boolean(video), query, start, end, frames, policy, row, source }});
  return [];
}}"""
TELL_UPLOAD = f"""async () => {{
  const store = await {imported("store")};
  store.set("uploads", store.get("uploads") + 1);
  return [];
}}"""


class _Events:
    def __init__(self, settings: Settings, layout: Layout) -> None:
        self.settings = settings
        self.layout = layout
        self.visits = Visits()

    def connect(self, page: gr.Blocks) -> None:
        """Answer every event of the page."""
        at = self.layout
        read: dict[str, Any] = {
            "fn": self._inspect,
            "inputs": [at.views, *at.inputs],
            "outputs": [at.notice, at.facts, at.prompts, at.views, *at.loss_tab.outputs],
            "concurrency_id": "read",
            "concurrency_limit": 2,
            "trigger_mode": "always_last",
            "show_progress_on": [at.audit_tab.audit, at.prompts, at.tokens],
            "api_visibility": "private",
        }
        read_row: dict[str, Any] = {
            **read,
            "fn": self._inspect_row,
            "inputs": [at.row, at.mode, at.num_frames, at.trained, at.template],
            "outputs": [at.video, at.file, at.query, at.start, at.end, at.picked, *read["outputs"]],
        }
        audits = AuditEvents(self.settings, at, self.visits)
        show = audits.show
        if self.settings.annotations:
            gr.on([page.load, at.row.submit, at.row.input], **read_row).then(**show)
        else:
            page.load(**read).then(**show)
        if at.offered is not None:
            filled = [at.video, at.file, at.query, at.start, at.end]
            picked = at.offered.click(
                self._pick_example, [at.offered], filled, show_progress="hidden", api_visibility="private"
            )
            picked.then(**read).then(**show)
        turn: dict[str, Any] = {"outputs": [at.file, at.picked], **UNQUEUED}
        at.video.clear(lambda: (None, None), **turn)
        at.video.upload(lambda sent: (uploaded_file(sent), None), [at.video], **turn).then(**read).then(
            **show
        )
        fields: list[Any] = [at.query, at.start, at.end, at.num_frames]
        edited = [event for field in fields for event in (field.submit, field.blur)]
        gr.on([at.run.click, at.trained.input, *edited], **read).then(**show)
        audits.connect(read_row)
        LossEvents(self.settings, at, self.visits).connect()
        CompareEvents(self.settings, at, self.visits).connect(read_row)
        ProbeEvents(self.settings, at, self.visits).connect()
        self._watch_fields()
        page.unload(self._leave)

    def _watch_fields(self) -> None:
        """Tell the page's own script of every edit, in the browser alone."""
        at = self.layout
        fields: list[Any] = [
            at.video, at.query, at.start, at.end, at.num_frames, at.trained, at.row, at.audit_tab.source,
        ]  # fmt: skip
        edits = [at.video.clear, *(field.change for field in fields)]
        gr.on(edits, None, fields, js=TELL_FIELDS, api_visibility="private")
        at.video.upload(None, js=TELL_UPLOAD, api_visibility="private")

    def _leave(self, request: gr.Request) -> None:
        """Let go of the model when the page is closed: whoever waits for it has it next."""
        self.visits.leave(request.session_hash)

    def _pick_example(self, number: int) -> tuple[Any, ...]:
        """Fill the left side with the example that was clicked."""
        example = self.layout.examples[number]
        preview = preview_of(example.video, self.layout.video)
        return preview, str(example.video), example.query, *example.window

    def _inspect(
        self,
        request: gr.Request,
        views: dict[str, str],
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        visit, job = self.visits.of(request.session_hash), None
        failures: list[str] = []
        with as_notice(failures):
            inputs = Inputs.read(self.settings, *values)
            if inputs == visit.current and (views or not visit.is_read):  # a field was left as it was
                return [gr.skip()] * 9
            job = visit.begin_reading(inputs)
            result = show_prompts(self.settings, inputs, progress_of(progress, job))
            return self._show(result, visit) if visit.end_reading(job) else [gr.skip()] * 9
        return self._fail(failures[0], visit, job=job), *[gr.skip()] * 8

    def _inspect_row(
        self,
        request: gr.Request,
        number_of_row: float | None,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        visit, job = self.visits.of(request.session_hash), None
        failures: list[str] = []
        with as_notice(failures):
            row = pick_row(self.settings, number_of_row)
            left = [str(row.video), row.query, *row.windows[0]]
            read: list[Any] = [*left, *values, row]
            inputs = Inputs.read(self.settings, *read)
            job = visit.begin_reading(inputs)
            result = show_prompts(self.settings, inputs, progress_of(progress, job))
            preview = preview_of(row.video, self.layout.video)
            shown = (preview, *left, row, *self._show(result, visit))
            return shown if visit.end_reading(job) else [gr.skip()] * 15
        if not visit.fail_reading(job):
            return [gr.skip()] * 15
        return *NO_ROW, told(failures[0], visit), *[gr.skip()] * 8  # nothing old stands beside the error

    @staticmethod
    def _fail(failure: str, visit: Visit, *, job: Job | None) -> Any:
        """Return the notice of a reading that failed, unless a later one is under way."""
        return told(failure, visit) if visit.fail_reading(job) else gr.skip()

    def _show(self, result: Inspected, visit: Visit) -> tuple[Any, ...]:
        visit.remark = result.notice
        return result.notice, result.facts, result.prompts, result.tokens, *loss_of(visit)
