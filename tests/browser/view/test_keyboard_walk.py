"""With the keyboard alone, from opening the page to which token is wrong and why, as docs/page.md tells it."""

from playwright.sync_api import expect

from tests.browser.conftest import LOADED, ROOT

WALK = ("Tab", "Enter", "]", "Enter")


def test_the_wrong_token_and_why_are_four_keys_from_opening_the_page(server, open_page):
    page = open_page(server.url)
    expect(page.locator(".vtg-flow .vtg-leak").first).to_be_visible(timeout=LOADED)
    page.keyboard.press(WALK[0])
    expect(page.get_by_role("button", name="Go to the tokens")).to_be_focused()
    page.keyboard.press(WALK[1])
    expect(page.locator(".vtg-flow :focus")).to_have_count(1)
    for key in WALK[2:]:
        page.keyboard.press(key)
    details = page.locator(".vtg-details.vtg-pinned")
    expect(details).to_contain_text("leak: it trains this, and should not, by ours")
    expect(details).to_contain_text("Why")
    assert f"in {len(WALK)} keys" in (ROOT / "docs" / "page.md").read_text()
