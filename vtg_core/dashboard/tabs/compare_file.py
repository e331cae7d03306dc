"""The comparison of templates on the whole annotation file, under *File*: what is where."""

import gradio as gr

from vtg_core.comparison.analytics import Metric
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.file.comparison import DEFAULT_LIMIT
from vtg_core.dashboard.settings import Settings
from vtg_core.templates import TEMPLATE_NAMES

SECONDS_KEPT = 6 * 3600
"""So long the results of a page that nobody uses are kept."""


class FileCompareTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        limit = min(settings.max_compared, DEFAULT_LIMIT)
        with gr.Group(elem_id="file-compare-group"), gr.Row():
            self.limit = gr.Number(
                limit, label="Rows of the file", info=_which(settings), precision=0,
                elem_id="file-compare-limit", min_width=160,
            )  # fmt: skip
            self.baseline = gr.Dropdown(
                list(TEMPLATE_NAMES), value=TEMPLATE_NAMES[0], label="Baseline", info="The template that the others are held against",
                elem_id="file-compare-baseline", min_width=160,
            )  # fmt: skip
        with gr.Row():
            self.run = gr.Button(
                run_label(settings, limit),
                variant="primary",
                elem_id="run-file-compare",
                scale=4,
                min_width=220,
            )
            self.cancel = gr.Button("Cancel", elem_id="cancel-file-compare", scale=1, min_width=100)
        self.doing = gr.HTML(elem_id="file-compare-doing")
        self.view = script_component(
            "compare_file",
            elem_id="file-compare",
            label="Templates compared on the annotation file",
            events=("pick", "metric", "go_on"),
        )
        self.figure = gr.Plot(
            label="What answers cost, by template", elem_id="file-compare-figure", visible=False
        )
        with gr.Row():
            self.csv = gr.DownloadButton("Results as CSV", elem_id="file-compare-csv", visible=False)
            self.json = gr.DownloadButton(
                "Results and statistics as JSON", elem_id="file-compare-json", visible=False
            )
        self.compared = gr.State(None, time_to_live=SECONDS_KEPT)
        self.metric = gr.State(Metric.MEAN)


def _which(settings: Settings) -> str:
    most, count = settings.max_compared, len(settings.annotations)
    return f"The first so many of the {count:,} that can be read{f', at most {most:,}' * (most < count)}"


def run_label(settings: Settings, limit: float | None) -> str:
    """Return what the button says that compares templates on ``limit`` rows."""
    count, of = len(settings.annotations), settings.num_in_file
    readable = f"the {count:,} rows that can be read" if count < of else f"{count:,} rows"
    if limit is not None and 1 <= limit < count:
        return f"Compare all templates on the first {int(limit):,} of {readable}"
    if count < of:
        return f"Compare all templates on the {count:,} of {of:,} rows that can be read"
    return f"Compare all templates on the whole file: {count:,} row{'s' * (count != 1)}"
