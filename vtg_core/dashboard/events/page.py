"""The page: which handler answers what a person does."""

from contextlib import suppress
from typing import Any

import gradio as gr

from vtg_core.dashboard.address import Address
from vtg_core.dashboard.api.endpoints import Endpoints
from vtg_core.dashboard.components import imported
from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.events.compare import CompareEvents
from vtg_core.dashboard.events.file import FileEvents
from vtg_core.dashboard.events.loss import LossEvents
from vtg_core.dashboard.events.probe import ProbeEvents
from vtg_core.dashboard.events.prompts import PromptEvents
from vtg_core.dashboard.inputs import Inputs, is_form, pick_row
from vtg_core.dashboard.notices import as_notice, at_field
from vtg_core.dashboard.player import preview_of, uploaded_file
from vtg_core.dashboard.samples import Samples, pick_asked, picked_number, picked_steps, sought_text
from vtg_core.dashboard.serving import MAX_WAITING, MAX_WAITING_IN_PUBLIC, refuse_addresses
from vtg_core.dashboard.session.devices import check_choice, device_choices, is_offered
from vtg_core.dashboard.session.gpu import prepare
from vtg_core.dashboard.session.jobs import Job
from vtg_core.dashboard.session.replies import loss_of, progress_of, told
from vtg_core.dashboard.session.runs import UNQUEUED
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import TITLE, Layout
from vtg_core.dashboard.work.kept import video_of
from vtg_core.dashboard.work.prompts import Inspected, show_prompts
from vtg_core.dataset import OWN
from vtg_core.errors import VTGError
from vtg_core.templates import TEMPLATES
from vtg_core.views.samples import as_json, view_forms


def build_dashboard(settings: Settings) -> gr.Blocks:
    """Build the page. Nothing heavy is imported until a person opens it."""
    refuse_addresses()
    prepare()
    kept = KEPT_OF_VISITORS if settings.is_public else KEPT
    page: gr.Blocks = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=kept)
    with page:
        _Events(settings, Layout(settings)).connect(page)
        Endpoints(settings).connect()
    most = MAX_WAITING_IN_PUBLIC if settings.is_public else 2 * MAX_WAITING
    page.queue(max_size=most, default_concurrency_limit=4)
    page._queue.sleep_when_free = (
        SECONDS_BETWEEN  # Gradio's own is 0.001: a twentieth of a core while nothing happens
    )
    return page


KEPT, KEPT_OF_VISITORS = (3600, 86_400), (600, 3600)
"""How often uploads that are too old are looked for, and how old is too old; seconds."""
SECONDS_BETWEEN = 0.01
"""So often a queue that is empty looks for work."""
NO_ROW: tuple[Any, ...] = (None, None, "", None, None, None)
"""Preview, file, query, start, end and the row itself, where a row that was picked cannot be read."""
_MODE = 4
"""Where the answer form stands among what the page's fields hold (:attr:`Layout.inputs`)."""
TELL_FIELDS = f"""async (video, query, start, end, frames, policy, row, source, template, answer, most, args, weights) => {{
  const store = await {imported("store")};
  const {{ number }} = JSON.parse(row);
  const [chat, weighed] = [args, weights].map((text) => text.trim().split(/\\s+/).join(" "));
  store.set("fields", {{ hasVideo: Boolean(video), query, start, end, frames, policy, row: number, source, chat, weights: weighed }});
  store.set("template", template);
  store.set("answer", answer);
  store.set("max_length", Number.isInteger(most) && most > 0 ? most : null);
  (await {imported("typed")}).keep({{ query, start, end, frames, policy, most, row: number }});
  return [];
}}"""
TAKE_TYPED = (
    f"""async (row, ...now) => (await {imported("typed")}).typedBefore(JSON.parse(row).number, now)"""
)
TELL_UPLOAD = f"""async () => {{
  const store = await {imported("store")};
  store.set("uploads", store.get("uploads") + 1);
  return [];
}}"""


TAKE_WINDOW = f"""async () => {{
  const store = await {imported("store")};
  const {{ start, end }} = store.get("window");
  return [start, end];
}}"""
TELL_TAB = f"""async () => {{
  const store = await {imported("store")};
  store.set("tab", "%s");
  return [];
}}"""


TELL_PART = f"""async () => {{
  const store = await {imported("store")};
  store.set("parts", {{ ...store.get("parts"), "%s": "%s" }});
  return [];
}}"""


class _Events:
    def __init__(self, settings: Settings, layout: Layout) -> None:
        self.settings = settings
        self.layout = layout
        self.visits = Visits()

    def connect(self, page: gr.Blocks) -> None:
        """Answer every event of the page."""
        at = self.layout
        read: dict[str, Any] = {
            "fn": self._inspect,
            "inputs": [at.views, *at.inputs],
            "outputs": [at.notice, at.facts, at.prompts, at.views, at.film, *at.loss_tab.outputs],
            "concurrency_id": "read",
            "concurrency_limit": 2,
            "trigger_mode": "always_last",
            "show_progress_on": [at.audit_tab.audit, at.prompts, at.tokens],
            "api_visibility": "private",
        }
        read_row: dict[str, Any] = {
            **read,
            "fn": self._inspect_row,
            "inputs": [at.row, at.template_arg, at.weights, at.mode, at.num_frames, at.trained, at.template],
            "outputs": [
                at.row,
                at.video,
                at.file,
                at.query,
                at.start,
                at.end,
                at.picked,
                at.template,
                *read["outputs"],
            ],
        }
        audits = AuditEvents(self.settings, at, self.visits)
        show = audits.show
        opened = page.load(
            self._open,
            outputs=[at.row, at.template, at.mode, at.mask, at.tools, at.link_note],
            **UNQUEUED,
        )
        first_read = opened.then(**audits.fields).then(**read_row).then(**show)
        typed = [at.query, at.start, at.end, at.num_frames, at.trained, at.max_length]
        first_read.then(self._offer_devices, outputs=[at.device], **UNQUEUED)
        at.device.input(self._place, [at.device], [at.notice, at.placed], **UNQUEUED)
        first_read.then(
            None, [at.row, *typed], typed, js=TAKE_TYPED, show_progress="hidden", api_visibility="private"
        )
        at.row.pick(**read_row).then(**show)
        at.row.find(self._find, [at.row], [at.row], trigger_mode="always_last", **UNQUEUED)
        turn: dict[str, Any] = {"outputs": [at.file, at.picked, at.row, at.template], **UNQUEUED}
        at.video.clear(self._clear, [at.template], **turn)
        at.video.upload(self._upload, [at.video, at.template], **turn).then(**read).then(**show)
        fields: list[Any] = [at.query, at.start, at.end, at.num_frames, at.template_arg, at.weights]
        edited = [event for field in fields for event in (field.submit, field.blur)]
        gr.on([at.run.click, at.trained.input, *edited], **read).then(**show)
        moved = at.tokens.move(
            None, outputs=[at.start, at.end], js=TAKE_WINDOW, show_progress="hidden", api_visibility="private"
        )
        moved.then(**read).then(**show)
        reread = {**read, "fn": self._inspect_form}
        at.mode.change(**reread).then(**show)
        shown = {"inputs": [at.mode], "outputs": [at.written], **UNQUEUED}
        gr.on([at.edits.change, at.mode.change], self._write_forms, **shown)
        audits.connect()
        LossEvents(self.settings, at, self.visits).connect()
        CompareEvents(self.settings, at, self.visits).connect()
        FileEvents(self.settings, at, self.visits).connect(read_row)
        ProbeEvents(self.settings, at, self.visits).connect()
        PromptEvents(self.settings, at, self.visits).connect()
        self._watch_fields()
        page.unload(self._leave)

    def _watch_fields(self) -> None:
        """Tell the page's own script of every edit, in the browser alone."""
        at = self.layout
        fields: list[Any] = [
            at.video, at.query, at.start, at.end, at.num_frames, at.trained, at.row, at.mask, at.template, at.mode,
            at.max_length, at.template_arg, at.weights,
        ]  # fmt: skip
        edits = [at.video.clear, *(field.change for field in fields)]
        gr.on(edits, None, fields, js=TELL_FIELDS, api_visibility="private")
        at.video.upload(None, js=TELL_UPLOAD, api_visibility="private")
        for name, tab in at.tab_of.items():
            tab.select(None, js=TELL_TAB % name, api_visibility="private")
        parted = {"loss": at.loss_tab} | ({"file": at.file_tab} if at.file_tab else {})
        for name, within in parted.items():
            for part, tab in within.part_of.items():
                shown = "" if part == next(iter(within.part_of)) else part  # the first needs no words
                tab.select(None, js=TELL_PART % (name, shown), api_visibility="private")

    def _open(self, request: gr.Request) -> list[Any]:
        """Return what the page's address asks for, and nothing else: a person may have chosen something meanwhile."""
        at = self.layout
        address = Address.read(self.settings, at.samples, dict(request.query_params), tab=at.first_tab)
        values = {
            "sample": at.samples.view(address.sample), "template": address.template, "answer": address.answer,
            "mask": address.mask,
        }  # fmt: skip
        fields = [value if name in address.asked else gr.skip() for name, value in values.items()]
        return [*fields, address.for_script(at.first_tab), address.remark]

    def _offer_devices(self) -> Any:
        """Return what there is to choose: PyTorch, which knows it, is imported by the first reading."""
        return gr.update(choices=device_choices(self.settings)) if is_offered(self.settings) else gr.skip()

    def _place(self, request: gr.Request, device: object) -> tuple[Any, Any]:
        """Let the next passes run on a device; what is on screen says itself where it ran."""
        visit, failures = self.visits.of(request.session_hash), list[str]()
        with as_notice(failures):
            visit.device = check_choice(self.settings, device)
            return gr.skip(), visit.device
        return told(failures[0], visit), gr.skip()

    def _leave(self, request: gr.Request) -> None:
        """Let go of the model when the page is closed: whoever waits for it has it next."""
        self.visits.leave(request.session_hash)

    def _find(self, request: gr.Request, row: object) -> str:
        """Return the picker with what is looked for."""
        return self._samples(request).view(picked_number(row), sought_text(row))

    def _inspect(
        self,
        request: gr.Request,
        views: dict[str, str],
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        visit, job = self.visits.of(request.session_hash), None
        failures: list[str] = []
        with as_notice(failures):
            inputs = Inputs.read(self.settings, *values)
            if inputs == visit.current and (views or not visit.is_read):  # a field was left as it was
                return [gr.skip()] * 10
            job = visit.begin_reading(inputs)
            result = show_prompts(self.settings, inputs, progress_of(progress, job))
            return self._show(result, visit) if visit.end_reading(job) else [gr.skip()] * 10
        return self._fail(failures[0], visit, job=job), *[gr.skip()] * 9

    def _inspect_form(
        self,
        request: gr.Request,
        views: dict[str, str],
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        """Read again for another answer form, unless what it asks is kept already: then there is nothing to read."""
        mode = values[_MODE]
        asks = [
            key for key in views if key != OWN
        ]  # none: nothing is read yet, or there is no window to ask for
        if not asks or any(key.startswith(f"{mode}/") for key in asks):
            return [gr.skip()] * 10
        return self._inspect(request, views, *values, progress=progress)

    def _write_forms(self, request: gr.Request, mode: object) -> Any:
        """Return the window on screen in every answer form."""
        inputs = self.visits.of(request.session_hash).current
        if inputs is None or not is_form(mode):
            return gr.skip()
        with suppress(VTGError):
            return as_json(view_forms(str(mode), inputs.windows, video_of(inputs)))
        return gr.skip()

    def _clear(self, request: gr.Request, template: object) -> tuple[Any, ...]:
        return None, *self._none_picked(request, template)

    def _upload(self, request: gr.Request, sent: object, template: object) -> tuple[Any, ...]:
        return uploaded_file(sent), *self._none_picked(request, template)

    def _none_picked(self, request: gr.Request, template: object) -> tuple[Any, ...]:
        """Return what goes with a video of a person's own: no row, and no words of one."""
        first = TEMPLATES[0].name if template == OWN else gr.skip()
        return None, self._samples(request).view(None), first

    def _samples(self, request: gr.Request) -> Samples:
        return self.visits.of(request.session_hash).samples(self.layout.samples)

    def _inspect_row(
        self,
        request: gr.Request,
        picked: object,
        template_arg: str,
        weights: str,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        visit, job = self.visits.of(request.session_hash), None
        visit.is_filled.clear()
        failures, asked = list[str](), pick_asked(picked)
        number = self._samples(request).step(picked_number(picked), picked_steps(picked))
        filled, template = NO_ROW, gr.skip()
        with as_notice(failures):
            with at_field("row"):
                row = pick_row(visit.settings(self.settings), number)
            first = row.windows[0] if row.windows else (None, None)
            left = [str(row.video), row.query, *first]
            filled = (preview_of(row.video, self.layout.video), *left, row)
            chosen = values[-1]
            if chosen == OWN and row.own is None:
                chosen = template = TEMPLATES[0].name
            read: list[Any] = [*left, *values[:-1], chosen, row, template_arg, weights]
            inputs = Inputs.read(self.settings, *read)
            job = visit.begin_reading(inputs)
            result = show_prompts(self.settings, inputs, progress_of(progress, job))
            picker = self._samples(request).view(number, asked=asked)
            shown = (picker, *filled, template, *self._show(result, visit))
            return shown if visit.end_reading(job) else [gr.skip()] * 18
        if not visit.fail_reading(job, clears=True):
            return [gr.skip()] * 18
        nothing = ("", "", {}, "", *loss_of(visit))  # nothing old stands beside the error
        picker = self._samples(request).view(number, asked=asked)
        return picker, *filled, template, told(failures[0], visit), *nothing

    @staticmethod
    def _fail(failure: str, visit: Visit, *, job: Job | None) -> Any:
        """Return the notice of a reading that failed, unless a later one is under way."""
        return told(failure, visit) if visit.fail_reading(job) else gr.skip()

    def _show(self, result: Inspected, visit: Visit) -> tuple[Any, ...]:
        visit.remark = result.notice
        return result.notice, result.facts, result.prompts, result.tokens, result.film, *loss_of(visit)
