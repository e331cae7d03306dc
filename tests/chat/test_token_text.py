import pytest

from tests.tiny_families.tokenizers import llama
from vtg_core.chat.token_text import decode_run, encode_run, token_text


def test_whole_characters_and_control_tokens_are_their_own_text(processor):
    tokenizer = processor.tokenizer
    shown = [token_text(tokenizer, i) for i in tokenizer.encode("[8.0, 14.0]<|im_end|>")]
    assert "".join(shown) == "[8.0, 14.0]<|im_end|>"
    assert "<|im_end|>" in shown


@pytest.mark.parametrize("text", ["█", "🙂", "é"])
def test_a_piece_of_a_character_is_its_bytes(processor, text):
    tokenizer = processor.tokenizer
    shown = [token_text(tokenizer, i) for i in tokenizer.encode(text)]
    assert len(shown) > 1
    assert bytes.fromhex("".join(shown).replace("⟨", "").replace("⟩", "")) == text.encode()


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_no_token_is_shown_as_nothing_or_as_a_replacement_character(processors_by_name, name):
    tokenizer = processors_by_name[name].tokenizer
    shown = [token_text(tokenizer, i) for i in range(len(tokenizer))]
    assert all(shown)
    assert "\N{REPLACEMENT CHARACTER}" not in "".join(shown)


def test_an_id_without_a_token_is_shown_as_a_number(processor):
    ids = [len(processor.tokenizer), 151_700, 2**40, -7]
    assert [token_text(processor.tokenizer, i) for i in ids] == [f"⟨{i}⟩" for i in ids]


def test_a_run_of_llamas_tokens_keeps_the_space_that_its_decoder_drops_and_gets_none_that_it_puts_first():
    tokenizer = llama(())
    whole = tokenizer.encode("</s>a circle appears", add_special_tokens=False)
    run = encode_run(tokenizer, "a circle appears")
    assert run == whole[1:]
    words = tokenizer.encode(" circle", add_special_tokens=False)
    assert decode_run(tokenizer, words).startswith(" ")
    assert not tokenizer.decode(words).startswith(" ")
