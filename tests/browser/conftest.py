"""A real server in a process of its own, and a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ANSWERED = 30_000
"""Milliseconds that the page may take to answer what a person did, on a machine that is busy with other things."""
LOADED = 120_000
"""Milliseconds that a first visit may take on a busy machine: PyTorch is imported and the demo is built."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


class Server:
    """``python app.py`` on a free port, with variables of the environment by their names."""

    def __init__(self, *arguments, **environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "app.py", "--port", str(port), *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait(self, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return self
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the server did not start: {self.stop()}")

    def stop(self):
        self.process.terminate()
        return self.process.communicate(timeout=30)[0].decode()


@pytest.fixture(scope="session")
def server(user_cache):
    started = Server().wait()
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here; install it, or name one in CHROMIUM")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=ANSWERED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open an address in a page that may neither complain nor leave the machine."""
    complaints, left, pages = [], [], []

    def watch(request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            left.append(request.url)

    def open_at(url, **options):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        pages.append(page)
        page.set_default_timeout(60_000)
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watch)
        page.goto(url)
        return page

    yield open_at
    for page in pages:
        page.close()
    assert complaints == []
    assert left == []


@pytest.fixture
def demo(server, open_page):
    """The page with the demo's prompts on it."""
    page = open_page(server.url)
    page.wait_for_selector(".vtg-all-well", timeout=LOADED)
    page.get_by_role("tab", name="Prompts").click()
    page.wait_for_selector(".vtg-card")
    return page
