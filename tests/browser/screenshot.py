"""Remake the pictures of README and docs/: ``make screenshot``."""

from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from .conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED, ROOT, Server, show

FIRST = ROOT / "assets" / "screenshot.png"
OTHERS = ROOT / "docs" / "screenshots"
COLLATOR = "vtg_core.recipes:text_prefix"


def main() -> None:
    """Photograph the first visit, a token's details, a collator that leaks, and the page in the dark."""
    OTHERS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        with served() as url:
            page = opened(browser, url)
            page.screenshot(path=FIRST)
            page.locator(".vtg-flow .vtg-leak", has_text="Given").first.click()
            photograph(page, "details")
            photograph(opened(browser, f"{url}/?__theme=dark"), "dark")
        with served("--collator", COLLATOR) as url:
            page = opened(browser, f"{url}/?tab=audit")
            show(page, "Prompts")
            show(page, "Audit")
            photograph(page, "collator")
        browser.close()


@contextmanager
def served(*arguments: str):
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


def photograph(page: Page, name: str) -> None:
    """Keep a picture of what is on screen."""
    page.screenshot(path=OTHERS / f"{name}.png")


if __name__ == "__main__":
    main()
