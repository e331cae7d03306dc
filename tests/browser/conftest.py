"""A real server in a process of its own, and a real browser.

Opening a page is most of what a test here costs. So tests share one, and ``visit`` goes to the server in it: all is as
on a first visit, but the browser has what it downloaded and compiled. Tests that only look share a page that nobody
leaves: ``seen``, or a fixture of their module's. Tests that edit the fields share another, ``edited``, whose fields are
put back as a person would: that is a quarter of a visit. ``open_page`` is for several pages, or for other servers.
All is closed when the folder's last test is done: a page that nobody looks at takes a twentieth of a core.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
OURS = "/?mask=ours&tab=audit"
"""The address of our own mask's audit: a first visit to the demo opens on another mask, and on the tokens."""
FIRST_SAMPLE = ["a red circle appears", "8", "14", "red_circle.mp4"]
SAMPLE_SHOWN = """() => [
  ...["#query textarea", "#start input", "#end input"].map((field) => document.querySelector(field).value),
  document.querySelector(".vtg-player-name").textContent,
]"""
ANSWERED = 30_000
"""Milliseconds that the page may take to answer what a person did, on a machine that is busy with other things."""
LOADED = 120_000
"""Milliseconds that a first visit may take on a busy machine: PyTorch is imported and the demo is built."""


EVERY_TIME = {"test_page", "test_frame", "test_tokens", "test_keyboard_walk"}
"""The files on what every person meets: one sample, its tokens, the mask in the bar. The others are ``slow``."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            if item.path.stem not in EVERY_TIME:
                item.add_marker(pytest.mark.slow)


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


@pytest.fixture(scope="package")
def server(user_cache):
    """The demo with eight frames: where their number is not the point, it is time."""
    started = Server("--num-frames", "8").wait()
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


@pytest.fixture(scope="package")
def files(user_cache, tmp_path_factory):
    """A file of rows beside its videos: the second has two windows, the fifth cannot be read, the others are no browser's."""
    from tests.video.test_sampling import write_video

    folder = tmp_path_factory.mktemp("served")
    for video in (ROOT / "assets").glob("*.mp4"):
        shutil.copy(video, folder)
    write_video(folder / "old.avi", range(0, 3000, 100))  # browsers do not play MPEG-4 part 2
    rows = json.loads((ROOT / "assets" / "demo_annotations.json").read_text())
    rows[1]["windows"] = [rows[1].pop("timestamp"), [18.0, 23.0]]
    old = [
        {"video": "old.avi", "timestamp": [1, 2], "sentence": f"a box {word}"} for word in ("moves", "stops")
    ]
    rows += [{"video": "../out.mp4", "timestamp": [1, 2], "sentence": "x"}, *old]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="package")
def file_server(files):
    """A server with everything that it can be given, and an ffmpeg that tells when somebody calls it."""
    from tests.dashboard.test_audit import saved_batch
    from tests.dashboard.test_player import install_ffmpeg

    called = install_ffmpeg(files)
    started = Server(
        "--annotations", str(files / "rows.jsonl"), "--num-frames", "8",
        "--collator", "vtg_core.recipes:text_prefix", "--batch", str(saved_batch(files)),
        PATH=f"{called.parent}{os.pathsep}{os.environ['PATH']}",
    ).wait()  # fmt: skip
    yield started
    assert "Traceback" not in started.stop()
    assert not called.exists()


@pytest.fixture(scope="package")
def opened_at_once(pages, file_server):
    """Two pages that were opened at once on a server that had just started, and the verdicts that they opened with."""
    with opened(pages, file_server.url) as one, opened(pages, file_server.url) as other:
        verdicts = [
            page.locator("#audit-strip .vtg-verdict").text_content(timeout=LOADED) for page in (one, other)
        ]
        yield one, other, verdicts


@pytest.fixture
def file_page(opened_at_once):
    """The page of a file's rows; a test picks the row and the mask that it needs."""
    return opened_at_once[0]


@pytest.fixture(scope="package")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here; install it, or name one in CHROMIUM")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=ANSWERED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


class Pages:
    """Opens pages, and keeps what any of them did amiss: complained, or left the machine."""

    def __init__(self, browser):
        self.browser = browser
        self.amiss = []
        self.num_failed = 0  # tests, when the page whose fields are put back was last in order

    def open(self, url=None, width=1280):
        page = self.browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(60_000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.amiss.append(str(error)))
        page.on("request", self._watch)
        if url:
            page.goto(url)
        return page

    def _hear(self, message):
        if message.type == "error":
            self.amiss.append(message.text)

    def _watch(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.amiss.append(request.url)

    def take_amiss(self):
        """What was done amiss since the last time, and until now."""
        for context in self.browser.contexts:
            for page in context.pages:
                page.evaluate("0")  # the answer comes after whatever the page did before
        taken, self.amiss[:] = list(self.amiss), []
        return taken

    def leave(self, page):
        """Leave a page for an empty one: Gradio complains of the requests that are cut off by that."""
        page.goto("about:blank")
        self.take_amiss()

    def revisit(self, page, url, width):
        """Go to an address as if for the first time, but for what the browser has downloaded and compiled."""
        assert self.take_amiss() == []
        page.unroute_all()
        self.leave(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(url)
        expect_audited(page)
        open_settings(page)


@pytest.fixture(scope="package")
def pages(browser):
    return Pages(browser)


@pytest.fixture(autouse=True)
def _nothing_amiss(pages):
    """A page may neither complain nor leave the machine, in whichever test it does."""
    yield
    assert pages.take_amiss() == []


@contextmanager
def opened(pages, url=None):
    """A page of somebody's own, closed when they are done."""
    page = pages.open(url)
    yield page
    page.close()


@pytest.fixture
def open_page(pages):
    """Open an address in a page of the test's own, which stays open until the test ends."""
    own = []

    def open_at(url, **options):
        own.append(pages.open(url, **options))
        return own[-1]

    yield open_at
    for page in own:
        page.close()


@pytest.fixture(scope="package")
def shared_page(pages, server):
    with opened(pages) as page:
        yield page


@pytest.fixture
def visit(pages, shared_page, server):
    """Visit the server in the page that tests share, as if for the first time."""

    def visited(theme="light", width=1280):
        pages.revisit(shared_page, f"{server.url}{OURS}&__theme={theme}", width)
        return shared_page

    return visited


def expect_audited(page):
    page.wait_for_selector(".vtg-all-well", timeout=LOADED)


def open_settings(page):
    """Open what is changed seldom: the answer, the frames, the policy."""
    page.get_by_role("button", name="Settings").click()
    page.wait_for_selector("#settings", state="visible")


def pick_example(page, text):
    """Find an example by its text, and pick the first that has it."""
    find = page.get_by_role("combobox", name="Find examples")
    find.fill(text)
    page.locator("#sample-list [role=option]", has_text=text).first.click()


def pick_row(page, number):
    """Pick a row of the annotation file by its number."""
    field = page.locator("#row input[type=number]")
    field.fill(str(number))
    field.press("Enter")


def choose_mask(page, name):
    """Choose whose mask the page shows."""
    page.locator("#mask-of").select_option(name)


def show(page, *tabs):
    """Open these tabs, the outer one first."""
    for name in tabs:
        page.get_by_role("tab", name=name).click()


@pytest.fixture(scope="package")
def edited_page(pages, server):
    with opened(pages) as page:
        yield page


@pytest.fixture
def edited(request, pages, edited_page, server):
    """The page with the fields of a first visit, for a test that edits them; what else it needs, it sees to itself."""
    if edited_page.url.startswith(server.url) and pages.num_failed == request.session.testsfailed:
        restore_fields(edited_page)
    else:
        pages.revisit(edited_page, f"{server.url}{OURS}&__theme=light", 1280)
    pages.num_failed = request.session.testsfailed
    return edited_page


def restore_fields(page):
    """Put the fields back to the demo's first example, one after the other; what is as it was is left alone."""
    mask, frames, template = (page.locator(at) for at in ("#mask-of", "#frames input", "#template input"))
    if page.evaluate(SAMPLE_SHOWN) != FIRST_SAMPLE or page.locator("#notice [role=alert]").count():
        number = page.locator("#row input[type=number]")  # a picker that is searched may be under a notice
        number.evaluate("field => { field.value = 1; field.dispatchEvent(new Event('change')); }")
        page.wait_for_function(f"sample => `${{({SAMPLE_SHOWN})()}}` === `${{sample}}`", arg=FIRST_SAMPLE)
    page.get_by_role("checkbox", name="end of turn").check()
    if frames.input_value() != "8":
        frames.fill("8")
        frames.press("Enter")
    for unrest in ("#notice [role=alert]", "#tabs.vtg-stale", "body.vtg-edited"):
        page.wait_for_selector(unrest, state="detached")
    page.locator("#answer-form").select_option("standard")
    if template.input_value() != "direct":
        template.click()
        page.get_by_role("option", name="direct", exact=True).click()
    if mask.input_value() != "ours":
        choose_mask(page, "ours")
    page.wait_for_selector(".vtg-strip-busy", state="hidden")
    page.wait_for_selector("#audit-strip .vtg-clean")


@pytest.fixture
def demo(edited):
    """The same with the demo's prompts on it."""
    show(edited, "Prompts")
    edited.wait_for_selector(".vtg-card:not(.vtg-pd-side)")
    return edited


@pytest.fixture(scope="package")
def phone(pages, server):
    """A page opened as wide as a phone, in the dark, for tests of what fits there: each on tabs of its own."""
    page = pages.open(f"{server.url}{OURS}&__theme=dark", width=390)
    expect_audited(page)
    yield page
    page.close()


@contextmanager
def in_theme(page, theme):
    """Show a page that was opened in light in a theme for a while."""
    page.evaluate("isDark => document.body.classList.toggle('dark', isDark)", theme == "dark")
    yield page
    page.evaluate("document.body.classList.remove('dark')")


def page_width(page):
    """The pixels that a page takes, the more of those in light and in dark."""
    widths = """() => [0, 1].map(() => {
      document.body.classList.toggle("dark");
      return document.documentElement.scrollWidth;
    })"""
    return max(page.evaluate(widths))


@pytest.fixture(scope="package")
def unchanged(pages, server):
    with opened(pages, server.url + OURS) as page:
        expect_audited(page)
        open_settings(page)
        yield page


@pytest.fixture
def seen(unchanged):
    """The page with the demo's prompts on it, for tests that only look: they may open tabs, and change nothing."""
    show(unchanged, "Prompts")
    unchanged.wait_for_selector(".vtg-card:not(.vtg-pd-side)")
    return unchanged
