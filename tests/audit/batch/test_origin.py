"""What wrote a batch is kept with it, and told where something else reads it."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vtg_core.audit.batch.files import load_batch
from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.batch.origin import origin_findings, origin_of, saved_origin
from vtg_core.audit.row.videos import find_blocks
from vtg_core.audit.run import audit_saved


def save(folder, batch, **origin):
    path = folder / "batch.safetensors"
    kept = {name: value.contiguous() for name, value in batch.items() if not name.startswith("pixel")}
    save_file(kept, path, metadata={name: json.dumps(value) for name, value in origin.items()})
    return path


def messages(path, processor):
    return [finding.message for finding in origin_findings(path, processor)]


def test_a_batch_that_the_same_wrote_is_no_finding(good, tmp_path):
    path = save(tmp_path, good.batch, **origin_of(good.processor))
    assert saved_origin(path)["versions"]["transformers"]
    assert messages(path, good.processor) == []


def test_another_version_of_transformers_is_one_sentence(good, tmp_path):
    path = save(tmp_path, good.batch, versions={"transformers": "4.57.6"})
    (said,) = messages(path, good.processor)
    assert re.fullmatch(r"transformers 4\.57\.6 wrote it and 5\.\d+\.\d+\S* reads it\.", said)


def test_another_chat_template_and_another_processor_are_told_too(good, tmp_path):
    origin = {**origin_of(good.processor), "chat_template": "0" * 16, "processor": "OtherProcessor"}
    (said,) = messages(save(tmp_path, good.batch, **origin), good.processor)
    assert "processor OtherProcessor wrote it" in said
    assert "chat template 0000000000000000 wrote it" in said


@pytest.mark.parametrize("versions", ["no mapping", [], {"transformers": ["5"]}, None])
def test_what_was_kept_is_anyones_and_raises_nothing(good, tmp_path, versions):
    path = save(tmp_path, good.batch, versions=versions)
    assert len(messages(path, good.processor)) <= 1


def test_a_batch_of_torch_save_keeps_nothing(good, tmp_path):
    torch.save(dict(good.batch), tmp_path / "batch.pt")
    assert messages(tmp_path / "batch.pt", good.processor) == []


def without_outer_markers(batch, chat):
    """Rows as transformers 4.57 writes them: a pair of markers a frame, and none around all of them."""
    rows = []
    for row in range(len(batch["input_ids"])):
        is_own = batch["attention_mask"][row] == 1
        ids, labels = (batch[name][row][is_own].numpy() for name in ("input_ids", "labels"))
        (block,) = find_blocks(ids, chat)
        kept = np.delete(np.arange(len(ids)), [block.start, block.end - 1])
        rows.append((ids[kept], labels[kept]))
    length = max(len(ids) for ids, _ in rows)
    pad = chat.tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([[*ids, *[pad] * (length - len(ids))] for ids, _ in rows]),
        "labels": torch.tensor([[*labels, *[-100] * (length - len(labels))] for _, labels in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in rows]),
        "video_grid_thw": batch["video_grid_thw"],
    }


def test_a_batch_that_transformers_4_57_wrote_is_judged(good, tmp_path):
    """It wrote 2 tokens fewer for the same row: 296 where 5.24 writes 298."""
    batch = without_outer_markers(good.batch, good.chat)
    path = save(tmp_path, batch, versions={"transformers": "4.57.6"})
    asked = AskedModel.of_checkpoint("demo", good.chat)  # the model of today asks for what 4.57 did not write
    found = [
        f for row in audit_saved(load_batch(path), good.chat, model=asked, path=path) for f in row.findings
    ]
    assert [f.code for f in found] == ["batch.other-origin", "batch.model-not-asked"]
    batch["labels"] = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    wrong = [f.code for row in audit_saved(batch, good.chat) for f in row.findings]
    assert wrong == ["mask.nothing-masked"] * len(batch["labels"])
