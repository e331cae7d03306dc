"""The Loss tab's *Probe*: what is where."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.probes.overfit import MAX_STEPS
from vtg_core.views.recipes import OURS

DEFAULT_STEPS = 20


class ProbeTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self) -> None:
        with gr.Column(elem_id="probe-controls", elem_classes="vtg-probe"):
            self._build_controls()
        with gr.Column(elem_id="probe-answer", elem_classes="vtg-probe"):
            self._build_answer()
        with gr.Column(elem_id="probe-overfit", elem_classes="vtg-probe"):
            self._build_overfit()

    def _build_controls(self) -> None:
        gr.Markdown(
            "### Controls: does the model use the video?\nThe same answer, scored where one thing about the sample is made wrong. A "
            "model that looks at the video finds the true answer harder to believe then."
        )
        self.other_query = gr.Textbox(
            label="Another query", info="What is asked instead, in one of the controls", lines=1, max_lines=4,
            elem_id="other-query",
        )  # fmt: skip
        self.run_controls, self.cancel_controls = _buttons("Run the controls", "controls")
        self.controls_cost = _cost("controls", "What the controls will cost")
        self.controls = script_component("probe_controls", elem_id="controls-view", label="Controls")

    def _build_answer(self) -> None:
        gr.Markdown(
            "### Answer: what would it say itself?\nThe model reads the prompt that training shows it, and writes on by itself."
        )
        self.run_answer, self.cancel_answer = _buttons("Let it answer", "answer")
        self.answer_cost = _cost("answer", "What an answer will cost")
        self.answer = script_component("probe_answer", elem_id="answer-view", label="The model's own answer")

    def _build_overfit(self) -> None:
        gr.Markdown(
            "### Overfit check: can it learn this sample?\nA few optimiser steps on this one sample. With our mask the answer's "
            "loss should fall to nearly nothing; train another mask, and see what becomes of the answer."
        )
        with gr.Row():
            self.num_steps = gr.Slider(
                1,
                MAX_STEPS,
                value=DEFAULT_STEPS,
                step=1,
                label="Steps",
                elem_id="overfit-steps",
                min_width=200,
            )
            self.mask = gr.Dropdown(
                [(OURS, OURS)], value=OURS, label="Mask to train", elem_id="overfit-mask", min_width=200
            )
        self.run_overfit, self.cancel_overfit = _buttons("Overfit this sample", "overfit")
        self.overfit_cost = _cost("overfit", "What the overfit check will cost")
        self.overfit = script_component("probe_overfit", elem_id="overfit-view", label="Overfit check")

    @property
    def outputs(self) -> list[Any]:
        """What is cleared where the page turns to something else, in the order of ``session.jobs.PROBES``."""
        return [self.controls, self.answer, self.overfit]

    @property
    def costs(self) -> list[Any]:
        """What is said before anything runs, and what there is to choose."""
        return [self.controls_cost, self.answer_cost, self.overfit_cost, self.other_query, self.mask]


def _buttons(label: str, name: str) -> tuple[gr.Button, gr.Button]:
    with gr.Row():
        run = gr.Button(label, variant="primary", elem_id=f"run-{name}", scale=4, min_width=200)
        cancel = gr.Button("Cancel", elem_id=f"cancel-{name}", scale=1, min_width=100)
    return run, cancel


def _cost(name: str, label: str) -> gr.HTML:
    return script_component("loss_cost", elem_id=f"{name}-cost", label=label)
