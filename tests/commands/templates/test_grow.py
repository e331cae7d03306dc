"""Templates grow from what a server replies: a small real one, with saved replies."""

import json
import shutil
from copy import deepcopy

import pytest
import torch

from tests.families import text_model
from tests.replying import BAD, GOOD
from vtg_core.commands.cli import main
from vtg_core.commands.templates import local_writer
from vtg_core.data.wording.growth import growing
from vtg_core.data.wording.growth.growing import candidates_in
from vtg_core.templates import load_templates


def grow(*options):
    return main(["templates", "grow", "--answer", "standard", *map(str, options)])


def grown(server, tmp_path, *options):
    out = tmp_path / "grown.json"
    status = grow("--endpoint", server.url, "--model", "m", "--json", out, *options)
    return status, json.loads(out.read_text())


def test_what_is_accepted_is_a_file_that_templates_are_read_from(serve, tmp_path):
    server, path = serve(json.dumps(GOOD)), tmp_path / "grown.yaml"
    status, found = grown(server, tmp_path, "--count", 3, "--yaml", path)
    assert status == 0
    assert [t.text for t in load_templates(path)] == GOOD == [own["text"] for own in found["accepted"]]
    assert [t.name for t in load_templates(path)] == ["concise_01", "concise_02", "concise_03"]
    assert "source: m, reply 1, text 2" in path.read_text()


def test_what_is_rejected_is_listed_with_its_reason(serve, tmp_path):
    status, found = grown(serve(json.dumps([GOOD[0], *BAD])), tmp_path, "--count", 5)
    assert status == 1
    assert {one["text"]: one["reason"] for one in found["rejected"]} == BAD
    assert all(one["message"].startswith("must ") for one in found["rejected"])


def test_it_is_asked_again_until_there_are_enough(serve, tmp_path):
    server = serve(json.dumps(GOOD[:1]), "Sure!", json.dumps(GOOD))
    status, found = grown(server, tmp_path, "--count", 3)
    assert (status, len(server.asked), len(found["accepted"])) == (0, 3, 3)
    assert GOOD[0].replace('"', '\\"') in server.asked[1][2]["messages"][0]["content"]


def test_the_server_is_asked_as_openai_compatible_ones_are_and_given_the_key(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("VTG_LENS_API_KEY", "secret")
    server = serve(json.dumps(GOOD))
    grown(server, tmp_path, "--count", 1, "--seed", 7, "--temperature", 0.5)
    [(path, headers, body)] = server.asked
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", "Bearer secret")
    assert (body["model"], body["temperature"], body["seed"]) == ("m", 0.5, 8)
    assert "[start_time, end_time]" in body["messages"][0]["content"]


def test_a_record_of_replies_gives_the_same_templates_again(serve, tmp_path):
    record, again = tmp_path / "replies.jsonl", tmp_path / "again.json"
    _, first = grown(
        serve(json.dumps([GOOD[0], *BAD]), json.dumps(GOOD)), tmp_path, "--count", 3, "--record", record
    )
    assert grow("--replay", record, "--count", 3, "--json", again) == 0
    assert json.loads(again.read_text()) == first


def test_diversity_is_told_before_and_after(serve, tmp_path, capsys):
    _, found = grown(serve(json.dumps(GOOD)), tmp_path, "--count", 3)
    assert (found["before"]["num_templates"], found["after"]["num_templates"]) == (8, 11)
    for figure in ("distinct_1", "distinct_2", "distinct_3", "mean_distance", "least_distance"):
        assert 0 < found["before"][figure] < 1
    assert found["after"]["mean_tokens"] != found["before"]["mean_tokens"]


def test_they_grow_in_the_language_that_is_asked_for(serve, tmp_path):
    texts = ["请在画面里寻找“{query}”，并以秒给出区间：[start_time, end_time]", GOOD[0]]
    _, found = grown(serve(json.dumps(texts)), tmp_path, "--count", 2, "--language", "zh")
    assert [own["text"] for own in found["accepted"]] == texts[:1]
    assert [one["reason"] for one in found["rejected"]] == ["language"]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((500, "no model"), "says 500: no model"),
        ((302, ""), "says 302"),
        ((200, "<html>"), "must answer in JSON"),
        ((200, "{}"), "must have choices[0].message.content"),
        ((200, '{"choices": [{"message": {"content": 3}}]}'), "must have choices[0].message.content"),
    ],
)
def test_a_server_that_answers_something_else_is_told_in_one_sentence(serve, capsys, reply, message):
    assert grow("--endpoint", serve(reply).url, "--model", "m") == 1
    assert message in capsys.readouterr().err


def test_what_came_before_a_server_failed_is_recorded(serve, tmp_path):
    record = tmp_path / "replies.jsonl"
    server = serve(json.dumps(GOOD[:1]), (500, "gone"))
    assert grow("--endpoint", server.url, "--model", "m", "--count", 3, "--record", record) == 1
    assert [json.loads(line)["reply"] for line in record.read_text().splitlines()] == [json.dumps(GOOD[:1])]


@pytest.fixture(scope="module")
def writer(processor, tmp_path_factory):
    """A folder with a language model that knows no word: what it writes is nonsense, and nonsense is rejected."""
    folder, tokenizer = tmp_path_factory.mktemp("writer"), deepcopy(processor.tokenizer)
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
    )
    model = text_model("Qwen3", len(tokenizer))
    model.generation_config.max_length = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_of_ones_own_writes_the_same_for_the_same_seed(writer, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(local_writer, "MAX_NEW_TOKENS", 8)
    monkeypatch.setattr(growing, "MAX_ROUNDS", 2)
    said = []
    for name, *options in [("a",), ("b",), ("c", "--seed", 5)]:
        state = torch.random.get_rng_state()
        record = tmp_path / f"{name}.jsonl"
        assert grow("--writer", writer, "--record", record, *options) == 1  # nothing in it is a template
        assert torch.equal(torch.random.get_rng_state(), state)
        said.append([json.loads(line)["reply"] for line in record.read_text().splitlines()])
    assert said[0] == said[1] != said[2]
    assert [len(replies) for replies in said] == [2, 2, 2]
    assert "asking for reply 2" in capsys.readouterr().err


def test_a_video_language_model_can_write_too(tmp_path, monkeypatch, user_cache):
    monkeypatch.setattr(local_writer, "MAX_NEW_TOKENS", 4)
    monkeypatch.setattr(growing, "MAX_ROUNDS", 1)
    record = tmp_path / "replies.jsonl"
    assert grow("--writer", "demo-untrained", "--record", record, "--temperature", "0") == 1
    assert json.loads(record.read_text())["model"] == "demo-untrained"


def test_a_writer_that_is_not_there_or_cannot_be_asked_is_told_in_one_sentence(writer, tmp_path, capsys):
    assert grow("--writer", tmp_path / "gone") == 1
    assert "there is no such folder" in capsys.readouterr().err
    mute = tmp_path / "mute"
    shutil.copytree(writer, mute)
    for path in (mute / "chat_template.jinja", mute / "chat_template.json"):
        path.unlink(missing_ok=True)
    assert grow("--writer", mute) == 1
    assert "must be a model with a chat template" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "ftp://127.0.0.1/v1", "/etc/passwd"])
def test_a_server_that_is_not_there_is_told_in_one_sentence(capsys, url):
    assert grow("--endpoint", url, "--model", "m") == 1
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("line", ["{", "[]", '{"reply": 3}', '{"text": ""}'])
def test_a_record_that_cannot_be_read_is_refused_by_line(tmp_path, capsys, line):
    (tmp_path / "r.jsonl").write_text(f"\n{line}\n")
    assert grow("--replay", tmp_path / "r.jsonl") == 1
    assert "r.jsonl:2 must" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [[], ["--endpoint", "http://x/v1"], ["--replay", "a", "--endpoint", "http://x", "--model", "m"],
     ["--replay", "a", "--record", "b"], ["--replay", "a", "--writer", "b"], ["--replay", "a", "--language", "en,zh"]],
)  # fmt: skip
def test_options_that_do_not_go_together_are_wrong_usage(options):
    with pytest.raises(SystemExit) as left:
        grow(*options)
    assert left.value.code == 2


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ('["a {query}", "b"]', ["a {query}", "b"]),
        ('<think>["x"]</think>Here:\n```json\n["a {query}\\nb"]\n```', ["a {query}\nb"]),
        (
            '1. "a {query}"\n2) b {query} [start_time, end_time]\nDone.',
            ["a {query}", "b {query} [start_time, end_time]"],
        ),
        ("- a {query}", ["a {query}"]),
        ("", []),
        ("[" * 5000, []),
        ('{"a": "{query}"', ['{"a": "{query}']),
    ],
)
def test_texts_are_found_in_what_models_write(reply, texts):
    assert list(candidates_in(reply)) == texts
