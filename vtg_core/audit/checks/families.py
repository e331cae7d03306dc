"""All families of checks, on a row and on a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtg_core.audit.batch import rows as batch
from vtg_core.audit.batch.model_inputs import AskedModel, check_model_inputs
from vtg_core.audit.checks import answer, length, mask, stop
from vtg_core.audit.checks import prompt as parity
from vtg_core.audit.checks import times as time
from vtg_core.audit.codes.audit import CHECK_FAILED
from vtg_core.audit.codes.batch import MALFORMED, MASK_WRONG, VIDEOS_DIFFER, VOCABULARY
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.row import Known, Row
from vtg_core.errors import VTGError, first_line

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
    """Yield what every family of checks finds in a row; an error of ours is one finding, and the others go on."""
    has_failed = False
    for family in FAMILIES:
        try:
            yield from family.check(row)
        except Exception as error:  # the last guard: a person's run goes on
            if not has_failed:
                yield check_failed(error, row.number)
            has_failed = True


def model_findings(
    tensors: Mapping[str, Any],
    chat: ChatIds,
    model: AskedModel,
    rows: Sequence[Row],
    before: Sequence[Finding],
    *,
    is_whole: bool,
) -> list[Finding]:
    """Return what the checkpoint's model says of a batch; ``before`` is what is wrong with it already."""
    is_wrong = any(finding.code in _HEARD_OF for finding in before)
    numbers = [row.number for row in rows]
    try:
        asked = check_model_inputs(tensors, chat, model, numbers, is_whole=is_whole, is_wrong=is_wrong)
        return list(asked)
    except Exception as error:  # the last guard: a person's run goes on
        return [check_failed(error)]


_HEARD_OF = {VIDEOS_DIFFER.name, MASK_WRONG.name, VOCABULARY.name, MALFORMED.name}
"""Where one of these was found, what the model raises is its echo."""


def check_failed(error: Exception, row: int | None = None) -> Finding:
    """Return the finding that stands for an error of ours, with its type, its words and its line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    kind, said = type(error).__name__, first_line(error)
    return CHECK_FAILED.finding(
        f"{kind} at {at}: {said}.", row=row, evidence={"error": kind, "message": said, "at": at}
    )


def check_batch(
    tensors: Mapping[str, Any],
    chat: ChatIds,
    known: Sequence[Known | None] | None = None,
    *,
    numbers: Sequence[int] | None = None,
    max_length: int | None = None,
    model: AskedModel | None = None,
) -> AuditedBatch:
    """Audit a batch; the arguments are those of :func:`vtg_core.audit.batch.rows.rows_of`, and the model to ask."""
    try:
        rows, findings = batch.rows_of(tensors, chat, known, numbers=numbers, max_length=max_length)
    except VTGError:
        raise
    except Exception as error:  # the last guard: a person's run goes on
        return AuditedBatch((), (check_failed(error),))
    if model is not None and rows:
        findings += model_findings(tensors, chat, model, rows, findings, is_whole=known is not None)
    found = [finding for row in rows for finding in audit_row(row)]
    return AuditedBatch(tuple(rows), (*findings, *found))
