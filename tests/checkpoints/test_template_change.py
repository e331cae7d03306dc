"""What a person adds to a chat template: values for its variables, and an end for its answers."""

from copy import copy

import pytest

from tests.tiny_families import chat_templates
from vtg_core.chat.markup import apply_chat_template
from vtg_core.chat.parity import judge_template
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.checkpoints.template_change import TemplateChange, change_template
from vtg_core.errors import CheckpointError

ASKED = [{"role": "user", "content": "When?"}]
ANSWERED = [*ASKED, {"role": "assistant", "content": "Now"}]


@pytest.fixture
def thinking(processor):
    own = copy(processor)
    own.chat_template = chat_templates.QWEN3_5_THINKING
    return own


def changed(processor, *arguments, end_of_turn="", stop_ids=()):
    change_template(processor, TemplateChange(arguments, end_of_turn), stop_ids=stop_ids)
    return processor


@pytest.mark.parametrize(
    ("value", "end"), [("true", "<think>\n"), ("false", "</think>\n\n"), ('"false"', "</think>\n\n")]
)
def test_a_variable_has_the_value_that_it_is_given(thinking, value, end):
    own = changed(thinking, f"enable_thinking={value}")
    assert apply_chat_template(own, ASKED, add_generation_prompt=True).endswith(end)


def test_without_thinking_the_prompt_is_what_was_trained(thinking):
    changed(thinking, "enable_thinking=false")
    whole = apply_chat_template(thinking, ANSWERED)
    assert whole.startswith(apply_chat_template(thinking, ASKED, add_generation_prompt=True))
    assert judge_template(thinking).joined == judge_template(thinking).written == ""


@pytest.mark.parametrize("value", ["{{ 7 * 7 }}", "%}x{%", "' + messages", '"a" + "b"', "\n"])
def test_a_value_is_text_and_never_a_template(processor, value):
    own = copy(processor)
    own.chat_template = "{{ greeting }}"
    assert apply_chat_template(changed(own, f"greeting={value}"), ASKED) == value


@pytest.mark.parametrize(
    ("value", "shown"), [("null", "True None"), ("NaN", "False NaN"), ("-Infinity", "False -Infinity")]
)
def test_what_json_and_jinja_write_otherwise_is_what_was_meant(processor, value, shown):
    own = copy(processor)
    own.chat_template = "{{ greeting is none }} {{ greeting }}"
    assert apply_chat_template(changed(own, f"greeting={value}"), ASKED) == shown


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("enable_thinking", "must be NAME=VALUE, such as enable_thinking=false, got 'enable_thinking'"),
        ("a b=1", "must be NAME=VALUE"),
        ("thinks=1", "'thinks' must be a variable of the checkpoint's chat template; it has enable_thinking"),
    ],
)
def test_an_argument_that_the_template_has_not_is_refused(thinking, argument, said):
    with pytest.raises(CheckpointError, match=said):
        changed(thinking, argument)


def test_an_end_of_turn_is_written_behind_an_answer_and_not_behind_a_question(processor):
    own, stop = copy(processor), processor.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    own.chat_template = chat_templates.GLM4_5V
    changed(own, end_of_turn="<|endoftext|>", stop_ids=[stop])
    assert apply_chat_template(own, ANSWERED).endswith("Now<|endoftext|>")
    assert apply_chat_template(own, ASKED).endswith("When?")
    assert apply_chat_template(own, ASKED, add_generation_prompt=True).endswith("<|assistant|>")


def test_an_end_of_turn_must_be_a_token_at_which_the_checkpoint_stops(processor):
    with pytest.raises(CheckpointError, match=r"stops \(<\|im_end\|>\), got '<\|video_pad\|>'"):
        changed(copy(processor), end_of_turn="<|video_pad|>", stop_ids=[processor.tokenizer.eos_token_id])


def test_a_checkpoint_with_a_change_is_another_than_one_without(user_cache):
    with pytest.raises(CheckpointError, match="it has none"):
        load_checkpoint("demo", template=TemplateChange(("enable_thinking=false",)))
    assert load_checkpoint("demo") is load_checkpoint("demo", template=TemplateChange())
