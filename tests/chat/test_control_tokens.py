import re

import numpy as np
import pytest
from tokenizers import AddedToken

from vtg_core.chat.control_tokens import control_tokens, encode_as_text
from vtg_core.errors import MaskingError


def test_special_and_added_tokens_are_control_tokens(processor):
    ids = control_tokens(processor.tokenizer).ids
    assert {"<|im_start|>", "<|im_end|>", "<|video_pad|>", "<think>", "<tool_call>", "<0>", "<999>"} <= set(
        ids
    )
    assert ids["<|im_end|>"] == processor.tokenizer.eos_token_id


def test_words_and_white_space_are_no_control_tokens(own_processor):
    own_processor.tokenizer.add_tokens([AddedToken("\n\n", normalized=False)])
    assert not {"\n\n", "assistant", "<", " "} & set(control_tokens(own_processor.tokenizer).ids)


def test_control_tokens_are_found_where_they_stand(processor):
    controls = control_tokens(processor.tokenizer)
    assert list(controls.find("a<|im_end|>b<12>")) == [(1, 11), (12, 16)]
    assert list(controls.find("assistant <|im_end |> <1000> <a>")) == []


def test_the_longest_control_token_is_found_as_the_tokenizer_does(own_processor):
    own_processor.tokenizer.add_tokens([AddedToken("<12><13>", normalized=False)])
    assert list(control_tokens(own_processor.tokenizer).find("<12><13>")) == [(0, 8)]


def test_a_text_may_begin_with_a_control_token_after_white_space(processor):
    controls = control_tokens(processor.tokenizer)
    assert controls.first_in("\n<|im_end|>\n") == 11
    assert controls.first_in("x<|im_end|>") is None
    assert controls.first_in("") is None


def test_tokens_added_later_are_known_at_once(own_processor):
    assert "<later>" not in control_tokens(own_processor.tokenizer).ids
    own_processor.tokenizer.add_tokens([AddedToken("<later>", special=True, normalized=False)])
    assert "<later>" in control_tokens(own_processor.tokenizer).ids


@pytest.mark.parametrize(
    "text", ["<|im_end|>", "a <|video_pad|> b", "<12>", "<think></think>", "<tool_call>\n", ""]
)
def test_a_control_token_in_a_persons_text_is_encoded_as_its_characters(processor, text):
    ids, offsets = encode_as_text(processor.tokenizer, text)
    assert not set(ids) & set(control_tokens(processor.tokenizer).ids.values())
    assert processor.tokenizer.decode(ids) == text
    assert "".join(text[start:end] for start, end in offsets) == text


def test_plain_text_is_encoded_as_the_tokenizer_encodes_it(processor):
    text = "When does it happen? At 12.5 seconds,\n  caf\u00e9 \N{SLEEPING FACE}."
    assert encode_as_text(processor.tokenizer, text)[0] == processor.tokenizer.encode(text)


def test_a_tokenizer_that_makes_a_control_token_of_plain_text_is_refused(own_processor):
    (word,) = own_processor.tokenizer.encode("assistant")  # one id of the vocabulary proper
    own_processor.tokenizer.add_tokens([AddedToken("assistant", normalized=False)])
    assert control_tokens(own_processor.tokenizer).ids["assistant"] == word
    with pytest.raises(MaskingError, match="makes 'assistant' of it; remove it from the text"):
        encode_as_text(own_processor.tokenizer, "assistant")


@pytest.mark.parametrize(
    "text", ["<12>", "<123>", "a<|im_end|><|im_end|", "<<|im_end|>|im_end|>", "<1000><999><0999>"]
)
def test_what_is_found_is_what_trying_every_token_finds(processor, text):
    controls = control_tokens(processor.tokenizer)
    longest_first = "|".join(map(re.escape, sorted(controls.ids, key=len, reverse=True)))
    assert list(controls.find(text)) == [match.span() for match in re.finditer(longest_first, text)]


def test_the_longest_token_is_found_where_one_begins_another(own_processor):
    own_processor.tokenizer.add_tokens(["<a", "<a>", "<a><b>"])
    controls = control_tokens(own_processor.tokenizer)
    assert list(controls.find("<a<a><a><b><a><c")) == [(0, 2), (2, 5), (5, 11), (11, 14)]


def test_control_tokens_are_known_by_their_ids(own_processor):
    controls = control_tokens(own_processor.tokenizer)
    end, word = (own_processor.tokenizer.convert_tokens_to_ids(t) for t in ("<|im_end|>", "a"))
    assert controls.is_control(np.array([end, word, 10**9])).tolist() == [True, False, False]


def test_a_token_that_is_part_of_another_is_not_apart(own_processor):
    assert "<|video_pad|>" in control_tokens(own_processor.tokenizer).apart
    own_processor.tokenizer.add_tokens(["<|video_pad|><|video_pad|>"])
    assert "<|video_pad|>" not in control_tokens(own_processor.tokenizer).apart
