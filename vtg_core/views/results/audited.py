"""The rows of an annotation file, audited: our own mask, or somebody's collator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.audit.file_rows import FileRows
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import ForeignCollator, load_collator
from vtg_core.audit.foreign.fuzz import fuzz
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import (
    audit_collator,
    audit_rows,
    suspected_units,
    unreadable_row,
    verified_indices,
    verify_rows,
)
from vtg_core.audit.serving import served_rows
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.dataset import refuse_own_words
from vtg_core.errors import VTGError
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.video.sampling import sample_frames

if TYPE_CHECKING:
    from vtg_core.audit.batch.model_inputs import AskedModel
    from vtg_core.audit.serving import RenderServer


@dataclass(frozen=True)
class RowsAudit:
    """What is audited, and how.

    Attributes:
        rows: of the file.
        chat: the checkpoint's ids.
        checkpoint: its name.
        collator: ``package.module:name`` of somebody's collator, or a framework's name; empty for our own mask.
        limit: the first so many rows; None for all.
        batch_size: rows a batch of the collator.
        fuzz: how often the input of the collator is varied; 0 for never.
        verify: how many rows go through the processor too, pixels and all.
        sees_pixels: every video is decoded and shown to the processor.
        max_length: the bound on tokens that training uses; None for none.
        model: asked of each batch of the collator whether it takes it; None for nobody.
        server: writes the same messages, to be held against; None for none.
    """

    rows: FileRows
    chat: ChatIds
    checkpoint: str
    collator: str = ""
    limit: int | None = None
    batch_size: int = 2
    fuzz: int = 0
    verify: int = 3
    sees_pixels: bool = False
    max_length: int | None = None
    model: "AskedModel | None" = None
    server: "RenderServer | None" = None

    def run(
        self,
        report: Report,
        *,
        on_row: Callable[[Annotation], object] = lambda _: None,
        on_counted: Callable[[], object] = lambda: None,
    ) -> Iterator[RowFindings]:
        """Yield what is found, and tell ``report`` how many rows there are.

        Args:
            report: that is added to.
            on_row: told of each row that can be read, before any is audited.
            on_counted: called when all were read once.

        Raises:
            AnnotationError: the file cannot be read, or no row of it can be varied.
        """
        for row in self.rows.scan():
            if not isinstance(row, UnreadableRow):
                on_row(row)
            elif self.rows.num_drawn is None:
                yield unreadable_row(row)
        on_counted()
        if self.rows.num_drawn is not None:
            yield from map(unreadable_row, self.rows.unreadable())
        report.num_in_file, report.num_read = self.rows.num_in_file, self.rows.num_read
        report.num_drawn = None if self.rows.chosen is None else len(self.rows.chosen)
        yield from self._of_collator(report) if self.collator else self._of_ours(report)
        yield from suspected_units(self.rows, limit=self.limit)

    def count(self, report: Report) -> int | None:
        """Return how many rows there are to audit; None while that is not known."""
        if report.num_in_file is None:
            return None
        readable = self.rows.num_readable
        return readable if self.limit is None else min(self.limit, readable)

    def _of_ours(self, report: Report) -> Iterator[RowFindings]:
        rows, chat, limit = self.rows, self.chat, self.limit
        yield from self._served()
        chosen = verified_indices(rows, self.verify, limit=limit)
        encoder = PixelFreeEncoder(chat.processor, sees_pixels=self.sees_pixels)
        audited = audit_rows(rows, chat, limit=limit, max_length=self.max_length, encoder=encoder)
        for index, row in enumerate(audited):
            if index in chosen and row.row is not None:
                report.verified.add(row.row)
            yield row
        for row in verify_rows(rows, chat, num_rows=self.verify, limit=limit):
            report.num_verified += row.is_audited
            fresh = tuple(finding for finding in row.findings if not report.holds(finding))
            yield RowFindings(None, row.where, fresh, decoded=row.decoded)

    def _of_collator(self, report: Report) -> Iterator[RowFindings]:
        collator = self.loaded()
        if not isinstance(collator, ForeignCollator):
            yield RowFindings(None, "", (collator,) if collator else ())
            return
        if collator.origin:
            report.subject += f" ({collator.origin})"
        yield from self._served(collator)
        yield from audit_collator(
            self.rows, collator, self.chat, limit=self.limit, batch_size=self.batch_size,
            max_length=self.max_length, model=self.model,
        )  # fmt: skip
        if self.fuzz:
            yield from self.fuzzed(collator)

    def loaded(self) -> ForeignCollator | Finding | None:
        """Return the collator, or what is wrong with it; None for our own mask."""
        return load_collator(self.collator, self.chat.processor) if self.collator else None

    def _served(self, collator: ForeignCollator | None = None) -> Iterator[RowFindings]:
        if self.server is not None:
            yield from served_rows(
                self.rows, self.chat, self.server, num_rows=self.verify, limit=self.limit, collator=collator
            )

    def fuzzed(self, collator: ForeignCollator) -> Iterator[RowFindings]:
        """Yield what changes in what a collator trains where its input is varied.

        Raises:
            AnnotationError: no row of the file can be varied.
        """
        own = None
        for index, annotation in self.rows.each():
            if annotation.messages:
                own = own or annotation
                continue
            try:
                sample = self.rows.sample(sample_frames, index, annotation)
            except VTGError:
                continue  # told already
            findings = fuzz(
                collator, sample, self.fuzz, self.chat, checkpoint=self.checkpoint, row=annotation.row
            )
            yield RowFindings(None, annotation.where, tuple(findings))
            return
        if own is not None:
            refuse_own_words(own)


def recipe_collator(recipe: str) -> str:
    """Return the name of the collator that masks as a recipe does."""
    return f"vtg_core.recipes:{recipe.replace('-', '_')}"
