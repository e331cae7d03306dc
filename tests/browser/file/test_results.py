"""A folder of results in the browser: browsed by pages, narrowed, opened in the linked view and walked from there."""

import pytest

from tests.audit.shards.rows import MISSING, write_rows
from tests.benchmarks._results import write_results
from tests.browser.conftest import LOADED, Server, opened, show

NUM_ROWS = 430


@pytest.fixture(scope="module")
def results_server(user_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    file = write_rows(folder, NUM_ROWS, num_videos=10)
    out = write_results(folder / "out", NUM_ROWS, per_shard=100, num_videos=10, num_bytes=file.stat().st_size)
    started = Server("--results", str(out.path), "--annotations", str(file), "--num-frames", "4").wait()
    yield started
    assert "Traceback" not in started.stop()


@pytest.fixture(scope="module")
def page(pages, results_server):
    with opened(pages, results_server.url) as page:
        page.wait_for_selector(".vtg-verdict", timeout=LOADED)
        yield page


def rows(page, place):
    return page.locator(f'#file-results .vtg-vrow[data-place="{place}"]')


def test_rows_are_browsed_narrowed_opened_and_walked(page):
    from playwright.sync_api import expect

    show(page, "File")
    counts = page.locator("#file-results .vtg-ff-counts")
    expect(counts).to_have_text("1 to 200 of 430 rows")
    page.get_by_role("button", name="Page ▸").click()
    expect(counts).to_have_text("201 to 400 of 430 rows")
    page.locator("#file-results").get_by_label("Code").select_option("mask.header-trained")
    expect(counts).to_have_text("1 to 43 of 43 rows")
    rows(page, 1).click()
    expect(page.locator("#file-walk")).to_contain_text("row 2 of 43, row 20 mask.header-trained")
    expect(page.locator("#query textarea")).to_have_value(
        "the last of the cars moves from left to right, number 19"
    )
    page.get_by_role("button", name="Next finding").click()
    expect(page.locator("#query textarea")).to_have_value("the last of the cars appears, number 29")
    page.get_by_role("button", name="Back to the results").click()
    expect(counts).to_contain_text("row 3 of them is open")


def test_a_row_that_cannot_be_opened_says_why_and_the_page_stays(page):
    from playwright.sync_api import expect

    show(page, "File")
    page.locator("#file-results").get_by_label("Code").select_option("")
    page.locator("#file-results input[type=search]").fill(MISSING)
    expect(page.locator("#file-results .vtg-ff-counts")).to_have_text("1 to 4 of 4 rows")
    rows(page, 0).click()
    expect(page.locator("#file-results .vtg-ff-panel")).to_contain_text(f"there is no file '{MISSING}'")
    expect(page.get_by_role("tab", name="File", exact=True)).to_have_attribute("aria-selected", "true")
