"""All prompts in one table, any two of them word by word, and a template that a person types beside them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import page_width, show
from tests.hostile_strings import HOSTILE
from vtg_core.templates import load_templates


@pytest.fixture
def prompts(demo):
    """The demo's prompts, with two of them chosen."""
    choose(demo, "direct", "concise")
    return demo


def lines(page):
    return page.locator(".vtg-pd-table tbody tr")


def choose(page, left, right, mode="seconds"):
    for name, side in ((left, "left"), (right, "right")):
        page.get_by_role("radio", name=f"{name}, {mode}: compare on the {side}").check()


def sides(page):
    return page.locator("#prompt-table .vtg-pd-side")


def type_template(page, text):
    if not page.get_by_label("Its words").is_visible():
        page.locator("#typed-template summary").click()
    page.get_by_label("Its words").fill(text)


def test_sixteen_prompts_stand_in_one_table_and_are_sorted(prompts):
    expect(lines(prompts)).to_have_count(16)
    head = prompts.locator(".vtg-pd-table").get_by_role("button", name="Tokens")
    head.click()
    counts = [int(text) for text in lines(prompts).locator('[data-name="Tokens"]').all_text_contents()]
    assert counts == sorted(counts)
    expect(head).to_be_focused()
    prompts.locator(".vtg-pd-table").get_by_role("button", name="Compare").click()
    expect(lines(prompts).first).to_contain_text("direct")
    expect(lines(prompts).first.locator('[data-name="Trained"]')).to_have_text("12")


def test_two_prompts_are_held_against_each_other_word_by_word(prompts):
    expect(sides(prompts).locator("h4")).to_have_text(["direct", "concise"])
    expect(prompts.locator(".vtg-pd-said")).to_have_text(re.compile(r"They differ in \d+ places"))
    own = sides(prompts).nth(1).locator("ins.vtg-other")
    assert any("Find" in text for text in own.all_text_contents())
    expect(sides(prompts).first.locator(".vtg-pd-cut").first).to_contain_text("words alike")
    prompts.get_by_role("checkbox", name="only what differs").uncheck()
    expect(sides(prompts).first).to_contain_text("a red circle appears")
    prompts.get_by_role("radio", name="the template's words").check()
    expect(sides(prompts).first).to_contain_text("{query}")
    prompts.get_by_role("radio", name="messages").check()
    expect(sides(prompts).first).to_contain_text("assistant")
    prompts.get_by_role("radio", name="as the model reads it").check()
    prompts.get_by_role("checkbox", name="only what differs").check()


def test_a_prompt_is_the_same_as_itself_and_copied_as_it_is(prompts):
    choose(prompts, "task", "task")
    expect(prompts.locator(".vtg-pd-said")).to_contain_text("the same, character for character")
    prompts.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sides(prompts).first.get_by_role("button", name="Copy").click()
    expect(sides(prompts).first.get_by_role("button", name="Copied")).to_be_visible()
    assert 'Sentence: "a red circle appears"' in prompts.evaluate("navigator.clipboard.readText()")


def test_a_template_is_typed_beside_the_sixteen_and_saved(prompts, tmp_path):
    type_template(prompts, "Where is {query}?")
    expect(lines(prompts)).to_have_count(17)
    expect(lines(prompts).first).to_contain_text("mine (yours)")
    choose(prompts, "mine (yours)", "direct")
    expect(sides(prompts).first).to_contain_text("Where")
    with prompts.expect_download() as download:
        prompts.get_by_role("button", name="Save as YAML").click()
    download.value.save_as(tmp_path / "templates.yaml")
    [template] = load_templates(tmp_path / "templates.yaml")
    assert (template.name, template.text) == ("mine", "Where is {query}?")
    type_template(prompts, "Where is it?")
    expect(prompts.locator(".vtg-tt-problem")).to_contain_text("exactly once")
    expect(lines(prompts)).to_have_count(16)
    type_template(prompts, "")


def test_a_template_that_renders_like_another_is_said_so(prompts):
    words = prompts.evaluate(
        "import('/scripts/store.js').then(({ get }) => get('prompts').find(({ key }) => key === 'standard/direct').raw)"
    )
    type_template(prompts, words)
    expect(lines(prompts).first).to_contain_text("renders like direct, seconds")
    type_template(prompts, "")
    expect(lines(prompts)).to_have_count(16)


def test_what_is_typed_is_text_whatever_it_is(prompts):
    said = prompts.locator("#typed-template .vtg-tt-said")
    for text in HOSTILE[::60]:
        type_template(prompts, "{query} " + text.replace("\r", " "))
        expect(said).not_to_contain_text("{query} stands for")
    assert prompts.evaluate("globalThis.__ran") is None
    assert prompts.locator("#prompt-table :is(script, img, iframe)").count() == 0
    type_template(prompts, "")


def test_prompts_fit_a_phone(phone):
    show(phone, "Prompts")
    phone.wait_for_selector(".vtg-pd-side")
    assert page_width(phone) <= 390
