"""The token view below a cell of a notebook: the report, in a frame that can reach nothing around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.files.outputs import write_output
from vtg_core.inspection import Inspection
from vtg_core.views.report.document import ReportView, report_document
from vtg_core.views.report.rows import report_of_batch, report_of_samples

if TYPE_CHECKING:
    from transformers import ProcessorMixin

Showable = Sample | Inspection | Sequence[Sample | Inspection] | Mapping[str, Any]
MIN_HEIGHT = 200
"""Pixels below which nothing could be read."""


@dataclass(frozen=True)
class Shown:
    """A report that a notebook draws.

    Attributes:
        document: HTML that stands alone.
        height: of its frame, in pixels.
    """

    document: str
    height: int

    def _repr_html_(self) -> str:
        """Return the frame: its scripts run apart from the notebook, and may fetch nothing."""
        return (
            f'<iframe sandbox="allow-scripts allow-downloads" title="VTG Lens" srcdoc="{escape(self.document)}" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
        )


def show(
    what: Showable,
    processor: "ProcessorMixin",
    *,
    height: int = 720,
    save_to: str | PathLike[str] | None = None,
) -> None:
    """Show the tokens of samples or of a batch below a notebook's cell, with what is in the loss and what was found.

    Anywhere else it says in a line what it would show.

    Args:
        what: a sample, an inspection or several, which are encoded as our own collator does; or a batch of anyone's:
            ``input_ids`` and ``labels``, whole numbers of shape (B, L), with whatever else the model takes.
        processor: whose ids they are.
        height: of what is shown, in pixels; at least 200.
        save_to: a file that the same is written to, as an HTML document that needs nothing else.

    Raises:
        VTGError: there is nothing to show, a mask cannot be proved, or the file cannot be written.
    """
    if height < MIN_HEIGHT:
        raise VTGError(f"height must be at least {MIN_HEIGHT} pixels, got {height}")
    report = _report(what, ChatIds.of(processor))
    shown = Shown(report_document(report), height)
    if save_to is not None:
        write_output("save_to", save_to, shown.document)
    _display(shown, report)


def _display(shown: Shown, report: ReportView) -> None:
    try:
        from IPython import display, get_ipython

        shell = get_ipython()
    except ImportError:
        shell = None
    if shell is not None:
        display.display(shown)
        return
    rows = ", ".join(row.name for row in report.rows[:4])
    print(f"{len(report.rows)} to show ({rows}): a notebook draws them, and save_to= writes them to a file")


def _report(what: Showable, chat: ChatIds) -> ReportView:
    if isinstance(what, Mapping):
        import torch

        tensors = {
            str(name): value.detach().to("cpu")
            for name, value in what.items()
            if isinstance(value, torch.Tensor)
        }
        return report_of_batch(tensors, chat, title="Batch")
    single = isinstance(what, Sample | Inspection)
    several: list[Any] = [what] if single else list(what) if isinstance(what, Sequence) else []
    if not several or not all(isinstance(one, Sample | Inspection) for one in several):
        raise VTGError(
            f"show takes a sample, an inspection, a list of them, or a batch, got {type(what).__name__}"
        )
    samples = [
        one.sample if isinstance(one, Inspection) else one
        for one in several
        if isinstance(one, Sample | Inspection)
    ]
    return report_of_samples(samples, chat, title="Samples")
