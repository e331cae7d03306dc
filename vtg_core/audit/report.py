"""What an audit of many rows found, as plain values, JSON and CSV."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vtg_core.audit import parity, stop
from vtg_core.audit.findings import Finding, Severity
from vtg_core.errors import VTGError

OF_THE_CHECKPOINT = frozenset({parity.PROCESSOR_NESTS.name, stop.NO_STOP_ID.name, stop.PAD_IS_STOP.name})
"""Codes that every row of a checkpoint gives alike."""
FIELDS = ("code", "severity", "row", "where", "title", "message", "evidence", "fix")


@dataclass(frozen=True)
class RowFindings:
    """What was found in one row, or beside every row.

    Attributes:
        row: its number, from 0; None for what concerns the batch, the collator or the file.
        where: file and line it was read from; empty where there is none.
        findings: in the order of the checks.
    """

    row: int | None
    where: str
    findings: tuple[Finding, ...]


@dataclass
class Report:
    """What has been found so far.

    Attributes:
        subject: what was audited.
        num_rows: rows that were looked at.
        num_verified: rows of our own path that were encoded once more through the processor, pixels and all.
        is_partial: it was stopped before the last row.
        entries: what was found, in order.
    """

    subject: str
    num_rows: int = 0
    num_verified: int = 0
    is_partial: bool = False
    entries: list[tuple[str, Finding]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set, repr=False)

    def add(self, found: RowFindings) -> None:
        """Take in what was found in a row; what concerns the checkpoint itself is told once."""
        self.num_rows += found.row is not None
        for finding in found.findings:
            if finding.code in self._told:
                continue
            if finding.code in OF_THE_CHECKPOINT:
                self._told.add(finding.code)
            self.entries.append((found.where, finding))

    @property
    def findings(self) -> list[Finding]:
        """All findings, in order."""
        return [finding for _, finding in self.entries]

    @property
    def summary(self) -> dict[str, int]:
        """How often each code was found, the worst severity and the most frequent first."""
        counts = Counter(finding.code for finding in self.findings)
        rank = {f.code: (list(Severity).index(f.severity), -counts[f.code], f.code) for f in self.findings}
        return {code: counts[code] for code in sorted(counts, key=lambda code: rank[code])}

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def first(self, code: str, most: int = 3) -> list[str]:
        """Return where a code was first found: the rows' numbers, or the lines they were read from."""
        places = [
            where or (str(f.row) if f.row is not None else "") for where, f in self.entries if f.code == code
        ]
        return list(dict.fromkeys(filter(None, places)))[:most]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "subject": self.subject,
            "rows": self.num_rows,
            "verified": self.num_verified,
            "partial": self.is_partial,
            "findings": [_as_dict(where, finding) for where, finding in self.entries],
            "summary": self.summary,
        }

    def write_csv(self, out: Path | str) -> None:
        """Write one line a finding; a cell that a spreadsheet would run is written as text.

        Raises:
            VTGError: the file cannot be written.
        """
        try:
            with Path(out).open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, FIELDS)
                writer.writeheader()
                writer.writerows(_cells(_as_dict(where, finding)) for where, finding in self.entries)
        except OSError as error:
            raise VTGError(
                f"--csv must name a file that can be written, and {str(out)!r} cannot: {error.strerror}"
            ) from None


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
        "evidence": dict(finding.evidence),
        "fix": finding.fix,
    }


def _cells(values: dict[str, Any]) -> dict[str, str]:
    texts = {
        name: json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict)
        else ""
        if value is None
        else str(value)
        for name, value in values.items()
    }
    return {
        name: f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
        for name, text in texts.items()
    }
