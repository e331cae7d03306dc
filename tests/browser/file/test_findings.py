"""The findings of a whole file: audited, narrowed, walked, opened in the linked view, written out, and gone on with."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LOADED, choose_mask, page_width, show


@pytest.fixture
def findings(file_page):
    """The file's page on its findings, of a collator whose mask leaks."""
    page = file_page
    choose_mask(page, "collator")
    show(page, "File", "Findings")
    expect(page.locator("#run-file")).to_contain_text("vtg_core.recipes:text_prefix", timeout=LOADED)
    if state(page).count() == 0 or "text_prefix" not in page.locator("#file-audit").inner_text():
        page.locator("#run-file").click()
    expect(state(page)).to_have_text("Audited 6 of 7 rows, 6 of which can be read.", timeout=LOADED)
    page.get_by_label("Code", exact=True).select_option("")  # as no test before has left it
    return page


def state(page):
    return page.locator("#file-audit .vtg-file-state")


def lines(page):
    return page.locator("#file-audit .vtg-vrows .vtg-vrow")


def severity(page):
    return page.get_by_label("Show", exact=True)


def test_findings_are_grouped_and_a_click_opens_the_row_with_its_finding(findings):
    page = findings
    groups = page.locator(".vtg-file-codes")
    expect(groups).to_contain_text("row.unreadable")
    expect(groups.locator("tr", has_text="mask.counted-before-expansion")).to_contain_text("6")
    lines(page).filter(has_text=re.compile(r"^3.*mask\.counted-before-expansion")).click()
    expect(page.get_by_role("tab", name="Audit")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#query textarea")).to_have_value("a green triangle appears")
    expect(page.locator("#row input[type=number]")).to_have_value("3")
    walked = page.locator(".vtg-finding.vtg-walked")
    expect(walked).to_contain_text("mask.counted-before-expansion")
    expect(walked).to_be_in_viewport()
    expect(page.locator("#file-walk")).to_contain_text("row 3 mask.counted-before-expansion")


def test_findings_are_walked_from_the_row_on_screen(findings):
    page = findings
    page.get_by_label("Code", exact=True).select_option("mask.counted-before-expansion")
    lines(page).first.click()
    first = page.locator("#row input[type=number]")
    expect(page.locator("#file-walk")).to_contain_text("finding 1 of 6")
    expect(first).to_have_value("1")
    page.get_by_role("button", name="Next finding").click()
    expect(first).to_have_value("2")
    expect(page.locator(".vtg-finding.vtg-walked")).to_be_visible()
    page.get_by_role("button", name="Back to the findings").click()
    expect(page.locator("#file-audit .vtg-vrow.vtg-chosen")).to_contain_text("counted-before-expansion")
    page.get_by_label("Code", exact=True).select_option("")


def test_findings_are_narrowed_by_what_a_person_asks(findings):
    page = findings
    counts = page.locator(".vtg-ff-counts")
    expect(counts).to_contain_text(re.compile(r"^\d+ of \d+ findings, in 7 of 7 rows"))
    page.get_by_label("Search", exact=True).fill("old.avi moves")
    expect(counts).to_contain_text("in 1 of 7 rows")
    page.get_by_label("Search", exact=True).fill("")
    page.get_by_label("Video has").fill("two_events")
    expect(counts).not_to_contain_text("in 7 of 7")
    expect(lines(page).first).to_contain_text("two_events.mp4")
    page.get_by_label("Video has").fill("no such video")
    expect(page.locator(".vtg-ff-panel")).to_have_text("No finding is like that.")
    page.get_by_label("Video has").fill("")
    page.locator(".vtg-file-codes tr", has_text="row.unreadable").get_by_role("button").click()
    expect(lines(page)).to_have_count(1)
    severity(page).select_option("bad")
    expect(counts).to_contain_text("in 7 of 7 rows")


def test_exactly_what_is_shown_is_saved(findings, tmp_path):
    page = findings
    page.get_by_label("Sort", exact=True).select_option("row")
    page.get_by_label("Search", exact=True).fill("expansion")
    expect(page.locator(".vtg-ff-counts")).to_contain_text("in 6 of 7 rows")
    saved = {}
    for name in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        saved[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[name])
    rows = list(csv.DictReader(saved["CSV"].read_text(encoding="utf-8").splitlines()))
    told = json.loads(saved["JSON"].read_text(encoding="utf-8"))
    assert [row["row"] for row in rows] == [str(one["row"]) for one in told["findings"]]
    assert (len(rows), told["filter"]["text"]) == (lines(page).count(), "expansion")
    page.get_by_label("Search", exact=True).fill("")
    page.get_by_label("Sort", exact=True).select_option("worst")


def test_findings_are_walked_with_the_keyboard(findings):
    page = findings
    lines(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator('#file-audit .vtg-vrow[tabindex="0"]')).to_have_attribute("aria-rowindex", "2")
    page.keyboard.press("End")
    expect(page.locator("#file-audit .vtg-vrow:focus")).to_have_count(1)
    page.keyboard.press("Home")
    expect(page.locator("#file-audit .vtg-vrow:focus")).to_have_attribute("aria-rowindex", "1")
    expect(page.locator(".vtg-ff-panel")).to_contain_text("What to do.")


def test_findings_fit_a_phone(findings):
    findings.set_viewport_size({"width": 390, "height": 800})
    assert page_width(findings) <= 390
    findings.set_viewport_size({"width": 1280, "height": 900})


MANY = """async (count) => {
  const { default: draw } = await import("/scripts/file_findings.js");
  const box = document.body.appendChild(document.createElement("section"));
  box.append(document.createElement("div"));
  const told = [];
  const column = (valueOf) => Array.from({ length: count }, (_, i) => valueOf(i));
  const view = {
    subject: "many", state: "partial", num_rows: count, num_all: count, num_in_file: count, headline: `${count} rows`, mask: "ours", mode: "standard", can_go_on: true, num_findings: count,
    codes: [{ code: "mask.a", severity: "error", title: "A", why: "", fix: "", count }], cause_codes: [0], causes: ["#"], videos: ["a.mp4"], templates: ["direct"],
    rows: column((i) => i + 1), wheres: column(String), cause_at: column(() => 0), video_at: column(() => 0), template_at: column(() => 0),
    messages: column((i) => `found ${i}`), queries: column(() => "red"), qids: column(() => ""),
  };
  draw({ element: box, props: { value: JSON.stringify(view) }, trigger: (name, data) => told.push([name, data?.row ?? null]), watch() {} });
  const grid = box.querySelector(".vtg-vrows");
  let most = 0;
  for (const share of [0, 0.3, 0.7, 1]) {
    grid.scrollTop = grid.scrollHeight * share;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    most = Math.max(most, grid.querySelectorAll(".vtg-vrow").length);
  }
  const last = grid.querySelector(`[data-place="${count - 1}"]`)?.textContent ?? "";
  [...box.querySelectorAll("button")].find((one) => one.textContent.startsWith("Go on")).click();
  box.remove();
  return [most, last, told];
}"""


def test_of_20_000_rows_only_those_that_are_seen_are_in_the_page(findings):
    most, last, told = findings.evaluate(MANY, 20_000)
    assert most < 50
    assert "found 19999" in last
    assert told == [["go_on", None]]


def test_an_audit_is_stopped_and_gone_on_with(findings):
    page = findings
    choose_mask(page, "ours")
    expect(page.locator("#run-file")).to_contain_text("our collator")
    page.locator("#run-file").click()
    expect(page.locator("#file-audit")).to_contain_text("our collator on rows.jsonl")
    page.locator("#cancel-file").click()
    expect(state(page)).to_have_text(re.compile(r"Audited 6 of 7 rows|Partial: stopped after"))
    if "Partial" in state(page).inner_text():
        page.get_by_role("button", name="Go on where it stopped").click()
    expect(state(page)).to_have_text("Audited 6 of 7 rows, 6 of which can be read.")
