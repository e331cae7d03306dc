"""The callback inside TRL's own trainer."""

from copy import deepcopy

import pytest

from vtg_core import MaskAudit, SFTCollator
from vtg_core.audit.training.callback import WrongMaskError

trl = pytest.importorskip("trl")


@pytest.fixture
def train(tmp_path, dataset, model, processor):
    """Train a copy of the demo model with SFTTrainer and a collator; give back the losses."""
    datasets, samples = pytest.importorskip("datasets"), list(dataset)

    def train(collator, *callbacks, num_steps=3):
        arguments = trl.SFTConfig(
            output_dir=str(tmp_path), max_steps=num_steps, per_device_train_batch_size=2, logging_steps=1,
            report_to="none", save_strategy="no", use_cpu=True, bf16=False, learning_rate=1e-3, disable_tqdm=True, seed=0,
            remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True}, max_length=None,
        )  # fmt: skip
        trainer = trl.SFTTrainer(
            model=deepcopy(model), args=arguments, processing_class=processor, callbacks=list(callbacks),
            train_dataset=datasets.Dataset.from_list([{"row": number} for number in range(len(samples))]),
            data_collator=lambda rows: collator([samples[row["row"]] for row in rows]),
        )  # fmt: skip
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    return train


def trl_collator(processor):
    """Return TRL's own collator for videos, with its defaults, fed with our samples' messages and frames."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    collate = DataCollatorForVisionLanguageModeling(processor)

    def shown(sample):
        messages = deepcopy(sample.messages)
        messages[0]["content"][0]["video"] = sample.video.frames
        return {"images": [], "messages": messages}

    return lambda samples: collate([shown(sample) for sample in samples])


def test_a_right_collator_trains_as_without_the_audit(train, processor, tmp_path):
    audit = MaskAudit(save_to=tmp_path / "seen")
    assert train(SFTCollator(processor), audit) == train(SFTCollator(processor))
    assert [report.ok for report in audit.reports] == [True, True]


def test_trls_own_collator_for_conversations_is_stopped_at_the_first_batch(train, processor):
    audit = MaskAudit(save_to=None)
    with pytest.raises(WrongMaskError, match="training batch 0 would train on the wrong tokens"):
        train(trl_collator(processor), audit)
    assert "mask.nothing-masked" in {finding.code for finding in audit.reports[0].findings}
