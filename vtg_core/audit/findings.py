"""What an audit finds: one finding, and the code it is known by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vtg_core.regions import Region


class Severity(StrEnum):
    """How bad a finding is, the worst first.

    ``error``: the loss is wrong. ``warning``: probably not what you want. ``policy``: a choice, stated and not
    judged. ``info``: good to know.
    """

    ERROR = "error"
    WARNING = "warning"
    POLICY = "policy"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        code: stable, ``family.name``.
        severity: see :class:`Severity`.
        title: what it is, in a few words; the same for every finding of the code.
        message: what was found here, in one sentence with its counts.
        evidence: plain values that JSON can hold.
        fix: what to do.
        row: the row's position in the batch or the annotation file, from 0; None where it concerns the batch, the
            collator or the file.
        regions: the tokens it speaks of, in tokens of the row as it came, padding included.
    """

    code: str
    severity: Severity
    title: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: str = ""
    row: int | None = None
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class Rival:
    """Another cause that looks like a code's.

    Attributes:
        cause: the name of the code that it has, or a sentence.
        apart: what tells it from this code; empty where nothing does, and a finding says both where both can be.
    """

    cause: str
    apart: str = ""


@dataclass(frozen=True)
class Code:
    """What all findings of one code have in common.

    Attributes:
        name: ``family.name``, stable.
        severity: of its findings.
        title: what it is, in a few words.
        why: why it matters, in one sentence.
        fix: what to do, in one sentence.
        rivals: what else looks like it; nothing where nothing does.
    """

    name: str
    severity: Severity
    title: str
    why: str
    fix: str
    rivals: tuple[Rival, ...]

    def finding(
        self,
        message: str,
        *,
        row: int | None = None,
        evidence: Mapping[str, Any] | None = None,
        regions: Sequence[Region] = (),
    ) -> Finding:
        """Return a finding of this code."""
        return Finding(
            self.name, self.severity, self.title, message, evidence or {}, self.fix, row, tuple(regions)
        )
