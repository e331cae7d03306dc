"""What handlers say back to the page: notices, progress, and whether a loss stays."""

import json
from itertools import count
from typing import Any

import gradio as gr

from vtg_core.dashboard.inputs import END_OF_TURN, NEWLINE
from vtg_core.dashboard.session.jobs import PROBES, Job, Task
from vtg_core.dashboard.session.visit import Visit
from vtg_core.dashboard.work.kept import Tell
from vtg_core.dashboard.work.loss import Scored
from vtg_core.errors import VTGError
from vtg_core.views.comparison import NO_COMPARISON
from vtg_core.views.samples import as_json


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
        "start": inputs.windows[0].start if inputs.windows else None,
        "end": inputs.windows[0].end if inputs.windows else None,
        "frames": inputs.frames.num_frames if inputs.frames.fps is None else None,
        "policy": [name for name, is_chosen in chosen.items() if is_chosen],
        "row": inputs.row,
        "chat": " ".join(inputs.chat.arguments),
        "weights": inputs.weights,
    }
    return json.dumps({"fields": fields, "number": next(_NUMBERS)})  # even the same fields are told anew


_NUMBERS = count()


def loss_of(visit: Visit) -> tuple[Any, ...]:
    """Leave losses and probes on screen, or clear what belongs to something else: what the Loss tab fills."""
    loss = gr.skip() if visit.keeps(Task.LOSS) else Scored().loss
    return loss, *(gr.skip() if visit.keeps(task) else "" for task in (Task.PRECISIONS, *PROBES))


def comparison_of(visit: Visit) -> Any:
    """Leave the comparison of templates on screen, or clear it where it belongs to another sample."""
    return gr.skip() if visit.keeps(Task.COMPARISON) else as_json(NO_COMPARISON)


def progress_of(progress: gr.Progress, reading: Job | None = None) -> Tell:
    """Return what tells a person how far a task is; it ends a reading that the page no longer waits for."""

    def tell(at: float, what: str) -> None:
        if reading is not None and reading.is_stopped():
            raise VTGError("a later reading has begun, and this one is given up")
        progress(at, desc=what)

    return tell
