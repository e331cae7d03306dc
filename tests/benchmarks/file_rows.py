"""How soon a browser shows 20,000 findings of a file, and how soon it narrows them to what a person looks for.

A time to be painted runs from the click that asks the server for the value to the second frame in which rows stand on
screen; a time to be narrowed from the text's last letter, the pause of typing left out, to the second frame after the count
has changed.
"""

from statistics import median
from typing import Any

from tests.benchmarks.page import NUM_VISITS, PAINTED
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from vtg_core.audit.codes.mask import HEADER_TRAINED
from vtg_core.audit.codes.times import NO_FRAME
from vtg_core.audit.report import Report, RowFindings
from vtg_core.dashboard import launch_options
from vtg_core.dashboard.components import script_component
from vtg_core.views.audit_file import FileView, RowFacts, view_file
from vtg_core.views.samples import as_json

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


def run() -> dict[str, float]:
    import gradio as gr
    from playwright.sync_api import sync_playwright

    found = as_json(long_file())
    print(f"  {NUM_ROWS:,} findings, {len(found.encode()):,} bytes", flush=True)
    with gr.Blocks() as page:
        findings = script_component("file_findings", elem_id="file-audit", events=("pick", "go_on"))
        gr.Button("file", elem_id="show-file").click(lambda: found, None, findings)
    page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        walks = [
            _walk(browser.new_page(viewport={"width": 1280, "height": 900}), page.local_url)
            for _ in range(NUM_VISITS)
        ]
        browser.close()
    page.close()
    painted, narrowed = zip(*walks, strict=True)
    return {"file_rows_20k_paint_ms": median(painted), "file_rows_20k_filter_ms": median(narrowed)}


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


def _walk(tab: Any, address: str) -> tuple[float, float]:
    """Show the findings and narrow them: milliseconds of each, the second the median of several words."""
    tab.set_default_timeout(180_000)
    tab.goto(address)
    tab.wait_for_selector("#show-file")
    tab.wait_for_selector("#file-audit .vtg-file-findings", state="attached")
    tab.wait_for_timeout(500)
    painted: float = tab.evaluate(PAINTED, ["#show-file", "#file-audit .vtg-vrows .vtg-vrow", 10])
    words = [f"scene {100 + number}" for number in range(NUM_FILTERS)]
    narrowed: float = median(tab.evaluate(FILTERED, [word, PAUSE]) for word in words)
    tab.close()
    return painted, narrowed
