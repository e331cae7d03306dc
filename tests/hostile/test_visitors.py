"""However many come at once, each is served or told; nobody is stuck, and nobody holds the queue alone."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.browser.conftest import Server
from tests.hostile.visitors import visit_at_once
from vtg_core.dashboard import launch_options
from vtg_core.dashboard.serving import MAX_WAITING, MAX_WAITING_OF_ONE


class _Waits:
    """What stands in Gradio's queue, as the page's door reads it."""

    def __init__(self, *hosts):
        self.queue = [self._event(host) for host in hosts]
        self.event_queue_per_concurrency_id = {"read": self}
        self._queue = self

    @staticmethod
    def _event(host):
        client = type("Client", (), {"host": host})
        return type("Event", (), {"request": type("Request", (), {"client": client})})


@pytest.fixture
def ask():
    """Ask for a place in a queue in which requests of ``hosts`` wait already."""

    def ask(*hosts):
        join = Route("/gradio_api/queue/join", lambda request: PlainTextResponse("in"), methods=["POST"])
        app = Starlette(routes=[join], middleware=launch_options()["app_kwargs"]["middleware"])
        app.get_blocks = lambda: _Waits(*hosts)
        client = TestClient(app, base_url="http://localhost:7860", client=("127.0.0.1", 5))
        return client.post("/gradio_api/queue/join", json={})

    return ask


def test_a_visitor_has_a_place_while_there_are_some(ask):
    assert ask(*["192.0.2.1"] * (MAX_WAITING - 1)).status_code == 200


def test_a_full_queue_says_how_many_wait(ask):
    answer = ask(*["192.0.2.1"] * MAX_WAITING)
    assert (answer.status_code, answer.json()["waiting"]) == (429, MAX_WAITING)
    assert answer.json()["detail"] == "The page is busy: others have all the places in its queue."


def test_one_visitor_cannot_hold_the_queue(ask):
    answer = ask(*["127.0.0.1"] * MAX_WAITING_OF_ONE, "192.0.2.1")
    assert answer.status_code == 429
    assert "this address has" in answer.json()["detail"]
    assert ask(*["192.0.2.1"] * MAX_WAITING_OF_ONE).status_code == 200


@pytest.mark.slow
@pytest.mark.serial
def test_fifty_visitors_at_once_are_all_served(user_cache):
    server = Server("--num-frames", "8").wait()
    visitors = visit_at_once(server.url, 50)
    assert "Traceback" not in server.stop()
    assert [visitor for visitor in visitors if not visitor.is_served] == []
