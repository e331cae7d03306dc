import re

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, choose_mask, page_width, pick_row


def tab(page, name):
    page.get_by_role("tab", name=name).click()


def break_it(page, bug):
    choose_mask(page, bug)


def strip(page):
    return page.locator("#audit-strip")


@pytest.fixture
def audited(edited):
    """The page with the audit of the demo's first sample on it."""
    tab(edited, "Audit")
    return edited


def test_a_clean_sample_opens_on_a_calm_audit(visit):
    audited = visit()
    expect(audited.get_by_role("tab").first).to_have_text("Audit")
    expect(audited.get_by_role("tab", name="Audit")).to_have_attribute("aria-selected", "true")
    expect(strip(audited)).to_contain_text("no errors")
    expect(strip(audited)).to_contain_text("no warnings")
    expect(strip(audited)).to_contain_text("our collator")
    expect(audited.locator(".vtg-all-well")).to_contain_text(
        "3 independent readings agree on 12 tokens to train"
    )
    expect(audited.locator(".vtg-checked dt")).to_have_count(7)


def test_a_bug_is_named_shown_in_the_tokens_and_taken_back(audited):
    break_it(audited, "header-in")
    expect(strip(audited)).to_contain_text("broken: header-in")
    expect(strip(audited)).to_contain_text("!1 warning")
    expect(audited.locator(".vtg-banner")).to_contain_text(
        "Broken on purpose: The assistant's header is trained"
    )
    finding = audited.locator(".vtg-finding", has_text="mask.header-trained")
    for text in ("!warning", "3 of the 15 tokens", "Why it matters.", "What to do.", "role header 3"):
        expect(finding).to_contain_text(text)
    finding.get_by_role("button", name="Show the tokens").click()
    found = audited.locator(".vtg-flow .vtg-found")
    expect(found).to_have_count(3)
    expect(found.first).to_be_in_viewport()
    expect(audited.locator(".vtg-flow :focus")).to_have_count(1)
    assert "".join(found.all_text_contents()) == "<|im_start|>assistant⏎"
    expect(audited.locator(".vtg-flow .vtg-supervised")).to_have_count(15)
    audited.get_by_role("button", name="Open the audit").click()
    choose_mask(audited, "ours")
    expect(audited.locator(".vtg-all-well")).to_be_visible()
    expect(strip(audited)).to_contain_text("our collator")
    tab(audited, "Tokens")
    expect(audited.locator(".vtg-flow .vtg-supervised")).to_have_count(12)
    expect(found).to_have_count(0)


def test_the_bug_that_was_chosen_last_is_audited_last(audited):
    for bug in ("header-in", "padding-in", "one-late"):
        break_it(audited, bug)  # while the one before is still audited
    expect(strip(audited)).to_contain_text("broken: one-late")


def test_a_finding_outlines_no_more_than_its_own_tokens_of_a_run(audited):
    audited.locator("#answer-form").select_option("temporal_tokens")
    break_it(audited, "padding-in")
    finding = audited.locator(".vtg-finding", has_text="mask.padding-trained")
    show = finding.get_by_role("button", name="Show the tokens")
    hint = show.get_attribute("title")
    show.click()
    found = audited.locator(".vtg-flow .vtg-found")
    expect(found.first).to_be_in_viewport()
    outlined = found.evaluate_all(
        "nodes => nodes.reduce((sum, n) => sum + (n.dataset.end - n.dataset.index), 0)"
    )
    assert hint.startswith(f"{outlined} tokens, ")
    audited.locator(".vtg-marked button").click()
    expect(found).to_have_count(0)
    expect(audited.locator(".vtg-flow :focus")).to_have_count(1)


def test_a_bug_that_does_not_apply_says_so_and_the_answer_format_is_followed(audited):
    break_it(audited, "tokens-split")
    expect(audited.locator("#audit .vtg-no-audit")).to_contain_text("This bug changes nothing in this sample")
    expect(strip(audited)).to_contain_text("not audited")
    audited.locator("#answer-form").select_option("temporal_tokens")
    expect(audited.locator(".vtg-finding.vtg-severity-error")).to_contain_text("answer.")
    expect(strip(audited)).to_contain_text("error")


def test_the_strip_never_stands_beside_another_input(audited):
    busy = audited.locator(".vtg-strip-busy")
    expect(busy).to_be_hidden()
    audited.locator("#frames input").fill("96")
    audited.locator("#run").click()
    expect(busy).to_be_visible()
    expect(busy).to_be_hidden()
    audited.locator("#frames input").fill("4")
    audited.locator("#run").click()
    expect(audited.locator("#facts textarea")).to_have_value(re.compile("· 4 frames"))
    audited.locator("#query textarea").fill(" ")
    audited.locator("#run").click()
    expect(strip(audited)).to_contain_text("not audited")
    expect(audited.locator("#audit .vtg-no-audit")).to_contain_text("could not be read")
    audited.locator("#query textarea").fill("a blue square")
    audited.locator("#run").click()
    expect(strip(audited)).to_contain_text("no errors")
    audited.locator("#end input").fill("8.4")
    audited.locator("#run").click()
    expect(strip(audited)).to_contain_text("1 warning")
    expect(audited.locator(".vtg-finding", has_text="time.")).not_to_have_count(0)


def test_a_recipe_colours_the_tokens_and_reports_its_loss(audited):
    rows = audited.locator(".vtg-recipes-table tbody tr")
    expect(rows).to_have_count(8)
    audited.locator("#score-recipes").click()
    expect(rows.nth(0)).to_contain_text(re.compile(r"\d\.\d{4}"), timeout=LOADED)
    expect(rows.nth(5)).to_contain_text("Not applicable")
    rows.filter(has_text="text-prefix").get_by_role("button").click()
    leaks = audited.locator(".vtg-flow .vtg-leak")
    expect(leaks.first).to_be_visible()
    expect(leaks.first).to_have_attribute("aria-label", re.compile("not in the loss, leak"))
    leaks.first.click()
    expect(audited.locator(".vtg-details")).to_contain_text("leak: it trains this, and should not, by ours")
    expect(audited.locator("#linked .vtg-bar-leak")).not_to_have_count(0)
    expect(audited.locator(".vtg-legend")).to_contain_text(re.compile(r"agree 12 leak 275 hole 0"))
    expect(audited.locator(".vtg-flow .vtg-agree")).to_have_count(12)
    audited.locator("#template input").click()
    audited.get_by_role("option", name="concise").click()
    expect(audited.locator(".vtg-flow")).to_contain_text("Find")
    expect(leaks.first).to_be_visible()
    audited.get_by_role("button", name="Back to ours").last.click()
    expect(leaks).to_have_count(0)


def test_the_components_of_a_page_share_one_store_and_no_name_of_ours_is_on_it(audited):
    choose = "name => import('/scripts/store.js').then((store) => store.set('mask', name))"
    tab(audited, "Tokens")
    audited.evaluate(choose, "text-prefix")
    pressed = audited.locator(".vtg-recipes-table button[aria-pressed=true]")
    expect(pressed).to_have_count(1)
    expect(audited.locator(".vtg-flow .vtg-leak")).not_to_have_count(0)
    audited.evaluate(choose, "ours")
    expect(pressed).to_have_count(0)
    sent = audited.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    scripts = [name.rpartition("/")[2] for name in sent if "/scripts/" in name]
    assert {"store.js", "shared.js", "audit.js"} <= set(scripts)
    assert len(scripts) == len(set(scripts))
    assert audited.evaluate("Object.keys(globalThis).filter((name) => /vtg/i.test(name))") == []


def test_what_a_person_typed_is_text_in_the_audit_too(audited):
    break_it(audited, "role-word")
    for text in ("<img src=x onerror=\"globalThis.__ran='img'\">", "${globalThis.__ran=1} {{7*7}}"):
        audited.locator("#query textarea").fill(text)
        audited.locator("#run").click()
        expect(audited.locator("body.vtg-edited")).to_have_count(0)
        expect(audited.locator(".vtg-finding").first).to_contain_text("mask.role-word-in-text")
        assert audited.evaluate("globalThis.__ran") is None
    tab(audited, "Tokens")
    expect(audited.locator(".vtg-flow .vtg-kind-query").first).to_be_visible()
    assert audited.evaluate("globalThis.__ran") is None


def test_the_audit_fits_a_phone(phone):
    tab(phone, "Audit")
    assert page_width(phone) <= 390
    break_it(phone, "markers-lost")
    expect(phone.locator(".vtg-finding pre").first).to_be_visible()
    assert page_width(phone) <= 390
    break_it(phone, "ours")
    expect(phone.locator(".vtg-all-well")).to_be_visible()


def test_a_foreign_collator_and_a_saved_batch_are_audited(file_page):
    page = file_page
    tab(page, "Audit")
    choose_mask(page, "collator")
    pick_row(page, 1)
    expect(strip(page)).to_contain_text("vtg_core.recipes:text_prefix", timeout=LOADED)
    expect(strip(page)).to_contain_text("1 error")
    expect(page.locator(".vtg-finding").first).to_contain_text("mask.counted-before-expansion")
    pick_row(page, 5)
    expect(page.locator("#notice")).to_contain_text("rows.jsonl:5, field 'video'")
    expect(page.locator("#query textarea")).to_have_value("")
    expect(page.locator("#start input")).to_have_value("")
    expect(page.locator("#video video")).not_to_be_visible()
    pick_row(page, 3)
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    choose_mask(page, "batch")
    expect(strip(page)).to_contain_text("batch.pt, row 0")
    expect(strip(page)).to_contain_text("no errors")
    expect(page.locator(".vtg-checked .vtg-unchecked")).to_have_text(["Time", "Answer"])
    page.locator("#batch-row input").fill("1")
    page.locator("#batch-row input").press("Enter")
    expect(page.locator(".vtg-finding").first).to_contain_text("mask.nothing-masked")
    page.locator("#batch-row input").fill("-1")
    page.locator("#batch-row input").press("Enter")
    expect(page.locator("#audit .vtg-no-audit")).to_contain_text("whole number from 0, got -1")
    expect(strip(page)).to_have_text(re.compile("not audited.*batch.pt"))
    page.locator("#batch-row input").fill("9")
    page.locator("#batch-row input").press("Enter")
    expect(page.locator("#audit .vtg-no-audit")).to_contain_text("from 0 to 1, got 9")


def test_a_finding_is_copied_as_text_for_a_bug_report(audited):
    audited.context.grant_permissions(["clipboard-read", "clipboard-write"])
    break_it(audited, "header-in")
    finding = audited.locator(".vtg-finding", has_text="mask.header-trained")
    button = finding.get_by_role("button", name="Copy for an issue")
    button.click()
    expect(finding.get_by_role("button", name="Copied")).to_be_visible()
    copied = audited.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("### The assistant's header is in the loss (`mask.header-trained`, warning)")
    assert "⟦<|im_start|>assistant\n" in copied
