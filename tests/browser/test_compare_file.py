import csv
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, ROOT, Server, open_settings, opened, page_width, show

TABS = ("File", "Templates compared")
HOSTILE = "<img src=x onerror=\"globalThis.__ran='img'\"> ${globalThis.__ran=1}"


@pytest.fixture(scope="module")
def rows_server(user_cache, tmp_path_factory):
    """A server with the demo's rows, a sentence that would be code if it were not text, and many rows behind them."""
    file = tmp_path_factory.mktemp("compared") / "rows.jsonl"
    rows = json.loads((ROOT / "assets" / "demo_annotations.json").read_text())
    rows[3]["sentence"] = HOSTILE
    file.write_text("\n".join(map(json.dumps, rows * 2000)))
    started = Server(
        "--annotations", str(file), "--video-root", str(ROOT / "assets"), "--num-frames", "4"
    ).wait()  # fmt: skip
    yield started
    assert "Traceback" not in started.stop()


@pytest.fixture(scope="module")
def rows_page(rows_server, pages):
    with opened(pages) as page:
        yield page


@pytest.fixture
def comparing(pages, rows_server, rows_page):
    """Visit the comparison of templates as if for the first time, in one page of these tests."""

    def visited(theme="light", width=1280):
        pages.revisit(rows_page, f"{rows_server.url}/?__theme={theme}", width)
        show(rows_page, *TABS)
        return rows_page

    return visited


@pytest.fixture(scope="module")
def compared_once(pages, rows_server):
    with opened(pages, rows_server.url) as page:
        expect(page.locator("#audit-strip .vtg-clean")).to_be_visible(timeout=LOADED)
        open_settings(page)
        show(page, *TABS)
        compare(page, 4)
        expect(state(page)).to_have_text("Compared 4 of 8,000 rows.", timeout=LOADED)
        yield page


@pytest.fixture
def compared(compared_once):
    """A page with all templates compared on four rows, for tests that sort and pick, and put back what they choose."""
    show(compared_once, *TABS)
    return compared_once


def compare(page, num_rows):
    page.locator("#file-compare-limit input").fill(str(num_rows))
    expect(page.locator("#run-file-compare")).to_have_text(
        f"Compare all templates on the first {num_rows:,} of 8,000 rows"
    )
    page.locator("#run-file-compare").click()


def state(page):
    return page.locator("#file-compare .vtg-file-state")


def cell(page, row, template, mode="seconds"):
    says = re.compile(rf"^Row {row}, {template}, {mode}: \d+\.\d+ nats.*Open this sample with this template$")
    return page.get_by_role("button", name=says)


def column(page, body, number):
    """The figures of a column of the table, in the order on screen."""
    texts = (
        page.locator(".vtg-an-table tbody").nth(body).locator(f"tr td:nth-child({number})").all_inner_texts()
    )
    return [float(re.sub(r"[^\d.-]", "", text.splitlines()[0].replace("−", "-"))) for text in texts]


def test_templates_are_compared_on_a_file_sorted_and_opened_from_a_cell(compared):
    page = compared
    expect(page.locator(".vtg-an-table tbody")).to_have_count(2)
    assert column(page, 0, 2) == sorted(column(page, 0, 2))
    page.get_by_role("button", name="Prompt tokens").click()
    expect(page.locator("[aria-sort=ascending]")).to_have_text(re.compile("^Prompt tokens"))
    assert column(page, 1, 8) == sorted(column(page, 1, 8))
    page.get_by_role("button", name="Prompt tokens").click()
    assert column(page, 1, 8) == sorted(column(page, 1, 8), reverse=True)
    page.get_by_role("button", name="Times minus guess").click()  # what can be compared across formats
    expect(page.locator(".vtg-an-table tbody")).to_have_count(1)
    assert column(page, 0, 7) == sorted(column(page, 0, 7))

    expect(page.locator(".vtg-an-cell")).to_have_count(64)
    expect(page.locator("#file-compare")).to_contain_text("<img src=x onerror=")
    assert page.evaluate("globalThis.__ran") is None
    cell(page, 3, "concise", "temporal tokens").click()
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    expect(page.locator("#row input[type=number]")).to_have_value("3")
    expect(page.locator("#template input")).to_have_value("concise")
    expect(page.locator("#answer-form")).to_have_value("temporal_tokens")
    expect(page.locator("#audit-strip")).to_contain_text("no errors")
    page.get_by_role("tab", name="Tokens").click()
    expect(page.locator(".vtg-flow")).to_contain_text('Find␣when␣"a␣green␣triangle␣appears"␣occurs')
    expect(page.locator(".vtg-flow .vtg-supervised").first).to_have_text("<|box_start|>")


def test_a_sample_that_templates_disagree_on_opens_with_the_one_that_is_named(compared):
    page = compared
    first = page.locator(".vtg-an-spreads tbody tr").first
    row, worst = first.locator("td").first.inner_text(), first.get_by_role("button").last
    name = worst.inner_text()
    worst.click()
    expect(page.locator("#row input[type=number]")).to_have_value(row)
    expect(page.locator("#template input")).to_have_value(name)


def test_the_metric_and_the_baseline_are_chosen_on_the_page(compared):
    page = compared
    expect(page.locator("#file-compare-figure .ytitle").first).to_have_text(
        "mean a token (nats)", timeout=LOADED
    )
    legend = page.locator(".vtg-an-legend")
    expect(legend).to_contain_text("nats a token")
    page.get_by_role("radio", name="Sum").check()
    expect(legend).not_to_contain_text("nats a token")
    expect(page.get_by_role("radio", name="Sum")).to_be_focused()
    expect(page.locator("#file-compare-figure .ytitle").first).to_have_text("sum (nats)")
    baselines = page.locator(".vtg-an-table tbody tr", has_text="the baseline")
    expect(baselines).to_have_count(2)
    expect(baselines.first).to_contain_text("direct")
    page.locator("#file-compare-baseline input").click()
    page.get_by_role("option", name="academic").click()
    expect(baselines.first).to_contain_text("academic")
    expect(page.get_by_role("radio", name="Sum")).to_be_checked()
    page.get_by_role("radio", name="Mean").check()  # as it was
    page.locator("#file-compare-baseline input").click()
    page.get_by_role("option", name="direct").click()
    expect(baselines.first).to_contain_text("direct")


def test_the_map_is_walked_with_the_arrow_keys(compared):
    page = compared
    cell(page, 1, "direct").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(cell(page, 2, "question")).to_be_focused()
    expect(page.locator('.vtg-an-cell[tabindex="0"]')).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#row input[type=number]")).to_have_value("2")
    expect(page.locator("#template input")).to_have_value("question")


def test_the_results_are_downloaded(compared, tmp_path):
    page = compared
    contents = []
    for name in ("csv", "json"):
        with page.expect_download() as download:
            page.locator(f"#file-compare-{name}").click()
        assert download.value.suggested_filename == f"comparison.{name}"
        download.value.save_as(tmp_path / name)
        contents.append((tmp_path / name).read_text(encoding="utf-8"))
    assert len(list(csv.DictReader(contents[0].splitlines()))) == 64
    assert len(json.loads(contents[1])["results"]) == 64


def test_a_cancelled_run_keeps_what_it_found_and_the_page_works_on_a_phone(comparing):
    page = comparing("dark", 390)
    compare(page, 150)
    expect(state(page)).to_have_text(
        re.compile(r"Compared [1-9]\d* of 150 rows … about \d+ (s|min) left"), timeout=LOADED
    )
    page.locator("#run-file-compare").click()  # a second time: nothing is begun twice
    page.locator("#cancel-file-compare").click()
    expect(state(page)).to_have_text(
        re.compile(r"Partial: stopped after \d+ of 150 rows; this is what is known so far")
    )
    expect(page.locator(".vtg-an-table tbody")).to_have_count(2)
    expect(page.locator("#file-compare-csv")).to_be_visible()
    stopped = int(re.search(r"after (\d+)", state(page).inner_text())[1])
    page.get_by_role("button", name="Go on where it stopped").click()
    expect(state(page)).to_have_text(re.compile(r"Compared \d+ of 150 rows …"))
    page.wait_for_function(
        f"() => Number(document.querySelector('#file-compare .vtg-file-state').textContent.match(/[0-9]+/)[0]) > {stopped}"
    )
    page.locator("#cancel-file-compare").click()
    expect(state(page)).to_have_text(re.compile("Partial"))
    page.locator("#cancel-file-compare").click()
    expect(page.locator("#notice")).to_contain_text("There is no comparison of the file to cancel")
    page.locator("#file-compare-limit input").fill("8001")
    page.locator("#run-file-compare").click()
    expect(page.locator("#notice")).to_contain_text("whole number from 1 to 8,000; got 8001")
    compare(page, 1)
    expect(state(page)).to_have_text("Compared 1 of 8,000 rows.", timeout=LOADED)
    expect(cell(page, 1, "direct")).to_have_attribute("tabindex", "0")
    assert page_width(page) <= 390


def test_the_comparison_of_a_file_fits_its_width(compared):
    expect(compared.locator("#file-compare-csv")).to_be_visible()
    assert page_width(compared) <= 1280


def test_a_page_that_is_closed_lets_the_next_one_have_the_model(compared, rows_server, open_page):
    closed, waiting = open_page(rows_server.url), compared
    expect(closed.locator("#audit-strip .vtg-clean")).to_be_visible(timeout=LOADED)
    show(closed, *TABS)
    compare(closed, 7999)  # far longer than the test would wait
    expect(state(closed)).to_have_text(re.compile(r"Compared [1-9]\d* of 7,999 rows"), timeout=LOADED)
    show(waiting, "Loss", "Compare templates")
    waiting.locator("#run-comparison").click()
    expect(waiting.locator("#comparison .vtg-file-state")).to_have_text("Waiting for the model …")
    closed.close()
    expect(waiting.locator("#comparison .vtg-file-state")).to_have_text(
        "Compared all 16 templates.", timeout=LOADED
    )
