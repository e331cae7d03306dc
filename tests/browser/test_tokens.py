import json
import re

import pytest
from playwright.sync_api import expect

from .conftest import page_width, show


@pytest.fixture
def tokens(edited):
    """The page with the demo's tokens on it; a test unpins what it pinned."""
    show(edited, "Tokens")
    expect(edited.locator(".vtg-flow .vtg-token").first).to_be_visible()
    return edited


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def focused(page):
    return page.locator(".vtg-flow :focus")


def test_from_the_first_token_one_key_leads_to_the_answer_and_one_pins_why(tokens):
    tokens.locator(".vtg-flow .vtg-token").first.focus()
    press(tokens, "]", "Enter")
    expect(focused(tokens)).to_have_text("[")
    details = tokens.locator(".vtg-details.vtg-pinned")
    for said in (
        "in the loss",
        "its region is answer, and the policy trains answer",
        "samples it",
        "from position",
    ):
        expect(details).to_contain_text(said)
    press(tokens, "Escape")
    expect(tokens.locator(".vtg-details.vtg-pinned")).to_have_count(0)


def test_a_frame_opens_to_its_stamp_and_its_pixels_and_shuts_again(tokens):
    block = tokens.locator(".vtg-flow .vtg-block")
    expect(block).to_have_count(4)
    block.first.focus()
    press(tokens, "e")
    expect(block).to_have_count(3)
    expect(tokens.locator(".vtg-flow .vtg-run:not(.vtg-block)")).to_have_text("<|video_pad|> × 60")
    press(tokens, "e")
    expect(block).to_have_count(4)


def test_tokens_are_found_and_walked(tokens):
    tokens.locator(".vtg-flow .vtg-token").first.focus()
    press(tokens, "/")
    tokens.keyboard.type("is:trained")
    expect(tokens.locator(".vtg-find-said")).to_have_text("1 of 1")
    expect(tokens.locator(".vtg-flow .vtg-match")).to_have_count(12)
    tokens.locator(".vtg-find-field").fill("/(/")
    expect(tokens.locator(".vtg-find-said")).to_have_text("/(/ is no regular expression")


def test_what_is_chosen_in_one_of_the_strips_is_chosen_in_all(tokens):
    tokens.locator(".vtg-time-track").click(position={"x": 5, "y": 20})
    expect(tokens.locator(".vtg-details")).to_contain_text("frames 1 and 2")
    expect(tokens.locator(".vtg-flow [aria-selected]")).to_contain_text("frames 1–2")
    expect(tokens.locator(".vtg-bar .vtg-mark-selected")).to_be_visible()
    tokens.locator(".vtg-bar-strip").press("End")
    expect(tokens.locator(".vtg-flow [aria-selected]")).to_have_text("⏎")


def test_a_handle_of_the_window_is_moved_by_keys_and_the_fields_take_it(tokens):
    handle = tokens.get_by_role("slider", name="Start of the window")
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", "8.1 s")
    expect(tokens.locator("#start input")).to_have_value("8.1")
    expect(tokens.locator(".vtg-flow .vtg-supervised").nth(3)).to_have_text("1")


def test_the_details_can_be_copied_as_json(tokens):
    page = tokens
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".vtg-flow .vtg-supervised").first.click()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert (copied["text"], copied["in_loss"], copied["bytes"]) == ("[", True, "5B")
    page.locator(".vtg-flow .vtg-supervised").first.press("Escape")
    expect(page.locator(".vtg-details.vtg-pinned")).to_have_count(0)


def test_the_same_tokens_are_there_as_a_plain_table(tokens):
    tokens.get_by_role("button", name="As a table").click()
    table = tokens.locator(".vtg-token-table table")
    expect(table.locator("td", has_text=re.compile("^in the loss"))).to_have_count(12)
    expect(table).to_contain_text("frames 1–2 · 2.1 s · 68 tokens")
    tokens.get_by_role("button", name="As a flow").click()
    expect(tokens.locator(".vtg-flow")).to_be_visible()


def test_the_strips_stand_above_every_tab_and_fit_a_phone(visit):
    page = visit(width=390)
    expect(page.locator("#linked .vtg-bar-about")).to_have_count(2)
    expect(page.locator("#linked .vtg-bar .vtg-bar-about")).to_have_text(
        re.compile("340 tokens · 12 in the loss")
    )
    show(page, "Tokens")
    page.get_by_role("button", name="Show the trained tokens").click()
    page.locator(".vtg-flow .vtg-supervised").first.click()
    expect(page.locator(".vtg-details.vtg-pinned")).to_be_in_viewport()
    assert page_width(page) <= 390
