"""The audit of the whole file, under *File*: what is where."""

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.masks import AuditSource, Choice, first_mask
from vtg_core.dashboard.settings import Settings

SECONDS_KEPT = 6 * 3600
"""So long an audit that was stopped can be gone on with, on a page that nobody uses."""


class FileAuditTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        with gr.Row(elem_id="file-row", visible=settings.num_in_file > 0) as self.row:
            self.run = gr.Button(
                file_label(settings, first_mask(settings)), variant="primary", elem_id="run-file", scale=3,
                min_width=220,
            )  # fmt: skip
            self.cancel = gr.Button("Cancel", elem_id="cancel-file", scale=0, min_width=100)
            self.draws = gr.Checkbox(
                False, label="Draw a template for each row, as training does", elem_id="file-draws", scale=2,
                min_width=220,
            )  # fmt: skip
        self.view = script_component(
            "file_findings", elem_id="file-audit", label="Audit of the whole file", events=("pick", "go_on")
        )
        self.kept = gr.State(None, time_to_live=SECONDS_KEPT)


def file_label(settings: Settings, mask: str) -> str:
    """Return what the button says that audits the whole file: only two collators can, so for any other mask it is ours."""
    choice = Choice.of(settings, mask)
    name = (choice if choice.source is AuditSource.COLLATOR else Choice()).name(settings)
    count = settings.num_in_file
    return f"Audit the whole file with {name}: {count:,} row{'s' * (count != 1)}"
