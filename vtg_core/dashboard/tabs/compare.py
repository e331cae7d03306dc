"""The Loss tab's *Compare templates*: what is where."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.settings import Settings
from vtg_core.templates import TEMPLATES
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json


class CompareTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with gr.Row():
            self.run = gr.Button(
                f"Compare all {len(TEMPLATES)} templates on this sample", variant="primary", elem_id="run-comparison",
                scale=4, min_width=220,
            )  # fmt: skip
            self.cancel = gr.Button("Cancel", elem_id="cancel-comparison", scale=1, min_width=100)
        self.cost = script_component(
            "loss_cost", elem_id="comparison-cost", label="What a comparison will cost"
        )
        self.comparison = script_component(
            "compare",
            elem_id="comparison",
            value=as_json(NO_COMPARISON),
            label="Templates compared on this sample",
            events=("pick",),
        )

    @property
    def outputs(self) -> list[Any]:
        """What is cleared where the page turns to another sample."""
        return [self.comparison]
