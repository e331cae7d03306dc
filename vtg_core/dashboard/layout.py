"""The page: what is where, and which handler answers what."""

from threading import Event
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from vtg_core.answers import AnswerMode
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.handlers import Inspected, Scored, Tell, explained, inspect, notice, score
from vtg_core.dashboard.inputs import END_OF_TURN, POLICY_CHOICES, Inputs, pick_row
from vtg_core.dashboard.settings import ASSETS, Settings
from vtg_core.demo.examples import examples
from vtg_core.templates import TEMPLATES
from vtg_core.video import DEFAULT_NUM_FRAMES

TITLE = "VTG Lens"
SUBTITLE = "See exactly what your video model is trained on: the prompt it reads, the tokens that carry loss, and the loss itself."

ANSWER_LABELS = [
    ("seconds  [8.0, 14.0]", AnswerMode.STANDARD),
    ("temporal tokens  <266><466>", AnswerMode.TEMPORAL_TOKENS),
]


def build_dashboard(settings: Settings) -> gr.Blocks:
    """Build the page. Nothing heavy is imported until a person opens it."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 86_400)) as page:
        _Page(settings).build(page)
    page.queue(max_size=32, default_concurrency_limit=4)
    return page


class _Page:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.examples = examples(ASSETS)
        self.stops: dict[str, Event] = {}  # a forward pass that a session may cancel

    def build(self, page: gr.Blocks) -> None:
        gr.Markdown(f"# {TITLE}\n{SUBTITLE}", elem_id="title")
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=320):
                self._build_inputs()
            with gr.Column(scale=3, min_width=320):
                self._build_results()
        self._connect(page)

    def _build_inputs(self) -> None:
        first = None if self.settings.annotations else self.examples[0]
        frames = self.settings.frames
        if self.settings.annotations:
            count = len(self.settings.annotations)
            self.row = gr.Number(1, label=f"Sample (1 to {count:,})", precision=0, elem_id="row")
        self.video = gr.Video(
            str(first.video) if first else None, label="Video", sources=["upload"], include_audio=True, height=240,
            elem_id="video", buttons=[],
        )  # fmt: skip
        self.query = gr.Textbox(
            first.query if first else "", label="Query", info="One sentence of what happens", lines=2, max_lines=6,
            max_length=2_000, elem_id="query",
        )  # fmt: skip
        with gr.Row():
            self.start = gr.Number(
                first.window.start if first else None,
                label="Start (s)",
                elem_id="start",
                min_width=110,
            )
            self.end = gr.Number(
                first.window.end if first else None,
                label="End (s)",
                elem_id="end",
                min_width=110,
            )
        self.run = gr.Button("Read the prompts", variant="primary", elem_id="run")
        self.mode = gr.Radio(ANSWER_LABELS, value=AnswerMode.STANDARD, label="Answer", elem_id="mode")
        if frames.fps is None:
            self.num_frames = gr.Slider(
                2, max(128, frames.num_frames or 0), value=frames.num_frames or DEFAULT_NUM_FRAMES, step=1,
                label="Frames", info="Spread evenly over the video", elem_id="frames",
            )  # fmt: skip
        else:
            self.num_frames = gr.Slider(
                2, 128, value=None, label=f"Frames: {frames.fps:g} a second", visible=False
            )
        self.trained = gr.CheckboxGroup(
            POLICY_CHOICES,
            value=[END_OF_TURN],
            label="Mask policy",
            info="Trained besides the answer itself",
            elem_id="policy",
        )
        if not self.settings.annotations:
            rows = [[str(e.video), e.query, e.window.start, e.window.end] for e in self.examples]
            self.offered = gr.Examples(
                rows, [self.video, self.query, self.start, self.end], label="Examples to check by eye",
                example_labels=[f"{e.query} · {e.window.start:g} to {e.window.end:g} s" for e in self.examples],
                cache_examples=False, api_visibility="private", elem_id="examples",
            )  # fmt: skip

    def _build_results(self) -> None:
        waiting = notice(
            "info",
            "Loading torch and transformers. The first time, the demo checkpoint is built too; this takes some seconds.",
        )
        self.notice = script_component("notice", elem_id="notice", value=waiting, label="Message")
        with gr.Row(equal_height=True):
            self.template = gr.Dropdown(
                list(dict.fromkeys(template.name for template in TEMPLATES)), value=TEMPLATES[0].name, label="Template",
                info="Shown under Tokens and Loss", elem_id="template", min_width=200, scale=1,
            )  # fmt: skip
            self.facts = gr.Textbox(
                label="Video and checkpoint", interactive=False, elem_id="facts", lines=2, scale=3
            )
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Prompts", id="prompts", render_children=True):
                self.prompts = script_component("prompt_cards", elem_id="prompts", label="Prompts")
            with gr.Tab("Tokens", id="tokens", render_children=True):
                self.tokens = script_component("token_view", elem_id="tokens", label="Tokens")
            with gr.Tab("Loss", id="loss", render_children=True):
                with gr.Row():
                    self.run_loss = gr.Button(
                        "Run a forward pass", variant="primary", elem_id="run-loss", scale=4
                    )
                    self.cancel = gr.Button("Cancel", elem_id="cancel", scale=1, min_width=100)
                self.loss_facts = script_component("loss_facts", elem_id="loss-facts", label="Loss")
                self.figure = gr.Plot(label="NLL of each supervised token", elem_id="loss-figure")
                self.table = gr.Dataframe(
                    label="Supervised tokens",
                    interactive=False,
                    wrap=True,
                    elem_id="loss-table",
                    datatype="str",
                )
        self.views = gr.State({}, time_to_live=3600)
        self.picked = gr.State(None)

    @property
    def _inputs(self) -> list[Any]:
        return [
            self.video, self.query, self.start, self.end, self.mode, self.num_frames, self.trained, self.template,
            self.picked,
        ]  # fmt: skip

    def _connect(self, page: gr.Blocks) -> None:
        loss = [self.loss_facts, self.figure, self.table]
        inspected: dict[str, Any] = {
            "fn": self._inspect,
            "inputs": self._inputs,
            "outputs": [self.notice, self.facts, self.prompts, self.tokens, self.views, *loss],
            "concurrency_id": "read",
            "concurrency_limit": 2,
            "trigger_mode": "always_last",
            "show_progress_on": [self.prompts, self.tokens],
            "api_visibility": "private",
        }
        if self.settings.annotations:
            shown: dict[str, Any] = {
                **inspected,
                "fn": self._inspect_row,
                "inputs": [self.row, self.mode, self.num_frames, self.trained, self.template],
                "outputs": [
                    self.video, self.query, self.start, self.end, self.picked, *inspected["outputs"],
                ],
            }  # fmt: skip
            gr.on([page.load, self.row.submit, self.row.input], **shown)
        else:
            page.load(**inspected)
            self.offered.load_input_event.then(**inspected)
        forgotten: dict[str, Any] = {
            "fn": lambda: None,
            "outputs": [self.picked],
            "api_visibility": "private",
        }
        self.video.clear(**forgotten)
        self.video.upload(**forgotten).then(**inspected)
        gr.on([self.run.click, self.query.submit, self.query.blur], **inspected)
        gr.on([self.start.input, self.end.input, self.num_frames.release, self.trained.input], **inspected)
        gr.on(
            [self.mode.change, self.template.change], self._show_template,
            [self.mode, self.template, self.views], [self.tokens, *loss], api_visibility="private",
        )  # fmt: skip
        run = self.run_loss.click(
            self._score, self._inputs, [self.notice, *loss], concurrency_id="model", concurrency_limit=1,
            trigger_mode="once", show_progress_on=[self.loss_facts], api_visibility="private",
        )  # fmt: skip
        self.cancel.click(
            self._cancel, outputs=[self.notice], cancels=[run], queue=False, api_visibility="private"
        )

    def _inspect(self, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        failures: list[str] = []
        with explained(failures):
            result = inspect(self.settings, Inputs.read(self.settings, *values), _tell(progress))
            return self._show(result)
        return failures[0], *[gr.skip()] * 7

    def _inspect_row(
        self,
        number: float | None,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        failures: list[str] = []
        with explained(failures):
            row = pick_row(self.settings, number)
            video = save_file_to_cache(row.video, self.video.GRADIO_CACHE)  # the page may read nothing else
            left = [video, row.query, *row.windows[0]]
            read: list[Any] = [*left, *values, row]
            result = inspect(self.settings, Inputs.read(self.settings, *read), _tell(progress))
            return *left, row, *self._show(result)
        return *[gr.skip()] * 5, failures[0], *[gr.skip()] * 7

    @staticmethod
    def _show(result: Inspected) -> tuple[Any, ...]:
        empty = Scored()  # what a forward pass said of other prompts is no longer true
        return (
            result.notice, result.facts, result.prompts, result.tokens[result.shown], result.tokens,
            empty.facts, empty.figure, empty.table,
        )  # fmt: skip

    def _show_template(self, mode: str, template: str, views: dict[str, str]) -> Any:
        empty = Scored()
        return views.get(f"{mode}/{template}", ""), empty.facts, empty.figure, empty.table

    def _score(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        failures: list[str] = []
        stop = self.stops[request.session_hash or ""] = Event()
        with explained(failures):
            inputs = Inputs.read(self.settings, *values)
            result = score(self.settings, inputs, _tell(progress), stop.is_set)
            return "", result.facts, result.figure, result.table
        return failures[0], *[gr.skip()] * 3

    def _cancel(self, request: gr.Request) -> str:
        if stop := self.stops.pop(request.session_hash or "", None):
            stop.set()
            return notice("info", "The forward pass was cancelled; your input is kept.")
        return notice("info", "There is no forward pass to cancel.")


def _tell(progress: gr.Progress) -> Tell:
    return lambda at, what: progress(at, desc=what)
