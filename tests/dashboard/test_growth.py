"""Templates that grow on the page: what is asked, what comes step by step, and what stays."""

import json

import pytest

from tests.replying import BAD, GOOD
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.growth import GrowthWanted, as_over, grow_templates
from vtg_core.data.wording.files import load_templates
from vtg_core.errors import TemplateError


def wanted(count=3, mode="standard"):
    return GrowthWanted.read(Settings(), "concise", mode, count)


def grown(server, count=3, is_stopped=lambda: False):
    settings = Settings(endpoint=server.url, writer="m")
    return [
        json.loads(view) for view in grow_templates(settings, wanted(count), lambda *said: None, is_stopped)
    ]


def test_what_has_grown_is_shown_reply_by_reply(serve):
    steps = grown(serve(json.dumps(GOOD[:1]), json.dumps(GOOD)))
    assert [(len(step["accepted"]), step["num_replies"], step["is_over"]) for step in steps] == [
        (0, 0, False), (1, 1, False), (3, 2, True),
    ]  # fmt: skip
    assert [own["text"] for own in steps[-1]["accepted"]] == GOOD
    assert steps[-1]["diversity"][0] == ["Templates", 8, 11]


def test_ticked_templates_stand_one_after_the_other_in_a_file_that_is_read(serve, tmp_path):
    accepted = grown(serve(json.dumps(GOOD)))[-1]["accepted"]
    (tmp_path / "ticked.yaml").write_text(accepted[0]["yaml"] + accepted[2]["yaml"])
    assert [own.text for own in load_templates(tmp_path / "ticked.yaml")] == [GOOD[0], GOOD[2]]


def test_what_is_rejected_says_which_rule_it_breaks(serve):
    rejected = grown(serve(json.dumps([GOOD[0], *BAD, *GOOD[1:]])))[-1]["rejected"]
    assert [own["text"] for own in rejected] == list(BAD)
    assert all(own["message"].startswith(f"{BAD[own['text']]}: must ") for own in rejected)


def test_a_growth_that_is_stopped_keeps_what_it_has(serve):
    server = serve(json.dumps(GOOD[:1]), json.dumps(GOOD))
    last = grown(server, is_stopped=lambda: len(server.asked) == 1)[-1]
    assert (len(last["accepted"]), last["num_replies"], last["is_over"]) == (1, 1, True)


def test_a_server_that_fails_ends_in_its_sentence_and_what_was_shown_is_over(serve):
    server, shown = serve(json.dumps(GOOD[:1]), (500, "gone")), []
    with pytest.raises(TemplateError, match="says 500: gone"):
        shown.extend(
            grow_templates(Settings(endpoint=server.url, writer="m"), wanted(), print, lambda: False)
        )
    view = '{"accepted":[],"is_over":false}'
    assert json.loads(as_over(view)) == {"accepted": [], "is_over": True}
    assert as_over(None) is None


@pytest.mark.parametrize(
    ("name", "mode", "count"),
    [("concise", "nothing", 3), ("gone", "standard", 3), (["x"], "standard", 3), ("concise", None, 3),
     ("concise", "standard", 0), ("concise", "standard", 41), ("concise", "standard", "3"), ("concise", "standard", True),
     ("concise", "standard", 2.5)],
)  # fmt: skip
def test_what_the_page_sends_is_checked(name, mode, count):
    with pytest.raises(TemplateError, match="must be"):
        GrowthWanted.read(Settings(), name, mode, count)
