import json

import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.collator import pad
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import LossCancelledError
from vtg_core.file_comparison import compare_rows
from vtg_core.frame_plan import FramePolicy
from vtg_core.inspection import inspect_templates
from vtg_core.loss import score
from vtg_core.templates import TEMPLATES

FOUR = FramePolicy(num_frames=4)


def dataset_of(path=ASSETS / "demo_annotations.json", root=None):
    return VideoTemporalSFTDataset(path, root, frames=FOUR)


def test_every_row_gets_a_result_of_each_template_in_their_order(model, processor):
    dataset, templates = dataset_of(), [TEMPLATES[9], TEMPLATES[0], TEMPLATES[4]]
    found = list(compare_rows(dataset, model, processor, templates))
    assert [row.row for row in found] == [0, 1, 2, 3]
    assert [row.where for row in found] == [annotation.where for annotation in dataset.annotations]
    for row in found:
        assert [result.key for result in row.results] == [(t.name, t.mode) for t in templates]
        assert row.plain_because == ""
        assert 0 < row.num_shared < row.num_run < row.num_plain


def test_a_result_is_what_a_plain_pass_gives(model, processor):
    dataset = dataset_of()
    [row] = compare_rows(dataset, model, processor, TEMPLATES, rows=[2])
    sample = dataset[2]
    inspections = inspect_templates(
        sample.video, sample.query, sample.windows, processor=processor, templates=TEMPLATES
    )
    for result, inspection in zip(row.results, inspections, strict=True):
        [plain] = score(model, pad([inspection.encoded], processor), processor.tokenizer)
        assert result.sum_nll == pytest.approx(plain.sum_nll, abs=1e-3)
        parts = result.time_nll + result.word_nll + result.end_of_turn_nll
        assert parts == pytest.approx(result.sum_nll, abs=1e-6)


def test_a_row_that_cannot_be_read_does_not_end_the_others(model, processor, tmp_path):
    rows = json.loads((ASSETS / "demo_annotations.json").read_text())
    rows[1]["video"] = "gone.mp4"
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    found = list(compare_rows(dataset_of(tmp_path / "rows.json", ASSETS), model, processor, TEMPLATES[:2]))
    assert [bool(row.results) for row in found] == [True, False, True, True]
    assert "gone.mp4" in found[1].reason


def test_a_row_that_does_not_fit_in_memory_does_not_end_the_others(model, processor):
    calls = []

    def full(*_):
        calls.append(None)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("no memory is left")

    hook = model.get_input_embeddings().register_forward_pre_hook(full)
    try:
        found = list(compare_rows(dataset_of(), model, processor, TEMPLATES[:2], rows=[0, 1]))
    finally:
        hook.remove()
    assert "must fit in the memory of cpu, and does not" in found[0].reason
    assert len(found[1].results) == 2


def test_a_row_is_taken_just_before_it_is_scored(model, processor):
    taken = []

    def rows():
        for row in (3, 1):
            taken.append(row)
            yield row

    found = compare_rows(dataset_of(), model, processor, TEMPLATES[:1], rows=rows())
    assert next(found).row == 3
    assert taken == [3]


def test_a_person_can_stop_it(model, processor):
    def stop(begun, total):
        raise LossCancelledError("stopped")

    with pytest.raises(LossCancelledError):
        list(compare_rows(dataset_of(), model, processor, TEMPLATES[:1], on_layer=stop))
