import csv
import io
import re

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, OURS, expect_audited, opened, page_width, show
from .test_page import KEEP_NOTICES, type_query


def open_compare(page):
    show(page, "Loss", "Compare templates")


def state(page):
    return page.locator("#comparison .vtg-file-state")


def rows(page, group=0):
    return page.locator(".vtg-cmp-table tbody").nth(group).locator(".vtg-cmp-row")


def figures(page, column, group=0):
    cells = rows(page, group).locator(f'td[data-name="{column}"] .vtg-cmp-figure').all_text_contents()
    return [float(text.replace(",", "").replace("−", "-")) for text in cells]


def compare(page):
    open_compare(page)
    if not state(
        page
    ).count():  # a shared page may have it already, and what it says would not tell a second one
        page.locator("#run-comparison").click()
    expect(state(page)).to_have_text("Compared all 16 templates.", timeout=LOADED)
    return page


@pytest.fixture(scope="module")
def compared_once(pages, server):
    with opened(pages, server.url + OURS) as page:
        expect_audited(page)
        yield compare(page)


@pytest.fixture
def compared(compared_once):
    """The page with the demo's templates compared on it, for tests that only look and sort."""
    open_compare(compared_once)
    return compared_once


@pytest.fixture
def comparison(edited):
    """The same, for a test that changes it."""
    return compare(edited)


def test_the_cost_is_said_before_anything_runs(seen):
    open_compare(seen)
    expect(seen.locator("#comparison-cost")).to_contain_text(
        re.compile(r"One shared pass over 1,070 tokens, instead of 5,423 in 16 plain ones: about .* on cpu")
    )
    expect(seen.locator("#comparison")).to_contain_text("Compare the templates to see which of them")
    expect(seen.locator("#comparison .vtg-words")).to_be_visible()


def test_the_comparison_is_read_in_words_and_says_how_it_was_run(compared):
    readings = compared.locator("#comparison .vtg-reading")
    expect(readings.first).to_contain_text("Answers in seconds: by its times the model finds")
    expect(readings.nth(1)).to_contain_text("Answers in temporal tokens: ")
    expect(compared.locator(".vtg-cmp-how")).to_contain_text(
        re.compile(r"One shared pass over 1,070 tokens, .* s on cpu in float32")
    )
    expect(compared.locator(".vtg-cmp-bar")).to_have_count(16)
    expect(compared.locator(".vtg-cmp-strip")).to_have_count(16)
    expect(compared.locator(".vtg-cmp-token")).to_have_count(8 * 12 + 8 * 5)


def test_the_table_is_sorted_within_each_answer_format_by_any_column(compared):
    expect(rows(compared)).to_have_count(8)
    by_times = compared.locator('.vtg-cmp-table th[aria-sort="ascending"]')
    expect(by_times).to_have_text("Times only ↑")
    assert figures(compared, "Times only") == sorted(figures(compared, "Times only"))
    tokens = compared.get_by_role("button", name="Tokens", exact=True)
    for direction, is_down in (("ascending", False), ("descending", True)):
        tokens.click()
        expect(compared.locator(f'.vtg-cmp-table th[aria-sort="{direction}"]')).to_contain_text("Tokens")
        expect(tokens).to_be_focused()
        for group in (0, 1):
            counts = figures(compared, "Tokens", group)
            assert counts == sorted(counts, reverse=is_down)
    expect(rows(compared).first.locator(".vtg-cmp-mark").first).to_have_text("▼ most")
    names = rows(compared).locator("th button").all_text_contents()
    assert compared.locator(".vtg-cmp-bar .vtg-cmp-label").all_text_contents()[:8] == names
    assert compared.locator(".vtg-cmp-strip .vtg-cmp-label").all_text_contents()[:8] == names
    compared.get_by_role("button", name="Times only").click()  # as it was
    expect(by_times).to_have_count(1)


def test_best_and_worst_have_a_shape_and_a_word(compared):
    marks = compared.locator('td[data-name="Times only"] .vtg-cmp-mark')
    assert set(marks.all_text_contents()) <= {"★ best", "▼ worst"}, (
        "only what all intervals tell apart has one"
    )
    silent = compared.locator('td[data-name="Mean"] .vtg-cmp-mark[aria-label]')
    said = {silent.nth(i).get_attribute("aria-label") for i in range(silent.count())}
    assert said <= {"best", "worst"}
    assert marks.count() + silent.count() > 0


def test_a_row_shows_its_template_on_the_page_and_the_comparison_stays(comparison):
    rows(comparison, 1).filter(has_text="concise").locator('td[data-name="Sum"]').click()
    expect(comparison.locator("#template input")).to_have_value("concise")
    expect(comparison.locator("#answer-form")).to_have_value("temporal_tokens")
    expect(comparison.locator(".vtg-cmp-shown")).to_contain_text("The page shows concise, temporal tokens")
    comparison.get_by_role("tab", name="Tokens").click()
    expect(comparison.locator(".vtg-flow")).to_contain_text("Find")
    expect(comparison.locator(".vtg-flow .vtg-supervised").nth(1)).to_have_text("<266>")
    open_compare(comparison)
    expect(state(comparison)).to_have_text("Compared all 16 templates.")
    rows(comparison).get_by_role("button", name="task").press("Enter")
    expect(comparison.locator("#template input")).to_have_value("task")
    expect(comparison.locator("#answer-form")).to_have_value("standard")
    expect(state(comparison)).to_be_visible()


def test_another_query_clears_the_comparison_and_is_text_in_the_next_one(comparison):
    text = "=<img src=x onerror=\"globalThis.__ran='img'\"> ${globalThis.__ran=1}"
    type_query(comparison, text)
    expect(state(comparison)).to_have_count(0)
    expect(comparison.locator("#comparison-cost")).to_contain_text("One shared pass over")
    comparison.locator("#run-comparison").click()
    expect(comparison.locator(".vtg-cmp-how")).to_contain_text(text, timeout=LOADED)
    assert comparison.evaluate("globalThis.__ran") is None


def test_a_comparison_that_is_cancelled_ends_and_can_be_run_again(edited):
    page = edited
    open_compare(page)
    page.evaluate(KEEP_NOTICES)
    page.locator("#cancel-comparison").click()
    expect(page.locator("#notice")).to_contain_text("There is no comparison to cancel")
    page.locator("#frames input").fill("96")
    page.locator("#run").click()
    expect(page.locator("#facts textarea")).to_have_value(re.compile("· 96 frames"))
    expect(state(page)).to_have_count(0)
    page.locator("#run-comparison").click()
    expect(state(page)).to_be_visible()
    page.locator("#cancel-comparison").click()
    expect(page.locator("#notice")).to_contain_text("cancelled")
    page.locator("#frames input").fill("4")
    page.locator("#run").click()
    expect(page.locator("#facts textarea")).to_have_value(re.compile("· 4 frames"))
    page.locator("#run-comparison").click()
    expect(state(page)).to_have_text("Compared all 16 templates.", timeout=LOADED)


def test_the_csv_that_is_downloaded_parses_to_the_figures_on_screen(compared):
    with compared.expect_download() as waiting:
        compared.get_by_role("button", name="Download CSV").click()
    file = waiting.value
    assert re.fullmatch(r"templates_red_circle\w*\.csv", file.suggested_filename)
    with open(file.path(), encoding="utf-8", newline="") as opened:
        lines = list(csv.DictReader(io.StringIO(opened.read())))
    assert len(lines) == 16
    shown = sorted(figures(compared, "Times only"))
    assert sorted(round(float(line["time_nll"]), 2) for line in lines if line["mode"] == "standard") == shown


def test_the_keyboard_reaches_every_token_of_the_strips(compared):
    panel = compared.locator(".vtg-cmp-panel")
    assert compared.locator('.vtg-cmp-token[tabindex="0"]').count() == 1
    first = compared.locator(".vtg-cmp-token").first
    first.focus()
    expect(panel).to_contain_text(re.compile(r"format words · \d\.\d{3} nats · probability .* · rank"))
    for key, text in (("ArrowRight", "8"), ("ArrowDown", "8"), ("End", "<|im_end|>")):
        compared.keyboard.press(key)
        expect(compared.locator(".vtg-cmp-token:focus")).to_have_text(text)
    for _ in range(7):
        compared.keyboard.press("ArrowDown")
    expect(compared.locator(".vtg-cmp-token:focus")).to_have_text("<|im_end|>")
    expect(panel).to_contain_text("temporal tokens · end of turn")
    expect(panel).to_contain_text("The model's own guesses")
    assert compared.locator('.vtg-cmp-token[tabindex="0"]').count() == 1


def test_a_token_tells_of_itself_where_it_is_pointed_at(compared):
    compared.locator(".vtg-cmp-token", has_text="<266>").first.hover()
    expect(compared.locator(".vtg-cmp-panel")).to_contain_text(
        re.compile(r"<266> \w+, temporal tokens · times")
    )


def test_the_comparison_fits_its_width(compared):
    expect(compared.locator(".vtg-cmp-strip").first).to_be_visible()
    assert page_width(compared) <= 1280


def test_the_comparison_fits_a_phone(phone):
    compare(phone).locator("#comparison summary", has_text="Token by token").click()
    expect(phone.locator(".vtg-cmp-strip").first).to_be_visible()
    assert page_width(phone) <= 390
    # There is room for one figure a template there, which a list chooses.
    expect(rows(phone).first.locator("td:visible")).to_have_count(1)
    phone.locator(".vtg-cmp-choice select").select_option("num_tokens")
    expect(rows(phone).first.locator(".vtg-cmp-mark").first).to_have_text("★ fewest")
