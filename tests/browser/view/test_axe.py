"""axe-core finds nothing that seriously keeps a person from the page, in light and dark, on each tab."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, choose_mask, expect_audited, open_settings, opened, show

BAD = ("serious", "critical")
TABS = [("Audit",), ("Tokens",), ("Prompts",), ("Loss",), ("Loss", "Compare templates"), ("Loss", "Probe")]


@pytest.fixture(scope="module", params=["light", "dark"])
def full(request, pages, server):
    """A page on which everything is shown that one click shows: a mask that leaks, a loss, the settings, a pinned token."""
    with opened(pages, f"{server.url}/?mask=ours&tab=audit&__theme={request.param}") as page:
        expect_audited(page)
        open_settings(page)
        show(page, "Loss")
        page.locator("#run-loss").click()
        page.wait_for_selector(".vtg-loss-figure", timeout=LOADED)
        choose_mask(page, "text-prefix")
        expect(page.locator("#audit-strip")).to_contain_text("recipe: text-prefix")
        show(page, "Tokens")
        page.locator(".vtg-flow .vtg-leak").first.click()
        page.get_by_role("button", name="Keys, and the find language").click()
        yield page


@pytest.mark.parametrize("tabs", TABS, ids="/".join)
def test_nothing_keeps_a_person_out(full, tabs):
    show(full, *tabs)
    full.wait_for_timeout(300)  # colours fade in
    assert violations(full) == []


def violations(page):
    """What keeps a person out of a page: which rule of axe-core, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["impact"] in BAD
    ]
