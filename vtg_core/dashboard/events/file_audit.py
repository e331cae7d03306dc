"""What the audit of the whole file answers."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.file.audit import FileAudit, FileAuditRun, as_partial, show_file_audit
from vtg_core.dashboard.inputs import is_form
from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.samples import picked_number, template_choices
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.runs import EVERY_ONE, UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.file_audit import FileAuditTab
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.errors import VTGError


class FileAuditEvents:
    """Handlers of the audit of the annotation file, and of the findings in it."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self, tab: FileAuditTab, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        at = self.layout
        run: dict[str, Any] = {
            "outputs": [at.notice, tab.view, tab.kept], "concurrency_id": "file", "concurrency_limit": 2,
            "trigger_mode": "once", "show_progress": "hidden", "api_visibility": "private",
        }  # fmt: skip
        asked = [at.mask, at.mode, at.template, at.num_frames, at.trained, tab.draws, at.template_arg]
        tab.run.click(self._audit, asked, **run)
        tab.view.go_on(self._go_on, [tab.kept], **run)
        self.runs.connect_cancel(tab.cancel, at.notice, Task.FILE_AUDIT)
        audits = AuditEvents(self.settings, at, self.visits)
        picked = tab.view.pick(
            self._pick, outputs=[at.row, at.mask, at.mode, at.template], trigger_mode=EVERY_ONE, **UNQUEUED
        )
        picked.then(**audits.fields).then(**read_row).then(**audits.show)

    def _audit(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        def begin() -> FileAuditRun:
            settings = self._settings(request)
            return FileAuditRun(FileAudit.read(settings, *values), settings)

        yield from self._stream(request, begin, progress)

    def _go_on(
        self, request: gr.Request, kept: FileAuditRun | None, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        def again() -> FileAuditRun:
            if kept is None:
                raise VTGError("what was found is no longer kept; audit the file anew")
            return kept.check_can_go_on(self._settings(request))

        yield from self._stream(request, again, progress)

    def _stream(
        self, request: gr.Request, read: Callable[[], FileAuditRun], progress: gr.Progress
    ) -> Iterator[Any]:
        shown = self.runs.stream(
            self.visits.of(request.session_hash), Task.FILE_AUDIT, work=show_file_audit, progress=progress,
            stays=as_partial, read=read,
        )  # fmt: skip
        for failure, last in shown:
            if last is not None:
                yield failure or gr.skip(), last.view, last.run

    def _settings(self, request: gr.Request) -> Settings:
        return self.visits.of(request.session_hash).settings(self.settings)

    def _pick(self, request: gr.Request, event: gr.EventData) -> Any:
        """Return the row of the finding that was opened, and what it was audited with, to be read as if they were chosen."""
        samples = self.visits.of(request.session_hash).samples(self.layout.samples)
        templates = [name for _, name in template_choices(samples)]
        is_mask = event.mask == AuditSource.OURS or (
            event.mask == AuditSource.COLLATOR and self.settings.collator
        )
        return (
            samples.view(picked_number({"number": event.row})),
            event.mask if is_mask else gr.skip(),
            event.mode if is_form(event.mode) else gr.skip(),
            event.template if event.template in templates else gr.skip(),
        )
