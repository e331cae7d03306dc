import json

import pytest
import torch

from vtg_core import SFTCollator, VideoTemporalSFTDataset, audit_batch
from vtg_core.audit.batch.files import load_batch
from vtg_core.errors import VTGError
from vtg_core.files.assets import asset_folder
from vtg_core.video.plan import FramePolicy


@pytest.fixture(scope="module")
def dataset():
    return VideoTemporalSFTDataset(
        asset_folder() / "demo_annotations.json", frames=FramePolicy(num_frames=4), template_seed=0
    )


@pytest.fixture(scope="module")
def batch(dataset, processor):
    return SFTCollator(processor)([dataset[0], dataset[1]])


def all_trained(batch):
    return {**batch, "labels": torch.where(batch["attention_mask"] == 1, batch["input_ids"], -100)}


def codes(found):
    return {finding.code for finding in found.findings if finding.severity == "error"}


def test_a_right_batch_is_ok_with_its_samples_and_without(batch, dataset, processor, model):
    assert audit_batch(batch, processor, model=model).ok
    assert audit_batch(batch, processor, samples=[dataset[0], dataset[1]], model=model).ok


def test_a_batch_that_trains_all_of_it_is_told(batch, processor):
    found = audit_batch(all_trained(batch), processor)
    assert not found.ok
    assert "mask.nothing-masked" in codes(found)
    assert "error: " in str(found)


def test_what_is_no_tensor_is_left_alone_and_the_batch_is_not_changed(batch, processor):
    before = {name: value.clone() for name, value in batch.items()}
    assert audit_batch({**batch, "video_paths": ["a.mp4", "b.mp4"], "sampler": object()}, processor).ok
    assert all(torch.equal(before[name], batch[name]) for name in before)


def test_a_batch_that_cannot_be_taken_apart_is_not_ok(processor):
    assert not audit_batch({"labels": torch.zeros(1, 3)}, processor).ok


def test_a_saved_report_opens_as_a_batch_and_says_what_wrote_it(batch, processor, tmp_path):
    found = audit_batch(all_trained(batch), processor)
    path = found.save(tmp_path / "new", "first")
    assert torch.equal(load_batch(path)["labels"], all_trained(batch)["labels"])
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["left_out"] == ["pixel_values_videos"]
    assert {"vtg-lens", "torch", "transformers"} <= said["versions"].keys()
    assert said["summary"].keys() == found.report.summary.keys()


def test_the_markdown_fences_whatever_it_quotes(batch, processor):
    found = audit_batch(batch, processor, subject="a ```` b")
    assert found.to_markdown().startswith("`````text\n")
    assert found.to_markdown().rstrip().endswith("\n`````")


def test_samples_that_are_only_planned_are_refused(batch, dataset, processor):
    with pytest.raises(VTGError, match="must be decoded"):
        audit_batch(batch, processor, samples=[dataset.plan(0), dataset.plan(1)])


def test_the_html_shows_what_is_trained_and_holds_no_script(batch, processor):
    shown = audit_batch(all_trained(batch), processor).to_html()
    assert "mask.nothing-masked" in shown
    assert shown.count("<pre") == 2
    assert "of a video⟩" in shown
    assert "script" not in shown


def test_a_text_of_a_row_is_no_markup(batch, processor):
    ids = processor.tokenizer.encode("<b onclick=x>", add_special_tokens=False)
    batch = {**batch, "input_ids": batch["input_ids"].clone()}
    batch["input_ids"][0, -len(ids) :] = torch.tensor(ids)
    shown = audit_batch(batch, processor, subject="<i>").to_html()
    assert "<b onclick" not in shown
    assert "<i></b>" not in shown


def test_a_report_is_printed_where_there_is_no_notebook(batch, processor, capsys):
    audit_batch(batch, processor).show()
    assert capsys.readouterr().out.startswith("batch: 2 of 2 rows audited")
