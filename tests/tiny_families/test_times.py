"""Every family: what a model is told about time is read by the audit as what it is, and a wrong clock is found."""

import pytest

from tests.tiny_families.test_families import sample_of
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.learnt.frame_texts import frame_texts
from vtg_core.audit.row.videos import find_blocks, stamps_of
from vtg_core.chat.markup import apply_chat_template
from vtg_core.masking.processor_call import adds_special_tokens, call_processor
from vtg_core.masking.told_times import told_times

UNTOLD = ("nothing", "frame numbers")
WRONG = {
    "time.fps-assumed",
    "time.stamps-differ",
    "time.only-first-part",
    "time.seconds-per-grid-differ",
}


def collated(family, sample, clip, factor):
    """A batch as a collator makes it that gives the processor ``factor`` times the true rate."""
    text = apply_chat_template(family.checkpoint.processor, sample.messages)
    outputs = family.checkpoint.processor(
        text=[text],
        videos=[clip.frames],
        video_metadata=[{**clip.metadata, "fps": clip.info.fps * factor}],
        do_sample_frames=False,
        input_data_format="channels_last",
        videos_kwargs={"return_tensors": "pt"},
        add_special_tokens=adds_special_tokens(family.tokenizer, text),
    ).convert_to_tensors("pt")
    return {**outputs, "labels": outputs["input_ids"].clone()}


def times_found(family, clip, factor):
    sample = sample_of(clip)
    _, known = encode_known(sample.messages, family.processor, [clip], scene=scene_of(sample))
    found = check_batch(collated(family, sample, clip, factor), family.chat, [known]).findings
    return {finding.code for finding in found} & WRONG


def test_the_audit_reads_the_times_that_a_row_is_told_and_no_others(family, clip):
    told = told_times(
        call_processor(family.processor, family.processor.video_token, [clip]), family.processor
    )
    ids = family.collator.encode(sample_of(clip)).tokens.input_ids
    assert stamps_of(ids, family.chat) == pytest.approx(list(told.stamps))
    assert str(frame_texts(family.chat).how) in (family.expected.told, "nothing")
    assert len(find_blocks(ids, family.chat)) == 1, "a video is one, whatever stands between its frames"


def test_a_true_clock_is_no_finding(family, clip):
    if family.key == "qwen3_omni":
        pytest.skip("its own processor takes 1 frame a second, which is wrong of this clip")
    assert times_found(family, clip, 1) == set()


@pytest.mark.parametrize("factor", [0.5, 2])
def test_a_clock_of_another_rate_is_found_where_a_family_is_told_of_time(family, clip, factor):
    assert bool(times_found(family, clip, factor)) == (family.expected.told not in UNTOLD)
