"""How soon the page shows the results of an audit of a million rows, which are written here as an audit writes them."""

from pathlib import Path
from statistics import median
from typing import Any

from tests.audit.shards.rows import row_of
from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.codes.mask import HEADER_TRAINED
from vtg_core.audit.codes.times import NO_FRAME
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.shards.folder import ResultsFolder
from vtg_core.audit.shards.opened.results import Results
from vtg_core.audit.shards.setup import ROWS_PER_SHARD
from vtg_core.audit.shards.summary import fill_report
from vtg_core.audit.shards.table import ShardWriter
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.windows import Window

FILE = "rows.jsonl"
NUM_VISITS = 3
PAINTED = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const store = await import("/scripts/store.js");
  const start = performance.now();
  store.set("tab", "file");
  while (document.querySelectorAll("#file-results .vtg-vrows .vtg-vrow").length < 5) await frame();
  await frame();
  await frame();
  return performance.now() - start;
}"""


def write_results(
    path: Path,
    num_rows: int,
    *,
    per_shard: int = ROWS_PER_SHARD,
    is_partial: bool = False,
    num_videos: int = 1_000,
    num_bytes: int = 0,
) -> ResultsFolder:
    """Write the folder of an audit of rows on small clips, without auditing them: something is found in every second.

    Args:
        path: of the folder.
        num_rows, num_videos: as the file has them that :func:`tests.audit.shards.rows.write_rows` writes.
        per_shard: how many rows a shard has.
        is_partial: as if rows were still to come.
        num_bytes: of the annotation file.
    """
    folder = ResultsFolder(path)
    (path / "rows").mkdir(parents=True)
    for number, start in enumerate(range(0, num_rows, per_shard)):
        writer = ShardWriter()
        for row in range(start, min(start + per_shard, num_rows)):
            writer.add(*_audited(row, num_videos))
        folder.write_shard(number, writer.content())
    prints = {"file": {"name": FILE, "bytes": num_bytes}, "collator": None}
    folder.write_manifest(prints, num_rows=None if is_partial else num_rows, is_partial=is_partial)
    if not is_partial:
        fill_report(Report("our own collator"), folder)
        folder.write_beside(ShardWriter().content())
    return folder


def _audited(number: int, num_videos: int) -> tuple[RowFindings, Annotation | UnreadableRow]:
    said, where = row_of(number, num_videos), f"{FILE}:{number + 1}"
    if number % 100 == 11:
        reason = f"{where}, field 'timestamp': must end after its start, got 5.0 to 2.0 s"
        found = UNREADABLE.finding(reason, row=number)
        return RowFindings(number, where, (found,), False), UnreadableRow(number, where, reason, said)
    annotation = Annotation(
        Path("/videos", str(said["video"])),
        str(said["sentence"]),
        (Window(1, 2),),
        8.0,
        where,
        number,
        raw=said,
    )
    codes = {1: NO_FRAME, 3: NO_FRAME, 5: NO_FRAME, 7: NO_FRAME, 9: HEADER_TRAINED}
    code = codes.get(number % 10)
    message = f"no frame is taken between {number % 61 / 10:g} and {number % 61 / 10 + 1.5:g} s"
    findings = () if code is None else (code.finding(f"{where}: {message}", row=number),)
    return RowFindings(number, where, findings), annotation


def first_paint_ms(folder: Path) -> float:
    """Return milliseconds from when *File* is opened until the first rows of a folder stand on screen, a median.

    The page has the component alone, with the handlers of the whole one.
    """
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED

    page, seen = results_page(folder), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        for _ in range(NUM_VISITS):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.set_default_timeout(LOADED)
            tab.goto(page.local_url)
            tab.wait_for_selector(".vtg-file-results", state="attached")
            tab.wait_for_timeout(1_000)
            seen.append(tab.evaluate(PAINTED))
            tab.close()
        browser.close()
    page.close()
    return median(seen)


def results_page(folder: Path) -> Any:
    """Return a served page that shows a folder of results, and nothing else."""
    import gradio as gr

    from vtg_core.dashboard import Settings, launch_options
    from vtg_core.dashboard.events.results import connect_rows
    from vtg_core.dashboard.file.results import Browser
    from vtg_core.dashboard.tabs.results import ResultsTab

    with gr.Blocks() as page:
        connect_rows(ResultsTab(), Browser(Settings(results=Results(folder))))
    page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    return page
