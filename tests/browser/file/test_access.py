"""axe-core finds nothing that seriously keeps a person from the File tab, in light and dark; its tabs stand in the address."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, in_theme, show
from tests.browser.view.test_axe import violations


@pytest.fixture(scope="module")
def looked_through(opened_at_once):
    """The file's page with everything on it that its File tab shows of a small file."""
    page = opened_at_once[0]
    show(page, "File", "Contents")
    page.locator("#run-survey").click()
    page.locator("#survey .vtg-state-done").wait_for(timeout=LOADED)
    show(page, "Findings")
    page.locator("#run-file").click()
    page.locator("#file-audit .vtg-state-done").wait_for(timeout=LOADED)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", ["Contents", "Findings", "Templates compared"])
def test_nothing_keeps_a_person_from_a_file(looked_through, part, theme):
    show(looked_through, "File", part)
    with in_theme(looked_through, theme):
        looked_through.wait_for_timeout(300)  # colours fade in
        assert violations(looked_through) == []


def test_the_tab_within_the_tab_stands_in_the_address_and_a_link_opens_it(
    looked_through, open_page, file_server
):
    show(looked_through, "File", "Findings")
    expect(looked_through).to_have_url(re.compile(r"tab=file&part=findings"))
    show(looked_through, "Contents")
    expect(looked_through).not_to_have_url(re.compile("part="))
    linked = open_page(f"{file_server.url}/?tab=file&part=findings")
    expect(linked.get_by_role("tab", name="Findings")).to_have_attribute(
        "aria-selected", "true", timeout=LOADED
    )
    expect(linked).to_have_url(re.compile(r"tab=file&part=findings"))
