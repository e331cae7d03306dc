"""What the File tab answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.events.compare_file import FileCompareEvents
from vtg_core.dashboard.events.file_audit import FileAuditEvents
from vtg_core.dashboard.events.results import ResultsEvents
from vtg_core.dashboard.file.survey import FileSurvey, Surveyed, show_file_survey
from vtg_core.dashboard.file.upload import open_upload
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.samples import OWN_CHOICE, Samples, picked_number, template_choices
from vtg_core.dashboard.session.jobs import OF_FILE, Task
from vtg_core.dashboard.session.replies import told
from vtg_core.dashboard.session.runs import EVERY_ONE, UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.file import file_name, survey_label
from vtg_core.dashboard.tabs.file_audit import file_label
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dataset import OWN
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.results.histograms import distribution_bars
from vtg_core.views.samples import as_json
from vtg_core.views.survey import view_figure_rows, view_survey

MAX_UNASKED_ROWS = 20_000
"""A file of so many rows is looked through as soon as the tab is opened."""


class FileEvents:
    """Handlers of what is about the whole annotation file."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        at, tab = self.layout, self.layout.file_tab
        if tab is None:
            return
        survey: dict[str, Any] = {
            "outputs": [at.notice, tab.view, tab.figure, tab.rows, tab.surveyed],
            "concurrency_id": "file", "concurrency_limit": 2, "trigger_mode": "once", "show_progress": "hidden",
            "api_visibility": "private",
        }  # fmt: skip
        fields = [at.mode, at.num_frames, tab.counts_tokens, tab.max_length, at.template_arg]
        tab.run.click(self._survey, fields, **survey)
        at.tab_of["file"].select(self._survey_unasked, [tab.surveyed, *fields], **survey)
        self.runs.connect_cancel(tab.cancel, at.notice, Task.SURVEY)
        tab.view.rows(self._rows, [tab.surveyed], [tab.rows], trigger_mode=EVERY_ONE, **UNQUEUED)
        FileAuditEvents(self.settings, at, self.visits).connect(tab.audit, read_row)
        if tab.results is not None:
            ResultsEvents(self.settings, at, self.visits).connect(tab.results, read_row)
        if tab.comparison is not None:
            FileCompareEvents(self.settings, at, self.visits).connect(tab.comparison, read_row)
        tab.upload.upload(
            self._upload, [tab.upload, at.mask, at.template],
            [
                at.notice, at.row, at.template, tab.name, tab.survey_row, tab.run, tab.audit.row, tab.audit.run,
                tab.audit.view, tab.audit.kept, tab.view, tab.rows, tab.figure, tab.surveyed,
            ], **UNQUEUED,
        )  # fmt: skip
        show = AuditEvents(self.settings, at, self.visits).show
        tab.name.change(**read_row).then(**show)
        tab.name.change(self._survey_unasked, [tab.surveyed, *fields], **survey)
        picked = tab.rows.pick(self._pick, outputs=[at.row], trigger_mode=EVERY_ONE, **UNQUEUED)
        picked.then(**read_row).then(**show)

    def _survey_unasked(
        self, request: gr.Request, surveyed: object, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        count = self._settings(request).num_in_file
        if surveyed is not None or not 0 < count <= MAX_UNASKED_ROWS:
            yield [gr.skip()] * 5
            return
        yield from self._survey(request, *values, progress=progress)

    def _survey(
        self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        shown = self.runs.stream(
            self.visits.of(request.session_hash), Task.SURVEY, work=show_file_survey, progress=progress,
            stays=lambda last: last, read=lambda: FileSurvey.read(self._settings(request), *values),
        )  # fmt: skip
        for failure, surveyed in shown:
            if failure is not None or surveyed is None:
                yield failure, "", gr.update(visible=False), "", None
            else:
                yield gr.skip(), *_shown(surveyed)

    @staticmethod
    def _rows(surveyed: Surveyed | None, event: gr.EventData) -> Any:
        """Return the rows of the figure that was clicked."""
        if surveyed is None or surveyed.survey is None or not isinstance(event.name, str):
            return gr.skip()
        rows = view_figure_rows(surveyed.survey, event.name)
        return gr.skip() if rows is None else as_json(rows)

    def _pick(self, request: gr.Request, event: gr.EventData) -> str:
        """Return the row that was clicked, to be read as if it were typed."""
        samples = self.visits.of(request.session_hash).samples(self.layout.samples)
        return samples.view(picked_number({"number": event.row}))

    def _settings(self, request: gr.Request) -> Settings:
        return self.visits.of(request.session_hash).settings(self.settings)

    def _upload(self, request: gr.Request, path: str, mask: str, template: str) -> Any:
        """Turn the page to the file that was uploaded; where it cannot be read, all stays as it is."""
        visit, failures = self.visits.of(request.session_hash), list[str]()
        with as_notice(failures):
            settings = open_upload(self.settings, Path(path))
            samples = visit.uploaded = Samples(settings)
            for task in OF_FILE:
                visit.jobs.cancel(task)
            choices = template_choices(samples)
            kept = template if not samples.has_own_words and template in TEMPLATE_NAMES else choices[0][1]
            if (
                template == OWN and not samples.has_own_words
            ):  # what is still on its way from the page may say it
                choices.append(OWN_CHOICE)
            shown = gr.update(visible=True)
            return [
                "", samples.view(samples.first), gr.update(choices=choices, value=kept), file_name(settings), shown,
                survey_label(settings), shown, file_label(settings, mask), "", None, "", "", gr.update(visible=False), None,
            ]  # fmt: skip
        return [told(failures[0], visit), *[gr.skip()] * 13]


def _shown(surveyed: Surveyed) -> tuple[Any, ...]:
    """Return view, chart, rows and the survey itself, as far as it is."""
    if surveyed.survey is None:
        return surveyed.view, gr.update(visible=False), "", None
    view = view_survey(surveyed.survey, json.loads(surveyed.view)["num_all"])
    has_bars = bool(view.distributions)
    bars = distribution_bars(view.distributions, surveyed.survey) if has_bars else None
    return surveyed.view, gr.update(value=bars, visible=has_bars), "", surveyed
