"""The page: what is where."""

from typing import Any

import gradio as gr

from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.inputs import END_OF_TURN, POLICY_CHOICES
from vtg_core.dashboard.notices import notice
from vtg_core.dashboard.player import build_player
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.audit import AuditTab, first_strip
from vtg_core.dashboard.tabs.loss import LossTab
from vtg_core.data.answers import AnswerMode
from vtg_core.demo.examples import Example, examples
from vtg_core.files.assets import asset_folder
from vtg_core.templates import TEMPLATE_NAMES, TEMPLATES

TITLE = "VTG Lens"
SUBTITLE = "See exactly what your video model is trained on: the prompt it reads, the tokens that carry loss, and the loss itself."

ANSWER_LABELS = [
    ("seconds  [8.0, 14.0]", AnswerMode.STANDARD),
    ("temporal tokens  <266><466>", AnswerMode.TEMPORAL_TOKENS),
]


class Layout:
    """The page's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        gr.Markdown(f"# {TITLE}\n{SUBTITLE}", elem_id="title")
        waiting = notice(
            "info",
            "Loading torch and transformers. The first time, the demo checkpoint is built too; this takes some seconds.",
        )
        self.notice = script_component("notice", elem_id="notice", value=waiting, label="Message")
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=320):
                offered = [] if settings.annotations else examples(asset_folder())
                self._build_sample(offered)
                self._build_choices()
                self._build_examples(offered)
            with gr.Column(scale=3, min_width=320):
                self._build_results()
        self.views = gr.State({}, time_to_live=3600)
        self.picked = gr.State(None)
        self.edits = script_component("edits", elem_id="edits", label="Whether the input was edited")

    def _build_sample(self, offered: list[Example]) -> None:
        first = offered[0] if offered else None
        rows, file = self.settings.annotations, self.settings.annotation_file
        self.row = gr.Number(
            rows[0].number if rows else None, info="The file's own number: its line, or its place in the array",
            label=f"Row of {file.name if file else 'the file'} (1 to {self.settings.last_row:,})", elem_id="row",
            visible=bool(rows),
        )  # fmt: skip
        self.video = build_player(first.video if first else None)
        self.file = gr.State(str(first.video) if first else None)
        self.query = gr.Textbox(
            first.query if first else "", label="Query", info="One sentence of what happens", lines=1, max_lines=6,
            elem_id="query",
        )  # fmt: skip
        with gr.Row():
            self.start = gr.Number(
                first.window.start if first else None, label="Start (s)", elem_id="start", min_width=110
            )
            self.end = gr.Number(
                first.window.end if first else None, label="End (s)", elem_id="end", min_width=110
            )
        self.run = gr.Button("Read the prompts", variant="primary", elem_id="run")

    def _build_choices(self) -> None:
        frames = self.settings.frames
        self.mode = gr.Radio(ANSWER_LABELS, value=AnswerMode.STANDARD, label="Answer", elem_id="mode")
        self.num_frames = gr.Number(
            frames.num_frames, label="Frames", info="Spread evenly over the video", elem_id="frames",
            visible=frames.fps is None,
        )  # fmt: skip
        self.trained = gr.CheckboxGroup(
            POLICY_CHOICES, value=[END_OF_TURN], label="Mask policy", info="Trained besides the answer itself",
            elem_id="policy",
        )  # fmt: skip

    def _build_examples(self, offered: list[Example]) -> None:
        names = [f"{e.query} · {e.window.start:g} to {e.window.end:g} s" for e in offered]
        self.examples = offered
        self.offered = gr.Dataset(
            components=["textbox"], samples=[[name] for name in names], sample_labels=names, type="index",
            label="Examples to check by eye", elem_id="examples",
        ) if offered else None  # fmt: skip

    def _build_results(self) -> None:
        with gr.Row(equal_height=True):
            self.template = gr.Dropdown(
                list(TEMPLATE_NAMES), value=TEMPLATES[0].name, label="Template",
                info="Shown under Audit, Tokens and Loss", elem_id="template", min_width=200, scale=1,
            )  # fmt: skip
            self.facts = gr.Textbox(
                label="Video and checkpoint", interactive=False, elem_id="facts", lines=2, scale=3
            )
        self.strip = script_component(
            "audit_strip",
            elem_id="audit-strip",
            value=first_strip(self.settings),
            label="What the audit found",
        )
        self.tokens = script_component("linked_view", elem_id="linked", label="Timeline and sequence bar")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Audit", id="audit", render_children=True):
                self.audit_tab = AuditTab(self.settings)
            with gr.Tab("Prompts", id="prompts", render_children=True):
                self.prompts = script_component("prompt_cards", elem_id="prompts", label="Prompts")
            with gr.Tab("Tokens", id="tokens", render_children=True):
                script_component("token_view", elem_id="tokens", label="Tokens")
            with gr.Tab("Loss", id="loss", render_children=True):
                self.loss_tab = LossTab(self.settings)

    @property
    def inputs(self) -> list[Any]:
        """What :meth:`vtg_core.dashboard.inputs.Inputs.read` takes, in its order."""
        return [
            self.file, self.query, self.start, self.end, self.mode, self.num_frames, self.trained, self.template,
            self.picked,
        ]  # fmt: skip
