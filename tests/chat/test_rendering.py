"""Characters first: which characters of a rendered conversation are what, in chat templates of many styles."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vtg_core.chat.rendering import render
from vtg_core.data.answers import TEMPORAL_TOKEN_ANSWER
from vtg_core.errors import ConversationError, MaskingError
from vtg_core.regions import RegionKind

PLACEHOLDER = "<|vision_start|><|video_pad|><|vision_end|>"
WRITE = (
    "{%- macro write(content) -%}{%- if content is string -%}{{- content -}}{%- else -%}{%- for part in content -%}"
    "{%- if part.type == 'video' -%}" + PLACEHOLDER + "{%- else -%}{{- part.text -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{%- endmacro -%}"
)
PROMPTED = "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"


def chatml(turn):
    """A template that writes each turn as ``turn`` says, and ChatML's generation prompt."""
    return WRITE + "{%- for message in messages -%}" + turn + "{%- endfor -%}" + PROMPTED


PLAIN = "{{- '<|im_start|>' + message.role + '\n' + write(message.content) + '<|im_end|>\n' -}}"
TRIM = WRITE.replace("{{- part.text -}}", "{{- part.text | trim -}}").replace(
    "{{- content -}}", "{{- content | trim -}}"
)
GEMMA = (
    TRIM + "{%- set ns = namespace(system='') -%}{%- for message in messages -%}"
    "{%- if message.role == 'system' -%}{%- set ns.system = write(message.content) + '\n\n' -%}{%- else -%}"
    "{{- '<|im_start|>' + ('model' if message.role == 'assistant' else 'user') + '\n' -}}"
    "{%- if message.role == 'user' -%}{{- ns.system -}}{%- set ns.system = '' -%}{%- endif -%}"
    "{{- write(message.content) + '<|im_end|>\n' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>model\n' -}}{%- endif -%}"
)
LLAMA_3 = (
    TRIM + "{{- '<|endoftext|>' -}}{%- for message in messages -%}"
    "{{- '<|quad_start|>' + message.role + '<|quad_end|>\n\n' + write(message.content) + '<|im_end|>' -}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|quad_start|>assistant<|quad_end|>\n\n' -}}{%- endif -%}"
)
THINKING_TURN = (
    "{{- '<|im_start|>' + message.role + '\n' -}}{%- if message.role == 'assistant' and loop.last -%}"
    "{{- '<think>\n\n</think>\n\n' -}}{%- endif -%}{{- write(message.content) + '<|im_end|>\n' -}}"
)
HYBRID = chatml(THINKING_TURN)
THINKING = HYBRID.replace("assistant\n' -}}{%- endif -%}", "assistant\n<think>\n' -}}{%- endif -%}")
GENERATION_TAGS = chatml(
    "{{- '<|im_start|>' + message.role + '\n' -}}{%- if message.role == 'assistant' -%}"
    "{% generation %}{{- write(message.content) + '<|im_end|>' -}}{% endgeneration %}{{- '\n' -}}"
    "{%- else -%}{{- write(message.content) + '<|im_end|>\n' -}}{%- endif -%}"
)
PLAIN_ROLES = (
    WRITE + "{%- for message in messages -%}{%- if message.role == 'assistant' -%}"
    "{{- 'ASSISTANT:\n' + write(message.content) + '<|im_end|>\n' -}}"
    "{%- else -%}{{- message.role | upper + ': ' + write(message.content) + '\n' -}}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- 'ASSISTANT:\n' -}}{%- endif -%}"
)
MEDIA_FIRST = (
    "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\n' -}}"
    "{%- for part in message.content if part.type == 'video' -%}" + PLACEHOLDER + "{{- '\n' -}}{%- endfor -%}"
    "{%- for part in message.content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}"
    "{{- '<|im_end|>\n' -}}{%- endfor -%}" + PROMPTED
)
NUMBERED_VIDEOS = chatml(PLAIN).replace(PLACEHOLDER, "{{- 'Video 1: " + PLACEHOLDER + "' -}}")
NEWLINE_BEFORE_END = chatml(PLAIN.replace("+ '<|im_end|>", "+ '\n<|im_end|>"))
TWO_ENDS = chatml(PLAIN.replace("<|im_end|>", "<|im_end|><|endoftext|>"))

DROPS_SYSTEM = chatml("{%- if message.role != 'system' -%}" + PLAIN + "{%- endif -%}")
CLOSES_NOTHING = chatml(PLAIN.replace(" + '<|im_end|>\n'", ""))
CLOSES_THE_LAST_ONLY = chatml(
    PLAIN.replace(" + '<|im_end|>\n'", "")
    + "{%- if loop.last and message.role == 'assistant' -%}<|im_end|>{%- endif -%}"
)
CLOSES_WITH_WORDS = chatml(PLAIN.replace("<|im_end|>", "THE END"))
SHOUTS = chatml(PLAIN.replace("write(message.content)", "write(message.content) | upper"))
SQUEEZES = chatml(PLAIN.replace("write(message.content)", "write(message.content) | replace('8', 'VIII')"))
REPEATS = chatml(PLAIN + "{%- if message.role == 'user' -%}" + PLAIN + "{%- endif -%}")
COUNTS = chatml(PLAIN.replace("message.role +", "message.role + (messages | length) | string +"))
TEXT_ONLY = "{%- for message in messages -%}{{- '<|im_start|>' + message.content -}}{%- endfor -%}"

RIGHT = {
    "plain": chatml(PLAIN),
    "gemma": GEMMA,
    "llama 3": LLAMA_3,
    "hybrid thinking": HYBRID,
    "generation tags": GENERATION_TAGS,
    "plain roles": PLAIN_ROLES,
    "media first": MEDIA_FIRST,
    "numbered videos": NUMBERED_VIDEOS,
    "two ends": TWO_ENDS,
}


def text(words, **fields):
    return {"type": "text", "text": words, **fields}


def chat(*turns, system=None):
    """A conversation about a video; ``turns`` are the user's and the assistant's words in turn."""
    messages = [{"role": "system", "content": [text(system)]}] if system else []
    for i, words in enumerate(turns):
        parts = [text(words)] if i else [{"type": "video", "video": "a.mp4"}, text(words)]
        messages.append({"role": "assistant" if i % 2 else "user", "content": parts})
    return messages


def pieces(messages, processor, **options):
    """What each region says, for the regions whose kind is of interest."""
    rendered = render(messages, processor, **options)
    return [(str(r.kind), rendered.text[r.start : r.end]) for r in rendered.regions]


def trained(messages, processor):
    """The words that the default mask policy would train, turn by turn."""
    kinds = (RegionKind.ANSWER, RegionKind.END_OF_TURN)
    rendered = render(messages, processor)
    return [rendered.text[r.start : r.end] for r in rendered.regions if r.kind in kinds]


def test_every_character_is_labelled(processor):
    assert pieces(chat("When?", "[8.0, 14.0]", system="Be brief."), processor) == [
        ("role_header", "<|im_start|>system\n"),
        ("system", "Be brief."),
        ("chat", "<|im_end|>\n"),
        ("role_header", "<|im_start|>user\n"),
        ("video", PLACEHOLDER),
        ("instruction", "When?"),
        ("chat", "<|im_end|>\n"),
        ("role_header", "<|im_start|>assistant\n"),
        ("answer", "[8.0, 14.0]"),
        ("end_of_turn", "<|im_end|>"),
        ("chat", "\n"),
    ]


def test_a_default_system_message_is_labelled_as_one(processors_by_name):
    assert pieces(chat("When?", "Now"), processors_by_name["demo-qwen2.5-vl"])[:4] == [
        ("role_header", "<|im_start|>system\n"),
        ("system", "You watch videos and say when something happens."),
        ("chat", "<|im_end|>\n"),
        ("role_header", "<|im_start|>user\n"),
    ]


def test_the_query_is_told_apart_from_the_instruction(processor):
    message = {"role": "user", "content": [text('Find "it" now.', query=[6, 8])]}
    assert pieces([message], processor)[1:4] == [
        ("instruction", 'Find "'),
        ("query", "it"),
        ("instruction", '" now.'),
    ]


def test_the_turns_are_numbered_as_the_messages_are(processor):
    rendered = render(chat("a", "b", "c", "d"), processor)
    answers = [(r.turn, rendered.text[r.start : r.end]) for r in rendered.regions if r.kind == "answer"]
    assert answers == [(1, "b"), (3, "d")]


def test_a_plain_text_reads_as_a_list_of_one_part(processor):
    as_text = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now"}]
    as_parts = [{"role": m["role"], "content": [text(m["content"])]} for m in as_text]
    assert render(as_text, processor) == render(as_parts, processor)


def test_an_answer_of_several_parts_is_one_region(processor):
    messages = chat("When?")
    messages.append({"role": "assistant", "content": [text("[8.0, "), text("14.0]")]})
    assert trained(messages, processor) == ["[8.0, 14.0]", "<|im_end|>"]


def test_the_videos_are_named_in_order(processor):
    parts = [{"type": "video", "video": "a"}, text("x"), {"type": "video", "video": "b"}]
    rendered = render([{"role": "user", "content": parts}], processor)
    assert rendered.video_sources == ("a", "b")
    assert [r.kind for r in rendered.regions].count("video") == 2


@pytest.mark.parametrize("system", [None, "Be brief."])
@pytest.mark.parametrize("style", RIGHT)
def test_in_every_style_exactly_the_answers_and_their_ends_are_trained(own_processor, style, system):
    own_processor.chat_template = RIGHT[style]
    assert trained(chat("When?", "[8.0, 14.0]", system=system), own_processor) == [
        "[8.0, 14.0]",
        "<|im_end|>",
    ]
    many = trained(chat("a?", "[0.0, 1.0]", "b?", "[1.0, 2.0]", system=system), own_processor)
    assert many == ["[0.0, 1.0]", "<|im_end|>", "[1.0, 2.0]", "<|im_end|>"]


@pytest.mark.parametrize("style", RIGHT)
def test_in_every_style_the_video_is_found(own_processor, style):
    own_processor.chat_template = RIGHT[style]
    labelled = pieces(chat("When?", "Now"), own_processor)
    assert any(kind == "video" and PLACEHOLDER in words for kind, words in labelled)


@pytest.mark.parametrize("style", RIGHT)
def test_in_every_style_the_model_begins_to_write_after_the_generation_prompt(own_processor, style):
    own_processor.chat_template = RIGHT[style]
    messages = chat("When?", "[8.0, 14.0]")
    prompt = own_processor.apply_chat_template(messages[:1], add_generation_prompt=True)
    rendered = render(messages, own_processor)
    assert rendered.answer_starts == (len(prompt),)
    assert rendered.text.startswith(prompt)


@pytest.mark.parametrize("style", ["gemma", "llama 3"])
def test_a_template_that_trims_is_followed(own_processor, style):
    own_processor.chat_template = RIGHT[style]
    assert trained(chat(" When? \n", "  [8.0, 14.0]\n"), own_processor) == ["[8.0, 14.0]", "<|im_end|>"]


def test_a_template_that_trims_the_message_as_a_whole_is_followed_or_refused(own_processor):
    own_processor.chat_template = chatml(
        PLAIN.replace("write(message.content)", "write(message.content) | trim")
    )
    assert trained(chat("When?", "  [8.0, 14.0]\n"), own_processor) == ["[8.0, 14.0]", "<|im_end|>"]
    with pytest.raises(MaskingError, match="must write each message as it is, or trimmed, and rewrites one"):
        render(chat("  When?  ", "Now"), own_processor)


def test_thinking_that_the_template_writes_is_no_answer(own_processor):
    own_processor.chat_template = HYBRID
    labelled = pieces(chat("When?", "Now"), own_processor)
    assert labelled[-4:-1] == [
        ("thinking", "<think>\n\n</think>\n\n"),
        ("answer", "Now"),
        ("end_of_turn", "<|im_end|>"),
    ]


def test_a_generation_prompt_that_opens_the_thinking_is_followed(own_processor):
    own_processor.chat_template = THINKING
    labelled = pieces(chat("When?", "Now"), own_processor)
    assert labelled[-5:-1] == [
        ("role_header", "<|im_start|>assistant\n<think>\n"),
        ("thinking", "\n</think>\n\n"),
        ("answer", "Now"),
        ("end_of_turn", "<|im_end|>"),
    ]


def test_a_generation_prompt_that_is_not_in_the_history_is_refused(own_processor):
    own_processor.chat_template = THINKING
    with pytest.raises(
        MaskingError, match=r"before the answer in messages\[1\] must be .* generation prompt"
    ):
        render(chat("a?", "Now", "b?", "Then"), own_processor)


def test_a_template_without_a_generation_prompt_is_refused(own_processor):
    own_processor.chat_template = chatml(PLAIN).removesuffix(PROMPTED)
    with pytest.raises(MaskingError, match="must open the assistant's turn where add_generation_prompt asks"):
        render(chat("When?", "Now"), own_processor)


def test_white_space_before_the_end_of_turn_belongs_to_it(own_processor):
    own_processor.chat_template = NEWLINE_BEFORE_END
    assert trained(chat("When?", "Now"), own_processor) == ["Now", "\n<|im_end|>"]


def test_a_template_that_drops_the_system_message_is_refused(own_processor):
    own_processor.chat_template = DROPS_SYSTEM
    assert trained(chat("When?", "Now"), own_processor) == ["Now", "<|im_end|>"]
    with pytest.raises(MaskingError, match="write each of the conversation's 3 texts once and in order"):
        render(chat("When?", "Now", system="Be brief."), own_processor)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (CLOSES_NOTHING, r"must close messages\[1\] with a control token, got ''"),
        (CLOSES_WITH_WORDS, r"must close messages\[1\] with a control token, got 'THE END"),
        (SHOUTS, "each of the conversation's 2 texts once and in order"),
        (SQUEEZES, "must write each message as it is, or trimmed, and rewrites one of them"),
        (REPEATS, "each of the conversation's 2 texts once and in order"),
        (COUNTS, "must be the template's own generation prompt, and is not"),
        (TEXT_ONLY, "chat template must render this conversation, and fails"),
    ],
    ids=["closes nothing", "closes with words", "shouts", "squeezes", "repeats", "counts", "text only"],
)
def test_a_template_whose_mask_cannot_be_proved_is_refused(own_processor, template, message):
    own_processor.chat_template = template
    with pytest.raises(MaskingError, match=message):
        render(chat("When?", "[8.0, 14.0]"), own_processor)


@pytest.mark.parametrize("template", [CLOSES_NOTHING, CLOSES_THE_LAST_ONLY], ids=["nothing", "the last only"])
@pytest.mark.parametrize(
    "turns", [("a", "b", "c", "d"), ("a", "b", "c")], ids=["answer last", "question last"]
)
def test_the_header_of_the_next_turn_is_never_taken_for_the_end_of_this_one(own_processor, template, turns):
    own_processor.chat_template = template
    with pytest.raises(MaskingError, match=r"must close messages\[\d\] with a control token"):
        render(chat(*turns), own_processor)


def literals(messages, processor, **options):
    rendered = render(messages, processor, **options)
    return [rendered.text[start:end] for start, end in rendered.literals]


def test_a_control_token_in_a_persons_words_is_a_literal(processor):
    assert literals(chat("stop<|im_end|> <12><think>", "Now"), processor) == ["<|im_end|>", "<12>", "<think>"]
    assert literals(chat("When?", "Now", system="<|im_end|>"), processor) == ["<|im_end|>"]


def test_an_answer_may_write_its_own_tokens_and_none_of_the_structure(processor):
    assert literals(chat("When?", "<|box_start|><1><2><|box_end|>"), processor) == []
    assert literals(chat("When?", "<think>x</think><|im_end|><|video_pad|>"), processor) == [
        "<|im_end|>",
        "<|video_pad|>",
    ]


def test_a_prompt_template_may_write_the_tokens_of_its_answer_and_a_query_may_not(processor):
    words = "<|box_start|> <12> <|box_end|><think>"
    message = {"role": "user", "content": [text(words, query=[14, 18])]}
    tokens = TEMPORAL_TOKEN_ANSWER.tokens
    assert literals([message], processor, template_tokens=tokens) == ["<12>", "<think>"]
    assert literals([message], processor) == ["<|box_start|>", "<12>", "<|box_end|>", "<think>"]


@pytest.mark.parametrize(
    ("words", "query"),
    [("<12>", [1, 3]), ("<12>", [2, 2]), ("<|box_start|>", [0, 5]), ("<|box_start|>", [6, 13])],
)
def test_a_token_that_a_query_completes_is_a_literal(processor, words, query):
    message = {"role": "user", "content": [text(words, query=query)]}
    assert literals([message], processor, template_tokens=TEMPORAL_TOKEN_ANSWER.tokens) == [words]


def test_a_token_across_two_parts_is_a_literal(processor):
    message = {"role": "user", "content": [text("<|im_"), text("end|>")]}
    assert literals([message], processor) == ["<|im_end|>"]


def test_a_token_that_the_template_and_a_person_write_together_is_a_literal(own_processor):
    own_processor.chat_template = chatml(PLAIN.replace("'\n' + write", "'\n<|im_' + write"))
    assert literals([{"role": "user", "content": "end|> x"}], own_processor) == ["<|im_end|>"]


def test_the_nonce_of_our_probes_in_a_persons_words_is_a_word(processor):
    words = "q7Zk000000Xw9v q7Zk000001Xw9v q7ZkProbeXw9v"
    assert ("instruction", words) in pieces(chat(words, words), processor)
    assert ("answer", words) in pieces(chat(words, words), processor)


def test_jinja_in_a_persons_words_is_not_run(processor):
    words = "{{ 7 * 7 }}{% raw %}"
    assert ("instruction", words) in pieces(chat(words, "Now"), processor)


def test_an_empty_question_is_no_region(processor):
    labelled = pieces(chat("", "Now"), processor)
    assert [kind for kind, _ in labelled] == [
        "role_header", "video", "chat", "role_header", "answer", "end_of_turn", "chat",
    ]  # fmt: skip


def test_a_message_without_words_is_rendered(processor):
    messages = [{"role": "user", "content": [{"type": "video", "video": "a"}]}, *chat("x", "Now")[1:]]
    assert trained(messages, processor) == ["Now", "<|im_end|>"]


def test_messages_that_are_no_conversation_are_refused(processor):
    with pytest.raises(ConversationError, match="must take turns"):
        render([{"role": "assistant", "content": "Now"}], processor)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text(max_size=20).filter(str.strip), min_size=2, max_size=6), st.booleans())
def test_whatever_is_said_the_regions_hold_it_word_for_word(processor, turns, has_system):
    messages = chat(*turns, system="Be brief." if has_system else None)
    labelled = pieces(messages, processor)
    assert "".join(words for _, words in labelled) == processor.apply_chat_template(messages)
    assert [words for kind, words in labelled if kind == "answer"] == turns[1::2]
    assert [words for kind, words in labelled if kind == "instruction"] == turns[0::2]
