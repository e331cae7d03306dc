import json
import math

import pytest

from tests.conftest import ASSETS
from vtg_core.commands.cli import main

LOSS = (
    "loss", "--video", str(ASSETS / "red_circle.mp4"), "--query", "a red circle appears", "--window", "8", "14",
    "--num-frames", "4", "--device", "cpu",
)  # fmt: skip
ONE = ("--template", "direct", "--answer", "standard")


def run_json(folder, *arguments):
    assert main([*LOSS, *arguments, "--json", str(folder / "out.json")]) == 0
    return json.loads((folder / "out.json").read_text())


def test_the_parts_of_an_answer_add_up_to_its_loss(tmp_path):
    for sample in run_json(tmp_path)["samples"]:
        parts = sample["parts"]
        assert list(parts) == ["times", "words", "end_of_turn", "other"]
        assert math.fsum(part["sum_nll"] for part in parts.values()) == pytest.approx(sample["sum_nll"])
        assert sum(part["num_tokens"] for part in parts.values()) == sample["num_supervised"]
        assert parts["end_of_turn"]["num_tokens"] == 1


def test_references_stand_beside_the_losses(tmp_path, processor):
    result = run_json(tmp_path, *ONE)
    assert result["uniform_nll"] == pytest.approx(math.log(result["vocab_size"]))
    [sample] = result["samples"]
    assert sample["parts"]["times"]["uniform_nll"] == pytest.approx(5 * math.log(10))
    assert sample["model_shift"] == 1
    assert sample["shift_losses"][1] == pytest.approx(sample["model_loss"], abs=1e-5)


def test_a_token_comes_with_its_alternatives_and_its_place(tmp_path):
    [sample] = run_json(tmp_path, *ONE)["samples"]
    of_times = [token["text"] for token in sample["tokens"] if token["part"] == "time"]
    assert of_times == ["8", "0", "1", "4", "0"]
    for token in sample["tokens"]:
        probs = [alternative["prob"] for alternative in token["top"]]
        assert (len(probs), probs) == (5, sorted(probs, reverse=True))
        assert token["kind"] == ("end_of_turn" if token["part"] == "end_of_turn" else "answer")


def test_several_templates_share_a_pass_and_cost_what_they_cost_alone(tmp_path):
    shared = run_json(tmp_path)
    alone = run_json(tmp_path, "--cross-check")
    assert shared["shared"]["plain_because"] == ""
    assert shared["shared"]["num_tokens"] < shared["shared"]["num_plain_tokens"] / 3
    assert alone["shared"] is None
    for one, other in zip(shared["samples"], alone["samples"], strict=True):
        assert one["sum_nll"] == pytest.approx(other["sum_nll"], abs=1e-3)
        assert (one["model_loss"], one["model_shift"], one["shift_losses"]) == (None, None, None)
        assert other["mean_nll"] == pytest.approx(other["model_loss"], abs=1e-5)


def test_the_table_says_parts_and_references(capsys):
    assert main([*LOSS, *ONE]) == 0
    printed = capsys.readouterr().out
    title = next(line for line in printed.splitlines() if line.startswith("template"))
    for column in ("sum NLL", "mean NLL", "times", "words", "end of turn", "times guessed", "model's own"):
        assert column in title
    assert "Guessing among all " in printed
    assert "the model's own loss uses 1" in printed


def test_the_table_of_several_templates_says_what_they_shared(capsys):
    assert main([*LOSS, "--answer", "standard"]) == 0
    printed = capsys.readouterr().out
    assert "8 templates in one pass over " in printed
    assert "model's own  " not in printed


def test_precisions_are_a_table_and_in_the_json(capsys, tmp_path):
    assert main([*LOSS, *ONE, "--precisions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-5:-2]] == ["float32", "bfloat16", "float16"]
    found = run_json(tmp_path, *ONE, "--precisions")["precisions"]
    assert [report["is_finite"] for report in found] == [True] * 3


def test_precisions_of_several_templates_are_wrong_usage(capsys):
    with pytest.raises(SystemExit) as left:
        main([*LOSS, "--precisions"])
    assert left.value.code == 2
    assert "choose it with --template and --answer" in capsys.readouterr().err
