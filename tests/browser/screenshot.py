"""Remake the pictures of README and docs/: ``make screenshot``; ``make screenshot ONLY=report`` makes one of them."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, sync_playwright

from .conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED, ROOT, Server, choose_mask, show

COLLATOR = "vtg_core.recipes:text_prefix"
"""A collator of somebody else's, whose mask leaks."""
FOLDERS = {"screenshot": ROOT / "assets"}
"""Where a picture lies that is not among those of docs/."""
SAME = 0.001
"""The share of pixels that may be others in the same picture: a cursor, the video's first frame."""


def main(asked: list[str]) -> int:
    """Take the pictures of these names, or all of them."""
    unknown = sorted(set(asked) - {*OF_THE_DEMO, *OF_A_FILE})
    if unknown:
        print(
            f"no such picture: {', '.join(unknown)}; known are {', '.join((*OF_THE_DEMO, *OF_A_FILE))}",
            file=sys.stderr,
        )
        return 2
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        of_a_file = (
            "--annotations",
            str(rows_with_faults(Path(folder))),
            "--video-root",
            str(ROOT / "assets"),
        )
        for pictures, arguments in ((OF_THE_DEMO, ()), (OF_A_FILE, (*of_a_file, "--collator", COLLATOR))):
            names = [name for name in pictures if not asked or name in asked]
            if not names:
                continue
            with served(*arguments) as url:
                for name in names:
                    page = pictures[name](browser, url)
                    keep(page.screenshot(), name)
                    page.close()
        browser.close()
    return 0


def keep(taken: bytes, name: str) -> None:
    """Keep a picture where it is another than the one that is there."""
    path = FOLDERS.get(name, ROOT / "docs" / "screenshots") / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    is_new = not path.is_file() or share_of_others(path, taken) > SAME
    if is_new:
        path.write_bytes(taken)
    print(f"{name}: {'written' if is_new else 'as it was'}", flush=True)


def share_of_others(path: Path, taken: bytes) -> float:
    """Return the share of pixels, from 0 to 1, in which a picture differs from the file."""
    with Image.open(path) as old, Image.open(BytesIO(taken)) as new:
        if old.size != new.size:
            return 1.0
        differs = ImageChops.difference(old.convert("RGB"), new.convert("RGB")).convert("L")
        return 1 - differs.histogram()[0] / (old.width * old.height)


def rows_with_faults(folder: Path) -> Path:
    """Write an annotation file as people have them: most rows are good, some are not."""
    rows = json.loads((ROOT / "assets" / "demo_annotations.json").read_text(encoding="utf-8"))
    rows += [
        {**rows[0], "qid": "late", "timestamp": [22.0, 41.5], "sentence": "the circle is gone"},
        {**rows[1], "qid": "turned", "timestamp": [9.0, 5.0], "sentence": "the square leaves"},
        {**rows[2], "qid": "twice", "sentence": "a green triangle appears"},
        {**rows[3], "qid": "elsewhere", "video": "kitchen.mp4", "sentence": "a person opens the fridge"},
    ]
    file = folder / "train.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return file


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Serve the page while the block runs."""
    server = Server(*arguments).wait()
    yield server.url
    server.stop()


def opened(browser: Browser, address: str) -> Page:
    """Return a page that has shown what it opens with."""
    page = browser.new_page(viewport={"width": 1280, "height": 1040})
    page.goto(address)
    page.wait_for_selector(".vtg-verdict", timeout=LOADED)
    page.wait_for_selector("#linked .vtg-bar-run")
    page.wait_for_timeout(1000)  # the video's first frame, and whatever fades in
    return page


def first_visit(browser: Browser, url: str) -> Page:
    """Return the page as it opens on the demo."""
    return opened(browser, url)


def in_the_dark(browser: Browser, url: str) -> Page:
    """Return the same in the dark."""
    return opened(browser, f"{url}/?__theme=dark")


def details(browser: Browser, url: str) -> Page:
    """Return a page on which a token that leaks is pinned."""
    page = opened(browser, url)
    page.locator(".vtg-flow .vtg-leak", has_text="Given").first.click()
    return page


def collator(browser: Browser, url: str) -> Page:
    """Return the tokens of a row under a collator's mask that leaks."""
    return opened(browser, f"{url}/?mask=collator&tab=tokens")


def findings(browser: Browser, url: str) -> Page:
    """Return the findings of a whole file, audited with that collator."""
    page = opened(browser, f"{url}/?mask=collator&tab=file")
    choose_mask(page, "collator")
    show(page, "File", "Findings")
    page.locator("#run-file", has_text=COLLATOR).click()
    page.locator("#file-audit .vtg-state-done").wait_for(timeout=LOADED)
    page.wait_for_timeout(500)
    return page


def report(browser: Browser, url: str) -> Page:
    """Return the report of that row, saved and opened as a file without a network."""
    page = collator(browser, url)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download report").click()
    offline = browser.new_context(
        offline=True, viewport={"width": 1280, "height": 1040}, accept_downloads=True
    )
    opened_file = offline.new_page()
    path = download.value.path()
    named = path.with_suffix(".html")
    path.rename(named)
    opened_file.goto(named.as_uri())
    opened_file.wait_for_selector("#tokens .vtg-token")
    page.close()
    return opened_file


OF_THE_DEMO: dict[str, Callable[[Browser, str], Page]] = {
    "screenshot": first_visit,
    "details": details,
    "dark": in_the_dark,
}
OF_A_FILE: dict[str, Callable[[Browser, str], Page]] = {
    "collator": collator,
    "report": report,
    "findings": findings,
}
"""Each picture by its name: those of the demo, and those of somebody's file and collator."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
