"""What handlers say back to the page: notices, progress, and whether a loss stays."""

import json
from typing import Any

import gradio as gr

from vtg_core.dashboard.loaded import Tell
from vtg_core.dashboard.scoring import Scored
from vtg_core.dashboard.visits import PROBES, Visit
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json


def told(text: str, visit: Visit) -> str:
    """Return a notice, saying so where what is on screen is of an earlier input."""
    return json.dumps({**json.loads(text), "stale": visit.is_stale})


def remark_of(visit: Visit) -> Any:
    """Return the notice of the last reading again, in place of one about an earlier run; leave it where it is stale."""
    return visit.remark if visit.is_read and not visit.is_stale else gr.skip()


def loss_of(visit: Visit) -> tuple[Any, ...]:
    """Leave loss and probes on screen, or clear what belongs to something else: what the Loss tab fills."""
    loss = (gr.skip(), gr.skip()) if visit.keeps_loss() else (Scored().loss, "")
    return *loss, *(gr.skip() if visit.keeps_probe(name) else "" for name in PROBES)


def comparison_of(visit: Visit) -> Any:
    """Leave the comparison of templates on screen, or clear it where it belongs to another sample."""
    return gr.skip() if visit.keeps_comparison() else as_json(NO_COMPARISON)


def progress_of(progress: gr.Progress, visit: Visit | None = None, number: int | None = None) -> Tell:
    """Return what tells a person how far a task is; it ends a reading that the page no longer waits for."""

    def tell(at: float, what: str) -> None:
        if visit is not None and number is not None:
            visit.check_awaited(number)
        progress(at, desc=what)

    return tell
