"""Weights stand beside the labels, and know the parts of an answer."""

import math
from itertools import pairwise

import pytest
import torch

from tests.conftest import ASSETS
from tests.conversation_files import spoken, write_rows
from vtg_core.collator import SFTCollator
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.errors import AnnotationError, MaskingError
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, TokenWeights
from vtg_core.templates import templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

PARTS = TokenWeights(time=4.0, format=0.5, end_of_turn=2.0)


def sample_of(video, form="standard", windows=((8, 14),)):
    return Sample(
        video, "a red circle", tuple(Window(*w) for w in windows), templates_for(form)[0], format_named(form)
    )


def collated(processor, samples, weights, **policy):
    return SFTCollator(processor, policy=MaskPolicy(weights=weights, **policy))(samples)


def said(batch, processor, row=0):
    """Each trained token's text with its weight."""
    trained = batch["labels"][row] != IGNORE_INDEX
    ids, weights = batch["labels"][row][trained].tolist(), batch["loss_weights"][row][trained].tolist()
    return [(processor.tokenizer.decode([i]), w) for i, w in zip(ids, weights, strict=True)]


def test_digits_weigh_what_times_do_and_all_else_what_the_format_does(processor, video):
    told = said(collated(processor, [sample_of(video)], PARTS), processor)
    assert "".join(text for text, _ in told) == "[8.0, 14.0]<|im_end|>"
    assert all(weight == (4.0 if any(c.isdigit() for c in text) else 0.5) for text, weight in told[:-1])
    assert told[-1] == ("<|im_end|>", 2.0)


def test_temporal_tokens_are_times_and_their_box_is_not(processor, video):
    told = said(collated(processor, [sample_of(video, "temporal_tokens")], PARTS), processor)
    assert [weight for _, weight in told] == [0.5, 4.0, 4.0, 0.5, 2.0]


@pytest.mark.parametrize("side", ["left", "right"])
def test_weights_are_padded_with_the_labels_and_are_0_wherever_they_are_masked(
    own_processor, video, other_video, side
):
    own_processor.tokenizer.padding_side = side
    batch = collated(own_processor, [sample_of(video), sample_of(other_video)], PARTS)
    weights = batch["loss_weights"]
    assert (weights.dtype, weights.shape) == (torch.float32, batch["labels"].shape)
    assert torch.equal(weights > 0, batch["labels"] != IGNORE_INDEX)


def test_without_weights_a_batch_has_no_column_of_them(processor, video):
    assert "loss_weights" not in SFTCollator(processor)([sample_of(video)])
    ones = collated(processor, [sample_of(video)], TokenWeights())
    assert torch.equal(ones["loss_weights"], (ones["labels"] != IGNORE_INDEX).float())


def test_weights_change_neither_ids_nor_labels(processor, video):
    plain, weighed = (
        SFTCollator(processor)([sample_of(video)]),
        collated(processor, [sample_of(video)], PARTS),
    )
    assert torch.equal(plain["input_ids"], weighed["input_ids"])
    assert torch.equal(plain["labels"], weighed["labels"])


def test_weights_by_position_go_in_equal_steps_from_the_first_to_the_last(processor, video):
    ramp = TokenWeights(first=1.0, last=3.0)
    weights = [w for _, w in said(collated(processor, [sample_of(video)], ramp), processor)]
    steps = [round(b - a, 5) for a, b in pairwise(weights)]
    assert (weights[0], weights[-1]) == (1.0, 3.0)
    assert len(set(steps)) == 1


def test_a_files_own_message_weights_are_counted_where_the_policy_says_so(processor, tmp_path):
    rows = VideoTemporalSFTDataset(
        write_rows(tmp_path, spoken(0.5, 2)), ASSETS, frames=FramePolicy(num_frames=4), weighs_messages=True
    )
    told = said(collated(processor, [rows[0]], TokenWeights(uses_messages=True)), processor)
    assert [weight for text, weight in told if text == "<|im_end|>"] == [0.5, 2.0]
    with pytest.raises(AnnotationError, match=r"got 0.5 for .*weighs_messages=True and TokenWeights"):
        SFTCollator(processor)([rows[0]])


def test_messages_that_a_mapping_brings_may_weigh_themselves(processor):
    question = [{"type": "video", "video": str(ASSETS / "red_circle.mp4")}, {"type": "text", "text": "When?"}]
    row = {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": "[8.0, 14.0]", "loss_scale": 0.25},
        ]
    }
    batch = collated(processor, [row], TokenWeights(time=2.0, uses_messages=True))
    assert {weight for _, weight in said(batch, processor)} == {0.25, 0.5}


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_a_message_whose_weight_is_no_number_is_refused(processor, weight):
    messages = [
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": "[8.0, 14.0]", "loss_scale": weight},
    ]
    with pytest.raises(MaskingError, match=r"the weight of messages\[1\] must be a finite number"):
        collated(processor, [{"messages": messages}], TokenWeights(uses_messages=True))


def test_a_row_of_which_nothing_is_left_to_train_is_refused(processor, video):
    weights = TokenWeights(time=0.0, format=0.0)
    with pytest.raises(MaskingError, match="at least one trained token must weigh more than 0"):
        collated(processor, [sample_of(video)], weights, end_of_turn=False)


@pytest.mark.parametrize(
    "values",
    [{"time": -1}, {"format": float("inf")}, {"last": float("nan")}, {"time": "2"}, {"first": 0, "last": 0}],
)
def test_weights_that_are_no_weights_are_refused(values):
    with pytest.raises(MaskingError, match="must be"):
        TokenWeights(**values)


def rows_of_the_demo():
    return VideoTemporalSFTDataset(
        ASSETS / "demo_annotations.json", use_random_templates=False, frames=FramePolicy(num_frames=4)
    )


def weighed_by(processor, weights, earlier):
    collator = SFTCollator(processor, policy=MaskPolicy(weights=weights), earlier=earlier)
    batch = collator([rows_of_the_demo()[0]])
    return batch["loss_weights"][0][batch["labels"][0] != IGNORE_INDEX].tolist()


def test_what_an_earlier_pass_found_easy_counts_less_and_what_it_found_too_hard_no_more_than_the_cap(
    processor,
):
    count = len(weighed_by(processor, TokenWeights(), None))
    nll = [0.0, 10.0, *[math.log(2)] * (count - 2)]
    focal = weighed_by(processor, TokenWeights(focal=2.0), {0: nll})
    assert focal[:3] == pytest.approx([0.0, 1.0, 0.25], abs=1e-3)
    assert weighed_by(processor, TokenWeights(cap=2.0), {0: nll})[:3] == pytest.approx([1.0, 0.2, 1.0])


@pytest.mark.parametrize("earlier", [None, {}, {0: [1.0]}, {1: [1.0] * 12}, {0: [math.nan] * 12}])
def test_weights_by_difficulty_need_the_nll_of_each_trained_token(processor, earlier):
    with pytest.raises(MaskingError, match="weights by difficulty need the NLL of each of the"):
        weighed_by(processor, TokenWeights(focal=2.0), earlier)
