"""Prompts held against a small server on this machine that renders them with a real processor."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from tests.conftest import ASSETS
from tests.conversation_files import spoken, write_rows
from vtg_core import VideoTemporalSFTDataset
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.serving import ROUTE, RenderServer, served_rows
from vtg_core.chat.markup import apply_chat_template
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.commands import cli
from vtg_core.errors import VTGError
from vtg_core.masking.processor_call import call_processor
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

FRAMES = FramePolicy(num_frames=4, max_pixels=20_000)
OTHER_FRAMES = FramePolicy(num_frames=6, max_pixels=20_000)


@pytest.fixture(scope="module")
def checkpoint(user_cache):
    return load_checkpoint("demo")


@pytest.fixture(scope="module")
def chat(checkpoint):
    return ChatIds.of(checkpoint.processor, checkpoint.stop_ids)


@pytest.fixture(scope="module")
def dataset(user_cache):
    return VideoTemporalSFTDataset(ASSETS / "demo_annotations.json", frames=FRAMES, template_seed=0)


class Renderer(BaseHTTPRequestHandler):
    """Renders what it is asked with the processor of its server, as that is changed by the test."""

    def do_GET(self):
        self.answer(200, {"data": [{"id": "demo"}]})

    def do_POST(self):
        asked = json.loads(self.server.edited(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.asked.append(asked)
        if self.path != ROUTE:
            self.answer(404, {"error": "no such route"})
        else:
            self.answer(200, self.server.shaped(self.ids_of(asked)))

    def ids_of(self, asked):
        videos = []
        for part in (p for m in asked["messages"] if not isinstance(m["content"], str) for p in m["content"]):
            if part["type"] == "video_url":
                path = self.server.folder / f"{len(videos)}.mp4"
                path.write_bytes(base64.b64decode(part["video_url"]["url"].partition(",")[2]))
                videos.append(sample_frames(path, self.server.frames))
                part.update(type="video")
        messages = [*self.server.opened, *asked["messages"]]
        text = apply_chat_template(self.server.processor, messages, add_generation_prompt=True)
        return call_processor(self.server.processor, text, videos)["input_ids"][0].tolist()

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(checkpoint, tmp_path):
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Renderer)
    listening.processor, listening.folder, listening.frames = checkpoint.processor, tmp_path, FRAMES
    listening.opened, listening.asked = [], []
    listening.edited = lambda body: body
    listening.shaped = lambda ids: {"token_ids": ids}
    thread = Thread(target=listening.serve_forever)
    thread.start()
    yield listening
    listening.shutdown()
    listening.server_close()
    thread.join()


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}"


def found_in(dataset, chat, server, **options):
    rows = served_rows(dataset, chat, RenderServer(url_of(server)), num_rows=2, **options)
    return [finding for row in rows for finding in row.findings]


def test_a_server_that_renders_as_training_does_is_no_finding(dataset, chat, server):
    assert found_in(dataset, chat, server) == []
    assert len(server.asked) == 2
    assert all(asked["model"] == "demo" and asked["add_generation_prompt"] for asked in server.asked)
    assert [message["role"] for message in server.asked[0]["messages"]] == ["user"]


def test_a_server_that_writes_a_system_turn_of_its_own_is_quoted(dataset, chat, server):
    server.opened = [{"role": "system", "content": "Be brief."}]
    finding, *_ = found_in(dataset, chat, server)
    assert finding.code == "parity.served-prompt-differs"
    assert "Be brief." in finding.message


def test_a_server_that_takes_other_frames_is_told_as_a_choice_and_the_words_are_not_blamed(
    dataset, chat, server
):
    server.frames = OTHER_FRAMES
    assert {finding.code for finding in found_in(dataset, chat, server)} == {"parity.served-video-differs"}


@pytest.fixture
def turns(user_cache, tmp_path):
    """A row of three answers about one clip."""
    rows = write_rows(tmp_path, spoken(1, 1, 1))
    return VideoTemporalSFTDataset(rows, frames=FRAMES, video_root=ASSETS)


def test_each_answers_prompt_is_asked_for_with_the_answers_before_it(turns, chat, server):
    assert found_in(turns, chat, server) == []
    assert [len(asked["messages"]) for asked in server.asked] == [1, 3, 5]


def test_a_server_that_writes_an_earlier_answer_otherwise_is_found_at_the_turn_behind_it(turns, chat, server):
    server.edited = lambda body: body.replace(b"Answer 0.", b"Answer nought.")
    [finding] = found_in(turns, chat, server)
    assert finding.code == "parity.served-prompt-differs"
    assert "nought." in finding.message
    assert "before answer 2" in finding.message
    assert finding.evidence["answer"] == 2
    assert len(server.asked) == 2, "what differs stands in every later prompt too"


def test_a_collators_own_words_are_held_against_the_server(dataset, chat, server, checkpoint):
    from vtg_core import SFTCollator

    ours = SFTCollator(checkpoint.processor)

    def collate(samples):
        [sample] = samples
        told = {"role": "system", "content": "You are a clock."}
        return ours([{**sample, "messages": [told, *sample["messages"]]}])

    [first, *_] = found_in(dataset, chat, server, collator=collate)
    assert first.code == "parity.served-prompt-differs"
    assert "You are a clock." in first.message


@pytest.mark.parametrize(
    "shaped",
    [
        lambda ids: [[{"role": "user"}], [{"prompt_token_ids": ids}]],
        lambda ids: {"prompt_token_ids": ids},
    ],
)
def test_the_forms_of_older_servers_are_read(dataset, chat, server, shaped):
    server.shaped = shaped
    assert found_in(dataset, chat, server) == []


@pytest.mark.parametrize("wrong", [{}, {"token_ids": []}, {"token_ids": ["1"]}, {"token_ids": [-1]}, 3])
def test_an_answer_without_ids_is_one_sentence(dataset, chat, server, wrong):
    server.shaped = lambda ids: wrong
    with pytest.raises(VTGError, match="must answer with token_ids"):
        found_in(dataset, chat, server)


def test_a_server_that_is_not_there_is_one_sentence(dataset, chat):
    rows = served_rows(dataset, chat, RenderServer("http://127.0.0.1:9"), num_rows=1)
    with pytest.raises(VTGError, match=f"must be a server with the route {ROUTE}, and does not answer"):
        list(rows)
    with pytest.raises(VTGError, match="--serve must be an address such as"):
        RenderServer("file:///etc/passwd")


def test_variables_of_the_chat_template_are_asked_of_the_server(server):
    asked = RenderServer(url_of(server), {"enable_thinking": False})
    ids = asked.prompt([{"role": "user", "content": "When?"}])
    assert ids.dtype == np.int64
    assert server.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_the_command_says_that_a_server_was_asked(server, capsys, user_cache):
    server.opened = [{"role": "system", "content": "Be brief."}]
    arguments = [
        "--annotations",
        str(ASSETS / "demo_annotations.json"),
        "--num-frames",
        "4",
        "--max-pixels",
        "20000",
    ]
    status = cli.main(["audit", *arguments, "--limit", "2", "--verify", "1", "--serve", url_of(server)])
    said = capsys.readouterr().out
    assert f"our own collator, held against {url_of(server)}" in said
    assert "parity.served-prompt-differs" in said
    assert status == 0, "a warning is no error"
