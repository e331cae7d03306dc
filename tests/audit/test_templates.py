"""The audit on other checkpoints' ways to write a conversation."""

import numpy as np
import pytest

from tests.chat.test_rendering import RIGHT
from tests.conftest import ASSETS
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.findings import Severity
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.run import audit_rows
from vtg_core.collator import pad
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import IGNORE_INDEX, MaskPolicy
from vtg_core.video.plan import FramePolicy

BAD = (Severity.ERROR, Severity.WARNING)


@pytest.fixture(params=RIGHT, ids=str)
def templated(request, own_processor):
    """The demo's processor with another chat template."""
    own_processor.chat_template = own_processor.tokenizer.chat_template = RIGHT[request.param]
    return own_processor


def rows(**options):
    file = ASSETS / "demo_annotations.json"
    return VideoTemporalSFTDataset(
        file, frames=FramePolicy(num_frames=12), use_random_templates=False, **options
    )


def audited(processor, change=lambda batch, known: None, policy=None):
    """Audit our own batch of two samples, after ``change`` has had it."""
    chat, once, encoded, known = ChatIds.of(processor), process_videos_once(processor), [], []
    for sample in (rows()[0], rows()[1]):
        made = encode_known(sample.messages, once, [sample.video], scene=scene_of(sample), policy=policy)
        encoded.append(made[0])
        known.append(made[1])
    batch = pad(encoded, processor)
    change(batch, known)
    return check_batch(batch, chat, known).findings


def bad(findings):
    return [finding.code for finding in findings if finding.severity in BAD]


def test_our_own_rows_are_clean_whatever_the_chat_template(templated):
    chat = ChatIds.of(templated)
    found = [f for row in audit_rows(rows(), chat, limit=2) for f in row.findings]
    assert bad(found) == []
    assert bad(audited(templated)) == []


def test_an_end_of_turn_that_is_not_trained_is_found_whatever_the_chat_template(templated):
    def take_the_ends_away(batch, known):
        for row in range(2):
            last = np.flatnonzero(batch["labels"][row].numpy() != IGNORE_INDEX)[-1]
            batch["labels"][row, last] = IGNORE_INDEX

    assert bad(audited(templated, take_the_ends_away)) == ["stop.not-trained"] * 2


def test_thinking_is_trained_or_not_by_choice(own_processor):
    own_processor.chat_template = own_processor.tokenizer.chat_template = RIGHT["hybrid thinking"]
    found = audited(own_processor, policy=MaskPolicy(thinking=True))
    assert [f.code for f in found if f.severity is Severity.POLICY] == ["mask.thinking-trained"] * 2
    assert bad(found) == []
