"""What a person should see of an audit: plain values, documented field by field.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtg_core.audit.codes import CODES
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.issue import issue_text, quoted
from vtg_core.audit.row.readings import Reading
from vtg_core.audit.row.row import Row
from vtg_core.masking.labelled_tokens import regions_of
from vtg_core.views.recipes import RecipeView
from vtg_core.views.tokens import FramesView, TokenView, view_frames, view_sequence

SHARES = ("share_of_loss_tokens",)
"""Values of evidence that are shown in percent."""

MAX_REGIONS = 200
"""A finding on the page points at so many stretches of tokens at most."""

FAMILIES = {
    "batch": ("Batch", "ids, labels and masks are whole numbers of one shape"),
    "mask": ("Mask", "the answers and their ends of turn are in the loss, and nothing else is"),
    "stop": ("Stop token", "each answer closes once, on a token that generation stops at"),
    "parity": ("Prompt", "the ids before the answer are those that serving begins with"),
    "length": ("Video and length", "placeholders fit the video, and nothing was cut"),
    "time": ("Time", "the stamps are the frames' own times, and the window is among them"),
    "answer": ("Answer", "the answer reads back as the window, in the form that was asked for"),
}
"""What the families of checks look at, by the first part of their codes."""

WITHOUT = {
    "parity": "not checked: what serving begins with cannot be told from this row alone",
    "time": "not checked: the row comes without its video's times and its window",
    "answer": "not checked: the row comes without the window that is asked for",
}
"""What is said of a family that had nothing to compare the row with, as with a saved batch."""

NUM_CHECKS = sum(name.split(".")[0] in FAMILIES for name in CODES)


@dataclass(frozen=True)
class StripView:
    """The line above the tabs.

    Attributes:
        source: what was audited.
        num_errors, num_warnings: how many were found; None where nothing was audited.
        note: why nothing was audited, or what else belongs beside the counts; may be empty.
        is_broken: what was audited was broken on purpose.
        recipe: the recipe whose mask was audited, with its runs against ours; None where it was none.
        num_tokens: of the sample that the runs are of.
        counts: how many tokens a row of somebody else trains, how many of those it should not, and how many it does not
            train and should; None where the row is ours, or was not judged.
        audit: the same in full, for a report: the Audit tab may never have been opened.
    """

    source: str
    num_errors: int | None
    num_warnings: int | None
    note: str = ""
    is_broken: bool = False
    recipe: RecipeView | None = None
    num_tokens: int = 0
    counts: tuple[int, int, int] | None = None
    audit: "AuditView | None" = None


@dataclass(frozen=True)
class FindingView:
    """One finding.

    Attributes:
        code, severity, title, message, fix: of the finding.
        why: why it matters.
        evidence: (name, value as text).
        regions: (first token, one behind the last) of the stretches it speaks of, the first ones.
        issue: all of it with the tokens around it, as one pastes it into a bug report: Markdown.
    """

    code: str
    severity: str
    title: str
    message: str
    why: str
    fix: str
    evidence: list[tuple[str, str]]
    regions: list[tuple[int, int]]
    issue: str


@dataclass(frozen=True)
class AuditView:
    """What the audit of one row says.

    Attributes:
        source: what was audited.
        banner: what was broken on purpose, and by whom first; empty unless something was.
        problem: why nothing was audited; empty where something was.
        findings: the worst first.
        verdict: in one sentence what the independent readings of the row agree on.
        readings: (who reads, what they say), one an reader.
        num_checks: how many codes could have been found.
        checked: (family, what its checks hold, or why it was not checked, whether it was), in their order.
    """

    source: str
    banner: str
    problem: str
    findings: list[FindingView]
    verdict: str
    readings: list[tuple[str, str]]
    num_checks: int
    checked: list[tuple[str, str, bool]]


def view_audit(findings: Sequence[Finding], row: Row | None, *, source: str, banner: str = "") -> AuditView:
    """Return the view of what was found in ``row``; None where the batch could not be taken apart."""
    ordered = sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
    return AuditView(
        source=source,
        banner=banner,
        problem="",
        findings=[view_finding(finding, row, source=source) for finding in ordered],
        verdict="" if row is None else _verdict(row.reading),
        readings=[] if row is None else _readings(row.reading),
        num_checks=NUM_CHECKS,
        checked=[] if row is None else _checked(row),
    )


def view_no_audit(source: str, problem: str) -> AuditView:
    """Return the view of an audit that could not be done, and why."""
    return AuditView(source, "", problem, [], "", [], len(CODES), [])


def view_strip(view: AuditView, *, is_broken: bool = False) -> StripView:
    """Return the line above the tabs for the audit of a row."""
    if view.problem:
        return StripView(view.source, None, None, "not audited", is_broken, audit=view)
    counts = _count(view, "error"), _count(view, "warning")
    return StripView(view.source, *counts, "", is_broken, audit=view)


def count_wrong(row: Row) -> tuple[int, int, int] | None:
    """Return what the strip counts in a row, see :class:`StripView`."""
    proven = row.reading.verdict
    if proven is None:
        return None
    trained = row.supervised
    return int(trained.sum()), int((trained & ~proven).sum()), int((proven & ~trained).sum())


def view_finding(finding: Finding, row: Row | None = None, *, source: str = "") -> FindingView:
    """Return the view of a finding in ``row``, which may be None, of the audit of ``source``."""
    code = CODES.get(finding.code)
    return FindingView(
        code=finding.code,
        severity=str(finding.severity),
        title=finding.title,
        message=finding.message,
        why=code.why if code is not None else "",
        fix=finding.fix,
        evidence=[
            (_words(str(name)), f"{value:.1%}" if name in SHARES else _shown(value))
            for name, value in finding.evidence.items()
            if value is not None
        ],
        regions=[(region.start, region.end) for region in finding.regions[:MAX_REGIONS]],
        issue=issue_text(finding, subject=source, quote="" if row is None else quoted(finding, row)),
    )


def view_row(row: Row) -> TokenView:
    """Return the token view of a row as it came, padding included: its own labels, against those that were proved."""
    return view_sequence(
        row.ids.tolist(),
        row.labels.tolist(),
        regions_of(row.kinds, row.turns),
        row.chat.processor,
        proven=row.reading.verdict,
        frames=_frames(row),
        max_length=row.max_length,
    )


def _frames(row: Row) -> FramesView | None:
    """Return when the frames of a row are shown; None where it has not those of the sample that it was made from."""
    grid, scene = row.media.get("video_grid_thw"), row.known.scene if row.known is not None else None
    if grid is None or scene is None or len(grid) != 1 or not row.shows_our_frames:
        return None
    times = scene.timestamps
    return view_frames(times, int(grid[0][0]), duration=scene.duration, windows=scene.windows)


def _count(view: AuditView, severity: str) -> int:
    return sum(finding.severity == severity for finding in view.findings)


def _verdict(reading: Reading) -> str:
    if reading.verdict is None:
        return "No two independent readings of the row agree, so its mask was not judged."
    agree = len(reading.opinions) - len(reading.dissenting)
    trained = int(reading.verdict.sum())
    of = "" if not reading.dissenting else f" of {len(reading.opinions)}"
    return f"{agree}{of} independent readings agree on {trained:,} tokens to train."


def _readings(reading: Reading) -> list[tuple[str, str]]:
    said = []
    for reader, opinion in reading.opinions.items():
        agrees = reading.verdict is not None and np.array_equal(opinion, reading.verdict)
        said.append((str(reader), f"{'✓' if agrees else '≠'} {int(opinion.sum()):,} tokens"))
    return said + [(str(reader), f"– not asked: {why}") for reader, why in reading.silent.items()]


def _checked(row: Row) -> list[tuple[str, str, bool]]:
    """Return what the families hold of the row; a family that had nothing to compare the row with holds nothing."""
    missing = set()
    if row.known is None or row.known.scene is None:
        missing |= {"time", "answer"}
    if row.known is None or not row.known.prompts:
        missing.add("parity")
    return [
        (name, WITHOUT[family] if family in missing else holds, family not in missing)
        for family, (name, holds) in FAMILIES.items()
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: Any) -> str:
    """Return a value of evidence as text: parts of a mapping or a list in one line, texts as they are."""
    if isinstance(value, Mapping):
        return " · ".join(f"{_words(str(name))} {_shown(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        inner = [f"[{_shown(part)}]" if isinstance(part, (list, tuple)) else _shown(part) for part in value]
        return ", ".join(inner)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
