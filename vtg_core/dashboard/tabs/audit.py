"""The Audit tab: what is where."""

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.masks import AuditSource, Choice, first_mask, is_of_sample
from vtg_core.dashboard.settings import Settings
from vtg_core.views.audit import StripView
from vtg_core.views.samples import as_json


class AuditTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.audit = script_component("audit", elem_id="audit", label="Audit")
        if settings.takes_files:
            self._build_file()
        self.recipes = script_component("recipes", elem_id="recipes", label="Recipes")
        with gr.Row(visible=is_of_sample(first_mask(settings))) as self.scoring:
            self.score = gr.Button(
                "Run one forward pass for the losses", elem_id="score-recipes", scale=4, min_width=200
            )
            self.cancel_score = gr.Button("Cancel", elem_id="cancel-recipes", scale=1, min_width=100)

    def _build_file(self) -> None:
        with gr.Row(elem_id="file-row", visible=self.settings.num_in_file > 0) as self.file_row:
            self.run_file = gr.Button(
                file_label(self.settings, first_mask(self.settings)), variant="primary",
                elem_id="run-file", scale=4,
            )  # fmt: skip
            self.cancel_file = gr.Button("Cancel", elem_id="cancel-file", scale=1, min_width=100)
        self.file = script_component(
            "audit_file", elem_id="file-audit", label="Audit of the whole file", events=("pick",)
        )


def file_label(settings: Settings, mask: str) -> str:
    """Return what the button says that audits the whole file: only two collators can, so for any other mask it is ours."""
    choice = Choice.of(settings, mask)
    name = (choice if choice.source is AuditSource.COLLATOR else Choice()).name(settings)
    return f"Audit the whole file with {name}: {settings.num_in_file:,} rows"


def first_strip(settings: Settings) -> str:
    """Return the JSON of the line above the tabs until the first sample is audited."""
    return as_json(
        StripView(Choice.of(settings, first_mask(settings)).name(settings), None, None, "nothing audited yet")
    )
