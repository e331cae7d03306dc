"""A page in a language that runs from right to left shows it so, and what the chat template writes around it does not.

Its server also has a language model to ask: templates grow in that language.
"""

import json

import pytest
from playwright.sync_api import expect

from tests.replying import GOOD, servers
from vtg_core.templates import load_templates

from .conftest import ANSWERED, LOADED, Server, show

DIRECTIONS = """() => [...document.querySelectorAll("span.vtg-part")].map((part) => [
  part.className.match(/vtg-kind-(\\w+)/)[1], getComputedStyle(part).direction])"""

GROWN = "ابحث في المقطع عن «{query}» ثم اذكر الزمن بالثواني هكذا: [start_time, end_time]"


@pytest.fixture(scope="module")
def arabic(user_cache):
    with servers() as serve:
        writer = serve(json.dumps([GROWN, GOOD[0], "<b>{query}</b>"]), (500, "gone"))
        server = Server(
            "--num-frames", "4", "--language", "ar", "--endpoint", writer.url, "--model", "<i>writer</i>"
        ).wait()
        yield server
        assert "Traceback" not in server.stop()


def test_a_prompt_in_arabic_runs_from_right_to_left_and_its_frame_does_not(arabic, open_page):
    page = open_page(arabic.url)
    page.wait_for_selector(".vtg-verdict", timeout=LOADED)
    show(page, "Prompts")
    page.wait_for_selector("span.vtg-part.vtg-kind-instruction", state="attached", timeout=ANSWERED)
    directions = {tuple(pair) for pair in page.evaluate(DIRECTIONS)}
    assert ("instruction", "rtl") in directions
    assert ("role_header", "ltr") in directions
    assert ("role_header", "rtl") not in directions
    assert page.locator("span.vtg-part", has_text="اعتمادًا على الفيديو").count() == 2


def test_templates_grow_are_looked_at_ticked_and_saved_and_a_server_that_fails_leaves_them(
    arabic, open_page, tmp_path
):
    page = open_page(arabic.url)
    page.wait_for_selector(".vtg-verdict", timeout=LOADED)
    show(page, "Prompts")
    grown = page.locator("#grown-templates")
    grown.locator("summary").click()
    expect(grown).to_contain_text("<i>writer</i> writes other ways")
    grown.get_by_label("How many").fill("2")
    grown.get_by_role("button", name="Grow").click()
    expect(grown).to_contain_text("1 of 2 accepted", timeout=ANSWERED)
    expect(page.locator("#notice")).to_contain_text("says 500: gone", timeout=ANSWERED)
    expect(grown.get_by_role("button", name="Grow")).to_be_enabled()
    assert grown.locator(".vtg-gt-text").first.evaluate("node => getComputedStyle(node).direction") == "rtl"
    grown.get_by_text("2 rejected").click()
    expect(grown).to_contain_text("<b>{query}</b>")
    save = grown.get_by_role("button", name="Save the ticked ones as YAML")
    grown.get_by_role("checkbox").uncheck()
    expect(save).to_be_disabled()
    grown.get_by_role("checkbox").check()
    with page.expect_download() as saved:
        save.click()
    saved.value.save_as(tmp_path / "grown.yaml")
    assert [own.text for own in load_templates(tmp_path / "grown.yaml")] == [GROWN]
