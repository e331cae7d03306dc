"""The File tab: what is where."""

import json
from itertools import count as counter

import gradio as gr

from vtg_core.dashboard.address import OF_FILE, PARTS, parts_of
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.compare_file import FileCompareTab
from vtg_core.dashboard.tabs.file_audit import FileAuditTab
from vtg_core.dashboard.tabs.results import ResultsTab

ALWAYS_BUILT = ("contents", "findings")
"""What events speak of stands there, unseen where there is nothing to show."""
SECONDS_KEPT = 6 * 3600
"""So long what was found is kept of a page that nobody uses."""


class FileTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        with gr.Row(elem_id="upload-row"):
            self.name = script_component(
                "file_name", elem_id="file-name", value=file_name(settings), label="Annotation file"
            )
            self.upload = gr.UploadButton(
                "Open another annotation file",
                elem_id="upload-file",
                size="sm",
                scale=0,
                min_width=240,
                visible=settings.takes_files,
            )
        self.comparison: FileCompareTab | None = None
        self.results: ResultsTab | None = None
        self.part_of: dict[str, gr.Tab] = {}
        parts = parts_of(settings, OF_FILE)
        with gr.Tabs(elem_id="file-tabs"):
            for part, name in PARTS[OF_FILE].items():
                if part in parts or part in ALWAYS_BUILT:
                    with gr.Tab(name, id=part, render_children=True, visible=part in parts) as self.part_of[
                        part
                    ]:
                        self._build(part, settings)

    def _build(self, part: str, settings: Settings) -> None:
        if part == "results":
            self.results = ResultsTab()
        elif part == "contents":
            self._build_survey(settings)
        elif part == "findings":
            self.audit = FileAuditTab(settings)
        else:
            self.comparison = FileCompareTab(settings)

    def _build_survey(self, settings: Settings) -> None:
        with gr.Row(elem_id="survey-row", visible=settings.num_in_file > 0) as self.survey_row:
            self.run = gr.Button(
                survey_label(settings), variant="primary", elem_id="run-survey", scale=2, min_width=220
            )
            self.cancel = gr.Button("Cancel", elem_id="cancel-survey", scale=0, min_width=100)
            self.counts_tokens = gr.Checkbox(
                False,
                label="Count tokens of rows whose video is there",
                elem_id="survey-tokens",
                scale=1,
                min_width=220,
            )
            self.max_length = gr.Number(
                0,
                label="Tokens that training keeps; 0: all",
                elem_id="survey-max-length",
                scale=0,
                min_width=200,
            )
        self.view = script_component(
            "survey", elem_id="survey", label="What the file holds", events=("rows",)
        )
        self.rows = script_component(
            "figure_rows", elem_id="figure-rows", label="Rows of a figure", events=("pick",)
        )
        self.figure = gr.Plot(
            label="Length and position of windows", show_label=False, elem_id="survey-figure", visible=False
        )
        self.surveyed = gr.State(None, time_to_live=SECONDS_KEPT)


def survey_label(settings: Settings) -> str:
    """Return what the button says that surveys the file."""
    count = settings.num_in_file
    return f"Look through the file: {count:,} row{'s' * (count != 1)}"


def file_name(settings: Settings) -> str:
    """Return the JSON of which file is open; one of the same name that is opened again is told anew."""
    file, count = settings.annotation_file, settings.num_in_file
    name = file.name if file is not None else ""
    return json.dumps({"name": name, "num_rows": count, "opened": next(_OPENED)})


_OPENED = counter()
