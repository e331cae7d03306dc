"""What the endpoints compute: the commands of the terminal, on one row that a caller sent."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.settings import Settings
from vtg_core.data.formats.flat_rows import OWN
from vtg_core.errors import AnnotationError, VTGError
from vtg_core.templates import PromptTemplate
from vtg_core.views.results.chosen import ALL, templates_of
from vtg_core.views.results.inspected import TypedRow, inspect_row, read_row


def inspect_answer(settings: Settings, row: TypedRow, templates: Sequence[PromptTemplate]) -> dict[str, Any]:
    """Return what ``vtg-lens inspect --json`` writes of a row.

    Raises:
        VTGError: the row or the checkpoint cannot be used.
    """
    reading = read_row(row, settings.checkpoint, templates, template=settings.template)
    return inspect_row(reading).as_dict()


def loss_answer(
    settings: Settings, row: TypedRow, templates: Sequence[PromptTemplate], *, is_cross_checked: bool
) -> dict[str, Any]:
    """Return what ``vtg-lens loss --json`` writes of a row.

    Raises:
        VTGError: the row or the checkpoint cannot be used, or a pass does not fit.
    """
    from vtg_core.checkpoints.loading import load_model
    from vtg_core.views.results.losses import score_samples

    started = time.perf_counter()
    reading = read_row(row, settings.checkpoint, templates, template=settings.template)
    scored = score_samples(
        list(reading.inspections),
        load_model(settings.checkpoint, **settings.placement),
        reading.checkpoint.processor,
        is_cross_checked=is_cross_checked,
    )
    seconds = time.perf_counter() - started
    return {"checkpoint": settings.model_label, **scored.as_dict(), "seconds": seconds}


@dataclass(frozen=True)
class AskedAudit:
    """How a row is audited.

    Attributes:
        mask: ``ours``, ``collator`` for the one of the start, or a recipe's name.
        template: the name of one, or ``all`` to have it chosen as the command line does.
        answer: the form that the answer is written in.
        max_length: the bound on tokens that training uses; None for none.
    """

    mask: str
    template: str
    answer: str
    max_length: int | None


def audit_answer(settings: Settings, row: TypedRow, asked: AskedAudit) -> dict[str, Any]:
    """Return what ``vtg-lens audit --json`` writes of a file with this one row.

    Raises:
        VTGError: the checkpoint cannot be used.
    """
    from vtg_core.audit.file_rows import FileRows
    from vtg_core.audit.report import Report
    from vtg_core.audit.row.chat_ids import ChatIds
    from vtg_core.checkpoints.loading import load_checkpoint
    from vtg_core.dashboard.work.sample import asked_model
    from vtg_core.data.annotations import AnnotationReader
    from vtg_core.templates import TemplateSelector
    from vtg_core.views.results.audited import RowsAudit

    checkpoint = load_checkpoint(settings.checkpoint, template=settings.template)
    chat = ChatIds.of(checkpoint.processor, checkpoint.stop_ids)
    collator, subject = _audited(settings, asked.mask)
    report = Report(subject)
    selector = TemplateSelector(seed=0, templates=templates_of(asked.answer, asked.template or ALL))
    with _as_file(row) as (file, reading):
        rows = FileRows(AnnotationReader(file, **reading), selector, row.frames)
        audit = RowsAudit(
            rows, chat, settings.checkpoint, collator=collator, max_length=asked.max_length,
            model=asked_model(settings.checkpoint, chat) if collator else None,
        )  # fmt: skip
        for found in audit.run(report):
            report.add(found)
    return report.as_dict()


def compare_answer(
    settings: Settings, row: TypedRow, templates: Sequence[PromptTemplate], *, sort: str
) -> dict[str, Any]:
    """Return what ``vtg-lens compare --json`` writes of a file with this one row.

    Args:
        settings: of the page.
        row: that is scored.
        templates: the baselines first.
        sort: which loss differences are taken of.

    Raises:
        VTGError: the row or the checkpoint cannot be used.
    """
    from vtg_core.checkpoints.loading import load_checkpoint, load_model
    from vtg_core.comparison.analytics import Metric
    from vtg_core.comparison.on_file import compare_rows
    from vtg_core.comparison.store import ComparisonStore
    from vtg_core.data.annotations import OnError
    from vtg_core.dataset import VideoTemporalSFTDataset
    from vtg_core.views.results.compared import comparison_settings, open_rows, sum_up

    checkpoint = load_checkpoint(settings.checkpoint, template=settings.template)
    model = load_model(settings.checkpoint, **settings.placement)
    compared = comparison_settings(
        settings.checkpoint, templates, frames=row.frames, device=settings.device, dtype=settings.dtype,
        adapter=settings.adapter, load_in_4bit=settings.load_in_4bit, template=settings.template,
    )  # fmt: skip
    with _as_file(row) as (file, reading):
        dataset = VideoTemporalSFTDataset(file, **reading, frames=row.frames, on_error=OnError.SKIP)
        if not dataset.annotations:
            raise AnnotationError(dataset.skipped[0])
        store = ComparisonStore(compared, dataset.annotations, unreadable=list(dataset.unreadable))
        for scored in compare_rows(dataset, model, checkpoint.processor, templates):
            store.add(scored)
    total = sum_up(store, Metric(sort))
    return store.as_dict(bool(open_rows(store, [0])), total.summary, total.comparison)


def _audited(settings: Settings, mask: str) -> tuple[str, str]:
    """Return which collator is audited, empty for our own mask, and how the report calls it."""
    from vtg_core.views.results.audited import recipe_collator

    if mask == AuditSource.OURS:
        return "", "our own collator"
    if mask == AuditSource.COLLATOR:
        return settings.collator, f"collator {settings.collator}"
    return recipe_collator(mask), f"recipe {mask}"


@contextmanager
def _as_file(row: TypedRow) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield an annotation file that holds a row alone, and how it is read: the commands take files."""
    video = Path(row.video)
    line = {"video": video.name, "query": row.query, "windows": [list(window) for window in row.windows]}
    with TemporaryDirectory() as folder:
        file = Path(folder, "row.json")
        try:
            file.write_text(json.dumps([line]), encoding="utf-8")
        except OSError as error:
            raise VTGError(f"the row must be kept for a moment, and cannot be ({error.strerror})") from None
        yield file, {"video_root": video.parent, "clip": row.clip, "format": OWN.name}
