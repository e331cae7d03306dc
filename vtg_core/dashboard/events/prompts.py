"""What the Prompts tab answers."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.compare import COST
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.runs import EVERY_ONE, UNQUEUED, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.templates.growth import GrowthWanted, as_over, grow_templates
from vtg_core.dashboard.work.templates.typed import show_typed_template
from vtg_core.views.samples import as_json


class PromptEvents:
    """Handlers of the template that a person types, and of those that grow."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self) -> None:
        """Answer every event."""
        typed = self.layout.typed
        typed.check(self._check, outputs=[typed], **COST | {"trigger_mode": EVERY_ONE})
        if (grown := self.layout.grown) is not None:
            grown.grow(
                self._grow, outputs=[self.layout.notice, grown], concurrency_id="growth", concurrency_limit=2,
                trigger_mode="once", show_progress="hidden", api_visibility="private",
            )  # fmt: skip
            grown.stop(self.runs.canceller(Task.GROWTH), outputs=[self.layout.notice], **UNQUEUED)

    def _check(self, request: gr.Request, event: gr.EventData) -> str:
        visit = self.visits.of(request.session_hash)
        sent = [event.name, event.mode, event.text]
        if not all(isinstance(value, str) for value in sent):
            return ""
        name, mode, text = sent
        failures: list[str] = []
        inputs = visit.current if visit.is_read else None
        with as_notice(failures):
            settings = visit.settings(self.settings)
            return as_json(show_typed_template(settings, inputs, name=name, mode=mode, text=text))
        return ""  # a bug of ours, which the log has

    def _grow(
        self, request: gr.Request, event: gr.EventData, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> Iterator[Any]:  # fmt: skip
        visit = self.visits.of(request.session_hash)
        settings = visit.settings(self.settings)
        grown = self.runs.stream(
            visit, Task.GROWTH, work=grow_templates, progress=progress, stays=as_over,
            read=lambda: GrowthWanted.read(settings, event.origin, event.mode, event.count),
        )  # fmt: skip
        for failure, last in grown:
            yield failure or gr.skip(), gr.skip() if last is None else last
