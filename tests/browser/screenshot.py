"""Remake the README's screenshot: ``make screenshot``."""

from playwright.sync_api import sync_playwright

from .conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED, ROOT, Server


def main() -> None:
    """Photograph the token view of the demo."""
    server = Server().wait()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 1040})
        page.goto(server.url)
        page.wait_for_selector(".vtg-verdict", timeout=LOADED)
        page.wait_for_selector(".vtg-flow .vtg-token")
        page.wait_for_timeout(1000)
        page.screenshot(path=ROOT / "assets" / "screenshot.png")
        browser.close()
    server.stop()


if __name__ == "__main__":
    main()
