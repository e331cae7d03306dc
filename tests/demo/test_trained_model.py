"""What the shipped weights have learnt, on the shipped clips: the order of effects, not their size."""

from dataclasses import replace
from statistics import median

import pytest
from safetensors.torch import load_file, save_file

from tests.conftest import ASSETS
from vtg_core.checkpoints.loading import load_model
from vtg_core.collator import SFTCollator
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.demo.models import DEMO_MODELS, demo_folder
from vtg_core.demo_training.evaluation import times_nll
from vtg_core.errors import CheckpointError
from vtg_core.inspection import Inspection
from vtg_core.probes.altered_samples import find_other_query
from vtg_core.probes.controls import Control, run_controls
from vtg_core.probes.generation import generate_answer

ROWS = [(row, is_temporal) for is_temporal in (False, True) for row in range(4)]


@pytest.fixture(scope="module")
def samples():
    """Each shipped row in both formats, with another row's query."""
    by_mode = [
        VideoTemporalSFTDataset(ASSETS / "demo_annotations.json", use_temporal_tokens=is_temporal)
        for is_temporal in (False, True)
    ]
    return [(by_mode[mode][row], find_other_query(by_mode[mode].annotations, row)) for row, mode in ROWS]


@pytest.fixture(scope="module")
def reports(samples, model, processor):
    return [run_controls(model, sample, processor, other_query=other) for sample, other in samples]


def test_true_times_are_far_cheaper_than_for_the_untrained_twin(samples, model, processor):
    untrained = load_model("demo-untrained", device="cpu", dtype="float32")
    costs = [times_nll(one, processor, [sample for sample, _ in samples]) for one in (model, untrained)]
    assert costs[0] + 3 < costs[1]


@pytest.mark.parametrize("control", [Control.BLANK, Control.REVERSED, Control.OTHER_QUERY])
def test_true_times_cost_more_where_video_or_query_is_wrong(reports, control):
    changes = [report.times_delta(control) for report in reports]
    assert median(changes) > 1
    assert sum(change > 0 for change in changes) > len(changes) / 2


def test_a_wrong_window_costs_more_than_the_right_one(reports):
    changes = [report.delta(Control.SHIFTED_WINDOW) for report in reports]
    assert median(changes) > 3
    assert sum(change > 0 for change in changes) > len(changes) / 2


def test_what_it_answers_can_be_read_and_lies_near_the_truth(samples, model, checkpoints_by_name):
    checkpoint = checkpoints_by_name["demo"]
    encode = SFTCollator(checkpoint.processor).encode
    answers = [
        generate_answer(model, Inspection(one, encode(one)), checkpoint.processor, checkpoint.stop_ids)
        for one, _ in samples
    ]
    assert all(answer.is_complete and answer.parsed.windows for answer in answers)
    assert median(answer.iou for answer in answers) > 0.3


@pytest.fixture
def other_weights(tmp_path, monkeypatch):
    """The demo with weights that a test writes itself."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "other.safetensors"
    monkeypatch.setitem(DEMO_MODELS, "demo", replace(DEMO_MODELS["demo"], weights=path))
    return path


def test_weights_of_another_tokenizer_are_refused(other_weights):
    save_file(load_file(ASSETS / "demo.safetensors"), other_weights, metadata={"tokenizer": "another"})
    with pytest.raises(CheckpointError, match="must belong to the tokenizer that is built here"):
        demo_folder("demo")


def test_weights_that_are_gone_are_missed_in_one_sentence(other_weights):
    with pytest.raises(CheckpointError, match=r"must lie at .*other\.safetensors, and there is no such file"):
        demo_folder("demo")
