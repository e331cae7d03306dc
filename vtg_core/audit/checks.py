"""All families of checks, on a row and on a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtg_core.audit import answer, batch, length, mask, parity, stop, time
from vtg_core.audit.chat_ids import ChatIds
from vtg_core.audit.findings import Finding
from vtg_core.audit.rows import Known, Row

FAMILIES = (mask, stop, parity, length, time, answer)


@dataclass(frozen=True, eq=False)
class AuditedBatch:
    """A batch taken apart, and what was found in it.

    Attributes:
        rows: none where it could not be taken apart.
        findings: those of the batch first, then row by row.
    """

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


def audit_row(row: Row) -> Iterator[Finding]:
    """Yield what every family of checks finds in a row."""
    for family in FAMILIES:
        yield from family.check(row)


def audit_batch(
    tensors: Mapping[str, Any],
    chat: ChatIds,
    known: Sequence[Known | None] | None = None,
    *,
    numbers: Sequence[int] | None = None,
    max_length: int | None = None,
) -> AuditedBatch:
    """Audit a batch; the arguments are those of :func:`vtg_core.audit.batch.rows_of`."""
    rows, findings = batch.rows_of(tensors, chat, known, numbers=numbers, max_length=max_length)
    found = [finding for row in rows for finding in audit_row(row)]
    return AuditedBatch(tuple(rows), (*findings, *found))
