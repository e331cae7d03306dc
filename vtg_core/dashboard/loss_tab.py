"""The Loss tab: what is where."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.compare_tab import CompareTab
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.settings import Settings
from vtg_core.views import NO_LOSS, as_json


class LossTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        with gr.Tabs(elem_id="loss-tabs"):
            with gr.Tab("This sample", id="this-sample", render_children=True):
                self._build_sample()
            with gr.Tab("Compare templates", id="compare", render_children=True):
                self.compare = CompareTab(settings)

    def _build_sample(self) -> None:
        with gr.Row():
            self.run = gr.Button("Run a forward pass", variant="primary", elem_id="run-loss", scale=4)
            self.cancel = gr.Button("Cancel", elem_id="cancel", scale=1, min_width=100)
        self.facts = script_component(
            "loss_facts", elem_id="loss-facts", value=as_json(NO_LOSS), label="Loss"
        )
        self.figure = gr.Plot(label="NLL of each supervised token", elem_id="loss-figure", visible=False)
        self.table = gr.Dataframe(
            label="Supervised tokens",
            interactive=False,
            wrap=True,
            elem_id="loss-table",
            visible=False,
            datatype="str",
        )

    @property
    def outputs(self) -> list[Any]:
        """What a forward pass fills."""
        return [self.facts, self.figure, self.table]
