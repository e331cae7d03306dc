from dataclasses import replace

import torch

from vtg_core.audit.checks import stop
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.regions import IGNORE_INDEX


def end_of(good, row=0):
    return int(torch.nonzero(good.batch["labels"][row] != IGNORE_INDEX)[-1])


def test_a_good_end_has_no_finding(every_good):
    for row in every_good.rows():
        assert list(stop.check(row)) == []


def test_an_end_that_is_not_trained_is_found_without_messages_too(good):
    good.batch["labels"][0, end_of(good)] = IGNORE_INDEX
    assert good.codes(stop.check) == ["stop.not-trained"]
    assert good.codes(stop.check, saved=True) == ["stop.not-trained"]


def test_masking_padding_by_its_value_is_named_where_padding_is_the_end_of_turn(good):
    good.batch["labels"][0, end_of(good)] = IGNORE_INDEX
    shared = replace(good.chat, pad_id=good.chat.end_of_turn)
    codes = replace(good, chat=shared).codes(stop.check)
    assert codes == ["stop.masked-as-padding", "stop.pad-is-end-of-turn"]


def test_a_shared_padding_token_alone_is_no_fault(good):
    shared = replace(good, chat=replace(good.chat, pad_id=good.chat.end_of_turn))
    assert shared.codes(stop.check) == ["stop.pad-is-end-of-turn"]


def test_an_end_that_generation_does_not_stop_at_is_an_error(good):
    other = replace(good, chat=replace(good.chat, stop_ids=frozenset({5})))
    [finding] = stop.check(other.rows()[0])
    assert finding.code == "stop.not-a-stop-id"
    assert "'<|im_end|>'" in finding.message


def test_a_checkpoint_says_where_generation_stops():
    checkpoint = load_checkpoint("demo")
    names = set(checkpoint.processor.tokenizer.convert_ids_to_tokens(sorted(checkpoint.stop_ids)))
    assert names == {"<|im_end|>", "<|endoftext|>"}
    assert ChatIds.of(checkpoint.processor, checkpoint.stop_ids).stop_ids == checkpoint.stop_ids


def test_a_turn_that_is_never_closed_is_an_error(good):
    for name, value in (("input_ids", 5), ("labels", 5)):
        good.batch[name][0, end_of(good)] = value
    assert good.codes(stop.check, saved=True) == ["stop.missing"]
