"""How soon a browser shows 20,000 findings of a file, and how soon it narrows them to what a person looks for.

A time to be painted runs from the click that asks the server for the value to the second frame in which rows stand on
screen; a time to be narrowed from the text's last letter, the pause of typing left out, to the second frame after the count
has changed.
"""

from statistics import median
from typing import Any

from vtg_core.audit.codes.mask import HEADER_TRAINED
from vtg_core.audit.codes.times import NO_FRAME
from vtg_core.audit.report import Report, RowFindings
from vtg_core.dashboard.components import script_component
from vtg_core.views.audit_file import FileView, RowFacts, view_file

NUM_ROWS, NUM_FILTERS = 20_000, 9
PAUSE = 120
"""Milliseconds after the last key before rows are narrowed, as in assets/file_findings.js."""

FILTERED = """async ([text, pause]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const field = document.querySelector("#file-audit input[placeholder^='row']");
  const counts = document.querySelector(".vtg-ff-counts");
  const before = counts.textContent;
  const start = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  while (counts.textContent === before) await frame();
  await frame();
  await frame();
  return performance.now() - start - pause;
}"""


def long_file() -> FileView:
    """Return the audit of a file with so many rows and a finding in each, of two codes."""
    report = Report("our collator on long.jsonl", num_in_file=NUM_ROWS, num_read=NUM_ROWS)
    for row in range(NUM_ROWS):
        code = (HEADER_TRAINED, NO_FRAME)[row % 2]
        found = code.finding(f"{row % 7 + 1} of the {row % 90 + 20} tokens are of it", row=row)
        report.add(RowFindings(row, f"long.jsonl:{row + 1}", (found,)))
    return view_file(
        report, state="done", num_all=NUM_ROWS, mask="ours", mode="standard",
        facts_of=lambda row: RowFacts(f"video_{row // 8}.mp4", f"what happens in scene {row % 997}", f"q{row}", "direct"),
    )  # fmt: skip


def findings_component() -> Any:
    """Return the component that shows them."""
    return script_component("file_findings", elem_id="file-audit", events=("pick", "go_on"))


def filter_ms(tab: Any) -> float:
    """Return how many milliseconds it takes to narrow the rows on screen, the median of several words."""
    words = [f"scene {100 + number}" for number in range(NUM_FILTERS)]
    milliseconds: float = median(tab.evaluate(FILTERED, [word, PAUSE]) for word in words)
    return milliseconds
