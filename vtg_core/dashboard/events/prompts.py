"""What the Prompts tab answers."""

import gradio as gr

from vtg_core.dashboard.events.compare import COST
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.typed_template import show_typed_template
from vtg_core.views.samples import as_json


class PromptEvents:
    """Handlers of the template that a person types."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits

    def connect(self) -> None:
        """Answer every event."""
        typed = self.layout.typed
        typed.check(self._check, outputs=[typed], **COST)

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
