"""What the rows of a folder of results answer."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.audit import AuditEvents
from vtg_core.dashboard.file.results import Browser, one_row, opened
from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.samples import Samples, picked_number
from vtg_core.dashboard.session.jobs import OF_FILE
from vtg_core.dashboard.session.runs import EVERY_ONE, UNQUEUED
from vtg_core.dashboard.session.visit import Visit, Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.tabs.results import ResultsTab
from vtg_core.data.annotations import Annotation


class ResultsEvents:
    """Handlers of the folder of results that the page was started with."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.browser = Browser(settings)

    def connect(self, tab: ResultsTab, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        at = self.layout
        connect_rows(tab, self.browser)
        tab.view.pick(self._pick, outputs=[at.row, at.mask, tab.view], trigger_mode=EVERY_ONE, **UNQUEUED)
        audits = AuditEvents(self.settings, at, self.visits)
        tab.view.show_row(**audits.fields).then(**read_row).then(**audits.show)

    def _pick(self, request: gr.Request, event: gr.EventData) -> Any:
        """Turn the page to a row that was clicked, and to the mask that it was audited with; or say why it cannot be."""
        visit, failures = self.visits.of(request.session_hash), list[str]()
        number = int(picked_number({"number": _sent(event).get("row")}) or 0)
        with as_notice(failures):
            row = self.browser.row(number)
            return self._turned(visit, row).view(row.number), self._mask(), opened(row.number)
        return gr.skip(), gr.skip(), opened(number, why=json.loads(failures[0])["text"])

    def _turned(self, visit: Visit, row: Annotation) -> Samples:
        """Turn a page to the samples that have the row: those of its start, or the row alone."""
        if row in self.settings.annotations:
            visit.uploaded = None
            return self.layout.samples
        for task in OF_FILE:
            visit.jobs.cancel(task)
        visit.uploaded = Samples(one_row(self.settings, row))
        return visit.uploaded

    def _mask(self) -> Any:
        """Return the mask that was audited, where the page has it."""
        collator = self.browser.results.fingerprints.get("collator")
        if not isinstance(collator, dict):
            return AuditSource.OURS
        is_given = collator.get("name") == self.settings.collator
        return AuditSource.COLLATOR if is_given else gr.skip()


def connect_rows(tab: ResultsTab, browser: Browser) -> None:
    """Answer what a page asks of the rows themselves."""

    def look(event: gr.EventData) -> str:
        return _answer(browser.overview, _sent(event))

    def turn(event: gr.EventData) -> str:
        return _answer(browser.page, _sent(event))

    # the page's script tells late answers by their number
    ask: dict[str, Any] = {"outputs": [tab.view], "trigger_mode": EVERY_ONE, **UNQUEUED}
    tab.view.look(look, **ask)
    tab.view.turn(turn, **ask)


def _answer(ask: Callable[[Mapping[str, Any]], str], asked: Mapping[str, Any]) -> str:
    failures: list[str] = []
    with as_notice(failures):
        return ask(asked)
    return json.dumps({"folder": None, "page": None, "why": json.loads(failures[0])["text"]})


def _sent(event: gr.EventData) -> Mapping[str, Any]:
    """Return what a browser sent with an event: whoever can reach the page can send anything."""
    return event._data if isinstance(event._data, dict) else {}
