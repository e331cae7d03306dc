"""Write the table of docs/frameworks.md: ``python -m tests.frameworks.scoreboard``, after what it names is installed."""

import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from vtg_core import VideoTemporalSFTDataset, load_processor
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.foreign.collators import load_collator
from vtg_core.audit.foreign.presets.registry import PRESETS, Preset
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_collator
from vtg_core.checkpoints.loading import load_config
from vtg_core.files.assets import asset_folder
from vtg_core.video.plan import FramePolicy

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "frameworks.md"
TABLE = re.compile(
    r"(?<=<!-- from make test-frameworks -->\n).*?(?=<!-- /from make test-frameworks -->)", re.DOTALL
)
CHECKPOINTS = ("demo", "demo-qwen2.5-vl")


@dataclass(frozen=True)
class Run:
    """A preset on a checkpoint."""

    name: str
    checkpoint: str

    @property
    def preset(self) -> Preset:
        return PRESETS[self.name.partition(":")[0]]

    def __str__(self) -> str:
        return f"{self.name} on {self.checkpoint}"


RUNS = tuple(
    Run(name, checkpoint)
    for name in (
        "trl:messages",
        "trl:prompt-completion",
        "trl:assistant-only",
        "llamafactory",
        "ms-swift",
        "axolotl",
        "unsloth",
        "unsloth:responses-only",
        "seed-style",
    )
    for checkpoint in CHECKPOINTS
)


@cache
def audited(run: Run) -> Report:
    """Audit a preset on the first two rows of the demo."""
    from vtg_core.audit.batch.model_inputs import AskedModel

    chat = ChatIds.of(load_processor(run.checkpoint))
    dataset = VideoTemporalSFTDataset(
        asset_folder() / "demo_annotations.json", frames=FramePolicy(num_frames=16), template_seed=0
    )
    report = Report(str(run))
    collator = load_collator(run.name, chat.processor)
    if isinstance(collator, Finding):
        report.add(RowFindings(None, "", (collator,)))
        return report
    model = AskedModel.of(load_config(run.checkpoint), chat)
    for row in audit_collator(dataset, collator, chat, limit=2, batch_size=2, model=model):
        report.add(row)
    return report


def rows() -> list[tuple[str, ...]]:
    """Return the table's rows, of what is installed."""
    today = date.today().isoformat()
    written = []
    for run in RUNS:
        if run.preset.package and find_spec(run.preset.package) is None:
            continue
        report = audited(run)
        print(f"{run}: {trained(report)}; {found(report)}", file=sys.stderr, flush=True)
        versions = version(run.preset.distribution) if run.preset.distribution else "ours"
        written.append((f"`{run.name}`", versions, run.checkpoint, trained(report), found(report), today))
    return written


def trained(report: Report) -> str:
    """Say in words what of the two rows was trained."""
    codes = {finding.code for finding in report.findings}
    if not report.num_audited:
        return "nothing: it raises"
    if "mask.nothing-masked" in codes:
        return "every token"
    if "mask.only-media-masked" in codes:
        return "every token but padding and the video's placeholders"
    if any(f.code.startswith("mask.") and f.severity is Severity.ERROR for f in report.findings):
        return "wrong tokens"
    return "the answer, its end of turn" + (
        " and the newline behind" if "mask.newline-trained" in codes else ""
    )


def found(report: Report) -> str:
    """Return the codes with their counts; what was raised in its first line."""
    raised = [f for f in report.findings if f.code.startswith("collator.")]
    if raised:
        said = raised[0].message.split(": ", 1)[-1].splitlines()[0]
        return f"`{raised[0].code}`: {said[:160].replace('|', chr(92) + '|')}"
    counts = Counter(finding.code for finding in report.findings)
    return ", ".join(f"`{code}` {count}" for code, count in counts.items()) or "none"


def main() -> int:
    """Write the table into the document."""
    titles = ("`--collator`", "version", "checkpoint", "what it trains", "findings on two rows", "date")
    lines = [titles, ("---",) * len(titles), *rows()]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    beside = f"\nBeside transformers {version('transformers')} and torch {version('torch')}.\n"
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(TABLE.sub(lambda _: table + beside, text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
