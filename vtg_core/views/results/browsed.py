"""What a person should see of a folder of results: plain values, a page of rows at a time."""

from dataclasses import dataclass, field
from pathlib import PurePath

from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.shards.opened.results import Line, Results

MAX_FINDINGS = 20
"""So many findings of a row are listed."""
MAX_CAUSES = 200
"""So many causes are told, the most frequent ones."""


@dataclass(frozen=True)
class CauseRows:
    """A distinct cause: its place among those of its code is not said, its words are.

    Attributes:
        cause: what a filter calls it: its place among all causes.
        words: a message without its place, numbers and names.
        count: in how many rows it was met.
    """

    cause: int
    words: str
    count: int


@dataclass(frozen=True)
class CodeRows:
    """A code: see :class:`vtg_core.views.audit_file.CodeView`; ``count`` is of rows, and ``causes`` are the most frequent."""

    code: str
    severity: str
    title: str
    fix: str
    count: int
    causes: tuple[CauseRows, ...]


@dataclass(frozen=True)
class FindingView:
    """A finding: its code, severity, title, message and what to do."""

    code: str
    severity: str
    title: str
    message: str
    fix: str


@dataclass(frozen=True)
class FolderView:
    """A folder of results.

    Attributes:
        name: of the folder.
        file: the name of the annotation file that was audited.
        subject: whose mask was audited.
        is_partial: rows are still to come.
        num_rows: how many rows are done.
        codes: what was found, the worst first.
        beside: what concerns no row alone.
        why_not: why no row can be opened; empty where they can.
    """

    name: str
    file: str
    subject: str
    is_partial: bool
    num_rows: int
    codes: tuple[CodeRows, ...] = ()
    beside: tuple[FindingView, ...] = ()
    why_not: str = ""


@dataclass(frozen=True)
class LineView:
    """A row: its number in the file, from 1, its place, the name of its video, its tokens, and what was found in it."""

    row: int
    where: str
    video: str
    tokens: int | None
    findings: tuple[FindingView, ...] = field(default=())
    num_findings: int = 0


@dataclass(frozen=True)
class PageView:
    """A page of the rows that are looked for.

    Attributes:
        asked: the number of the question that this answers.
        first: the place of the first row among all that were found, from 0.
        num: how many were found so far.
        is_done: all rows were looked through.
        lines: the rows of the page.
    """

    asked: int
    first: int
    num: int
    is_done: bool
    lines: tuple[LineView, ...]


def view_folder(results: Results, *, why_not: str = "") -> FolderView:
    """Return the view of a folder."""
    by_code: dict[str, list[CauseRows]] = {}
    for place, (code, words, rows) in enumerate(results.causes):
        by_code.setdefault(code, []).append(CauseRows(place, words, rows))
    collator = results.fingerprints.get("collator")
    subject = str(collator.get("name", "")) if isinstance(collator, dict) else "our own collator"
    codes = tuple(
        CodeRows(one["code"], one["severity"], one["title"], one["fix"], one["rows"], _most(by_code.get(one["code"], [])))
        for one in results.codes
    )  # fmt: skip
    beside = tuple(map(view_finding, results.beside[:MAX_FINDINGS]))
    file = str(results.file["name"])
    return FolderView(
        results.path.resolve().name,
        file,
        subject,
        results.is_partial,
        results.num_rows,
        codes,
        beside,
        why_not,
    )


def view_line(line: Line) -> LineView:
    """Return the view of a row, its worst findings first."""
    rank = {severity: place for place, severity in enumerate(Severity)}
    findings = sorted(line.findings, key=lambda finding: rank[finding.severity])
    shown = tuple(map(view_finding, findings[:MAX_FINDINGS]))
    return LineView(line.row + 1, line.where, PurePath(line.video).name, line.tokens, shown, len(findings))


def view_finding(finding: Finding) -> FindingView:
    """Return the view of a finding."""
    return FindingView(finding.code, str(finding.severity), finding.title, finding.message, finding.fix)


def _most(causes: list[CauseRows]) -> tuple[CauseRows, ...]:
    return tuple(sorted(causes, key=lambda cause: -cause.count)[:MAX_CAUSES])
