"""The Audit tab: what is where."""

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.masks import Choice, first_mask, is_of_sample
from vtg_core.dashboard.settings import Settings
from vtg_core.views.audit import StripView
from vtg_core.views.samples import as_json


class AuditTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        if settings.shows_files:
            opens = "Findings" if settings.takes_files else "Results"
            script_component(
                "file_walk", elem_id="file-walk", label="Which finding of the file this is", opens=opens
            )
        self.audit = script_component("audit", elem_id="audit", label="Audit")
        self.recipes = script_component("recipes", elem_id="recipes", label="Recipes")
        with gr.Row(visible=is_of_sample(first_mask(settings))) as self.scoring:
            self.score = gr.Button(
                "Run one forward pass for the losses", elem_id="score-recipes", scale=4, min_width=200
            )
            self.cancel_score = gr.Button("Cancel", elem_id="cancel-recipes", scale=1, min_width=100)


def first_strip(settings: Settings) -> str:
    """Return the JSON of the line above the tabs until the first sample is audited."""
    return as_json(
        StripView(Choice.of(settings, first_mask(settings)).name(settings), None, None, "nothing audited yet")
    )
