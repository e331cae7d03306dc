"""The Loss tab: what is where."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.address import PARTS
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.compare import CompareTab
from vtg_core.dashboard.tabs.probe import ProbeTab
from vtg_core.views.loss import NO_LOSS
from vtg_core.views.samples import as_json


class LossTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.part_of: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="loss-tabs"):
            with self._part("this-sample"):
                self._build_sample()
            with self._part("compare"):
                self.compare = CompareTab(settings)
            with self._part("probe"):
                self.probe = ProbeTab()

    def _part(self, name: str) -> gr.Tab:
        self.part_of[name] = gr.Tab(PARTS["loss"][name], id=name, render_children=True)
        return self.part_of[name]

    def _build_sample(self) -> None:
        with gr.Row():
            self.run = gr.Button("Run a forward pass", variant="primary", elem_id="run-loss", scale=3)
            self.run_precisions = gr.Button(
                "Compare precisions", elem_id="run-precisions", scale=2, min_width=160
            )
            self.cancel = gr.Button("Cancel", elem_id="cancel", scale=1, min_width=100)
        self.cost = script_component("loss_cost", elem_id="loss-cost", label="What a forward pass will cost")
        self.loss = script_component("loss", elem_id="loss-view", value=as_json(NO_LOSS), label="Loss")
        self.precisions = script_component(
            "loss_precisions", elem_id="loss-precisions", label="The loss in other floating point types"
        )

    @property
    def outputs(self) -> list[Any]:
        """What forward passes and probes fill."""
        return [self.loss, self.precisions, *self.probe.outputs]
