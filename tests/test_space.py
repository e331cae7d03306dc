"""The page as a Space of Hugging Face starts it: its two files, its variables, and who may come."""

import re
import urllib.request
from itertools import cycle
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.browser.conftest import Server
from tests.hostile_strings import HOSTILE
from vtg_core.commands.start import Environment
from vtg_core.dashboard import Settings, build_dashboard
from vtg_core.dashboard.serving import CONTENT_SECURITY_POLICY, launch_options
from vtg_core.dashboard.session import gpu
from vtg_core.dashboard.settings import for_visitors
from vtg_core.errors import VTGError
from vtg_core.video.plan import FramePolicy

ROOT = Path(__file__).parent.parent
SPACE = ROOT / "docs" / "space"
A_SPACE = {"SPACE_ID": "ann/lens"}


def needed(path):
    """The requirements of a file by their packages, without what is said of them."""
    lines = (line.split(" #")[0].strip() for line in path.read_text().splitlines())
    return {re.match(r"[\w-]+", line)[0]: line for line in lines if line and not line.startswith("#")}


def test_a_space_needs_a_part_of_what_the_page_needs():
    space, page = needed(SPACE / "requirements.txt"), needed(ROOT / "requirements.txt")
    assert space.items() < page.items()
    assert set(page) - set(space) == {
        "gradio",
        "httpx",
        "starlette",
        "accelerate",
        "pandas",
        "pyarrow",
        "tqdm",
    }


def test_the_front_matter_names_what_is_there():
    front = yaml.safe_load((SPACE / "README.md").read_text().split("---")[1])
    assert (front["sdk"], ROOT / front["app_file"]) == ("gradio", ROOT / "app.py")
    assert f"gradio>={front['sdk_version'].rpartition('.')[0]}" in (ROOT / "requirements.txt").read_text()
    assert len(front["short_description"]) <= 60


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, Environment()),
        ({"PORT": "9"}, Environment()),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, Environment("0.0.0.0")),
        ({"GRADIO_SERVER_PORT": "7000"}, Environment(port=7000)),
        (A_SPACE, Environment("0.0.0.0", None, True)),
        ({**A_SPACE, "PORT": "9"}, Environment("0.0.0.0", 9, True)),
        ({**A_SPACE, "PORT": "9", "GRADIO_SERVER_PORT": "7860"}, Environment("0.0.0.0", 7860, True)),
    ],
)
def test_the_variables_say_where_to_listen(variables, known):
    assert Environment.read(variables) == known


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "7\x1b[2J", "²", "9" * 400])
def test_a_port_that_is_none_is_one_sentence(port):
    with pytest.raises(VTGError, match=r"GRADIO_SERVER_PORT must be a port from 1 to 65535, got '"):
        Environment.read({"GRADIO_SERVER_PORT": port})


def test_a_variable_alone_lets_no_other_machine_in():
    server = Server(GRADIO_SERVER_NAME="0.0.0.0")
    with pytest.raises(RuntimeError, match=r"--host 0\.0\.0\.0 lets other machines in"):
        server.wait(20)


def test_visitors_get_less_and_the_operator_what_was_asked_for():
    frames = for_visitors(FramePolicy())
    assert (frames.max_frames, frames.max_pixels) == (128, 1280 * 720)
    with pytest.raises(VTGError, match="at most max_frames"):
        FramePolicy(num_frames=129, max_frames=frames.max_frames)
    asked = for_visitors(FramePolicy(num_frames=256, max_pixels=4_000_000))
    assert (asked.max_frames, asked.max_pixels) == (256, 4_000_000)
    assert launch_options(is_public=True)["max_file_size"] == "200mb"


def test_a_space_alone_may_be_shown_inside_another_page():
    own, of_space = (
        launch_options(is_space=is_space)["app_kwargs"]["middleware"][0] for is_space in (False, True)
    )
    assert own.kwargs["policy"] == CONTENT_SECURITY_POLICY
    assert of_space.kwargs["policy"].endswith(
        "frame-ancestors 'self' https://huggingface.co https://*.huggingface.co"
    )


def test_a_lent_gpu_is_held_for_a_call_and_is_nothing_elsewhere(tmp_path, monkeypatch):
    assert gpu.on_gpu(abs)(-3) == 3
    (tmp_path / "spaces.py").write_text(
        "def GPU(*, duration):\n return lambda run: lambda *given: (duration, run(*given))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert gpu.on_gpu(int.bit_length)(4) == (120, 3)


@pytest.fixture(scope="module")
def space(user_cache):
    """The page as a Space starts it."""
    started = Server("--num-frames", "4", "--device", "cpu", **A_SPACE).wait()
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


@pytest.mark.slow
def test_a_space_reads_an_upload_and_nothing_else_that_a_visitor_names(space):
    client = Client(space.url, verbose=False)
    asked = {"query": "a red circle", "windows": [[8, 14]], "template": "direct", "answer": "standard"}
    video = handle_file(ROOT / "assets" / "red_circle.mp4")
    answer = client.predict(video, **asked, api_name="/inspect")
    assert (answer["checkpoint"], len(answer["samples"])) == ("demo", 1)
    for path in ("assets/red_circle.mp4", str(ROOT / "assets" / "red_circle.mp4"), "/proc/self/environ"):
        with pytest.raises(AppError, match="must be a file that was uploaded"):
            client.predict(path, **asked, api_name="/inspect")
    with pytest.raises(AppError, match="at most max_frames"):
        client.predict(video, **asked, num_frames=129, api_name="/inspect")


@pytest.mark.slow
def test_a_space_answers_each_hostile_text_with_one_sentence(space):
    client = Client(space.url, verbose=False)
    fields = cycle(
        [("/inspect", "video"), ("/audit", "mask"), ("/loss", "template"), ("/compare", "baseline")]
    )
    for text, (endpoint, field) in zip(HOSTILE[::4], fields, strict=False):
        asked = {"video": text, "query": "a red circle", "windows": [[8, 14]], field: text}
        with pytest.raises(AppError) as failed:
            client.predict(**asked, api_name=endpoint)
        assert re.fullmatch(r"The video must be a file that was uploaded .*\.", str(failed.value)), text


def test_a_space_may_be_shown_inside_its_page_and_reached_by_its_name(space):
    request = urllib.request.Request(space.url, headers={"host": "ann-lens.hf.space"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "https://huggingface.co" in answer.headers["content-security-policy"]


@pytest.mark.slow
def test_where_anybody_may_come_few_may_wait():
    most = [build_dashboard(Settings(is_public=is_public))._queue.max_size for is_public in (True, False)]
    assert most == [16, 256]
