import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from vtg_core.checkpoints.loading import load_model
from vtg_core.demo.models import TOKENIZER_KEY, demo_folder, tokenizer_digest
from vtg_core.demo_training.__main__ import main
from vtg_core.demo_training.card import COLORS, OTHER
from vtg_core.demo_training.lessons import LESSONS
from vtg_core.demo_training.record import SHIPPED, TrainingRecord, weighted_name
from vtg_core.errors import CheckpointError

SHORTEN = 2_000
SHORT = ("--shorten", str(SHORTEN), "--processes", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory, user_cache):
    """A folder into which the script wrote three times: with our mask, with another one, and with another seed."""
    out = tmp_path_factory.mktemp("made")
    assert main(["--out", str(out), *SHORT]) == 0
    first = (out / "demo.safetensors").read_bytes()
    assert main(["--out", str(out), "--mask", "text-prefix", *SHORT]) == 0
    assert main(["--out", str(out), "--seed", "2", "--spread", *SHORT]) == 0
    assert (out / "demo.safetensors").read_bytes() == first
    return out


def test_the_script_writes_weights_that_belong_to_the_demo(made):
    weights = load_file(made / "demo.safetensors")
    untrained = dict(load_model("demo-untrained", device="cpu", dtype="float32").named_parameters())
    assert weights.keys() == untrained.keys()
    assert all(weights[name].shape == untrained[name].shape for name in weights)
    assert not any(torch.equal(weights[name], untrained[name]) for name in weights)
    with safe_open(made / "demo.safetensors", "pt") as file:
        assert file.metadata()[TOKENIZER_KEY] == tokenizer_digest(demo_folder("demo-untrained"))


def test_the_record_holds_both_runs_with_their_curves(made):
    record = TrainingRecord.load(made / "demo_training.json")
    num_steps = sum(max(1, lesson.num_steps // SHORTEN) for lesson in LESSONS)
    assert list(record.runs) == [SHIPPED, "text-prefix"]
    for run in record.runs.values():
        assert (run.seed, run.num_steps, run.figures.num_clips) == (1, num_steps, 2)
        assert list(run.figures.median_iou_by_mode) == ["standard", "temporal_tokens"]
        assert [point.step for point in run.curve] == list(range(num_steps + 1))
        assert all(point.times_nll > 0 for point in run.curve)
    assert [(seed, run.seed, run.mask) for seed, run in record.spread.items()] == [("2", 2, SHIPPED)]
    ours, other = record.runs.values()
    assert ours.curve[0] == other.curve[0]
    assert ours.curve[-1] != other.curve[-1]


def test_card_and_picture_show_what_the_record_holds(made):
    record = TrainingRecord.load(made / "demo_training.json")
    card, picture = (made / "demo_card.md").read_text(), (made / "demo_curves.svg").read_text()
    assert f"{record.runs[SHIPPED].figures.times_nll:.2f}" in card
    assert all(lesson.name in card for lesson in LESSONS)
    assert f"| 2 | {record.spread['2'].figures.times_nll:.2f} |" in card
    for run in record.runs.values():
        assert f"| {run.mask} | {run.reported_nll:.3f} | {run.figures.times_nll:.2f} |" in card
        assert f"{run.mask}: {run.curve[-1].times_nll:.2f}" in picture
        assert COLORS.get(run.mask, OTHER) in picture


@pytest.mark.parametrize(
    "arguments",
    [
        ("--mask", "text-prefix", "--time-weight", "3"),
        ("--spread", "--time-weight", "3"),
        ("--time-weight", "0"),
    ],
)
def test_weights_are_for_our_own_mask(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path), *arguments])
    assert "--time-weight" in capsys.readouterr().err
    assert weighted_name(3) == "response-only, times × 3"
    assert weighted_name(1) == "response-only"


def test_a_record_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "demo_training.json").write_text(json.dumps({"runs": [1]}))
    with pytest.raises(
        CheckpointError, match=r"demo_training\.json must hold what the training script wrote"
    ):
        TrainingRecord.load(tmp_path / "demo_training.json")
    assert main(["--out", str(tmp_path), *SHORT]) == 1
    assert "move it away" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo_training.json"]
