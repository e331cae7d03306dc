import pytest

from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import apply_chat_template, learn_markup
from vtg_core.errors import MaskingError

QUESTION = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "When?"}]}]


def test_a_conversation_is_rendered_with_its_placeholder(processor):
    assert apply_chat_template(processor, QUESTION) == (
        "<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>When?<|im_end|>\n"
    )


def test_the_generation_prompt_ends_with_the_assistants_header(processor):
    text = apply_chat_template(processor, QUESTION, add_generation_prompt=True)
    assert text.endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_a_template_that_fails_is_a_masking_error_with_its_own_words(own_processor):
    own_processor.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(
        MaskingError, match="must render this conversation, and fails: System role not supported"
    ):
        apply_chat_template(own_processor, QUESTION)


def test_a_checkpoint_without_a_chat_template_is_a_masking_error(own_processor):
    own_processor.chat_template = own_processor.tokenizer.chat_template = None
    with pytest.raises(MaskingError, match="does not have a chat template"):
        apply_chat_template(own_processor, QUESTION)


def test_a_template_that_is_no_jinja_is_a_masking_error(own_processor):
    own_processor.chat_template = "{% for"
    with pytest.raises(MaskingError, match="must render this conversation, and fails"):
        apply_chat_template(own_processor, QUESTION)


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_the_markup_around_each_role_is_learnt(processors_by_name, name):
    markup = learn_markup(processors_by_name[name])
    assert markup.opening[Role.USER] == "<|im_start|>user\n"
    assert markup.closing[Role.USER] == "<|im_end|>\n"
    assert markup.opening[Role.ASSISTANT] == "<|im_start|>assistant\n"
    assert markup.closing[Role.ASSISTANT] == "<|im_end|>\n"
    assert markup.opening[Role.SYSTEM] == "<|im_start|>system\n"
    assert markup.closing[Role.SYSTEM] == "<|im_end|>\n"
    assert markup.video == "<|vision_start|><|video_pad|><|vision_end|>"


def test_a_template_that_fails_leaves_the_markup_unknown(own_processor):
    own_processor.chat_template = "{{ raise_exception('no') }}"
    markup = learn_markup(own_processor)
    assert set(markup.opening.values()) == set(markup.closing.values()) == {markup.video} == {""}


def test_the_markup_is_learnt_anew_for_other_special_tokens(own_processor):
    own_processor.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content[0].text }}{{ eos_token }}{% endfor %}"
    )
    assert learn_markup(own_processor).closing[Role.ASSISTANT] == "<|im_end|>"
    own_processor.tokenizer.eos_token = "<|quad_end|>"
    assert learn_markup(own_processor).closing[Role.ASSISTANT] == "<|quad_end|>"
