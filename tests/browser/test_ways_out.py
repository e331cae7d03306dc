"""What leaves the page: a report that needs nothing else, and a picture."""

import json
import re
import struct

import pytest

from tests.browser.conftest import expect_audited, opened
from tests.conftest import ASSETS
from tests.hostile_strings import packed
from vtg_core.commands.cli import main


@pytest.fixture
def opened_from_disk(browser, tmp_path):
    """Open a report by its file, in a browser without a network; it may ask for nothing but itself."""
    contexts = []

    def open_file(path):
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page, asked, amiss = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: amiss.append(str(error)))
        page.on("console", lambda message: amiss.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        page.wait_for_selector("#tokens .vtg-token")
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert amiss == []
        return page

    yield open_file
    for context in contexts:
        context.close()


def saved(page, name, folder):
    """Press a button that saves a file; return the file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.fixture(scope="module")
def leaking(pages, server):
    """The page on a mask that leaks."""
    with opened(pages, f"{server.url}/?mask=text-prefix&tab=tokens&token=3&__theme=light") as page:
        page.wait_for_selector("#tokens .vtg-token")
        page.wait_for_selector(".vtg-strip-recipe")
        yield page


def test_the_report_of_the_view_works_from_disk_without_a_network(leaking, opened_from_disk, tmp_path):
    report = opened_from_disk(saved(leaking, "Download report", tmp_path))
    for selector in (
        "#audit-strip .vtg-strip-recipe",
        ".vtg-bar .vtg-bar-about",
        ".vtg-time-scale",
        ".vtg-details-list",
    ):
        assert report.locator(selector).first.text_content() == leaking.locator(selector).first.text_content()
    assert report.locator(".vtg-film-frame").count() > 3
    assert report.locator("#tokens .vtg-token").count() > 10


def test_what_is_pointed_at_in_the_report_is_marked_everywhere(leaking, opened_from_disk, tmp_path):
    report = opened_from_disk(saved(leaking, "Download report", tmp_path))
    report.keyboard.press("Escape")
    track = report.locator(".vtg-time-track")
    track.hover(position={"x": 200, "y": 10})
    assert report.locator(".vtg-bar-strip .vtg-mark-hovered").is_visible()
    track.click(position={"x": 200, "y": 10})
    assert "frame" in report.locator(".vtg-details-list").text_content()
    assert report.locator(".vtg-bar-strip .vtg-mark-selected").is_visible()


def test_a_finding_of_the_report_shows_its_tokens(leaking, opened_from_disk, tmp_path):
    report = opened_from_disk(saved(leaking, "Download report", tmp_path))
    report.locator("#audit .vtg-finding").first.get_by_role("button", name="Show the tokens").click()
    report.wait_for_selector("#tokens .vtg-found")


def test_the_report_holds_no_path_and_asks_for_nothing(leaking, tmp_path):
    text = saved(leaking, "Download report", tmp_path).read_text()
    [shown] = re.findall(r'<script type="application/json" id="vtg-report">(.*?)</script>', text, re.DOTALL)
    assert str(ASSETS) not in text
    assert "default-src 'none'" in text
    assert json.loads(shown)["rows"][0]["tokens"]["num_tokens"] > 100


def test_the_command_line_writes_a_report_of_several_templates(opened_from_disk, tmp_path, capsys):
    out = tmp_path / "view.html"
    query = packed(1_500, drop="\0\ud800")[0]
    video = ["--video", str(ASSETS / "red_circle.mp4"), "--window", "8", "14", "--num-frames", "4"]
    assert main(["inspect", *video, "--query", query, "--answer", "standard", "--html", str(out)]) == 0
    report = opened_from_disk(out)
    assert report.evaluate("globalThis.__ran ?? null") is None
    before = report.locator(".vtg-bar .vtg-bar-about").first.text_content()
    report.get_by_label("Row", exact=True).select_option(label="standard/detailed")
    assert report.locator(".vtg-bar .vtg-bar-about").first.text_content() != before
    assert report.locator("dd").first.text_content() == query


def test_the_picture_of_the_row_is_a_png_as_wide_as_the_strip(leaking, tmp_path):
    data = saved(leaking, "PNG", tmp_path).read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 2 * leaking.locator(".vtg-bar-strip").bounding_box()["width"]
    assert height > 80


def test_the_page_links_to_its_endpoints(visit, pages):
    page = visit()
    page.get_by_role("button", name="API").click()
    page.wait_for_selector("text=/inspect")
    complaints = (
        pages.take_amiss()
    )  # Gradio's own list asks for what it counts of calls, and for tools: there are none
    assert {re.sub(r"\d+ .*", "", text) for text in complaints} <= {
        "Failed to load resource: the server responded with a status of "
    }


def test_a_row_that_is_read_again_can_be_saved_again(visit, tmp_path):
    page = visit()
    expect_audited(page)
    assert saved(page, "Download report", tmp_path).stat().st_size > 50_000
