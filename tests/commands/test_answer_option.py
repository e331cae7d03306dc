"""Commands take the name of any answer form, and the prompt asks for it."""

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.commands.cli import main

SAMPLE = (
    "--video", str(ASSETS / "red_circle.mp4"), "--query", "a red circle appears", "--window", "8", "14",
    "--num-frames", "4",
)  # fmt: skip
ROWS = ("audit", "--annotations", str(ASSETS / "demo_annotations.json"), "--num-frames", "4")


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("percent_sentence", "From 27% to 47%."),
        ("frames_brackets", "[0, 2]"),
        ("bins_300_tokens", "<80><140>"),
        ("seconds_0_json_thinking", '<think></think><answer>{"start": 8, "end": 14}</answer>'),
    ],
)
def test_inspect_writes_the_answer_in_the_form_that_is_named(tmp_path, form, answer):
    out = tmp_path / "out.json"
    assert main(["inspect", *SAMPLE, "--answer", form, "--json", str(out)]) == 0
    [sample] = json.loads(out.read_text())["samples"]
    assert (sample["mode"], sample["template"], sample["answer"]) == (form, "concise", answer)


def test_the_loss_of_an_answer_in_percent_is_parted_into_times_and_words(tmp_path):
    out = tmp_path / "out.json"
    assert main(["loss", *SAMPLE, "--device", "cpu", "--answer", "percent_range", "--json", str(out)]) == 0
    [sample] = json.loads(out.read_text())["samples"]
    assert sample["mode"] == "percent_range"
    assert sample["parts"]["times"]["num_tokens"] > 0
    assert sample["parts"]["words"]["num_tokens"] > 0


@pytest.mark.parametrize("form", ["clock_json", "frames_sentence", "seconds_2_pairs_thinking"])
def test_rows_are_audited_with_answers_in_any_form(capsys, form):
    assert main([*ROWS, "--answer", form]) == 0, capsys.readouterr().out


def test_a_form_that_there_is_not_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as left:
        main([*ROWS, "--answer", "percnt_range"])
    assert left.value.code == 2
    assert "got 'percnt_range'; did you mean 'percent_range'?" in capsys.readouterr().err
