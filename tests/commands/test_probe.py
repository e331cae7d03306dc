import json
import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ASSETS
from vtg_core.checkpoints.loading import load_model
from vtg_core.commands.cli import main

CHEAP = ("--num-frames", "4", "--device", "cpu")
BY_HAND = (
    "probe", "--video", str(ASSETS / "red_circle.mp4"), "--query", "a red circle appears", "--window", "8", "14", *CHEAP,
)  # fmt: skip
BY_ROW = ("probe", "--annotations", str(ASSETS / "demo_annotations.json"), *CHEAP)
CONTROLS = ["real", "blank", "reversed", "other_query", "shifted_window"]


def run_json(folder, *arguments, command=BY_HAND):
    out = folder / "out.json"
    status = main([*command, *map(str, arguments), "--json", str(out)])
    return status, json.loads(out.read_text())


def results_by_control(found):
    return {result["control"]: result for result in found["controls"]["results"]}


def test_the_cheap_questions_are_asked_unless_others_are_chosen(capsys, tmp_path):
    status, found = run_json(tmp_path)
    assert status == 0
    assert [name for name in ("controls", "generation", "overfit") if found[name]] == [
        "controls",
        "generation",
    ]
    assert (found["failed"], found["partial"]) == ({}, False)
    assert (found["template"], found["mode"], found["answer"]) == ("direct", "standard", "[8.0, 14.0]")
    printed = capsys.readouterr().out
    assert "query: 'a red circle appears', 8 to 14 s" in printed
    for title in ("Does the model use the video?", "What would it answer?"):
        assert title in printed
    assert found["controls"]["reading"] in printed
    assert found["generation"]["reading"] in printed


@pytest.mark.parametrize("mode", ["standard", "temporal_tokens"])
@pytest.mark.parametrize("checkpoint", ["demo", "demo-qwen2.5-vl"])
def test_controls_are_what_the_loss_command_says_of_the_same_sample(tmp_path, checkpoint, mode):
    words = ("--checkpoint", checkpoint, "--template", "concise", "--answer", mode)
    _, found = run_json(tmp_path, *words, "--controls", "--other-query", "a blue square appears")
    assert (found["generation"], found["overfit"]) == (None, None)
    results = results_by_control(found)
    assert list(results) == CONTROLS
    _, real = run_json(tmp_path, *words, command=("loss", *BY_HAND[1:]))
    other = ("loss", "--video", BY_HAND[2], "--query", "a blue square appears", "--window", "8", "14", *CHEAP)
    _, asked = run_json(tmp_path, *words, command=other)
    for name, [sample] in (("real", real["samples"]), ("other_query", asked["samples"])):
        assert results[name]["total"]["sum_nll"] == pytest.approx(sample["sum_nll"], abs=1e-3)
        assert results[name]["times"]["sum_nll"] == pytest.approx(
            sample["parts"]["times"]["sum_nll"], abs=1e-3
        )
    difference = results["other_query"]["total"]["sum_nll"] - results["real"]["total"]["sum_nll"]
    assert results["other_query"]["delta"] == pytest.approx(difference)


def test_several_windows_are_one_answer(tmp_path):
    _, found = run_json(tmp_path, "--window", 20, 21.5, "--controls")
    assert found["answer"] == "[8.0, 14.0], [20.0, 21.5]"
    assert results_by_control(found)["shifted_window"]["detail"].count("[") == 2


def test_without_another_query_that_control_says_why(capsys, tmp_path):
    status, found = run_json(tmp_path, "--controls")
    other = results_by_control(found)["other_query"]
    assert status == 0
    assert (other["total"], other["delta"]) == (None, None)
    line = f"other query: {other['reason']}"
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("row", "query", "other"),
    [
        (0, "a red circle appears", "a blue square slides across the screen"),
        (1, "a blue square slides across the screen", "a green triangle appears"),
        (2, "a green triangle appears", "a blue square slides across the screen"),
        (3, "a yellow star appears at the very end", "a red circle appears"),
    ],
)
def test_a_row_names_the_sample_and_another_row_the_other_query(tmp_path, row, query, other):
    _, found = run_json(tmp_path, "--row", row, "--controls", command=BY_ROW)
    assert found["query"] == query
    assert found["where"].endswith(f"row {row + 1}")
    assert results_by_control(found)["other_query"]["detail"] == other


def test_another_query_that_is_given_is_the_one_that_is_asked(tmp_path):
    _, found = run_json(tmp_path, "--controls", "--other-query", "it rains", command=BY_ROW)
    assert results_by_control(found)["other_query"]["detail"] == "it rains"


def test_a_row_is_numbered_as_its_file_counts(capsys, tmp_path):
    rows = [
        {"video": "red_circle.mp4", "timestamp": [9, 1], "sentence": "broken"},
        {"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": "it is there"},
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    command = ("probe", "--annotations", str(file), "--video-root", str(ASSETS), "--controls", *CHEAP)
    assert run_json(tmp_path, command=command)[1]["query"] == "it is there"
    assert run_json(tmp_path, "--row", "1", command=command)[1]["query"] == "it is there"
    assert main([*command, "--row", "0"]) == 1
    assert "rows.json:1, row 1, field 'timestamp'" in capsys.readouterr().err


def test_generation_is_read_as_windows_or_told_why_not(tmp_path):
    _, found = run_json(tmp_path, "--generate")
    answer = found["generation"]
    assert found["controls"] is None
    assert answer["truth"] == [[8, 14]]
    assert (answer["iou"] is None) == (answer["windows"] == [])
    assert answer["reading"].startswith("The model")


def test_a_mask_of_others_trains_other_tokens_and_the_weights_stay(tmp_path):
    model = load_model("demo", device="cpu", dtype="float32")
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    _, ours = run_json(tmp_path, "--overfit", 3)
    _, theirs = run_json(
        tmp_path, "--overfit", 3, "--mask", "text-prefix", "--train", "all", "--learning-rate", 2e-3
    )
    assert all(weight.equal(before[name]) for name, weight in model.state_dict().items())
    ours, theirs = ours["overfit"], theirs["overfit"]
    assert [step["step"] for step in ours["steps"]] == [0, 1, 2, 3]
    assert ours["steps"][-1]["response_nll"] < ours["steps"][0]["response_nll"]
    assert (ours["mask"], theirs["mask"], theirs["learning_rate"]) == ("ours", "text-prefix", 2e-3)
    assert theirs["num_trained_tokens"] > ours["num_trained_tokens"] > 10
    assert theirs["steps"][0]["response_nll"] == pytest.approx(ours["steps"][0]["response_nll"], abs=1e-4)
    assert (ours["ours"], theirs["ours"]["steps"][-1]) == (None, pytest.approx(ours["steps"][-1], abs=1e-4))
    assert "with our mask and" in theirs["comparison"]


def test_a_long_curve_is_shown_in_a_few_lines(capsys):
    assert main([*BY_HAND, "--overfit", "12"]) == 0
    printed = capsys.readouterr().out.splitlines()
    lines = [line.split() for line in printed if line[:4].strip().isdecimal()]
    assert [line[0] for line in lines][:1] + [line[0] for line in lines][-1:] == ["0", "12"]
    assert len(lines) == 11
    assert any(line.startswith("mask ours: 12 tokens in the loss; AdamW at ") for line in printed)


def test_json_alone_goes_to_stdout(capsys):
    assert main([*BY_HAND, "--controls", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["controls"]["num_passes"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("probe",), "give --video, --query and --window, or --annotations"),
        (
            ("probe", "--video", "v.mp4", "--query", "q"),
            "give --video, --query and --window, or --annotations",
        ),
        ((*BY_ROW, "--video", "v.mp4"), "or --annotations, not both"),
        ((*BY_HAND, "--row", "1"), "--row and --video-root belong to --annotations"),
        ((*BY_HAND, "--mask", "text-prefix"), "--mask belongs to --overfit"),
        ((*BY_HAND, "--train", "lora"), "--train belongs to --overfit"),
        ((*BY_HAND, "--learning-rate", "1"), "--learning-rate belongs to --overfit"),
        ((*BY_HAND, "--overfit", "--mask", "loud"), "--mask must be one of ours, text-prefix"),
        ((*BY_HAND, "--overfit", "0"), "must be a whole number of at least 1, got '0'"),
        ((*BY_HAND, "--template", "all"), "invalid choice: 'all'"),
    ],
)
def test_wrong_usage_is_told(capsys, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*BY_HAND, "--window", "28", "60"), "window must satisfy 0 <= start < end <= duration (30 s)"),
        ((*BY_HAND, "--overfit", "9999"), "num_steps must be a whole number from 1 to "),
        ((*BY_HAND, "--overfit", "2", "--learning-rate", "-1"), "learning_rate must be above 0"),
        ((*BY_ROW, "--row", "7"), "--row must be one of the file's 4 rows that can be read, got 7"),
        ((*BY_HAND, "--video", "none.mp4"), "none.mp4"),
    ],
)
def test_what_cannot_be_asked_about_is_one_sentence(capsys, arguments, said):
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert said in shown.err
    assert "?" not in shown.out  # no question was begun


class Breaking:
    """Makes the demo's vision tower raise at its pass ``number``, from 1; before that it is the real one."""

    def __init__(self, number, error):
        self.number, self.error, self.passes = number, error, 0

    def __enter__(self):
        model = load_model("demo", device="cpu", dtype="float32")
        self.hook = model.model.visual.register_forward_pre_hook(self)
        return self

    def __call__(self, *_):
        self.passes += 1
        if self.passes == self.number:
            raise self.error

    def __exit__(self, *_):
        self.hook.remove()


def test_an_interrupt_keeps_the_questions_that_were_answered(capsys, tmp_path):
    with Breaking(4, KeyboardInterrupt()):  # three passes of the controls, then the generation's
        status, found = run_json(tmp_path)
    assert (status, found["partial"], found["generation"]) == (1, True, None)
    assert found["controls"]["num_passes"] == 3
    shown = capsys.readouterr()
    assert "interrupted before the last question was answered" in shown.err
    assert found["controls"]["reading"] in shown.out


def test_an_interrupt_of_the_first_question_leaves_nothing(capsys, tmp_path):
    out = tmp_path / "out.json"
    with Breaking(2, KeyboardInterrupt()):
        assert main([*BY_HAND, "--json", str(out)]) == 130
    assert not out.exists()
    assert capsys.readouterr().err.endswith("interrupted\n")


def test_a_question_that_cannot_be_answered_says_why_and_leaves_the_others(capsys, tmp_path):
    with Breaking(1, RuntimeError("this model will not generate")):
        status, found = run_json(tmp_path, "--generate", "--overfit", 1)
    assert status == 1
    assert list(found["failed"]) == ["generation"]
    assert "this model will not generate" in found["failed"]["generation"]
    assert found["generation"] is None
    assert len(found["overfit"]["steps"]) == 2
    assert f"cannot be answered: {found['failed']['generation']}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_terminal_sees_a_bar_and_a_request_to_end_stops_it():
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 100))
    command = [sys.executable, "-m", "vtg_core", *BY_HAND, "--overfit", "200"]
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=follower, env=environment)
    os.close(follower)
    told = b""
    while b"overfit:" not in told:
        told += os.read(leader, 4096)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    os.close(leader)
