"""The Loss tab's *Probe*: questions to the model about the sample on screen, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, OURS, expect_audited, opened, page_width, show
from .test_page import HOSTILE, type_query


def open_probe(page):
    show(page, "Loss", "Probe")
    expect(page.locator("#controls-cost")).to_contain_text("3 forward passes", timeout=LOADED)


def state(page):
    return page.locator("#overfit-view .vtg-po-said")


def set_steps(page, count):
    field = page.locator("#overfit-steps input[type=number]")
    field.fill(str(count))
    field.press("Tab")
    expect(page.locator("#overfit-cost")).to_contain_text(f"{count} steps, ")


def choose_mask(page, name):
    page.locator("#overfit-mask input").click()
    page.get_by_role("option", name=re.compile(f"^{name} · ")).click()


def curve_points(page, name):
    points = page.locator(f"#overfit-view polyline.vtg-po-{name}").get_attribute("points")
    return [tuple(map(float, point.split(","))) for point in points.split()]


@pytest.fixture
def tab(edited):
    open_probe(edited)
    return edited


@pytest.fixture(scope="module")
def asked_once(pages, server):
    with opened(pages, server.url + OURS) as page:
        expect_audited(page)
        open_probe(page)
        page.locator("#run-controls").click()
        expect(page.locator("#controls-view tbody tr")).to_have_count(5, timeout=LOADED)
        page.locator("#run-answer").click()
        expect(page.locator("#answer-view .vtg-pa-truth")).to_be_visible(timeout=LOADED)
        overfit(page)
        yield page


@pytest.fixture
def asked(asked_once):
    """The page with the answer to every question, for tests that only look."""
    show(asked_once, "Loss", "Probe")
    return asked_once


def overfit(page):
    set_steps(page, 8)
    page.locator("#run-overfit").click()
    expect(page.locator("#overfit-view .vtg-reading")).to_be_visible(timeout=LOADED)


def test_each_question_says_what_it_costs_before_it_is_asked(seen):
    open_probe(seen)
    for name, said in (
        ("controls", r"3 forward passes over about 1,058 tokens: .* on cpu in float32, and about \d+ MB"),
        (
            "answer",
            r"One pass over the prompt's 3\d\d tokens, and one for each of at most \d+ that it writes",
        ),
        ("overfit", r"20 steps, the work of 61 forward passes over 340 tokens: .* on cpu in float32"),
    ):
        expect(seen.locator(f"#{name}-cost")).to_contain_text(re.compile(said))
    field = seen.locator("#other-query textarea")
    expect(field).to_have_attribute("placeholder", "a blue square slides across the screen")
    expect(seen.locator("#other-query")).to_contain_text("the sentence of an example of this page")


def test_the_controls_are_one_table_with_a_reading_on_top(asked):
    rows = asked.locator("#controls-view tbody tr")
    expect(rows).to_have_count(5, timeout=LOADED)
    expect(asked.locator("#controls-view .vtg-reading")).to_have_text(re.compile(r"\w.*\.$"))
    names = rows.locator(".vtg-recipe-name").all_text_contents()
    assert names == ["The real sample", "Blank video", "Reversed video", "Another query", "Shifted window"]
    expect(rows.nth(3)).to_contain_text("a blue square slides across the screen")
    expect(asked.locator("#controls-view img")).to_have_count(3)
    widths = asked.locator("#controls-view img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert min(widths) > 0
    sums = [float(text) for text in rows.locator('td[data-name="Sum"]').all_text_contents()]
    for row, own in zip(rows.all()[1:], sums[1:], strict=True):
        change = row.locator('td[data-name="Change"]').text_content().replace("−", "-")
        assert float(change) == pytest.approx(own - sums[0], abs=0.011)
        expect(row.locator(".vtg-pc-bars")).to_have_attribute("aria-label", re.compile(" nats in all, "))


def test_a_query_of_ones_own_is_asked_and_stays_text(tab):
    tab.locator("#other-query textarea").fill(HOSTILE[0])
    tab.locator("#run-controls").click()
    expect(tab.locator("#controls-view q")).to_have_text(HOSTILE[0], timeout=LOADED)
    type_query(tab, "a blue square appears")
    expect(tab.locator("#controls-view tbody tr")).to_have_count(0)
    expect(tab.locator("#other-query textarea")).to_have_value(HOSTILE[0])
    assert tab.evaluate("globalThis.__ran") is None


def test_what_the_model_answers_stands_beside_the_truth(asked):
    truth = asked.locator("#answer-view .vtg-pa-truth")
    expect(truth).to_be_visible(timeout=LOADED)
    style = truth.evaluate("bar => [parseFloat(bar.style.left), parseFloat(bar.style.width)]")
    assert style == pytest.approx([100 * 8 / 30, 100 * 6 / 30], abs=0.01)
    expect(asked.locator("#answer-view .vtg-pa-frame")).to_have_count(8)
    expect(asked.locator("#answer-view .vtg-reading")).to_have_text(re.compile(r"\w.*\.$"))
    expect(asked.locator("#answer-view .vtg-pa-facts")).to_contain_text(re.compile(r"after \d+ tokens?\."))
    expect(asked.locator("#answer-view .vtg-pa-timeline")).to_have_attribute(
        "aria-label", re.compile("the truth is 8.0 to 14.0 s; the model says ")
    )


def test_an_overfit_check_ends_with_its_curves_and_the_weights_as_they_were(asked):
    response = curve_points(asked, "response")
    assert len(response) == len(curve_points(asked, "prompt")) == 9
    assert response[-1][1] > response[0][1]  # lower on screen: a smaller loss
    notes = asked.locator("#overfit-view .vtg-po-note")
    expect(notes.first).to_contain_text(
        re.compile(r"12 tokens of our response-only mask trained all [\d,]+ weights")
    )
    expect(notes.nth(1)).to_contain_text("as they were, bit for bit")
    asked.locator("#overfit-view summary", has_text="The same figures").press("Enter")
    rows = asked.locator("#overfit-view tbody tr")
    expect(rows).to_have_count(9)
    answers = [float(text) for text in rows.locator('td[data-name="The answer"]').all_text_contents()]
    assert answers[-1] < answers[0]


def test_the_axis_is_chosen_with_the_keyboard_and_stays_chosen(asked):
    before = curve_points(asked, "response")
    asked.get_by_role("radio", name="linear").focus()
    asked.keyboard.press("ArrowRight")
    chosen = asked.get_by_role("radio", name="logarithmic")
    expect(chosen).to_be_checked()
    expect(chosen).to_be_focused()
    assert curve_points(asked, "response") != before
    asked.locator("#run-overfit").click()
    expect(asked.locator("#overfit-view .vtg-reading")).to_have_count(0)
    expect(asked.locator("#overfit-view .vtg-reading")).to_be_visible(timeout=LOADED)
    expect(chosen).to_be_checked()
    asked.get_by_role("radio", name="linear").check()  # as it was


def test_another_mask_has_a_curve_of_its_own(tab):
    set_steps(tab, 4)
    choose_mask(tab, "text-prefix")
    tab.locator("#run-overfit").click()
    expect(tab.locator("#overfit-view .vtg-reading")).to_contain_text("with our mask and", timeout=LOADED)
    expect(tab.locator("#overfit-view .vtg-po-legend")).to_contain_text("What text-prefix trains")
    assert len(curve_points(tab, "trained")) == len(curve_points(tab, "ours")) == 5
    expect(tab.locator("#overfit-view .vtg-po-note").first).to_contain_text("of the mask of text-prefix")
    choose_mask(tab, "ours")  # as it was


def test_a_curve_grows_while_it_runs_and_a_cancelled_check_keeps_what_came(tab):
    set_steps(tab, 200)
    tab.locator("#run-overfit").click()
    expect(state(tab)).to_have_text(re.compile(r"Step [2-9]\d* of 200"), timeout=LOADED)
    expect(tab.locator("#overfit-view polyline.vtg-po-response")).to_have_count(1)
    tab.locator("#cancel-overfit").click()
    expect(state(tab)).to_have_text(re.compile(r"Stopped after \d+ of 200 steps"))
    expect(tab.locator("#overfit-view")).to_contain_text("as they were, bit for bit")
    expect(tab.locator("#notice")).to_contain_text("The overfit check was cancelled")
    tab.locator("#run-answer").click()  # the model is free at once
    expect(tab.locator("#answer-view .vtg-reading")).to_be_visible(timeout=LOADED)


def test_a_closed_page_lets_go_of_the_model(server, open_page):
    busy, waiting = open_page(server.url + OURS), open_page(server.url + OURS)
    for page in (busy, waiting):
        expect_audited(page)
        open_probe(page)
    set_steps(busy, 200)
    busy.locator("#run-overfit").click()
    expect(state(busy)).to_have_text(re.compile("Step 1"), timeout=LOADED)
    waiting.locator("#run-answer").click()
    expect(waiting.locator("#answer-cost")).to_contain_text("queue: 1/1")
    busy.close()
    expect(waiting.locator("#answer-view .vtg-reading")).to_be_visible()


@pytest.mark.parametrize("change", ["query", "template"])
def test_what_belongs_to_another_input_is_not_left_on_screen(tab, change):
    overfit(tab)
    tab.locator("#run-controls").click()
    expect(tab.locator("#controls-view tbody tr")).to_have_count(5, timeout=LOADED)
    if change == "query":
        type_query(tab, "a blue square appears")
    else:
        tab.locator("#template input").click()
        tab.get_by_role("option", name="concise").click()
    expect(tab.locator("#controls-view tbody tr")).to_have_count(0)
    expect(tab.locator("#overfit-view svg")).to_have_count(0)
    expect(tab.locator("#controls-cost")).to_contain_text("3 forward passes")


def test_another_query_stops_a_check_that_runs(tab):
    set_steps(tab, 200)
    tab.locator("#run-overfit").click()
    expect(state(tab)).to_have_text(re.compile("Step 1"), timeout=LOADED)
    type_query(tab, "a blue square appears")
    expect(state(tab)).to_have_count(0)
    tab.locator("#run-answer").click()
    expect(tab.locator("#answer-view .vtg-reading")).to_be_visible(timeout=LOADED)


def test_cancelling_where_nothing_runs_says_so(tab):
    for name, what in (
        ("controls", "check of the controls"),
        ("answer", "answer"),
        ("overfit", "overfit check"),
    ):
        tab.locator(f"#cancel-{name}").click()
        expect(tab.locator("#notice")).to_contain_text(f"There is no {what} to cancel.")


def test_nothing_moves_while_a_question_is_asked(tab):
    place = "document.querySelector('#probe-answer').getBoundingClientRect().top + scrollY"
    before = tab.evaluate(place)
    set_steps(tab, 200)
    tab.locator("#run-overfit").click()
    expect(state(tab)).to_have_text(re.compile("Step 1"), timeout=LOADED)
    tab.locator("#run-controls").click()
    expect(tab.locator("#controls-cost")).to_contain_text("queue: 1/1")
    assert tab.evaluate(place) == pytest.approx(before, abs=1)
    tab.locator("#cancel-overfit").click()
    expect(tab.locator("#controls-view tbody tr")).to_have_count(5, timeout=LOADED)


def test_the_answers_fit_their_width(asked):
    expect_fits(asked, 1280)


def test_the_answers_fit_a_phone_and_are_asked_for_with_the_keyboard(phone):
    open_probe(phone)
    set_steps(phone, 3)
    for name, shown in (
        ("controls", "tbody tr:last-child"), ("answer", ".vtg-pa-timeline"), ("overfit", ".vtg-reading")
    ):  # fmt: skip
        phone.locator(f"#run-{name}").focus()
        phone.keyboard.press("Enter")
        expect(phone.locator(f"#{name}-view {shown}")).to_be_visible(timeout=LOADED)
    expect_fits(phone, 390)


def expect_fits(page, width):
    assert page_width(page) <= width
    chart = page.locator("#overfit-view .vtg-po-chart").bounding_box()
    assert chart["x"] + chart["width"] <= width
