"""What a person does before the page's first answer has come."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ANSWERED, LOADED, choose_mask, expect_audited, show


@contextmanager
def opened_slowly(page, address):
    """Open an address, and let the page wait for the first answer until the block is left."""
    waiting = []
    page.route("**/gradio_api/run/**", lambda route: waiting.append(route), times=1)
    page.goto(address)
    page.wait_for_selector("#tools button")
    page.wait_for_function("() => document.querySelector('#linked .vtg-time') !== null")
    while not waiting:
        page.wait_for_timeout(20)
    yield
    waiting[0].continue_()


@pytest.mark.parametrize("link", ["?mask=ours", "?mask=ours&tab=audit"])
def test_a_tab_that_is_opened_before_the_first_answer_stays_open(server, open_page, link):
    page = open_page(None)
    with opened_slowly(page, f"{server.url}/{link}"):
        show(page, "Prompts")
    expect(page.locator(".vtg-card:not(.vtg-pd-side)").first).to_be_visible(timeout=LOADED)
    expect(page.get_by_role("tab", name="Prompts")).to_have_attribute("aria-selected", "true")


def test_a_mask_that_is_chosen_before_the_first_answer_stays_chosen(server, open_page):
    page = open_page(None)
    with opened_slowly(page, f"{server.url}/?tab=audit"):
        choose_mask(page, "ours")
    expect_audited(page)
    expect(page.locator("#mask-of")).to_have_value("ours")
    expect(page.get_by_role("tab", name="Audit")).to_have_attribute("aria-selected", "true")


def test_a_question_that_is_asked_before_the_first_answer_is_answered_about_the_row_that_was_read(
    server, open_page
):
    page = open_page(None)
    with opened_slowly(page, f"{server.url}/?sample=3&mask=ours&tab=loss"):
        show(page, "Loss", "Probe")
        page.locator("#run-answer").click()
    expect(page.locator("#answer-view .vtg-scored")).to_contain_text("direct", timeout=LOADED)
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    expect(page.locator("#answer-view .vtg-pa-facts")).to_contain_text("18", timeout=ANSWERED)
    assert "changed" not in page.locator("#notice").inner_text()


FRAMES_IN_HALF_A_SECOND = """() => new Promise((done) => {
  let [ask, num] = [globalThis.requestAnimationFrame, 0];
  globalThis.requestAnimationFrame = (...given) => { num += 1; return ask(...given); };
  setTimeout(() => { globalThis.requestAnimationFrame = ask; done(num); }, 500);
})"""


def test_a_page_at_which_nobody_does_anything_asks_for_few_frames(unchanged):
    seen = [unchanged.evaluate(FRAMES_IN_HALF_A_SECOND)]
    while seen[-1] > 6 and len(seen) < 20:  # what still loads turns its wheel
        seen.append(unchanged.evaluate(FRAMES_IN_HALF_A_SECOND))
    assert seen[-1] <= 6, seen
