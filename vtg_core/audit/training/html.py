"""A batch's report as HTML for a notebook: what is trained in each row, and what was found; no script, nothing fetched."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.audit.report import UNACTIONABLE, Report
from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor

MAX_ROWS = 8
"""How many rows are shown."""

MAX_CHARS = 1200
"""How many characters of a run of tokens are shown; its middle is left out."""

TRAINED = "background:#c7ecd0;color:#0b3d1c;font-weight:600"
MASKED = "color:#767676"
COLOURS = {"error": "#b3261e", "warning": "#8a5a00"}


def report_html(report: Report, tensors: "Mapping[str, Tensor]", chat: ChatIds) -> str:
    """Return a report as one element; every text in it is escaped.

    Args:
        report: the findings.
        tensors: the batch's; rows are shown where ``input_ids`` and ``labels`` are of the same shape (B, L).
        chat: what the ids mean.
    """
    return (
        '<div style="font:13px/1.5 system-ui,sans-serif;max-width:70em">'
        f"<p><b>{escape(report.subject)}</b>: {report.num_audited} of {report.num_rows} rows audited</p>"
        f"{''.join(_findings(report))}{''.join(_rows(tensors, chat))}</div>"
    )


def _findings(report: Report) -> Iterator[str]:
    for code, count in report.summary.items():
        if code in UNACTIONABLE:
            continue
        first = next(finding for finding in report.findings if finding.code == code)
        colour = COLOURS.get(str(first.severity), "#444")
        yield (
            f'<p style="border-left:4px solid {colour};padding-left:.7em"><b style="color:{colour}">'
            f"{escape(str(first.severity))}</b> {escape(first.title)} <code>{escape(code)}</code> ({count})<br>"
            f"{escape(first.message)}<br><i>{escape(first.fix)}</i></p>"
        )


def _rows(tensors: "Mapping[str, Tensor]", chat: ChatIds) -> Iterator[str]:
    if "input_ids" not in tensors or "labels" not in tensors:
        return
    ids, labels = (tensors[name].numpy() for name in ("input_ids", "labels"))
    if ids.ndim != 2 or ids.shape != labels.shape:
        return
    mask = tensors.get("attention_mask")
    own = (
        mask.numpy() != 0 if mask is not None and tuple(mask.shape) == ids.shape else np.ones(ids.shape, bool)
    )
    yield f'<p>In the loss: <span style="{TRAINED}">so</span>; not in it: <span style="{MASKED}">so</span>.</p>'
    for number in range(min(len(ids), MAX_ROWS)):
        where = own[number]
        runs = _runs(ids[number][where], labels[number][where] != IGNORE_INDEX, chat)
        yield f'<pre style="white-space:pre-wrap;margin:0 0 .8em"><b>row {number}</b> {"".join(runs)}</pre>'


def _runs(ids: np.ndarray, is_trained: np.ndarray, chat: ChatIds) -> Iterable[str]:
    """Yield the runs of tokens that are trained alike; placeholders of a video are counted, not written."""
    is_media = is_one_of(ids, chat.media_ids)
    borders = np.flatnonzero((np.diff(is_trained) != 0) | (np.diff(is_media) != 0)) + 1
    for start, end in pairwise([0, *borders.tolist(), len(ids)]):
        text = f" ⟨{end - start:,} of a video⟩ " if is_media[start] else _cut(chat.decode(ids[start:end]))
        yield f'<span style="{TRAINED if is_trained[start] else MASKED}">{escape(text)}</span>'


def _cut(text: str) -> str:
    half = MAX_CHARS // 2
    return text if len(text) <= MAX_CHARS else f"{text[:half]} … {text[-half:]}"
