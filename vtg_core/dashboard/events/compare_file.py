"""What the comparison of templates on the whole annotation file answers."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from vtg_core.comparison.analytics import Metric
from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.file.comparison import Compared, FileComparison, show_file_comparison, waiting
from vtg_core.dashboard.samples import picked_number
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.replies import remark_of
from vtg_core.dashboard.session.runs import EVERY_ONE, MODEL, UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.chart import metric_boxes
from vtg_core.dashboard.tabs.compare_file import FileCompareTab, run_label
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import VTGError
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.samples import as_json


class FileCompareEvents:
    """Handlers of the comparison on the rows of the annotation file."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self, tab: FileCompareTab, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        at = self.layout
        behind: dict[str, Any] = {
            "trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"
        }  # fmt: skip
        tab.limit.change(self._label, [tab.limit], [tab.run], **UNQUEUED)
        shown = [tab.view, tab.figure, tab.csv, tab.json]
        asked = self.runs.ask_for(Task.FILE_COMPARISON, tab.run, ask=self._ask, shown=shown)
        finish: dict[str, Any] = {
            "fn": self._finish, "inputs": [tab.compared, tab.metric, tab.baseline], "outputs": shown, **behind
        }  # fmt: skip
        run: dict[str, Any] = {
            "outputs": [at.notice, tab.view, tab.compared], "show_progress_on": [tab.doing], **MODEL
        }  # fmt: skip
        values = [tab.limit, tab.baseline, at.num_frames, at.trained, at.template_arg]
        asked.then(self._compare, values, **run).then(**finish)
        again = tab.view.go_on(self._ask_on, **UNQUEUED)
        again.then(self._go_on, [tab.compared], **run).then(**finish)
        self.runs.connect_cancel(tab.cancel, at.notice, Task.FILE_COMPARISON)
        tab.baseline.input(self._hold_against, [tab.compared, tab.baseline], [tab.view], **behind)
        tab.view.metric(
            self._choose, [tab.compared], [tab.metric, tab.figure], **behind | {"trigger_mode": EVERY_ONE}
        )
        picked = tab.view.pick(
            self._pick, outputs=[at.row, at.mode, at.template], trigger_mode=EVERY_ONE, **UNQUEUED
        )
        picked.then(**read_row).then(**AuditEvents(self.settings, at, self.visits).show)

    def _settings(self, request: gr.Request) -> Settings:
        return self.visits.of(request.session_hash).settings(self.settings)

    def _label(self, request: gr.Request, limit: float | None) -> str:
        return run_label(self._settings(request), limit)

    def _ask(self, request: gr.Request) -> Any:
        """Say at once that the comparison waits: another run may have the model, and it can be cancelled already."""
        if not self.visits.of(request.session_hash).jobs.ask(Task.FILE_COMPARISON):
            return [gr.skip()] * 4
        return as_json(waiting(self._settings(request))), *[gr.update(visible=False)] * 3

    def _ask_on(self, request: gr.Request) -> None:
        self.visits.of(request.session_hash).jobs.ask(Task.FILE_COMPARISON)

    def _compare(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        yield from self._stream(
            request, lambda: FileComparison.read(self._settings(request), *values), progress
        )

    def _go_on(
        self, request: gr.Request, compared: Compared | None, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        def again() -> FileComparison:
            if compared is None:
                raise VTGError("what was compared is no longer kept; compare the templates anew")
            return compared.rest(self._settings(request))

        yield from self._stream(request, again, progress)

    def _stream(
        self, request: gr.Request, read: Callable[[], FileComparison], progress: gr.Progress
    ) -> Iterator[Any]:
        visit = self.visits.of(request.session_hash)
        said = remark_of(visit)
        shown = self.runs.stream(
            visit, Task.FILE_COMPARISON, work=show_file_comparison, progress=progress, stays=lambda last: last,
            read=read,
        )  # fmt: skip
        for failure, compared in shown:
            if failure is not None:
                yield failure, *(("", None) if compared is None else (gr.skip(), gr.skip()))
            elif compared is not None:
                yield said, as_json(compared.view), compared
                said = gr.skip()

    @staticmethod
    def _finish(compared: Compared | None, metric: Metric, baseline: str) -> Any:
        """Return chart and files of what is known, which may be a part, against the baseline that is chosen by now."""
        if compared is None or not compared.results:
            return gr.skip(), *[gr.update(visible=False, value=None)] * 3
        view = gr.skip()
        if baseline in TEMPLATE_NAMES and baseline != compared.baseline:
            compared = compared.against(baseline)
            view = as_json(compared.view)
        files = (
            ("comparison.csv", compared.as_csv()),
            ("comparison.json", compared.as_json()),
        )
        folder = gr.utils.get_upload_folder()
        paths = [
            save_bytes_to_cache(text.encode("utf-8", "backslashreplace"), name, folder)
            for name, text in files
        ]
        figure = gr.update(value=metric_boxes(compared.results, metric), visible=True)
        return view, figure, *[gr.update(value=path, visible=True) for path in paths]

    def _hold_against(self, request: gr.Request, compared: Compared | None, baseline: str) -> Any:
        is_running = Task.FILE_COMPARISON in self.visits.of(request.session_hash).jobs
        if compared is None or not compared.results or is_running or baseline not in TEMPLATE_NAMES:
            return gr.skip()
        return as_json(compared.against(baseline).view)

    @staticmethod
    def _choose(compared: Compared | None, event: gr.EventData) -> Any:
        """Return the metric that was chosen, and its chart."""
        if event.metric not in tuple(Metric):
            return gr.skip(), gr.skip()
        metric = Metric(event.metric)
        results = compared.results if compared is not None else []
        return metric, metric_boxes(results, metric) if results else gr.skip()

    def _pick(self, request: gr.Request, event: gr.EventData) -> Any:
        """Return row, answer format and template that were clicked, to be read as if they were chosen."""
        if event.mode not in tuple(AnswerMode) or event.template not in TEMPLATE_NAMES:
            return [gr.skip()] * 3
        row = picked_number({"number": event.row})
        return (
            self.visits.of(request.session_hash).samples(self.layout.samples).view(row),
            AnswerMode(event.mode),
            event.template,
        )
