"""What findings of one cause have in common, and in how many rows each is met."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from vtg_core.audit.codes.length import BUDGET
from vtg_core.audit.findings import Finding
from vtg_core.audit.report import RowFindings, told_once

MAX_CAUSES = 1_000
"""So many distinct causes are told apart; all others are one more."""
OTHER_CAUSES = "another cause"


def cause_of(where: str, message: str) -> str:
    """Return a message without its place, its numbers and what it quotes: what findings of one cause have in common."""
    plain = message.removeprefix(f"{where}: ").removeprefix(where).lstrip(":, ") if where else message
    return _NUMBER.sub("#", _NAME.sub("…", _QUOTED.sub("“…”", plain)))


_QUOTED = re.compile(r"'[^']{0,400}'|\"[^\"]{0,400}\"|“[^”]{0,400}”")
_NAME = re.compile(r"[\w.\-/\\]{1,200}\.(?:mp4|avi|mkv|webm|mov|jsonl|json|csv|tsv)\b")
_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*\d|(?<![\w.])\d")


def codes_of(found: RowFindings) -> list[str]:
    """Return what was found in a row by code, each once; without what is told once of a checkpoint or a file, and budgets."""
    return list(dict.fromkeys(finding.code for finding in found.findings if is_of_row(finding)))


def is_of_row(finding: Finding) -> bool:
    """Say whether a finding concerns its row alone."""
    return finding.code != BUDGET.name and not told_once(finding)


@dataclass
class CauseTally:
    """In how many rows each code was found, and each distinct cause of it."""

    first: dict[str, Finding] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, found: RowFindings) -> None:
        """Take in what was found in a row."""
        own = [finding for finding in found.findings if is_of_row(finding)]
        for finding in own:
            self.first.setdefault(finding.code, finding)
        self.rows.update({finding.code for finding in own})
        self.causes.update({self._cause(finding, found.where) for finding in own})

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as values that JSON can hold."""
        codes = [
            {"code": code, "severity": str(one.severity), "title": one.title, "fix": one.fix, "rows": self.rows[code]}
            for code, one in self.first.items()
        ]  # fmt: skip
        return {"codes": codes, "causes": [[*cause, rows] for cause, rows in self.causes.items()]}

    def _cause(self, finding: Finding, where: str) -> tuple[str, str]:
        cause = finding.code, cause_of(where, finding.message)
        return (
            cause if cause in self.causes or len(self.causes) < MAX_CAUSES else (finding.code, OTHER_CAUSES)
        )
