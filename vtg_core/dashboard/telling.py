"""What handlers say back to the page: notices, progress, and whether a loss stays."""

import json
from typing import Any

import gradio as gr

from vtg_core.dashboard.handlers import Scored
from vtg_core.dashboard.loaded import Tell
from vtg_core.dashboard.visits import Visit


def told(text: str, visit: Visit) -> str:
    """Return a notice, saying so where what is on screen is of an earlier input."""
    return json.dumps({**json.loads(text), "stale": visit.is_stale})


def loss_values(scored: Scored) -> tuple[Any, Any, Any]:
    """Return what the Loss tab shows; chart and table only where there is something in them."""
    return (
        scored.facts,
        gr.update(value=scored.figure, visible=scored.figure is not None),
        gr.update(value=scored.table, visible=scored.table is not None),
    )


def loss_of(visit: Visit) -> tuple[Any, ...]:
    """Leave the loss on screen, or clear it where it belongs to something else."""
    return (gr.skip(),) * 3 if visit.keeps_loss() else loss_values(Scored())


def progress_of(progress: gr.Progress, visit: Visit | None = None, number: int | None = None) -> Tell:
    """Return what tells a person how far a task is; it ends a reading that the page no longer waits for."""

    def tell(at: float, what: str) -> None:
        if visit is not None and number is not None:
            visit.check_awaited(number)
        progress(at, desc=what)

    return tell
