"""What handlers say back to the page: notices, progress, and whether a loss stays."""

import json
from typing import TYPE_CHECKING

from vtg_core.dashboard.work.kept import Tell
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    pass

from itertools import count
from typing import Any

import gradio as gr

from vtg_core.dashboard.inputs import END_OF_TURN, NEWLINE
from vtg_core.dashboard.session.visit import PROBES, Visit
from vtg_core.dashboard.work.loss import Scored
from vtg_core.views.comparison import NO_COMPARISON


def told(text: str, visit: Visit) -> str:
    """Return a notice, saying so where what is on screen is of an earlier input."""
    return json.dumps({**json.loads(text), "stale": visit.is_stale})


def remark_of(visit: Visit) -> Any:
    """Return the notice of the last reading again, in place of one about an earlier run; leave it where it is stale."""
    return visit.remark if visit.is_read and not visit.is_stale else gr.skip()


def read_from(visit: Visit) -> Any:
    """Return the fields that what is on screen was read from, so that the page sees an edit; leave them as they are where
    it is not read yet. A field that is None does not matter.
    """
    inputs = visit.current
    if inputs is None or not visit.is_read:
        return gr.skip()
    chosen = {END_OF_TURN: inputs.policy.end_of_turn, NEWLINE: inputs.policy.newline}
    fields = {
        "query": inputs.query,
        "start": inputs.windows[0].start,
        "end": inputs.windows[0].end,
        "frames": inputs.frames.num_frames if inputs.frames.fps is None else None,
        "policy": [name for name, is_chosen in chosen.items() if is_chosen],
        "row": inputs.row,
    }
    return json.dumps({"fields": fields, "number": next(_NUMBERS)})  # even the same fields are told anew


_NUMBERS = count()


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
