from copy import deepcopy

import pytest
import torch
from transformers import Trainer, TrainingArguments

from vtg_core import MaskAudit, SFTCollator, VideoTemporalSFTDataset
from vtg_core.audit.training.callback import WrongMaskError
from vtg_core.errors import VTGError
from vtg_core.files.assets import asset_folder
from vtg_core.video.plan import FramePolicy


@pytest.fixture(scope="module")
def samples():
    dataset = VideoTemporalSFTDataset(
        asset_folder() / "demo_annotations.json", frames=FramePolicy(num_frames=2), template_seed=0
    )
    return list(dataset)


@pytest.fixture
def train(tmp_path, samples, model):
    """Train a copy of the demo model with a collator and callbacks; give back its losses."""

    def train(collator, *callbacks, num_steps=4, **options):
        arguments = TrainingArguments(
            output_dir=str(tmp_path), max_steps=num_steps, per_device_train_batch_size=2, logging_steps=1,
            report_to="none", save_strategy="no", use_cpu=True, learning_rate=1e-3, disable_tqdm=True, seed=0, **options,
        )  # fmt: skip
        trainer = Trainer(
            model=deepcopy(model), args=arguments, train_dataset=samples, data_collator=collator,
            callbacks=list(callbacks),
        )  # fmt: skip
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    return train


def everything(processor):
    """Return a collator that trains whatever is no padding."""
    right = SFTCollator(processor)

    def collate(rows):
        batch = right(rows)
        return {**batch, "labels": torch.where(batch["attention_mask"] == 1, batch["input_ids"], -100)}

    return collate


def test_a_right_collator_trains_to_the_last_bit_as_without_the_audit(train, processor, tmp_path):
    audit = MaskAudit(processor, save_to=tmp_path / "seen")
    assert train(SFTCollator(processor), audit, num_steps=10) == train(SFTCollator(processor), num_steps=10)
    assert [report.ok for report in audit.reports] == [True, True]
    assert len(list((tmp_path / "seen").glob("*.safetensors"))) == 2


def test_a_wrong_collator_stops_the_run_before_its_first_step(train, processor, tmp_path):
    audit = MaskAudit(processor, save_to=tmp_path)
    with pytest.raises(WrongMaskError, match="training batch 0 would train on the wrong tokens"):
        train(everything(processor), audit)
    assert (tmp_path / "batch-000-rank-0.json").exists()


def test_a_warning_lets_the_run_go_on(train, processor, capsys):
    audit = MaskAudit(processor, batches=1, on_error="warn", save_to=None)
    assert len(train(everything(processor), audit)) == 4
    assert "mask.nothing-masked" in capsys.readouterr().out
    assert len(audit.reports) == 1


def test_labels_that_the_trainer_keeps_are_told(train, processor):
    with pytest.raises(VTGError, match="labels must reach the model"):
        train(SFTCollator(processor), MaskAudit(processor, save_to=None), label_smoothing_factor=0.1)


def test_a_trainer_without_a_processor_is_told_to_give_one(train, processor):
    with pytest.raises(VTGError, match=r"give it: MaskAudit\(processor\)"):
        train(SFTCollator(processor), MaskAudit())
