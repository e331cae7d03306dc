"""A trainer of transformers divides what it accumulates by the sum of weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from vtg_core.errors import LossError
from vtg_core.loss.weighted.cross_entropy import weighted_loss
from vtg_core.loss.weighted.training import use_loss_weights

ROWS = [
    {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, 3, 4, 5], "loss_weights": [0.0, 0.0, 5.0, 1.0, 0.0]},
    {"input_ids": [6, 2, 3, 4, 5], "labels": [-100, 2, -100, -100, 5], "loss_weights": [0.0, 0.25, 0.0, 0.0, 1.0]},
    {"input_ids": [7, 7, 3, 1, 2], "labels": [-100, -100, -100, 1, 2], "loss_weights": [0.0, 0.0, 0.0, 3.0, 2.0]},
    {"input_ids": [8, 1, 1, 4, 9], "labels": [-100, 1, 1, 4, 9], "loss_weights": [0.0, 0.5, 0.5, 0.5, 0.5]},
]  # fmt: skip


def collate(rows):
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}


def without_weights(rows):
    return {name: column for name, column in collate(rows).items() if name != "loss_weights"}


def build_model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=12,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8,
    )
    return LlamaForCausalLM(config)


@pytest.fixture
def model():
    return build_model()


def trainer_of(model, folder, *, accumulate=1, collator=collate, **options):
    arguments = TrainingArguments(
        str(folder), max_steps=1, per_device_train_batch_size=4 // accumulate, gradient_accumulation_steps=accumulate,
        learning_rate=0.1, optim="sgd", lr_scheduler_type="constant", max_grad_norm=0.0, report_to=[], use_cpu=True,
        remove_unused_columns=False, logging_steps=1, save_strategy="no", disable_tqdm=True, **options,
    )  # fmt: skip
    return Trainer(model, arguments, data_collator=collator, train_dataset=ROWS, eval_dataset=ROWS)


def by_hand(model, batch):
    """One step of plain gradient descent on the weighted mean over all rows."""
    logits = model(input_ids=batch["input_ids"]).logits
    loss = weighted_loss(logits, batch["labels"], batch.get("loss_weights"))
    model.zero_grad()
    loss.backward()
    moved = {
        name: (p - 0.1 * p.grad).detach().clone()
        for name, p in model.named_parameters()
        if p.grad is not None
    }
    model.zero_grad()
    return loss.item(), moved


def assert_same(model, expected):
    for name, value in model.named_parameters():
        assert torch.allclose(value, expected[name], atol=1e-6), name


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_a_step_is_the_same_however_its_rows_are_accumulated(model, tmp_path, accumulate):
    loss, expected = by_hand(model, collate(ROWS))
    trainer = use_loss_weights(trainer_of(model, tmp_path, accumulate=accumulate))
    assert trainer.train().training_loss == pytest.approx(loss, rel=1e-5)
    assert_same(model, expected)


def test_weights_change_the_step(model, tmp_path):
    _, expected = by_hand(model, without_weights(ROWS))
    use_loss_weights(trainer_of(model, tmp_path)).train()
    assert not torch.allclose(model.lm_head.weight, expected["lm_head.weight"], atol=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_without_the_column_the_loss_is_the_plain_one(model, tmp_path, accumulate):
    loss, expected = by_hand(model, without_weights(ROWS))
    trainer = use_loss_weights(trainer_of(model, tmp_path, accumulate=accumulate, collator=without_weights))
    assert trainer.train().training_loss == pytest.approx(loss, rel=1e-5)
    assert_same(model, expected)


def test_an_evaluation_is_the_weighted_mean_of_its_own_batch(model, tmp_path):
    loss, _ = by_hand(model, collate(ROWS))
    trainer = use_loss_weights(trainer_of(model, tmp_path, per_device_eval_batch_size=4))
    assert trainer.evaluate()["eval_loss"] == pytest.approx(loss, rel=1e-5)


def test_a_trainer_with_a_loss_of_its_own_is_refused(model, tmp_path):
    with pytest.raises(LossError, match="must have no other loss"):
        use_loss_weights(trainer_of(model, tmp_path, label_smoothing_factor=0.1))


def test_a_step_in_which_only_some_batches_have_weights_is_refused(model, tmp_path):
    def mixed(rows):
        return collate(rows) if rows[0]["input_ids"][0] == 1 else without_weights(rows)

    trainer = use_loss_weights(trainer_of(model, tmp_path, accumulate=4, collator=mixed))
    with pytest.raises(LossError, match="every batch of a step must have loss_weights, or none, got 1 of 4"):
        trainer.train()


@pytest.mark.slow
def test_a_step_is_the_same_over_two_processes(model, tmp_path):
    _, expected = by_hand(model, collate(ROWS))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [*launcher, "-m", "tests.loss.weighted.two_processes", str(tmp_path)],
        cwd=root, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    moved = json.loads((tmp_path / "head.json").read_text())
    assert torch.allclose(torch.tensor(moved), expected["lm_head.weight"], atol=1e-6)
