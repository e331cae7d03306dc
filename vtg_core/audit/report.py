"""What an audit of many rows found, as plain values, JSON and CSV."""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vtg_core.audit.codes import length, prompt, stop
from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.codes.times import CLOCK_REPEATS, RATE_VARIES, UNIT
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.rates import Rate
from vtg_core.files.spreadsheet import guarded

OF_THE_CHECKPOINT = frozenset({prompt.PROCESSOR_NESTS.name, stop.NO_STOP_ID.name, stop.PAD_IS_STOP.name})
"""Codes that every row of a checkpoint gives alike."""
UNACTIONABLE = frozenset({prompt.PROCESSOR_NESTS.name})
"""Codes that say how transformers is, where nothing is wrong and nobody can change it: told to a person on demand."""
MAX_ENTRIES = 10_000
"""So many findings of each code are kept, for lists and files; a file of a gigabyte may have millions."""
MAX_CAUSES = 1_000
OTHER_CAUSES = "others"
MAX_PLACES = 3
FIELDS = ("code", "severity", "row", "where", "title", "message", "evidence", "fix")


@dataclass(frozen=True)
class RowFindings:
    """What was found in one row, or beside every row.

    Attributes:
        row: its position in the batch or the annotation file, from 0; None for what concerns the batch, the
            collator or the file, a row that is none among it.
        where: file and line it was read from; empty where there is none.
        findings: in the order of the checks.
        is_audited: its tokens were looked at; false where it could not be read, or came in no batch.
        quote: returns what a bug report quotes of the row for a finding; None where there is no row to quote.
        decoded: the path of its video, and the decoder that read its frames; None where none were read.
    """

    row: int | None
    where: str
    findings: tuple[Finding, ...]
    is_audited: bool = True
    quote: Callable[[Finding], str] | None = field(default=None, compare=False)
    decoded: tuple[str, str] | None = None


@dataclass
class Report:
    """What has been found so far.

    Attributes:
        subject: what was audited.
        num_rows: rows that were come to.
        num_audited: rows whose tokens were looked at.
        num_verified: rows of our own path that were encoded once more through the processor, pixels and all.
        num_in_file: how many rows the annotation file has, those that cannot be read among them; None without a file.
        num_read: how many of them can be read, whatever is audited; None without a file.
        is_partial: it was stopped before the last row.
        entries: what was found, in order; of each code the first ``MAX_ENTRIES``, and counts are of all.
        quotes: for each code what a bug report quotes of the row of its first finding.
        verified: the rows that are looked at twice, whose findings :meth:`holds` knows.
        decoders: for each video whose frames were read, by its path, the decoder that did.
        num_drawn: how many rows of the file were drawn at random to be audited; None where all were taken.
        videos: what is known of the videos, apart from rows; empty where they were not asked for by themselves.
    """

    subject: str
    num_rows: int = 0
    num_audited: int = 0
    num_verified: int = 0
    num_in_file: int | None = None
    num_read: int | None = None
    is_partial: bool = False
    entries: list[tuple[str, Finding]] = field(default_factory=list)
    quotes: dict[str, str] = field(default_factory=dict)
    verified: set[int] = field(default_factory=set, repr=False)
    decoders: dict[str, str] = field(default_factory=dict)
    num_drawn: int | None = None
    videos: Mapping[str, Any] = field(default_factory=dict)
    _rows_with: Counter[str] = field(default_factory=Counter, repr=False)
    _told: set[str] = field(default_factory=set, repr=False)
    _codes: "dict[str, _Found]" = field(default_factory=dict, repr=False)
    _budgets: list[int] = field(default_factory=list, repr=False)

    def add(self, found: RowFindings) -> None:
        """Take in what was found in a row.

        What concerns the checkpoint itself is told once, what concerns a video's file once a file, and of the rows'
        budgets the first and the largest.
        """
        self.num_rows += found.row is not None
        self.num_audited += found.row is not None and found.is_audited
        if found.decoded is not None:
            self.decoders[found.decoded[0]] = found.decoded[1]
        self._rows_with.update(
            {name for finding in found.findings for name in _counted_as(finding, found.row)}
        )
        for finding in found.findings:
            if (once := told_once(finding)) in self._told:
                continue
            if once:
                self._told.add(once)
            if finding.code == length.BUDGET.name and self._replaces(found.where, finding):
                continue
            quote = None if finding.code in self.quotes else found.quote
            if quote is not None and (quoted := quote(finding)):
                self.quotes[finding.code] = quoted
            of_code = self._codes.setdefault(finding.code, _Found(finding))
            if of_code.add(found.where, finding, is_kept=finding.row in self.verified):
                self.entries.append((found.where, finding))

    def holds(self, finding: Finding) -> bool:
        """Say whether the very same was found before, in a row of ``verified``."""
        return finding.code in self._codes and finding in self._codes[finding.code].of_verified

    def _replaces(self, where: str, finding: Finding) -> bool:
        """Keep of the rows' budgets the first and the largest; say whether this one is no entry of its own."""
        if not self._budgets or (
            len(self._budgets) == 1
            and tokens_spent(finding) > tokens_spent(self.entries[self._budgets[0]][1])
        ):
            self._budgets.append(len(self.entries))
            return False
        if len(self._budgets) == 2 and tokens_spent(finding) > tokens_spent(
            self.entries[self._budgets[1]][1]
        ):
            self.entries[self._budgets[1]] = (where, finding)
        return True

    @property
    def findings(self) -> list[Finding]:
        """The findings of ``entries``, in order."""
        return [finding for _, finding in self.entries]

    @property
    def num_findings(self) -> int:
        """How many findings there are in all."""
        return sum(of_code.count for of_code in self._codes.values())

    @property
    def summary(self) -> dict[str, int]:
        """How often each code was found, the worst severity and the most frequent first."""
        order, found = list(Severity), self._codes
        rank = {code: (order.index(f.first.severity), -f.count, code) for code, f in found.items()}
        return {code: found[code].count for code in sorted(found, key=lambda code: rank[code])}

    @property
    def first_of(self) -> dict[str, Finding]:
        """The first finding of each code."""
        return {code: of_code.first for code, of_code in self._codes.items()}

    @property
    def counts(self) -> dict[str, int]:
        """The rows of the file, those of them that can be read, and those whose tokens were looked at.

        Without a file, as for a saved batch, all three are its rows.
        """
        in_file = self.num_rows if self.num_in_file is None else self.num_in_file
        read = in_file if self.num_read is None else self.num_read
        return {"rows_in_file": in_file, "rows_read": read, "rows_audited": self.num_audited}

    @property
    def headline(self) -> str:
        """The counts in words: what is all of the rows is said once."""
        in_file, read, audited = self.counts.values()
        rows = f"{in_file:,} row{'s' if in_file != 1 else ''}"
        told = rows if audited == in_file else f"{audited:,} of {rows}"
        told += f", {read:,} of which can be read" if read != in_file else ""
        verified = self.num_verified
        return told + (f", {verified:,} of them also through the processor" if verified else "")

    @property
    def decoded_by(self) -> str:
        """Which decoder read the frames of how many files, in words; empty where none were read."""
        counts = Counter(self.decoders.values())
        files = {name: f"{n:,} file{'s' if n != 1 else ''}" for name, n in counts.items()}
        return ", ".join(f"{files[name]} read by {name}" for name in sorted(counts))

    @property
    def rates(self) -> dict[str, Rate]:
        """In how many of the rows that were drawn each code was found, the worst and most frequent first.

        Before them stand ``any error`` and ``any warning``. What is told once of a checkpoint or a video's file is not
        counted by row, and has no rate.
        """
        if not self.num_drawn:
            return {}
        names = [*(ANY.format(severity) for severity in (Severity.ERROR, Severity.WARNING)), *self.summary]
        found = self._rows_with
        return {
            name: Rate(found[name], self.num_drawn)
            for name in names
            if found[name] or name not in self._codes
        }

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(found.severities[severity] for found in self._codes.values())

    def first(self, code: str, most: int = 3) -> list[str]:
        """Return where a code was first found: the rows' numbers, or the lines they were read from; up to 3."""
        return self._codes[code].places[:most] if code in self._codes else []

    def causes(self, code: str, most: int = 3) -> list[tuple[Finding, list[str], int]]:
        """Return of each distinct cause under a code its first finding, the places of the first rows, and how many.

        A cause of what cannot be read is a message without its place, the name of the file it begins with, and its
        numbers; a suspected unit is one cause; another code has one. Past ``MAX_CAUSES`` all others are one more.
        """
        causes = self._codes[code].causes.values() if code in self._codes else ()
        return [(cause.first, cause.places[:most], cause.count) for cause in causes]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "subject": self.subject,
            **self.counts,
            "verified": self.num_verified,
            "decoders": self.decoders,
            "partial": self.is_partial,
            "findings": [_as_dict(where, finding) for where, finding in self.entries],
            "summary": self.summary,
            "listed": len(self.entries),
            **(
                {"rates": {name: rate.as_dict() for name, rate in self.rates.items()}}
                if self.num_drawn
                else {}
            ),
            **({"videos": dict(self.videos)} if self.videos else {}),
        }

    def as_csv(self) -> str:
        """Return one line a finding of ``entries``; a cell that a spreadsheet would run is written as text."""
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(_cells(_as_dict(where, finding)) for where, finding in self.entries)
        return file.getvalue()


@dataclass
class _Cause:
    """Findings that are alike: the first, how many, and where the first ones are."""

    first: Finding
    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.count += 1
        if place and len(self.places) < MAX_PLACES and place not in self.places:
            self.places.append(place)


@dataclass
class _Found(_Cause):
    """The findings of one code.

    Attributes:
        severities: how many of each.
        causes: by what they have in common.
        of_verified: those of rows that are looked at twice.
    """

    severities: Counter[Severity] = field(default_factory=Counter)
    causes: dict[str, _Cause] = field(default_factory=dict)
    of_verified: list[Finding] = field(default_factory=list)

    def add(self, where: str, finding: Finding, *, is_kept: bool = False) -> bool:  # type: ignore[override]
        """Count a finding; return whether it is one of the first ``MAX_ENTRIES``."""
        super().add(where or (str(finding.row) if finding.row is not None else ""))
        self.severities[finding.severity] += 1
        name = _cause(where, finding)
        if name not in self.causes and len(self.causes) >= MAX_CAUSES:
            name = OTHER_CAUSES
        self.causes.setdefault(name, _Cause(finding)).add(where)
        if is_kept:
            self.of_verified.append(finding)
        return self.count <= MAX_ENTRIES


ANY = "any {}"


def _counted_as(finding: Finding, row: int | None) -> tuple[str, ...]:
    """Return the names under which the row of a finding is counted; none for what is told once, or of no row."""
    if (finding.row is None and row is None) or told_once(finding) or finding.code == length.BUDGET.name:
        return ()
    return finding.code, ANY.format(finding.severity)


def told_once(finding: Finding) -> str:
    """Return by what a finding is known that is told once; empty for one of a row."""
    if finding.code in OF_THE_CHECKPOINT:
        return finding.code
    is_of_file = finding.code in (RATE_VARIES.name, CLOCK_REPEATS.name) and finding.evidence.get("video")
    return f"{finding.code} {finding.evidence['video']}" if is_of_file else ""


def _cause(where: str, finding: Finding) -> str:
    if finding.code == UNIT.name:
        return finding.message
    if finding.code != UNREADABLE.name:
        return ""
    return _NUMBER.sub(
        "#", _FILE_NAME.sub("", finding.message.removeprefix(f"{where}: ").removeprefix(where))
    )


_FILE_NAME = re.compile(r"^\S.{0,100}?\.\w{2,5}(?= )")
_NUMBER = re.compile(r"\d[\d.,]*")


def reaches(findings: Iterable[Finding], least: Severity | None) -> bool:
    """Say whether a finding is at least as bad as ``least``; never where that is None."""
    order = list(Severity)
    return least is not None and any(order.index(f.severity) <= order.index(least) for f in findings)


def _as_dict(where: str, finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "row": finding.row,
        "where": where,
        "title": finding.title,
        "message": finding.message,
        "evidence": plain_value(dict(finding.evidence)),
        "fix": finding.fix,
    }


def plain_value(value: Any) -> Any:
    """Return a value of an evidence as JSON can hold it; NaN, infinity and what JSON does not know as text."""
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def tokens_spent(budget: Finding) -> int:
    """Return how many tokens the row has that a finding of a budget speaks of."""
    return sum(int(budget.evidence[part]) for part in ("text", "video", "answer"))


def _cells(values: dict[str, Any]) -> dict[str, str]:
    texts = {
        name: json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict)
        else ""
        if value is None
        else str(value)
        for name, value in values.items()
    }
    return {name: guarded(text) for name, text in texts.items()}
