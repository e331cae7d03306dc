import json

import pytest

from tests.video.test_repeated_times import joined
from vtg_core.commands.cli import main

CLIP = "assets/red_circle.mp4"
ARGUMENTS = ["--video", CLIP, "--query", "a red circle appears", "--window", "8", "14", "--num-frames", "4"]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)


def run_json(tmp_path, *arguments):
    out = tmp_path / "out.json"
    assert main([*arguments, "--json", str(out)]) == 0
    return json.loads(out.read_text())


def test_inspect_writes_every_template_of_both_answer_modes(tmp_path):
    result = run_json(tmp_path, "inspect", *ARGUMENTS)
    assert list(result) == ["checkpoint", "video", "query", "windows", "samples"]
    assert list(result["video"]) == ["duration", "fps", "timestamps", "decoder", "other_decoders"]
    assert result["windows"] == [[8.0, 14.0]]
    assert [sample["mode"] for sample in result["samples"]] == ["standard"] * 8 + ["temporal_tokens"] * 8
    assert list(result["samples"][0]) == [
        "template", "mode", "prompt", "rendered", "answer", "input_ids", "labels", "regions",
    ]  # fmt: skip


def test_what_inspect_writes_is_consistent(tmp_path, processor):
    for sample in run_json(tmp_path, "inspect", *ARGUMENTS)["samples"]:
        supervised = [label for label in sample["labels"] if label != -100]
        assert processor.tokenizer.decode(supervised) == sample["answer"] + "<|im_end|>"
        assert sample["prompt"] in sample["rendered"]
        assert [sample["regions"][0][1], sample["regions"][-1][2]] == [0, len(sample["input_ids"])]


def test_one_template_and_one_answer_mode_can_be_chosen(tmp_path):
    arguments = [*ARGUMENTS, "--template", "concise", "--answer", "temporal_tokens"]
    [sample] = run_json(tmp_path, "inspect", *arguments)["samples"]
    assert (sample["template"], sample["answer"]) == ("concise", "<|box_start|><266><466><|box_end|>")


def test_several_windows_are_all_in_the_answer(tmp_path):
    arguments = [*ARGUMENTS, "--window", "20", "22.5", "--template", "direct", "--answer", "standard"]
    [sample] = run_json(tmp_path, "inspect", *arguments)["samples"]
    assert sample["answer"] == "[8.0, 14.0], [20.0, 22.5]"


def test_loss_writes_every_supervised_token(tmp_path):
    result = run_json(tmp_path, "loss", *ARGUMENTS, "--template", "direct", "--answer", "standard")
    assert list(result) == [
        "checkpoint", "device", "dtype", "samples", "vocab_size", "uniform_nll", "shared", "seconds",
    ]  # fmt: skip
    [sample] = result["samples"]
    assert sample["num_supervised"] == len(sample["tokens"]) == 12
    assert list(sample["tokens"][0]) == [
        "index", "id", "text", "nll", "prob", "rank", "entropy", "top", "kind", "part", "uniform_nll",
    ]  # fmt: skip
    assert "".join(token["text"] for token in sample["tokens"]) == "[8.0, 14.0]<|im_end|>"
    assert sample["mean_nll"] == pytest.approx(sample["model_loss"], abs=1e-5)
    assert sample["sum_nll"] == pytest.approx(sum(token["nll"] for token in sample["tokens"]))


def test_without_json_a_table_is_printed(capsys):
    assert main(["inspect", *ARGUMENTS, "--answer", "standard"]) == 0
    printed = capsys.readouterr().out
    assert "30.0 s at 10 fps, 4 frames from 0.0 to 29.9 s" in printed
    assert printed.count("[8.0, 14.0]") == 8


def test_a_window_past_the_video_can_be_clipped(tmp_path):
    arguments = [
        *ARGUMENTS[:4],
        "--window",
        "28",
        "31",
        "--num-frames",
        "4",
        "--clip",
        "--template",
        "direct",
    ]
    assert run_json(tmp_path, "inspect", *arguments)["windows"] == [[28.0, 30.0]]


def test_added_temporal_tokens_are_noted(without_temporal_tokens, capsys):
    arguments = [*ARGUMENTS, "--template", "direct", "--answer", "standard"]
    assert main(["inspect", *arguments, "--checkpoint", str(without_temporal_tokens)]) == 0
    assert "lacks 1,000 temporal tokens; they were added in memory" in capsys.readouterr().err


def test_json_can_go_to_stdout(capsys):
    assert main(["inspect", *ARGUMENTS, "--template", "direct", "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["samples"]) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--video": "assets/none.mp4"}, "none.mp4 cannot be opened"),
        ({"--window": ["14", "8"]}, "0 <= start < end"),
        ({"--window": ["28", "31"]}, r"duration (30 s)"),
        ({"--checkpoint": "./no/such/folder"}, "there is no such folder"),
        ({"--json": "no/such/folder/out.json"}, "cannot: No such file or directory"),
        ({"--query": " "}, "a query must be a text of 1 to 2,000 characters"),
        ({"--video": ""}, "a video must be given as the path"),
        ({"--json": ""}, "--json must name a file"),
        ({"--num-frames": "1"}, "the processor must be given two or more frames of each video, and got 1"),
        ({"--num-frames": "0"}, "num_frames must be a whole number of at least 1"),
    ],
)
@pytest.mark.usefixtures("processor")  # the demo is built by now, and shows no progress
def test_what_a_person_can_mend_is_one_sentence_and_exit_1(capsys, changed, said):
    options = {
        "--video": CLIP,
        "--query": "q",
        "--window": ["8", "14"],
        "--num-frames": "4",
        "--answer": "standard",
    }
    arguments = ["inspect"]
    for name, value in {**options, **changed}.items():
        arguments += [name, *([value] if isinstance(value, str) else value)]
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert said in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    "arguments", [[], ["inspect"], ["inspect", *ARGUMENTS, "--template", "nope"], ["draw"]]
)
def test_wrong_usage_is_exit_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_times_that_repeat_are_noted(tmp_path, capsys):
    given = ["--query", "a box appears", "--window", "0.5", "1", "--template", "direct", "--num-frames", "4"]
    assert main(["inspect", "--video", str(joined(tmp_path)), *given]) == 0
    assert "note: joined.ts repeats its times: its clock begins again once" in capsys.readouterr().err
