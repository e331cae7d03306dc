"""What a person should see of the audit of a whole file: plain values, documented field by field.

Twenty thousand findings are columns and not objects, so that a browser has them in a fraction of a second. Nothing here is
markup. A view is turned into JSON and drawn by a component that writes text only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from vtg_core.audit.causes import MAX_CAUSES, OTHER_CAUSES, cause_of
from vtg_core.audit.codes import CODES
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.report import Report

T = TypeVar("T")


@dataclass(frozen=True)
class RowFacts:
    """What is known of a row of the file.

    Attributes:
        video: the name of its video.
        query: what it asks for.
        qid: its own identifier; empty where it has none.
        template: the name of what asks.
    """

    video: str = ""
    query: str = ""
    qid: str = ""
    template: str = ""


@dataclass(frozen=True)
class CodeView:
    """A code that was found.

    Attributes:
        code, severity, title, why, fix: of its findings.
        count: how many there are in all.
    """

    code: str
    severity: str
    title: str
    why: str
    fix: str
    count: int


@dataclass(frozen=True)
class FileView:
    """The audit of a whole file, as far as it is. What ends in ``_at`` is a column of places in the list of that name.

    Attributes:
        subject: what was audited.
        state: ``idle``, ``running``, ``done`` or ``partial``: it was stopped before the last row.
        num_rows, num_all, num_in_file: rows that were come to, rows that can be read, and all of the file.
        headline: how many rows were audited, of how many that the file has, and how many of these can be read.
        mask, mode: whose mask, and in which answer form: a row that is opened is shown with these.
        can_go_on: it was stopped, and the rows that are left can be audited.
        num_findings: how many findings there are; all are counted, and not all may be listed.
        codes: what was found, the worst first.
        cause_codes, causes: distinct causes: the place of the code of each, and its words without numbers and names.
        videos, templates: names of those that listed findings are about.
        rows: the row of each finding in the file, from 1; None where it concerns no row. The worst findings first.
        wheres: where the row stands.
        cause_at, video_at, template_at: see above.
        messages, queries, qids: what was found, what the row asks for, and its identifier.
    """

    subject: str
    state: str
    num_rows: int
    num_all: int
    num_in_file: int
    headline: str
    mask: str
    mode: str
    can_go_on: bool = False
    num_findings: int = 0
    codes: list[CodeView] = field(default_factory=list)
    cause_codes: list[int] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    rows: list[int | None] = field(default_factory=list)
    wheres: list[str] = field(default_factory=list)
    cause_at: list[int] = field(default_factory=list)
    video_at: list[int] = field(default_factory=list)
    template_at: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    qids: list[str] = field(default_factory=list)


def view_file(
    report: Report,
    *,
    state: str,
    num_all: int,
    mask: str,
    mode: str,
    can_go_on: bool = False,
    facts_of: Callable[[int], RowFacts] = lambda row: RowFacts(),
    most: int | None = None,
) -> FileView:
    """Return the view of a file's audit.

    Args:
        report: what was found.
        state, num_all, mask, mode, can_go_on: see :class:`FileView`.
        facts_of: what is known of a row, by its position in the file, from 0.
        most: so many findings are listed at most, of those that came first; None for all that the report keeps.
    """
    rank = {severity: place for place, severity in enumerate(Severity)}
    entries = sorted(report.entries[:most], key=lambda entry: rank[entry[1].severity])
    codes = [_code(report.first_of[code], count) for code, count in report.summary.items()]
    code_at = {code.code: place for place, code in enumerate(codes)}
    facts = [RowFacts() if found.row is None else facts_of(found.row) for _, found in entries]
    causes, videos, templates = _Named[tuple[int, str]](), _Named[str](), _Named[str]()
    cause_at = [causes.place(_cause(code_at[found.code], where, found, causes)) for where, found in entries]
    return FileView(
        subject=report.subject,
        state=state,
        num_rows=report.num_rows,
        num_all=num_all,
        num_in_file=report.counts["rows_in_file"],
        headline=report.headline,
        mask=mask,
        mode=mode,
        can_go_on=can_go_on,
        num_findings=report.num_findings,
        codes=codes,
        cause_at=cause_at,
        video_at=[videos.place(one.video) for one in facts],
        template_at=[templates.place(one.template) for one in facts],
        cause_codes=[code for code, _ in causes],
        causes=[words for _, words in causes],
        videos=list(videos),
        templates=list(templates),
        rows=[None if found.row is None else found.row + 1 for _, found in entries],
        wheres=[where for where, _ in entries],
        messages=[found.message for _, found in entries],
        queries=[one.query for one in facts],
        qids=[one.qid for one in facts],
    )


class _Named(dict[T, int]):
    """Distinct values in the order in which they came, each with its place."""

    def place(self, value: T) -> int:
        return self.setdefault(value, len(self))


def _cause(code: int, where: str, found: Finding, known: dict[tuple[int, str], int]) -> tuple[int, str]:
    cause = (code, cause_of(where, found.message))
    return cause if cause in known or len(known) < MAX_CAUSES else (code, OTHER_CAUSES)


def _code(first: Finding, count: int) -> CodeView:
    known = CODES.get(first.code)
    why = known.why if known is not None else ""
    return CodeView(first.code, str(first.severity), first.title, why, first.fix, count)
