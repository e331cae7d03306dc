"""A page that finds no place in the queue asks again, and one that is reloaded keeps what was typed."""

import re

from playwright.sync_api import expect

from .conftest import LOADED, OURS, expect_audited


def test_a_page_that_is_turned_away_says_so_and_is_served_in_the_end(pages, open_page, server):
    page = open_page("about:blank")
    turned_away = []

    def turn_away(route):
        if len(turned_away) < 2:
            turned_away.append(route.request.url)
            route.fulfill(status=429, json={"detail": "The page is busy.", "waiting": 31})
        else:
            route.continue_()

    page.route(re.compile(r"/queue/join"), turn_away)
    page.goto(server.url + OURS)
    note = page.locator("#queue-note")
    expect(note).to_contain_text(
        "no place in the queue yet. 31 requests wait before this one", timeout=LOADED
    )
    expect_audited(page)
    expect(note).to_be_hidden()
    assert [said for said in pages.take_amiss() if "429" not in said] == []


def test_a_reload_keeps_what_was_typed_for_the_sample(pages, open_page, server):
    page = open_page(server.url + OURS)
    expect_audited(page)
    page.locator("#query textarea").fill("my own words")
    page.locator("#start input").fill("7.5")
    expect(page.locator("#edits")).to_contain_text("The input was edited")
    page.reload()
    expect(page.locator("#query textarea")).to_have_value("my own words", timeout=LOADED)
    expect(page.locator("#start input")).to_have_value("7.5")
    cut_off = ("AbortError", "errored out")  # Gradio complains of the requests that the reload ended
    assert [said for said in pages.take_amiss() if not any(word in said for word in cut_off)] == []
