"""The frame of the page: one sample, one mask, and a link to what is shown."""

import re
import time

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, OURS, choose_mask, pick_example, show


def test_a_first_visit_shows_a_leak_beside_ours_without_scrolling_and_how_to_audit_ones_own(
    server, open_page
):
    page = open_page(server.url)
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page).to_have_title("VTG Lens")
    leaks = page.locator("#tokens .vtg-leak")
    expect(leaks.first).to_be_in_viewport(timeout=LOADED)
    expect(page.locator("#audit-strip")).to_contain_text("recipe: text-prefix")
    expect(page.locator("#audit-strip")).to_contain_text("275 of 287 trained tokens are wrong")
    expect(page.locator("#own-command code")).to_have_text(
        re.compile(r"^python -m vtg_core --collator \S+:\S+$")
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_link_opens_the_view_that_it_was_copied_from_and_nothing_that_was_typed_is_in_it(visit, pages):
    page = visit()
    pick_example(page, "a green triangle")
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    choose_mask(page, "all-tokens")
    show(page, "Tokens")
    expect(page.locator("#audit-strip")).to_contain_text("recipe: all-tokens")
    page.locator("#query textarea").fill("typed/by me")
    expect(page).to_have_url(re.compile(r"\?__theme=light&sample=3&mask=all-tokens&tab=tokens$"))
    link = page.url
    pages.leave(page)
    page.goto(link)
    expect(page.locator("#audit-strip")).to_contain_text("recipe: all-tokens", timeout=LOADED)
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    expect(page.get_by_role("tab", name="Tokens")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#mask-of")).to_have_value("all-tokens")


def test_a_link_that_asks_for_something_else_is_answered_in_words(server, open_page):
    page = open_page(f"{server.url}{OURS}&sample=%3Cimg%20src%3Dx%20onerror%3D1%3E&template=..%2F..&token=-1")
    expect(page.locator("#link-note")).to_contain_text("left out: sample, template, token.", timeout=LOADED)
    expect(page.locator("#audit-strip")).to_contain_text("our collator")
    expect(page.locator(".vtg-all-well")).to_be_visible(timeout=LOADED)
    assert "onerror" not in page.url


@pytest.mark.slow
def test_a_tab_that_cannot_follow_a_mask_says_so(edited):
    page = edited
    choose_mask(page, "text-prefix")
    show(page, "Loss")
    expect(page.locator("#loss-note")).to_contain_text(
        "The tokens are scored under our own mask; where “text-prefix” has a loss"
    )
    page.locator("#loss-note").get_by_role("button", name="Back to ours").click()
    expect(page.locator("#loss-note")).to_be_hidden()
    expect(page.locator("#audit-strip")).to_contain_text("our collator")


def test_the_samples_are_walked_and_found_by_the_keyboard(edited):
    page = edited
    page.get_by_role("button", name="Next example").press("Enter")
    expect(page.locator("#query textarea")).to_have_value(re.compile("blue square"))
    find = page.get_by_role("combobox", name="Find examples")
    find.fill("Africa")
    expect(page.locator("#sample-list [role=option]")).to_have_count(1)
    find.press("Enter")
    expect(page.locator("#query textarea")).to_have_value("the whole of Africa is in view")


@pytest.mark.slow
def test_what_was_typed_last_is_found_though_the_answer_to_what_was_typed_before_comes_late(visit):
    page = visit()
    page.route("**/run/predict*", lambda route: (time.sleep(0.5), route.continue_()))
    page.get_by_role("combobox", name="Find examples").fill("Africa")
    expect(page.locator("#sample-list [role=option]")).to_have_count(1)


@pytest.mark.slow
def test_rows_that_are_picked_one_after_the_other_end_on_the_last(edited):
    page = edited
    number = page.locator("#row input[type=number]")
    for picked in ("2", "3", "4"):
        number.fill(picked)
        number.press("Enter")
        page.wait_for_timeout(30)  # faster than a row is read
    expect(number).to_have_value("4")
    expect(page.locator("body.vtg-edited")).to_have_count(0)
    page.wait_for_selector(".vtg-strip-busy", state="hidden")
    expect(number).to_have_value("4")
    expect(page.locator("#query textarea")).to_have_value("a yellow star appears at the very end")


@pytest.mark.slow
def test_a_sample_is_a_step_on_for_each_press_however_fast(edited):
    page = edited
    on = page.get_by_role("button", name="Next example")
    for _ in range(3):
        on.press("Enter")
    expect(page.locator("#row input[type=number]")).to_have_value("4")
    expect(page.locator("#query textarea")).to_have_value("a yellow star appears at the very end")


@pytest.mark.slow
def test_an_audit_that_comes_late_does_not_bring_back_the_mask_before(edited):
    page, held = edited, []

    def hold_ours(route):
        if '"mask":"ours"' in route.request.post_data:
            held.append(route)
        else:
            route.continue_()

    page.route("**/queue/join*", hold_ours)
    pick_example(page, "a green triangle")
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    while not held:
        page.wait_for_timeout(20)  # until the audit that follows the reading is asked for
    choose_mask(page, "all-tokens")
    expect(page.locator("#audit-strip")).to_contain_text("recipe: all-tokens")
    held.pop().continue_()
    page.unroute("**/queue/join*")
    page.wait_for_selector(".vtg-strip-busy", state="hidden")
    page.wait_for_timeout(500)
    expect(page.locator("#audit-strip")).to_contain_text("recipe: all-tokens")
