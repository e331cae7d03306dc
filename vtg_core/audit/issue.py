"""A finding as one pastes it into a bug report: what was found, the tokens around it, the stamps, the versions.

What a person, a file or a collator wrote stands within fences, where it is text; no folder of the machine is named.
"""

import json
import platform
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

from vtg_core.audit.findings import Finding
from vtg_core.audit.report import UNACTIONABLE, Report
from vtg_core.audit.row.items import collapsed
from vtg_core.audit.row.row import Row
from vtg_core.audit.row.videos import stamps_of
from vtg_core.masking.labelled_tokens import runs_of
from vtg_core.regions import IGNORE_INDEX, Region

PACKAGES = ("torch", "transformers", "tokenizers")
AROUND, MOST_REGIONS, MOST_STAMPS = 16, 3, 12
"""So many tokens on either side of a stretch, so many stretches, and so many stamps are quoted."""
MOST_CHARACTERS = 1_200


def issues_of(report: Report, *, checkpoint: str) -> str:
    """Return the first finding of each code as Markdown, the worst first; empty where nothing was found.

    Args:
        report: of an audit.
        checkpoint: whose processor was used; of a folder its name alone is told.
    """
    first: dict[str, tuple[str, Finding]] = {}
    for where, finding in report.entries:
        first.setdefault(finding.code, (where, finding))
    return "\n\n".join(
        issue_text(
            first[code][1],
            subject=f"{report.subject}: {report.headline}",
            where=first[code][0],
            quote=report.quotes.get(code, ""),
            checkpoint=checkpoint,
        )
        for code in report.summary
        if code not in UNACTIONABLE
    )


def issue_text(
    finding: Finding, *, subject: str, where: str = "", quote: str = "", checkpoint: str = ""
) -> str:
    """Return one finding as Markdown.

    Args:
        finding: what was found.
        subject: what was audited.
        where: file and line of its row; empty without one.
        quote: what :func:`quoted` says of its row; empty without one.
        checkpoint: whose processor was used; empty where that is not told.
    """
    row = "" if finding.row is None else f"row {finding.row}"
    told = {
        "audited": subject,
        "row": f"{row} ({where})" if row and where else row or where,
        "checkpoint": checkpoint.rstrip("/\\"),
        "versions": ", ".join(_versions()),
    }
    evidence = _cleaned(finding.evidence)
    parts = [
        f"### {finding.title} (`{finding.code}`, {finding.severity})",
        _fenced(finding.message),
        f"What to do: {_without_folders(finding.fix)}" if finding.fix else "",
        _fenced(quote),
        _fenced("\n".join(f"{name}: {value}" for name, value in told.items() if value)),
        _fenced(json.dumps(evidence, ensure_ascii=False, indent=1, default=str), "json") if evidence else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def quoted(finding: Finding, row: Row) -> str:
    """Return the tokens around a finding, runs of placeholders as a count, and the time stamps of its row.

    What the finding speaks of stands between ⟦ and ⟧.
    """
    lines = [line for start, end in _stretches(finding.regions) for line in _stretch(row, start, end)]
    stamps = [f"{seconds:g}" for seconds in stamps_of(row.own_ids, row.chat)]
    if stamps:
        more = " …" if len(stamps) > MOST_STAMPS else ""
        lines.append(f"time stamps (s): {' '.join(stamps[:MOST_STAMPS])}{more}")
    scene = row.known.scene if row.known is not None else None
    if scene is not None:
        windows = ", ".join(f"{window.start:g} to {window.end:g}" for window in scene.windows)
        lines.append(f"video of {scene.duration:g} s; windows (s): {windows or 'none'}")
    return "\n".join(lines)


def _stretches(regions: tuple[Region, ...]) -> list[tuple[int, int]]:
    """Return the first stretches of tokens, regions that touch as one."""
    joined: list[tuple[int, int]] = []
    for region in sorted(regions, key=lambda region: region.start):
        if joined and region.start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(region.end, joined[-1][1]))
        else:
            joined.append((region.start, region.end))
    return joined[:MOST_REGIONS]


def _stretch(row: Row, start: int, end: int) -> Iterator[str]:
    borders = (max(0, start - AROUND), start, end, min(len(row), end + AROUND))
    before, inside, behind = (_shortened(collapsed(row.ids[a:b], row.chat)) for a, b in pairwise(borders))
    trained = runs_of(row.labels[start:end] != IGNORE_INDEX)
    num = sum(b - a for a, b in trained)
    yield f"tokens {start} to {end} of {len(row)}, {num} of them in the loss:"
    yield f"{before}⟦{inside}⟧{behind}"


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]} … {text[-half:]}"


def _fenced(text: str, language: str = "text") -> str:
    """Return a text between fences longer than any run of backticks in it; nothing of no text."""
    if not text:
        return ""
    text = _without_folders(text)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _without_folders(text: str) -> str:
    """Return a text in which of each path its last part stands alone."""
    return _FOLDERS.sub("", text)


def _cleaned(value: Any) -> Any:
    """Return a value of evidence whose texts name no folder."""
    if isinstance(value, Mapping):
        return {str(name): _cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(part) for part in value]
    return _without_folders(value) if isinstance(value, str) else value


_FOLDERS = re.compile(
    r"(?<![\w<:/\\.~])(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?:[^\s'\"`<>/\\]+[/\\])+(?=[^\s'\"`<>/\\])"
    r"|(?<![\w<:/\\.~-])(?:~|\.{1,2})[/\\](?=[^\s'\"`<>/\\])"
    r"|(?<![\w<:/\\.~-])(?:[\w.-]+/)+(?=[\w.-]+\.\w{2,5}\b)"
)
"""The folders of an absolute path, of one that begins at home or here, and of a relative one to a file."""


def _versions() -> Iterator[str]:
    package = import_module(__name__.partition(".")[0])
    yield f"{package.__name__} {package.__version__}"
    yield f"Python {platform.python_version()} on {platform.system()}"
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:  # a source tree on the path
            continue
