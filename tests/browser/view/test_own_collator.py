"""A person's own collator on every tab, and hostile texts in its file, its prompt and its errors."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, choose_mask, show

from .conftest import rows

NAME = "their_collator:Leaking"
RAN = "globalThis.__ran"
DIALOGS = []


@pytest.fixture(scope="module", autouse=True)
def dialogs(own):
    own.on("dialog", lambda dialog: (DIALOGS.append(dialog.message), dialog.dismiss()))


def strip(page):
    return page.locator("#audit-strip")


def pick(page, number):
    page.locator("#row input[type=number]").fill(str(number))
    page.locator("#row input[type=number]").press("Enter")


def test_the_strip_and_the_recipes_name_the_collator_whatever_mask_is_shown(own):
    expect(strip(own)).to_contain_text(f"audited {NAME}", timeout=LOADED)
    expect(strip(own)).to_contain_text("error")
    show(own, "Audit")
    yours = own.locator(".vtg-recipes-table tbody tr", has_text=NAME)
    expect(yours).to_have_class(re.compile("vtg-chosen"))
    expect(yours).to_contain_text("a pass of its own")
    choose_mask(own, "ours")
    expect(strip(own)).to_contain_text("audited our collator")
    expect(yours.locator(".vtg-leak")).to_be_visible()
    yours.get_by_role("button", name="Show").click()
    expect(strip(own)).to_contain_text(f"audited {NAME}")
    expect(own.locator(".vtg-flow .vtg-leak")).not_to_have_count(0)
    expect(own.locator("#linked .vtg-bar-leak")).not_to_have_count(0)


def test_its_prompt_stands_beside_ours_and_is_marked_where_it_differs(own):
    show(own, "Prompts")
    pair = own.locator("#prompt-pair")
    expect(pair.locator("h4")).to_have_text(["our collator", NAME])
    expect(pair.locator(".vtg-other").last).to_be_visible()
    assert "Be brief. a red circle appears" in pair.inner_text()
    expect(own.locator("#prompts-note")).to_contain_text("Your collator's prompt stands beside ours")


def test_its_prompt_is_one_of_the_two_that_are_held_against_each_other(own):
    sides = own.locator("#prompt-table .vtg-pd-side")
    expect(sides.locator("h4")).to_have_text(["direct", NAME])
    expect(sides.nth(1).locator("ins.vtg-other", has_text="brief").first).to_be_visible()
    own.get_by_role("radio", name="messages").check()
    expect(sides.nth(1)).to_contain_text("no more is known than what the model reads")
    own.get_by_role("radio", name="as the model reads it").check()


def test_its_loss_stands_beside_ours(own):
    show(own, "Loss")
    own.locator("#run-loss").click()
    figure = own.locator(".vtg-loss-figure", has_text="Your collator's loss")
    expect(figure.locator(".vtg-loss-number")).to_have_text(re.compile(r"^\d+\.\d{4}$"), timeout=LOADED)
    expect(figure).to_contain_text("ours")
    expect(own.locator("#loss-note")).to_contain_text("your collator's loss stands beside ours")
    expect(own.locator(".vtg-of-mask")).to_contain_text(f"Under the mask of {NAME} the loss is")


def test_hostile_rows_are_read_audited_and_shown_as_text(own):
    show(own, "Tokens")
    for number in range(2, 2 + 8):
        pick(own, number)
        expect(own.locator("#notice")).to_contain_text(f"Row {number} of the file")
        expect(own.locator(".vtg-strip-busy")).to_be_hidden()
    for tab in ("Audit", "Prompts", "Loss", "Tokens"):
        show(own, tab)
    assert own.evaluate(RAN) is None


def test_what_the_collator_raises_is_text(own):
    show(own, "Audit")
    failing = 1 + next(i for i, row in enumerate(rows()) if row["sentence"].startswith("FAIL"))
    pick(own, failing)
    raised = own.locator(".vtg-finding", has_text="collator.raises")
    expect(raised).to_contain_text('<img src=x onerror="globalThis.__ran=1">')
    expect(own.locator(".vtg-recipes-table tbody tr", has_text=NAME)).to_contain_text("Not applicable")
    assert own.evaluate(RAN) is None


def test_rows_that_cannot_be_read_and_the_list_of_all_are_text(own):
    find = own.get_by_role("combobox", name="Find rows")
    for text in ("<img", "${", "cannot be read", "\u202e", "../"):
        find.fill(text)
        expect(own.locator("#sample-list [role=option]").first).to_be_visible()
    find.press("Escape")
    pick(own, len(rows()))
    expect(own.locator("#notice [role=alert]")).to_be_visible()
    pick(own, 1)
    expect(own.locator("#query textarea")).to_have_value("a red circle appears")
    assert own.locator("#video .vtg-player-name").inner_text().startswith('"><img')
    assert own.evaluate(RAN) is None


def test_a_file_full_of_them_is_audited_and_nothing_has_run(own):
    show(own, "File", "Findings")
    own.locator("#run-file").click()
    expect(own.locator("#file-audit .vtg-file-state")).to_have_text(re.compile("^Audited"), timeout=LOADED)
    assert own.evaluate(RAN) is None
    assert DIALOGS == []
    assert own.locator("#tabs :is(script, iframe, object, embed, [onerror], [onload])").count() == 0
