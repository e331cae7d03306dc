"""The Loss tab's *This sample*: what it says before a pass and after it, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, OURS, expect_audited, in_theme, open_settings, opened, page_width, show

CONTRASTS = """() => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((n) => n / 255);
    const [r, g, b] = parts.map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const token = document.querySelector(".vtg-loss-token");
  return Array.from({ length: 41 }, (_, step) => {
    token.style.setProperty("--share", String(step / 40));
    const style = getComputedStyle(token);
    const [dark, bright] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  });
}"""
"""The contrast of a token's text on every shade of the scale, as WCAG defines it."""


def score(page):
    show(page, "Loss", "This sample")
    page.locator("#run-loss").click()
    expect(page.locator(".vtg-loss-token")).to_have_count(12, timeout=LOADED)
    return page


@pytest.fixture
def tab(edited):
    show(edited, "Loss", "This sample")
    expect(edited.locator("#loss-cost")).to_contain_text("tokens, 12 of them in the loss")
    return edited


@pytest.fixture
def untried(seen):
    """The tab before any pass, for tests that only look."""
    show(seen, "Loss", "This sample")
    return seen


@pytest.fixture(scope="module")
def scored_once(pages, server):
    with opened(pages, server.url + OURS) as page:
        expect_audited(page)
        score(page)
        chosen = page.locator('.vtg-loss-token[aria-selected="true"] small').text_content()
        yield page, chosen


@pytest.fixture
def scored(scored_once):
    """The page with the loss of the demo's sample on it, for tests that only look and choose tokens."""
    page, _ = scored_once
    show(page, "Loss", "This sample")
    return page


def test_the_cost_and_what_guessing_costs_are_told_before_a_pass(untried):
    expect(untried.locator("#loss-cost")).to_contain_text(
        re.compile(r"on cpu in float32, and about \d+ MB of .* free")
    )
    expect(untried.locator("#loss-cost")).to_contain_text("ln 1,944 = 7.57 nats a token")
    expect(untried.locator("#loss-cost")).to_contain_text("A model that knows nothing pays")
    expect(untried.locator("#loss-view")).to_contain_text("Run a forward pass to see what each trained token")


def test_the_cost_is_of_the_sample_and_the_template_on_screen(tab):
    tab.locator("#answer-form").select_option("temporal_tokens")
    expect(tab.locator("#loss-cost")).to_contain_text("5 of them in the loss")
    tab.locator("#frames input").fill("32")
    tab.locator("#run").click()
    expect(tab.locator("#loss-cost")).to_contain_text(re.compile(r"^\s*1,\d{3} tokens"))


def test_a_newcomer_is_told_in_words_what_the_model_knows(scored):
    expect(scored.locator("#loss-view .vtg-reading")).to_contain_text("This model knows more than nothing")


def test_a_token_opens_with_what_the_model_would_rather_have_written(scored):
    tokens, detail = scored.locator(".vtg-loss-token"), scored.locator(".vtg-loss-detail")
    tokens.nth(1).click()
    expect(detail.locator("h4")).to_contain_text("Token 8 2 of 12 · times · index")
    expect(tokens.nth(1)).to_have_attribute("aria-selected", "true")
    expect(detail.locator(".vtg-loss-own")).to_contain_text("trained")
    # Five alternatives; the trained token stands among them, or behind them.
    assert detail.locator("tbody tr").count() in (5, 6)
    widths = [
        float(bar.evaluate("bar => parseFloat(bar.style.width)"))
        for bar in detail.locator(".vtg-loss-bar").all()
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 100


def test_the_strip_is_read_with_the_keyboard(scored):
    tokens, title = scored.locator(".vtg-loss-token"), scored.locator(".vtg-loss-detail h4")
    tokens.first.click()
    for key, place in (
        ("ArrowRight", 2),
        ("End", 12),
        ("ArrowRight", 12),
        ("ArrowLeft", 11),
        ("Home", 1),
        ("Enter", 1),
    ):
        scored.keyboard.press(key)
        expect(title).to_contain_text(f" {place} of 12 ")
        expect(tokens.nth(place - 1)).to_be_focused()
    assert scored.locator('.vtg-loss-token[tabindex="0"]').count() == 1


def test_the_costliest_token_is_open_first(scored, scored_once):
    _, first_chosen = scored_once
    costs = [float(text) for text in scored.locator(".vtg-loss-token small").all_text_contents()]
    assert float(first_chosen) == max(costs)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_tokens_text_is_readable_on_every_shade(scored, theme):
    with in_theme(scored, theme) as page:
        contrasts = page.evaluate(CONTRASTS)
    assert min(contrasts) >= 4.5
    assert max(contrasts) > 9


def test_the_scale_says_its_numbers_and_where_a_blind_guess_lies(scored):
    marks = scored.locator(".vtg-heat-mark").all_text_contents()
    assert marks[:2] == ["ln V = 7.57", "0"]
    expect(scored.locator(".vtg-heat-legend")).to_contain_text("of the 1,944 tokens of the vocabulary")


def test_the_parts_of_the_loss_add_up_on_screen(scored):
    rows = scored.locator(".vtg-fold", has_text="By region, and by part").locator("tbody tr")
    expect(rows).to_have_count(6)
    sums = [float(row.locator("td").nth(1).text_content()) for row in rows.all()]
    assert sums[0] + sums[1] == pytest.approx(sums[5], abs=2e-4)
    assert sums[2] + sums[3] + sums[4] == pytest.approx(sums[5], abs=2e-4)


def test_the_shift_of_the_models_own_loss_is_told(scored):
    expect(scored.locator("#loss-view summary", has_text="Which shift")).to_contain_text(
        "uses shift 1, as it should"
    )


def test_the_audit_tab_shows_the_same_losses_of_recipes(scored):
    row = scored.locator("#loss-view tr", has_text="all-tokens")
    loss = row.locator("td").nth(1).text_content()
    scored.get_by_role("tab", name="Audit").click()
    expect(scored.locator("#recipes tr", has_text="all-tokens")).to_contain_text(loss)


def test_precisions_are_compared_and_cleared_with_their_input(tab):
    tab.locator("#run-precisions").click()
    rows = tab.locator("#loss-precisions tbody tr")
    expect(rows).to_have_count(3, timeout=LOADED)
    assert [row.locator("th").text_content() for row in rows.all()] == ["float32", "bfloat16", "float16"]
    tab.locator("#query textarea").fill("a blue square appears")
    tab.locator("#run").click()
    expect(rows).to_have_count(0)


def test_a_page_that_waits_is_told_its_place(tab, server, open_page):
    busy = open_page(server.url + OURS)
    expect_audited(busy)
    open_settings(busy)
    busy.locator("#frames input").fill("128")
    busy.locator("#run").click()
    expect(busy.locator("#facts textarea")).to_have_value(re.compile(" 128 frames"), timeout=LOADED)
    show(busy, "Loss")
    busy.locator("#run-loss").click()
    expect(busy.locator("#loss-view")).to_contain_text("Running")
    tab.locator("#run-precisions").click()
    expect(tab.locator("#loss-precisions")).to_contain_text("queue: 1/1")
    busy.locator("#cancel").click()
    expect(busy.locator("#notice")).to_contain_text("cancelled")
    expect(tab.locator("#loss-precisions tbody tr")).to_have_count(3, timeout=LOADED)


def test_a_result_fits_a_phone_and_what_is_secondary_is_shut_until_it_is_asked_for(phone):
    page = score(phone)
    expect(page.locator("#loss-view details")).to_have_count(4)
    expect(page.locator("#loss-view details[open]")).to_have_count(0)
    for title in ("By region", "What other masks"):
        page.locator("#loss-view summary", has_text=title).press("Enter")
    expect(page.locator("#loss-view tr", has_text="all-tokens")).to_be_visible()
    assert page_width(page) <= 390
    page.locator("#run-loss").click()  # what a person opened stays open
    expect(page.locator("#loss-view details[open]")).to_have_count(2)


def test_the_words_are_explained_before_a_pass(untried):
    expect(untried.locator("#loss-view .vtg-words dt").first).to_have_text("NLL, in nats")


def test_the_words_are_explained_on_demand_after_a_pass(scored):
    expect(scored.locator("#loss-view .vtg-words")).to_be_hidden()
    scored.locator("#loss-view summary", has_text="What these words mean").click()
    expect(scored.locator("#loss-view .vtg-words")).to_be_visible()
    scored.locator("#loss-view summary", has_text="What these words mean").click()


def test_figures_stand_on_the_right_of_their_columns(scored):
    aligned = "all => all.map(one => getComputedStyle(one).textAlign)"
    cells = scored.locator("#loss-view").locator("td.vtg-number, thead .vtg-number").evaluate_all(aligned)
    assert len(cells) > 50
    assert set(cells) == {"right"}


def test_the_same_figures_stand_in_the_comparison_of_templates(scored):
    mean, total, times, *_ = scored.locator(".vtg-loss-number").all_text_contents()
    scored.get_by_role("tab", name="Compare templates").click()
    scored.locator("#run-comparison").click()
    row = scored.locator(".vtg-cmp-row", has_text="direct").first
    for column, figure in (("Mean", mean), ("Sum", total), ("Times only", times)):
        cell = row.locator(f'td[data-name="{column}"] .vtg-cmp-figure')
        expect(cell).to_be_visible(timeout=LOADED)
        assert float(cell.text_content()) == pytest.approx(float(figure), abs=6e-3)


def test_a_notice_of_a_cancelled_pass_goes_when_the_next_one_ends_well(tab):
    tab.locator("#cancel").click()
    expect(tab.locator("#notice")).to_contain_text("There is no forward pass to cancel")
    tab.locator("#run-loss").click()
    expect(tab.locator(".vtg-loss-token")).to_have_count(12, timeout=LOADED)
    expect(tab.locator("#notice")).not_to_contain_text("no forward pass")
