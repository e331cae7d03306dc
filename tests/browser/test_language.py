"""A page in a language that runs from right to left shows it so, and what the chat template writes around it does not."""

import pytest

from .conftest import ANSWERED, LOADED, Server, show

DIRECTIONS = """() => [...document.querySelectorAll("span.vtg-part")].map((part) => [
  part.className.match(/vtg-kind-(\\w+)/)[1], getComputedStyle(part).direction])"""


@pytest.fixture(scope="module")
def arabic(user_cache):
    server = Server("--num-frames", "4", "--language", "ar").wait()
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
