"""The page: what is where."""

import json
from typing import Any

import gradio as gr

from vtg_core.dashboard.components import REPORT, script_component
from vtg_core.dashboard.inputs import END_OF_TURN, MAX_TEMPLATE_ARGS, POLICY_CHOICES
from vtg_core.dashboard.masks import AuditSource, first_mask, is_first_visit, mask_choices
from vtg_core.dashboard.notices import notice
from vtg_core.dashboard.player import build_player
from vtg_core.dashboard.samples import Samples, first_template, template_choices
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.audit import AuditTab, first_strip
from vtg_core.dashboard.tabs.file import FileTab
from vtg_core.dashboard.tabs.loss import LossTab
from vtg_core.data.answers import AnswerMode
from vtg_core.demo.examples import examples
from vtg_core.files.assets import asset_folder
from vtg_core.views.samples import as_json, view_forms

TITLE = "VTG Lens"


class Layout:
    """The page's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.samples = settings, Samples(settings)
        script_component("skip_link", elem_id="skip-link", label="To the tokens")
        with gr.Row(elem_id="bar"):
            self._build_bar()
        with gr.Column(elem_id="settings"):
            self._build_settings()
        waiting = notice(
            "info",
            "Loading torch and transformers. The first time, the demo checkpoint is built too; this takes some seconds.",
        )
        self.notice = script_component("notice", elem_id="notice", value=waiting, label="Message")
        self.link_note = script_component("link_note", elem_id="link-note", label="What the link asked for")
        self.strip = script_component(
            "audit_strip", elem_id="audit-strip", value=first_strip(settings), label="What the audit found"
        )
        with gr.Row(elem_id="stage", equal_height=False):
            self._build_stage()
        self.first_tab = "tokens" if is_first_visit(settings) else "audit"
        self._build_tabs()
        self.views = gr.State({}, time_to_live=3600)
        self.picked = gr.State(None)
        self.edits = script_component("edits", elem_id="edits", label="Whether the input was edited")

    def _build_bar(self) -> None:
        """Of what sample, template and mask the whole page speaks."""
        gr.Markdown(f"# {TITLE}", elem_id="title")
        is_file = self.samples.is_file
        offered = [] if is_file else examples(asset_folder())
        first = offered[0] if offered else None
        self.first_video = first.video if first else None
        self.row = script_component(
            "sample_picker", elem_id="row", value=self.samples.view(self.samples.first), label="Sample",
            events=("pick", "find"),
        )  # fmt: skip
        self.file = gr.State(str(first.video) if first else None)
        self.query = gr.Textbox(
            first.query if first else "", label="Query", lines=1, max_lines=4, elem_id="query", scale=4, min_width=160
        )  # fmt: skip
        self.start = gr.Number(
            first.window.start if first else None, label="Start (s)", elem_id="start", min_width=60
        )
        self.end = gr.Number(
            first.window.end if first else None, label="End (s)", elem_id="end", min_width=60
        )
        self.run = gr.Button("Read", elem_id="run", min_width=60, scale=0)
        self.mode = script_component(
            "answer_picker", elem_id="mode", value=AnswerMode.STANDARD, label="Answer", events=("choose",),
            forms=as_json(view_forms(AnswerMode.STANDARD)),
        )  # fmt: skip
        self.written = script_component(
            "written_forms", elem_id="written", label="The window in every answer form"
        )
        self.template = gr.Dropdown(
            template_choices(self.samples), value=first_template(self.samples), label="Template",
            elem_id="template", min_width=110,
        )  # fmt: skip
        mask = first_mask(self.settings)
        self.mask = script_component(
            "mask_picker", elem_id="mask", value=mask, label="Mask of", events=("choose",),
            choices=mask_choices(self.settings),
        )  # fmt: skip
        self.batch_row = gr.Number(
            0, label="Row of the batch, from 0", elem_id="batch-row", visible=mask == AuditSource.BATCH, min_width=60
        )  # fmt: skip
        self.tools = script_component("page_tools", elem_id="tools", label="Settings and link")

    def _build_settings(self) -> None:
        """What is changed seldom, behind a button."""
        frames = self.settings.frames
        with gr.Row():
            self.num_frames = gr.Number(
                frames.num_frames, label="Frames", info="Spread evenly over the video", elem_id="frames",
                visible=frames.fps is None, min_width=120,
            )  # fmt: skip
            self.trained = gr.CheckboxGroup(
                POLICY_CHOICES, value=[END_OF_TURN], label="Mask policy", info="Trained besides the answer itself",
                elem_id="policy", scale=2,
            )  # fmt: skip
            self.max_length = gr.Number(
                None, label="max_length", info="What training would cut", precision=0, minimum=1, elem_id="max-length",
                min_width=120,
            )  # fmt: skip
            self.template_arg = gr.Textbox(
                " ".join(self.settings.template.arguments), label="Chat template",
                info="NAME=VALUE, what its variables are", placeholder="enable_thinking=false", lines=1, max_lines=1,
                max_length=MAX_TEMPLATE_ARGS, elem_id="template-arg", min_width=160,
            )  # fmt: skip
            self.device = gr.Textbox(
                f"{self.settings.device}, {self.settings.dtype}", label="Device, type", info="--device and --dtype, at the start",
                interactive=False, elem_id="device", min_width=140,
            )  # fmt: skip

    def _build_stage(self) -> None:
        """The video, and the place of its timeline."""
        with gr.Column(scale=0, min_width=220, elem_id="stage-video"):
            self.video = build_player(self.first_video)
        with gr.Column(scale=1, min_width=220, elem_id="stage-line"):
            self.facts = gr.Textbox(
                label="Video and checkpoint", show_label=False, interactive=False, elem_id="facts", lines=1, max_lines=3
            )  # fmt: skip
            self.film = script_component("film", elem_id="film", label="Frames of the video")
            self.tokens = script_component(
                "linked_view",
                elem_id="linked",
                label="Timeline and sequence bar",
                events=("move",),
                report=REPORT,
            )
            if not self.settings.collator:
                script_component(
                    "own_command", elem_id="own-command", label="How to audit a collator of your own"
                )

    def _build_tabs(self) -> None:
        self.tab_of: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="tabs", selected=self.first_tab) as self.tabs:
            with self._tab("Audit"):
                self.audit_tab = AuditTab(self.settings)
            with self._tab("Tokens"):
                script_component("token_view", elem_id="tokens", label="Tokens")
            with self._tab("Prompts"):
                script_component("mask_note", elem_id="prompts-note", value="prompts", label="Whose prompts")
                self.prompt_pair = script_component(
                    "prompt_pair", elem_id="prompt-pair", label="Your prompt beside ours"
                )
                script_component("prompt_table", elem_id="prompt-table", label="Prompts side by side")
                self.typed = script_component(
                    "typed_template", elem_id="typed-template", label="A template of your own", events=("check",),
                    forms=as_json(view_forms(AnswerMode.STANDARD)),
                )  # fmt: skip
                self.grown: gr.HTML | None = None
                if self.settings.endpoint:
                    self.grown = script_component(
                        "grown_templates", elem_id="grown-templates", label="More templates, from a language model",
                        events=("grow", "stop"), writer=self.settings.writer,
                        templates=json.dumps([(own.name, str(own.mode)) for own in self.settings.built_in]),
                    )  # fmt: skip
                self.prompts = script_component("prompt_cards", elem_id="prompts", label="Prompts")
            with self._tab("Loss"):
                script_component("mask_note", elem_id="loss-note", value="loss", label="Whose loss")
                self.loss_tab = LossTab(self.settings)
            self.file_tab: FileTab | None = None
            if self.settings.takes_files:
                with self._tab("File"):
                    self.file_tab = FileTab(self.settings)

    def _tab(self, name: str) -> gr.Tab:
        tab: gr.Tab = gr.Tab(name, id=name.lower(), render_children=True)
        self.tab_of[name.lower()] = tab
        return tab

    @property
    def inputs(self) -> list[Any]:
        """What :meth:`vtg_core.dashboard.inputs.Inputs.read` takes, in its order."""
        return [
            self.file, self.query, self.start, self.end, self.mode, self.num_frames, self.trained, self.template,
            self.picked, self.template_arg,
        ]  # fmt: skip
