"""Two processes train together over gloo: each audits its own batches, and the first alone tells of clean ones."""

import os
import socket
import subprocess
import sys

import pytest

RANK = """
import os, sys
import torch
from transformers import Trainer, TrainingArguments
from vtg_core import MaskAudit, SFTCollator, VideoTemporalSFTDataset, load_model, load_processor
from vtg_core.video.plan import FramePolicy

processor, calls = load_processor("demo"), []
right = SFTCollator(processor)

def collate(rows):
    calls.append(rows)
    batch = right(rows)
    if os.environ["RANK"] == "1" and len(calls) == 2:
        batch["labels"] = batch["input_ids"].clone()
    return batch

dataset = VideoTemporalSFTDataset(sys.argv[1], frames=FramePolicy(num_frames=2), template_seed=0)
arguments = TrainingArguments(
    sys.argv[2], max_steps=2, per_device_train_batch_size=1, use_cpu=True, ddp_backend="gloo", report_to="none",
    save_strategy="no", disable_tqdm=True, logging_strategy="no",
)
audit = MaskAudit(processor, on_error="warn", save_to=sys.argv[2])
Trainer(
    model=load_model("demo", device="cpu", dtype="float32"), args=arguments, train_dataset=list(dataset),
    data_collator=collate, callbacks=[audit],
).train()
assert [report.ok for report in audit.reports] == [True, os.environ["RANK"] == "0"]
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each of two ranks printed, and the folder in which they saved."""
    from tests.conftest import ASSETS

    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RANK, str(ASSETS / "demo_annotations.json"), str(folder)]
    ranks = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    ended = [rank.communicate(timeout=240) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], ended[0][1][-2_000:] + ended[1][1][-2_000:]
    return [printed for printed, _ in ended], folder


@pytest.mark.slow
def test_each_rank_audits_its_own_batches_and_saves_them(said):
    _, folder = said
    saved = sorted(path.name for path in folder.glob("*.safetensors"))
    assert saved == [f"batch-00{batch}-rank-{rank}.safetensors" for batch in (0, 1) for rank in (0, 1)]


@pytest.mark.slow
def test_the_first_rank_reports_and_another_where_something_is_wrong(said):
    (first, other), _ = said
    assert "training batch 0" in first
    assert "training batch 1" in first
    assert "mask.nothing-masked" not in first
    assert "training batch 0" not in other
    assert "training batch 1" in other
    assert "mask.nothing-masked" in other
