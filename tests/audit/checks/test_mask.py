import numpy as np
import pytest
import torch

from tests.audit.conftest import GoodBatch
from vtg_core.audit.checks import mask
from vtg_core.audit.findings import Severity
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known
from vtg_core.audit.run import recovered_row
from vtg_core.collator import pad
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, RegionKind, SupervisedTurns


def findings_of(good, row=0, **options):
    return list(mask.check(good.rows(**options)[row]))


def start_of(good, row=0):
    """Where the first answer of a row begins, padding included."""
    return int(torch.nonzero(good.batch["labels"][row] != IGNORE_INDEX)[0])


def test_a_good_mask_has_no_finding(every_good):
    for row in every_good.rows():
        assert list(mask.check(row)) == []


def test_leaks_are_counted_by_region_with_their_share_of_the_loss(good):
    tokens = good.known[0].tokens
    query = np.flatnonzero(tokens.is_kind(RegionKind.QUERY))
    good.batch["labels"][0, query] = good.batch["input_ids"][0, query]
    [finding] = findings_of(good)
    assert finding.code == "mask.prompt-trained"
    assert finding.evidence["by_region"] == {"query": len(query)}
    assert finding.evidence["share_of_loss_tokens"] == pytest.approx(len(query) / (len(query) + 12))
    assert [region.kind for region in finding.regions] == [RegionKind.QUERY]


def test_the_text_prefix_mask_is_explained_with_its_counts(good):
    tokens = good.known[0].tokens
    first = tokens.answer_starts[0] - tokens.num_inserted
    good.batch["labels"][0, first : start_of(good)] = good.batch["input_ids"][0, first : start_of(good)]
    [finding] = findings_of(good)
    assert finding.code == "mask.counted-before-expansion"
    assert f"expanding the video inserted {tokens.num_inserted:,}" in finding.message


@pytest.mark.parametrize("has_markers", [False, True])
def test_a_mask_of_media_alone_is_named_with_the_markers_masked_too(good, has_markers):
    masked = [*good.chat.media_ids, *(good.chat.marker_ids if has_markers else ())]
    own = good.of_ids(good.known[0].tokens.input_ids)
    own.batch["labels"] = np.where(np.isin(own.batch["input_ids"], masked), -100, own.batch["input_ids"])
    assert [f.code for f in findings_of(own)] == ["mask.only-media-masked"]


def test_a_mask_one_token_late_is_told_from_a_hole(good):
    good.batch["labels"][0, start_of(good)] = IGNORE_INDEX
    assert [f.code for f in findings_of(good)] == ["mask.off-by-one"]


def test_a_hole_in_the_middle_of_the_answer_is_shown_by_its_text(good):
    good.batch["labels"][0, start_of(good) + 3] = IGNORE_INDEX
    [finding] = findings_of(good)
    assert finding.code == "mask.answer-not-trained"
    assert finding.evidence == {"tokens": 1}


def test_nothing_else_is_said_of_a_row_without_a_label(good):
    good.batch["labels"][0] = IGNORE_INDEX
    assert [f.code for f in findings_of(good)] == ["mask.nothing-trained"]


def test_a_label_in_the_first_position_alone_is_no_loss(good):
    good.batch["labels"][0] = IGNORE_INDEX
    good.batch["labels"][0, 0] = good.batch["input_ids"][0, 0]
    assert [f.code for f in findings_of(good)] == ["mask.nothing-trained"]


def test_labels_that_were_shifted_before_are_not_called_a_leak(good):
    good.batch["labels"] = torch.roll(good.batch["labels"], -1, dims=1)
    assert [f.code for f in findings_of(good)] == ["mask.labels-shifted"]


def test_the_first_label_that_differs_is_named(good):
    at = start_of(good) + 2
    good.batch["labels"][0, at] = 5
    [finding] = findings_of(good)
    assert (finding.code, finding.evidence["first"]) == ("mask.labels-differ", at)


@pytest.mark.parametrize("value", [-1, -5, 10**6])
def test_a_label_outside_the_vocabulary_is_an_error(good, value):
    good.batch["labels"][0, start_of(good)] = value
    [finding] = findings_of(good)
    assert (finding.code, finding.evidence["values"]) == ("mask.label-out-of-vocabulary", [value])


def test_a_trained_newline_is_a_policy_and_not_judged(processor, video, samples_by_mode):
    good = with_policy(processor, samples_by_mode["standard"][0], MaskPolicy(newline=True))
    [finding] = findings_of(good)
    assert (finding.code, finding.severity) == ("mask.newline-trained", Severity.POLICY)


def test_training_the_last_answer_only_is_a_policy(processor, samples_by_mode):
    sample = samples_by_mode["standard"][0]
    again = [{"role": "user", "content": "Once more."}, sample.messages[-1]]
    good = with_policy(processor, sample, MaskPolicy(turns=SupervisedTurns.LAST), [*sample.messages, *again])
    assert [(f.code, f.severity) for f in findings_of(good)] == [
        ("mask.only-last-turn-trained", Severity.POLICY)
    ]


def test_a_saved_batch_has_one_reading_and_is_not_judged(good):
    [finding] = findings_of(good, saved=True)
    assert (finding.code, finding.severity) == ("mask.one-reading", Severity.WARNING)
    assert "the messages are not known" in finding.message


def with_policy(processor, sample, policy, messages=None):
    once = process_videos_once(processor)
    encoded, known = encode_known(messages or sample.messages, once, [sample.video], policy=policy)
    return GoodBatch(pad([encoded], processor), [known], ChatIds.of(processor), processor)


def test_control_tokens_of_an_answer_that_are_masked_by_value_are_named(good):
    labels, at = good.batch["labels"], start_of(good)
    box = good.processor.tokenizer.convert_tokens_to_ids("<|box_start|>")
    good.batch["input_ids"][0, at + 3] = labels[0, at + 3] = box
    good.batch["labels"][torch.isin(labels, torch.as_tensor(good.chat.control_ids))] = IGNORE_INDEX
    (finding,) = mask.check(recovered_row(good.rows(saved=True)[0]))
    assert (finding.code, finding.evidence) == ("mask.control-tokens-masked", {"tokens": 2})


def test_an_answer_all_of_control_tokens_that_is_masked_names_the_cause(good_tokens):
    labels = good_tokens.batch["labels"]
    labels[torch.isin(labels, torch.as_tensor(good_tokens.chat.control_ids))] = IGNORE_INDEX
    [finding] = findings_of(good_tokens)
    assert finding.code == "mask.nothing-trained"
    assert "tokens of the answer are control tokens: masked by value" in finding.message
