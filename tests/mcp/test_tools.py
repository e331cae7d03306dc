import asyncio
import json

import pytest

pytest.importorskip("mcp", reason="pip install 'gradio[mcp]' for the tests of --mcp")

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from tests.browser.conftest import Server
from tests.conftest import ASSETS


@pytest.fixture(scope="module")
def server(user_cache):
    started = Server("--mcp", "--video-root", str(ASSETS), "--num-frames", "4", "--device", "cpu").wait()
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


def asked(server, what):
    """Do something as a model's client does it."""

    async def run():
        async with (
            streamablehttp_client(f"{server.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await what(session)

    return asyncio.run(run())


def test_the_four_are_tools_and_say_what_they_take(server):
    tools = asked(server, lambda session: session.list_tools()).tools
    assert sorted(tool.name for tool in tools) == ["audit", "compare", "inspect", "loss"]
    for tool in tools:
        assert len(tool.description) > 60
        properties = tool.inputSchema["properties"]
        assert set(tool.inputSchema["required"]) == {"video", "query", "windows"}
        assert all(one["description"] for one in properties.values())


def test_a_tool_answers_what_the_endpoint_does(server):
    row = {"video": "red_circle.mp4", "query": "a red circle appears", "windows": [[8, 14]]}
    result = asked(server, lambda session: session.call_tool("audit", {**row, "mask": "text-prefix"}))
    assert not result.isError
    found = json.loads(result.content[0].text)
    assert found["findings"][0]["code"] == "mask.counted-before-expansion"


def test_a_tool_says_in_a_sentence_what_it_cannot_do(server):
    row = {"video": "/etc/hostname", "query": "a red circle appears", "windows": [[8, 14]]}
    result = asked(server, lambda session: session.call_tool("inspect", row))
    assert result.isError
    assert "The video must be a file that was uploaded" in result.content[0].text
