"""What *Probe* answers about the sample on screen."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from vtg_core.dashboard.events.compare import COST
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.jobs import Task
from vtg_core.dashboard.session.runs import MODEL, Runs
from vtg_core.dashboard.session.visit import Visits
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.tabs.page import Layout
from vtg_core.dashboard.work.probe import (
    OverfitRun,
    Training,
    ask_answer,
    ask_controls,
    ask_overfit_as_typed,
    show_probe_costs,
)
from vtg_core.views.probes import NO_OVERFIT
from vtg_core.views.recipes import OURS
from vtg_core.views.samples import as_json

SECONDS_BETWEEN = 0.25
"""So often the page looks whether an overfit check has come further."""


class ProbeEvents:
    """Handlers of the questions to the model."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits
        self.runs = Runs(settings, visits)

    def connect(self) -> None:
        """Answer every event."""
        at, tab = self.layout, self.layout.loss_tab.probe
        cost: dict[str, Any] = {
            "fn": self._cost, "inputs": [tab.other_query, tab.num_steps, tab.mask], "outputs": tab.costs, **COST,
        }  # fmt: skip
        gr.on(
            [
                at.tokens.change,
                at.placed.change,
                tab.other_query.change,
                tab.num_steps.change,
                tab.mask.input,
            ],
            **cost,
        )
        self.runs.connect(
            Task.CONTROLS, tab.run_controls, fn=self._controls, inputs=[*at.inputs, tab.other_query],
            outputs=[at.notice, tab.controls], show_progress_on=[tab.controls_cost],
        ).then(**cost)  # fmt: skip
        self.runs.connect(
            Task.ANSWER, tab.run_answer, fn=self._answer, inputs=at.inputs,
            outputs=[at.notice, tab.answer], show_progress_on=[tab.answer_cost],
        ).then(**cost)  # fmt: skip
        self._connect_overfit(cost)
        self.runs.connect_cancel(tab.cancel_controls, at.notice, Task.CONTROLS)
        self.runs.connect_cancel(tab.cancel_answer, at.notice, Task.ANSWER)
        self.runs.connect_cancel(tab.cancel_overfit, at.notice, Task.OVERFIT)

    def _connect_overfit(self, cost: dict[str, Any]) -> None:
        """Let one event run the check and another show it.

        The run is no generator: Gradio gives up a generator whose page is closed and lets the next run have the model
        at once, while a step of this one is still taken.
        """
        at, tab = self.layout, self.layout.loss_tab.probe
        asked = self.runs.ask_for(Task.OVERFIT, tab.run_overfit, ask=self._ask_overfit, shown=[tab.overfit])
        asked.then(
            self._overfit, [*at.inputs, tab.num_steps, tab.mask], [at.notice],
            show_progress_on=[tab.overfit_cost], **MODEL,
        ).then(**cost)  # fmt: skip
        asked.then(
            self._watch, outputs=[tab.overfit], concurrency_limit=None, trigger_mode="once", show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip

    def _cost(self, request: gr.Request, typed: str | None, num_steps: float | None, mask: str | None) -> Any:
        visit = self.visits.of(request.session_hash)
        inputs, failures = visit.current, list[str]()
        if inputs is None or not visit.is_read:
            return [gr.skip()] * 5
        with as_notice(failures):
            costs = show_probe_costs(
                visit.settings(self.settings), inputs, typed, Training.read(num_steps, mask)
            )
            other = costs.other
            names = [name for _, name in costs.masks]
            return (
                costs.controls, costs.answer, costs.overfit,
                gr.update(placeholder=other.query, info=_info(other.where)),
                gr.update(choices=costs.masks, value=mask if mask in names else OURS),
            )  # fmt: skip
        return "", "", "", gr.skip(), gr.skip()  # whoever runs one is told why

    def _controls(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        *read, typed = values
        work = partial(ask_controls, typed=typed)
        return self._run(request, Task.CONTROLS, work=work, values=read, progress=progress)

    def _answer(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        return self._run(request, Task.ANSWER, work=ask_answer, values=values, progress=progress)

    def _run(
        self,
        request: gr.Request,
        task: Task,
        *,
        work: Callable[..., str],
        values: Sequence[Any],
        progress: gr.Progress,
    ) -> Any:
        visit = self.visits.of(request.session_hash)
        said, view = self.runs.run(
            visit, task, work=work, read=self.runs.read_page(values), progress=progress
        )
        return said, gr.skip() if view is None else view

    def _ask_overfit(self, request: gr.Request) -> Any:
        """Say at once that the check waits: another run may have the model, and it can be cancelled already."""
        visit = self.visits.of(request.session_hash)
        if not visit.ask(Task.OVERFIT):
            return gr.skip()
        visit.overfit = OverfitRun(as_json(replace(NO_OVERFIT, state="waiting")))
        return visit.overfit.view

    def _overfit(self, request: gr.Request, *values: Any, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        visit, (*read, num_steps, mask) = self.visits.of(request.session_hash), values
        run = visit.overfit = visit.overfit or OverfitRun("")
        work = partial(ask_overfit_as_typed, typed=(num_steps, mask), run=run)
        try:
            said, view = self.runs.run(
                visit, Task.OVERFIT, work=work, read=self.runs.read_page(read), progress=progress
            )
            if view is not None:
                run.view = view
            elif not (run.is_partial and visit.keeps(Task.OVERFIT)):
                run.view = NOTHING
            return said
        finally:
            run.is_over = True

    async def _watch(self, request: gr.Request) -> AsyncIterator[Any]:
        """Show what the check has come to, until it is over or its page is closed."""
        run = self.visits.of(request.session_hash).overfit
        shown = None
        while run is not None:
            is_over = run.is_over  # asked first, so that what is shown last is the last
            if run.view != shown:
                shown = run.view
                yield shown
            if is_over:
                return
            await asyncio.sleep(SECONDS_BETWEEN)


def _info(where: str) -> str:
    if not where:
        return "What is asked instead, in one of the controls"
    return f"What is asked instead, in one of the controls; left empty, the sentence of {where}"


NOTHING = as_json(NO_OVERFIT)
