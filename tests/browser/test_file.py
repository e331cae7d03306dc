"""Conversation rows, answer forms, the File tab and an uploaded file, in one page that the tests here share."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, Server, opened, show
from tests.conftest import ASSETS
from tests.conversation_files import ROWS, spoken, write_rows

TWO_WRONG = [
    {"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": "a red circle appears"},
    {"video": "red_circle.mp4", "timestamp": [14, 8], "sentence": "a circle"},
    {"video": "red_circle.mp4", "timestamp": [20, 20], "sentence": "nothing"},
]


@pytest.fixture(scope="module")
def conversations(pages, user_cache, tmp_path_factory):
    """The page on three conversation rows, and beside it a folder for files to upload."""
    folder = tmp_path_factory.mktemp("conversations")
    rows = write_rows(folder, ROWS["sharegpt"], spoken(0, None), ROWS["chat"])
    server = Server("--annotations", str(rows), "--video-root", str(ASSETS), "--num-frames", "4").wait()
    with opened(pages, f"{server.url}/?tab=prompts") as page:
        page.locator(".vtg-card:not(.vtg-pd-side)").first.wait_for(timeout=LOADED)
        yield page, folder
    printed = server.stop()
    assert "Traceback" not in printed, printed


def notice(page):
    return page.locator("#notice")


def test_a_conversation_row_is_shown_in_its_own_words(conversations):
    page, _ = conversations
    card = page.locator(".vtg-card:not(.vtg-pd-side)").first
    expect(card).to_contain_text("the row's own words")
    expect(card).to_contain_text("The circle is there from 8.0 to 14.0 seconds.")
    expect(page.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(17)
    expect(notice(page)).to_contain_text("2 messages, and its answer is trained. Its answer says 8 to 14 s")


def test_every_answer_form_shows_the_window_on_screen(conversations):
    page, _ = conversations
    forms = page.locator("#answer-form")
    expect(forms.locator("option[value=percent_sentence]")).to_have_text(re.compile("From 27% to 47%"))
    forms.select_option("percent_sentence")
    form = page.locator(".vtg-card:not(.vtg-pd-side)", has_text="percent_sentence")
    expect(form).to_contain_text("From 27% to 47%.")
    forms.select_option("standard")
    expect(page).not_to_have_url(re.compile("answer="))


def test_what_a_row_trains_is_said(conversations):
    page, _ = conversations
    page.locator("#row").get_by_role("button").nth(1).click()
    expect(notice(page)).to_contain_text("message 4 is trained, of 2 answers, as the row says")
    expect(page.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(1)


def test_the_file_tab_says_what_the_file_holds_and_opens_a_figures_rows(conversations):
    page, _ = conversations
    show(page, "File")
    found = page.locator("#survey")
    expect(found).to_contain_text("Looked through all 3 rows.")
    expect(page.locator("#survey-figure .bars path").first).to_be_visible()
    found.locator("tr", has_text="no_windows").get_by_role("button").click()
    page.locator("#figure-rows").get_by_role("button", name="Row 2").click()
    expect(page).to_have_url(re.compile(r"sample=2&"))


def test_a_click_on_a_bar_opens_its_rows(conversations):
    page, _ = conversations
    bar = page.locator("#survey-figure .bars path").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#figure-rows")).to_contain_text("how long windows are: 5 to 10 s")


def test_another_file_is_opened_and_a_bad_one_changes_nothing(conversations):
    page, folder = conversations
    upload(page, folder / "bad.json", "{]")
    expect(notice(page)).to_contain_text("bad.json")
    expect(page.locator("#file-name")).to_contain_text("rows.jsonl")
    upload(page, folder / "queries.json", json.dumps(TWO_WRONG))
    expect(page.locator("#file-name")).to_contain_text("queries.json · 3 rows")
    expect(page.locator("#survey")).to_contain_text("Looked through all 3 rows.")
    expect(page.locator("#query textarea")).to_have_value("a red circle appears")
    expect(page.locator("#survey .vtg-survey-counts")).to_contain_text("inverted")


def upload(page, path, text):
    path.write_text(text, encoding="utf-8")
    with page.expect_file_chooser() as chooser:
        page.locator("#upload-file").click()
    chooser.value.set_files(path)
