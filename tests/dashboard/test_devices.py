"""Where the page's passes run, as a person chooses."""

import json

import pytest

from tests.dashboard.test_page import inputs, silent
from vtg_core.checkpoints.placement import devices_here, resolve_device
from vtg_core.dashboard import Settings
from vtg_core.dashboard.session.devices import check_choice, device_choices, is_offered
from vtg_core.dashboard.session.visit import Visit
from vtg_core.dashboard.work.loss import show_loss, show_loss_cost
from vtg_core.errors import VTGError
from vtg_core.video.plan import FramePolicy

STARTED = Settings(frames=FramePolicy(num_frames=4))


def test_what_is_offered_is_here():
    here = devices_here()
    assert here[-1] == "cpu"
    assert [resolve_device(name) for name in here] == here
    assert device_choices(STARTED) == [(f"auto: {here[0]}", "auto"), *((name, name) for name in here)]


@pytest.mark.parametrize("device", ["cuda:99", "", None, 5, "cpu; rm -rf /", ["cpu"]])
def test_what_a_page_cannot_choose_is_refused_in_a_sentence(device):
    with pytest.raises(VTGError, match="the device must be one that this page offers"):
        check_choice(STARTED, device)


@pytest.mark.parametrize("started", [Settings(is_public=True), Settings(device_map="auto")])
def test_a_visitor_chooses_no_device_and_nobody_does_where_several_share_the_weights(started):
    assert not is_offered(started)
    with pytest.raises(VTGError, match="the device must be one"):
        check_choice(started, "cpu")


def test_the_next_pass_runs_where_it_was_chosen_and_says_so(user_cache):
    visit = Visit(device=check_choice(STARTED, "cpu"))
    chosen = visit.settings(Settings(device="cuda:99", frames=STARTED.frames))
    asked = inputs(STARTED)
    assert "on cpu in" in show_loss_cost(chosen, asked)
    assert "cpu" in json.loads(show_loss(chosen, asked, silent, lambda: False).loss)["run"]
