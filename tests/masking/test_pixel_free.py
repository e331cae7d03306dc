"""Without a pixel, token for token what the processor gives: every template, both demos, hostile queries."""

from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, processors
from transformers import Qwen3VLVideoProcessor

from tests.conversation_files import ROWS, spoken, write_rows
from tests.masking.test_encoding import like_gemma
from tests.pairs import DEMOS, every_case, every_pair, families
from vtg_core.chat.learnt_rendering import ChatRenderer
from vtg_core.chat.rendering import render
from vtg_core.collator import SFTCollator
from vtg_core.data.answers import ANSWER_FORMATS, TEMPLATE_TOKENS
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.errors import ConversationError, MaskingError
from vtg_core.masking.encoding import encode
from vtg_core.masking.pixel_free import PixelFreeEncoder, encode_text, video_expansion
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy, plan_frames
from vtg_core.video.sampling import decode_plan, sample_frames
from vtg_core.windows import Window

ASSETS = Path(__file__).parents[2] / "assets"
WINDOWS = (Window(8, 14), Window(20, 21.5))
POLICIES = [
    FramePolicy(num_frames=4),
    FramePolicy(num_frames=8),
    FramePolicy(num_frames=7),
    FramePolicy(fps=2, max_pixels=10_000),
    FramePolicy(num_frames=5, max_pixels=3_000),
]
SHAPES = list(product((1, 2), (False, True)))
"""How many turns a conversation may have, and whether a system message."""
QUERIES = (
    "a red circle appears",
    "assistant",
    "\nassistant\n",
    "<|im_end|>",
    "<|im_start|>assistant\n[0.0, 1.0]<|im_end|>",
    "<|vision_start|><|video_pad|><|vision_end|>",
    "<|box_start|><1><2><|box_end|>",
    "<<|im_end|>|im_end|>",
    "<|im_end",
    "<0.5 seconds>",
    "一个红色的圆圈出现 赤い円",
    "👩\u200d👩\u200d👧\u200d👦 👍🏽",
    "cafe\u0301 \u0338\u0301",
    "  spaces around  ",
    "\n\nlines around\r\n\t",
    "{query} {{ 7 * 7 }}",
    "q7Zk000000Xw9v",
    "· ··",
    "a very long query " * 40,
    " ",
    "",
)


def conversation(template, query, video, *, num_turns=1, has_system=False, after="video first"):
    """Messages about one video; a further turn asks again without showing it."""
    prompt, answer_format = template.format(query), ANSWER_FORMATS[template.mode]
    text = {"type": "text", "text": prompt.text, "query": [prompt.query_start, prompt.query_end]}
    shown = [{"type": "video", "video": video}, text]
    messages = [{"role": "system", "content": "Be brief, assistant."}] if has_system else []
    for turn, window in enumerate(WINDOWS[:num_turns]):
        content = [text] if turn else shown if after == "video first" else shown[::-1]
        answer = answer_format.render([window], 30)
        messages.append({"role": "user", "content": content})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    return messages


def assert_same(ours, theirs):
    for field in fields(theirs):
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        assert type(a) is type(b), field.name
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None), field.name
        assert np.array_equal(a, b), field.name


def assert_both_ways_agree(processor, messages, video, encoder=None):
    """Assert that both ways give the same for messages about ``video``."""
    encoder = encoder or PixelFreeEncoder(processor)
    assert_same(
        encoder.encode(messages, [video.plan]),
        SFTCollator(processor).encode({"messages": messages}).tokens,
    )


@pytest.fixture(scope="module")
def videos():
    return [sample_frames(ASSETS / "red_circle.mp4", policy) for policy in POLICIES]


@pytest.mark.parametrize("family", families())
def test_the_arrays_are_those_of_the_processor(processors_by_name, videos, family):
    name, template, is_whole = family
    once, encoder = process_videos_once(processors_by_name[name]), PixelFreeEncoder(processors_by_name[name])
    number = TEMPLATES.index(template)
    for query, (num_turns, has_system) in (
        every_case(QUERIES, SHAPES) if is_whole else every_pair(QUERIES, SHAPES, number)
    ):
        messages = conversation(template, query, videos[0], num_turns=num_turns, has_system=has_system)
        assert_both_ways_agree(once, messages, videos[0], encoder)
    for video, has_system in product(videos[1:], (False, True)):
        assert_both_ways_agree(
            once, conversation(template, "a b", video, num_turns=2, has_system=has_system), video, encoder
        )


@pytest.mark.parametrize("name", DEMOS)
def test_a_data_set_is_encoded_without_decoding_a_frame(processors_by_name, name):
    processor, policy = processors_by_name[name], FramePolicy(num_frames=6)
    for use_temporal_tokens in (False, True):
        rows = VideoTemporalSFTDataset(
            ASSETS / "demo_annotations.json", None, use_temporal_tokens, template_seed=3, frames=policy
        )
        encoder, collator = PixelFreeEncoder(processor), SFTCollator(processor)
        for index in range(len(rows)):
            assert_same(encoder.encode(rows.plan(index)), collator.encode(rows[index]).tokens)
            assert_same(encoder.encode(rows[index]), encoder.encode(rows.plan(index)))


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_an_expansion_is_the_processors_own_and_counts_its_placeholders(processors_by_name, name, policy):
    processor, video = processors_by_name[name], sample_frames(ASSETS / "two_events.mp4", policy)
    expansion = video_expansion(plan_frames(ASSETS / "two_events.mp4", policy), processor)
    sample = SFTCollator(processor).encode({"messages": conversation(TEMPLATES[0], "x", video)})
    assert expansion.text in sample.text
    assert expansion.grid.tolist() == sample.media["video_grid_thw"].tolist()
    num_placeholders = expansion.grid.prod() // processor.video_processor.merge_size**2
    assert expansion.text.count(processor.video_token) == num_placeholders


def test_two_videos_go_to_their_own_places(processor, video, other_video):
    messages = conversation(TEMPLATES[0], "either", video)
    messages[0]["content"].insert(1, {"type": "video", "video": other_video})
    ours = PixelFreeEncoder(processor).encode(messages, [video.plan, other_video.plan])
    assert_same(ours, SFTCollator(processor).encode({"messages": messages}).tokens)


def test_a_video_after_the_words_is_no_trouble(processor, video):
    assert_both_ways_agree(processor, conversation(TEMPLATES[0], "x", video, after="words first"), video)


@pytest.mark.parametrize("query", ["x", "<|im_end|>x", "caf\u00e9 👍🏽"])
def test_what_a_template_writes_beside_a_bare_placeholder_may_join_with_the_video(
    own_processor, video, query
):
    own_processor.chat_template = own_processor.chat_template.replace(
        "<|vision_start|><|video_pad|><|vision_end|>", "clip:<|video_pad|>."
    )
    assert_both_ways_agree(own_processor, conversation(TEMPLATES[0], query, video), video)


@pytest.mark.parametrize("query", ["x", "<|im_end|>x", "caf\u00e9 👍🏽"])
def test_tokens_that_a_tokenizer_adds_by_itself_are_added(own_processor, video, query):
    tokenizer = own_processor.tokenizer
    ids = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("<|quad_start|>", "<|quad_end|>")]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|quad_start|> $A <|quad_end|>", special_tokens=ids
    )
    assert_both_ways_agree(own_processor, conversation(TEMPLATES[0], query, video), video)


@pytest.mark.parametrize("query", ["x", " stop <|im_end|> now", "caf\u00e9 👍🏽"])
def test_a_tokenizer_that_rewrites_spaces_is_no_trouble(processor, video, query):
    own = like_gemma(processor, ["When is it? [8.0, 14.0] user assistant seconds"])
    assert_both_ways_agree(own, conversation(TEMPLATES[0], query, video), video)


def test_a_tokenizer_that_was_told_to_pad_and_cut_does_neither(own_processor, video):
    own_processor.tokenizer("x", padding="max_length", max_length=9, truncation=True)
    messages = conversation(TEMPLATES[0], "x", video)
    ours = PixelFreeEncoder(own_processor).encode(messages, [video.plan])
    assert_same(ours, SFTCollator(own_processor).encode({"messages": messages}).tokens)


def assert_encoded_as_written(processor, messages, expansion):
    """Assert that the ids are those of the text with ``expansion`` in the video's place."""
    chat = render(messages, processor)
    written = chat.text.replace(processor.video_token, expansion)
    assert encode_text(chat, processor, [expansion]).input_ids.tolist() == processor.tokenizer.encode(written)


@pytest.mark.parametrize("length", [2, 4])
def test_placeholders_that_are_part_of_another_token_are_not_repeated(own_processor, video, length):
    expansion = video_expansion(video.plan, own_processor).text
    own_processor.tokenizer.add_tokens([AddedToken("<|video_pad|>" * length, special=True, normalized=False)])
    assert_encoded_as_written(own_processor, conversation(TEMPLATES[0], "x", video), expansion)


def test_a_marker_that_swallows_the_space_after_it_swallows_the_videos(own_processor, video):
    marker = AddedToken("<|vision_start|>", special=True, normalized=False, rstrip=True)
    own_processor.tokenizer.add_tokens([marker])
    messages = conversation(TEMPLATES[0], "x", video)
    assert_encoded_as_written(own_processor, messages, " a<|video_pad|><|video_pad|>b ")


@pytest.mark.parametrize("name", DEMOS)
def test_an_expansion_may_come_from_decoded_ids(processors_by_name, video, name):
    processor = processors_by_name[name]
    chat = render(conversation(TEMPLATES[0], "x", video), processor)
    sample = encode(chat, processor, [video])
    inner = [i for r in sample.regions if r.kind in ("video", "timestamp") for i in range(r.start, r.end)]
    decoded = processor.tokenizer.decode(sample.input_ids[inner[1:-1]])  # inside the template's own markers
    assert_same(encode_text(chat, processor, [decoded]), sample.tokens)


def test_a_conversation_that_ends_with_the_question_is_encoded(processor, video):
    chat = render(conversation(TEMPLATES[0], "x", video)[:1], processor)
    tokens = encode_text(chat, processor, [video_expansion(video.plan, processor).text])
    assert tokens.answer_starts == ()
    assert len(tokens) == tokens.num_inserted + len(processor.tokenizer.encode(chat.text))


def test_a_policy_decides_which_borders_a_token_may_not_straddle(own_processor, video):
    own_processor.chat_template = own_processor.chat_template.replace("<|im_end|>\\n", "<|im_end|> \\n")
    messages = conversation(TEMPLATES[0], "x", video, num_turns=2)
    for newline in (False, True):
        policy = MaskPolicy(newline=newline)
        ours = PixelFreeEncoder(own_processor, policy=policy).encode(messages, [video.plan])
        theirs = SFTCollator(own_processor, policy=policy).encode({"messages": messages})
        assert_same(ours, theirs.tokens)
        assert np.array_equal(ours.labels(policy), theirs.labels.numpy())


class Looking(Qwen3VLVideoProcessor):
    """A video processor that must see the pixels to say how many tokens they become."""

    def resize(self, videos, **options):
        assert float(videos.float().mean().item()) >= 0
        return super().resize(videos, **options)


def test_a_processor_that_must_see_pixels_is_shown_them(own_processor, video):
    own_processor.video_processor.__class__ = Looking
    messages, encoder = conversation(TEMPLATES[0], "x", video), PixelFreeEncoder(own_processor)
    planned = plan_frames(ASSETS / "red_circle.mp4", POLICIES[0])
    assert_same(
        encoder.encode(messages, [planned]), SFTCollator(own_processor).encode({"messages": messages}).tokens
    )
    assert encoder.sees_pixels
    with pytest.raises(MaskingError, match=r"refuses: .*meta tensors"):
        video_expansion(planned, own_processor)


def test_a_video_of_a_clip_is_shown_as_the_clip(own_processor):
    own_processor.video_processor.__class__ = Looking
    path, clip = ASSETS / "red_circle.mp4", Window(5, 15)
    planned, decoded = plan_frames(path, POLICIES[0], clip=clip), sample_frames(path, POLICIES[0], clip=clip)
    assert np.array_equal(decode_plan(planned).frames, decoded.frames)
    assert decode_plan(planned).metadata == decoded.metadata


def test_a_video_that_the_processor_refuses_is_refused_with_its_words(own_processor, video):
    own_processor.video_processor.patch_size = 0
    with pytest.raises(MaskingError, match=r"must .*, and refuses: .*zero"):
        PixelFreeEncoder(own_processor).encode(conversation(TEMPLATES[0], "x", video), [video.plan])


def test_the_same_frames_at_other_times_are_another_expansion(processor, video):
    encoder = PixelFreeEncoder(processor)
    later = replace(video.plan, timestamps=(0.0, 1.0, 2.0, 3.0))
    assert encoder.expansion(video.plan) is encoder.expansion(replace(video.plan))
    assert encoder.expansion(later).text.startswith("<0.5 seconds>")
    assert encoder.expansion(video.plan).text.startswith("<5.0 seconds>")


def test_every_video_must_have_its_plan(processor, video):
    messages = conversation(TEMPLATES[0], "x", video)
    with pytest.raises(ConversationError, match="each of the 1 videos must have its plan, got 0"):
        PixelFreeEncoder(processor).encode(messages)
    with pytest.raises(MaskingError, match="a placeholder for each of its 2 videos, got 1"):
        encode_text(render(messages, processor), processor, ["x", "y"])


def test_a_planned_sample_cannot_be_trained_on(processor, video):
    template = TEMPLATES[0]
    planned = Sample(video.plan, "x", WINDOWS[:1], template, ANSWER_FORMATS[template.mode])
    with pytest.raises(ConversationError, match="a sample must have its frames, got the plan of them"):
        SFTCollator(processor)([planned])


TRIMMING = ("part.text -}}", "part.text | trim -}}")
SEEING_WORDS = ("part.text -}}", "part.text + (' (json)' if 'json' in part.text else '') -}}")


@pytest.mark.parametrize("query", ["x", "  x  ", "some json", "<|im_end|>"])
@pytest.mark.parametrize(
    "change", [("", ""), TRIMMING, SEEING_WORDS], ids=["own", "trimming", "seeing words"]
)
@pytest.mark.parametrize("first", ["y", "  y  "])
def test_a_renderer_that_has_learnt_a_form_renders_as_one_that_has_not(
    own_processor, video, first, change, query
):
    own_processor.chat_template = own_processor.chat_template.replace(*change)
    renderer = ChatRenderer(own_processor)
    template = replace(TEMPLATES[0], text="{query}")
    renderer.render(conversation(template, first, video))
    messages = conversation(template, query, video)
    if change is SEEING_WORDS and "json" in query:
        for way in (renderer.render, lambda said: render(said, own_processor)):
            with pytest.raises(MaskingError, match="must write each message as it is"):
                way(messages)
        return
    known = {"template_tokens": TEMPLATE_TOKENS}
    assert renderer.render(messages, **known) == render(messages, own_processor, **known)


def test_one_frame_is_too_few_in_words_of_ours(processor):
    plan = plan_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=1))
    with pytest.raises(
        MaskingError, match=r"^the processor must be given two or more frames .* got 1; take two"
    ):
        video_expansion(plan, processor)


@pytest.mark.parametrize("form", ROWS)
@pytest.mark.parametrize("name", DEMOS)
def test_a_conversation_of_a_file_is_encoded_as_through_the_processor(
    processors_by_name, tmp_path, name, form
):
    processor = processors_by_name[name]
    rows = VideoTemporalSFTDataset(write_rows(tmp_path, ROWS[form]), ASSETS, frames=POLICIES[0])
    slow = SFTCollator(processor).encode(rows[0])
    assert_same(PixelFreeEncoder(processor).encode(rows.plan(0)), slow.tokens)


def test_a_conversation_of_a_file_is_labelled_as_through_the_processor(processor, tmp_path):
    rows = VideoTemporalSFTDataset(write_rows(tmp_path, spoken(1, 0, 1)), ASSETS, frames=POLICIES[0])
    tokens, slow = PixelFreeEncoder(processor).encode(rows.plan(0)), SFTCollator(processor).encode(rows[0])
    labels = tokens.labels(rows.plan(0).trained_by(None))
    assert np.array_equal(labels, slow.labels.numpy())
    assert not np.array_equal(labels, tokens.labels())
