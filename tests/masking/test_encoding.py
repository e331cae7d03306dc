"""Tokens second: what the processor makes of a rendered conversation, with tokenizers of several kinds."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.rendering import render
from vtg_core.errors import MaskingError
from vtg_core.masking.encoding import encode
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import IGNORE_INDEX, MaskPolicy

DEMOS = ["demo", "demo-qwen2.5-vl"]


def chat(question="When?", answer="[8.0, 14.0]"):
    return [
        {
            "role": "user",
            "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": question}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]


def encoded(messages, processor, *videos, **options):
    return encode(render(messages, processor), processor, videos, **options)


def supervised(sample, processor):
    ids = sample.input_ids[sample.labels != IGNORE_INDEX]
    return processor.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def words(sample, processor, kind):
    ids = [i for r in sample.regions if r.kind == kind for i in sample.input_ids[r.start : r.end].tolist()]
    return processor.tokenizer.decode(ids)


@pytest.mark.parametrize("name", DEMOS)
def test_the_answer_and_its_end_of_turn_are_supervised(processors_by_name, video, name):
    sample = encoded(chat(), processors_by_name[name], video)
    assert supervised(sample, processors_by_name[name]) == "[8.0, 14.0]<|im_end|>"


@pytest.mark.parametrize("name", DEMOS)
def test_the_ids_are_the_processors_own(processors_by_name, video, name):
    processor = processors_by_name[name]
    own = processor(
        text=processor.apply_chat_template(chat()),
        videos=[video.frames],
        video_metadata=[video.metadata],
        do_sample_frames=False,
        return_tensors="pt",
    )
    sample = encoded(chat(), processor, video)
    assert sample.input_ids.tolist() == own["input_ids"][0].tolist()
    assert torch.equal(sample.media["pixel_values_videos"], own["pixel_values_videos"])
    assert torch.equal(sample.token_features["mm_token_type_ids"], own["mm_token_type_ids"][0])


def test_tensors_have_the_documented_types_and_shapes(processor, video):
    sample = encoded(chat(), processor, video)
    length = len(sample)
    assert sample.input_ids.shape == sample.labels.shape == (length,)
    assert sample.input_ids.dtype == sample.labels.dtype == torch.int64
    assert sample.token_features["mm_token_type_ids"].shape == (length,)
    assert len(sample.offsets) == length


def test_the_regions_partition_the_tokens(processor, video):
    sample = encoded(chat(), processor, video)
    assert [r.start for r in sample.regions] == [0, *(r.end for r in sample.regions[:-1])]
    assert sample.regions[-1].end == len(sample)


def test_every_character_has_a_token_and_the_tokens_come_in_order(processor, video):
    sample = encoded(chat("caf\u00e9 <|im_end|> 👩\u200d👧?"), processor, video)
    assert sorted({i for start, end in sample.offsets for i in range(start, end)}) == list(
        range(len(sample.text))
    )
    assert list(sample.offsets) == sorted(sample.offsets)


def test_qwen3_timestamps_are_told_apart_from_the_video(processor, video):
    sample = encoded(chat(), processor, video)
    assert words(sample, processor, "timestamp") == "<5.0 seconds><24.9 seconds>"
    assert set(words(sample, processor, "video").replace("<|video_pad|>", "").split("<|vision_start|>")) <= {
        "", "<|vision_end|>", "<|vision_end|><|vision_end|>",
    }  # fmt: skip


def test_qwen2_5_has_no_timestamps(processors_by_name, video):
    sample = encoded(chat(), processors_by_name["demo-qwen2.5-vl"], video)
    assert "timestamp" not in {r.kind for r in sample.regions}


@pytest.mark.parametrize("name", DEMOS)
def test_every_video_token_lies_in_a_video_region(processors_by_name, video, name):
    processor = processors_by_name[name]
    sample = encoded(chat("<|video_pad|><|vision_end|>?"), processor, video)
    inside = {i for r in sample.regions if r.kind == "video" for i in range(r.start, r.end)}
    pads = (sample.input_ids == processor.video_token_id).nonzero()[:, 0].tolist()
    assert set(pads) <= inside
    assert len(pads) == int(sample.media["video_grid_thw"].prod()) // 4


def test_several_videos_go_to_their_own_places(processor, video, other_video):
    parts = [{"type": "video", "video": name} for name in ("a", "b")]
    parts.insert(1, {"type": "text", "text": "or"})
    sample = encoded([{"role": "user", "content": parts}, chat()[1]], processor, video, other_video)
    assert sample.media["video_grid_thw"].tolist()[0][0] == 2
    assert sample.media["video_grid_thw"].tolist()[1][0] == 3
    assert supervised(sample, processor) == "[8.0, 14.0]<|im_end|>"


def test_a_conversation_without_a_video_is_encoded(processor):
    messages = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now"}]
    sample = encoded(messages, processor)
    assert dict(sample.media) == {}
    assert supervised(sample, processor) == "Now<|im_end|>"


def test_a_video_without_its_frames_is_refused(processor, video):
    with pytest.raises(MaskingError, match="each of the 1 videos must have its frames, got 0"):
        encoded(chat(), processor)
    with pytest.raises(MaskingError, match="each of the 1 videos must have its frames, got 2"):
        encoded(chat(), processor, video, video)


def test_a_question_without_an_answer_has_nothing_to_train(processor, video):
    with pytest.raises(MaskingError, match="at least one token must be supervised"):
        encoded(chat()[:1], processor, video)


def test_the_policy_decides_what_is_supervised(processor, video):
    messages = [*chat(), {"role": "user", "content": "Then?"}, {"role": "assistant", "content": "Later"}]

    def under(**policy):
        return supervised(encoded(messages, processor, video, policy=MaskPolicy(**policy)), processor)

    assert under() == "[8.0, 14.0]<|im_end|>Later<|im_end|>"
    assert under(turns="last") == "Later<|im_end|>"
    assert under(end_of_turn=False) == "[8.0, 14.0]Later"
    assert under(newline=True) == "[8.0, 14.0]<|im_end|>\nLater<|im_end|>\n"


@pytest.mark.parametrize(
    "answer",
    [
        " [8.0, 14.0]", "[8.0, 14.0] ", "\n[8.0, 14.0]", "[8.0, 14.0]\n\n", "\r\nx\r\n", "cafe\u0301", "\u0301x",
        "\u0958x", "x\u0338", "\N{MUSICAL SYMBOL HALF NOTE}", "\u1112", "\u1161", "한글", "\ufeffx", "\0", "\u200b",
        "👩\u200d👩\u200d👧", "\U000f0000", "<|im_end|>", "a<|im_end|>b", "<|video_pad|>", "<<|im_end|>|im_end|>",
        "<|im_end|", "|>", "<|im_end|>\u0338", "<think>x</think>", "<12>", "<|box_start|><1><2><|box_end|>",
    ],
)  # fmt: skip
def test_whatever_the_answer_is_it_is_supervised_whole(processor, video, answer):
    normalized = processor.tokenizer.backend_tokenizer.normalizer.normalize_str(answer)
    assert supervised(encoded(chat(answer=answer), processor, video), processor) == normalized + "<|im_end|>"


def test_an_answer_may_hold_its_control_tokens_and_not_the_structures(processor, video):
    ids = control_tokens(processor.tokenizer).ids
    sample = encoded(chat(answer="<12><|im_end|><|video_pad|>"), processor, video)
    trained = sample.input_ids[sample.labels != IGNORE_INDEX].tolist()
    assert [i for i in trained if i in ids.values()] == [ids["<12>"], ids["<|im_end|>"]]


def with_merge(processor, left, right):
    """A copy of ``processor`` whose tokenizer reads two tokens that stand side by side as one."""
    own = deepcopy(processor)
    state = json.loads(own.tokenizer.backend_tokenizer.to_str())
    vocabulary, merges = state["model"]["vocab"], state["model"]["merges"]
    vocabulary[left + right] = vocabulary.pop("".join(merges.pop()))  # in the place of the rarest one
    merges.append([left, right])
    own.tokenizer._tokenizer = Tokenizer.from_str(json.dumps(state))
    return own


def test_a_token_across_the_start_of_an_answer_is_refused(processor, video):
    own = with_merge(processor, "Ċ", "Ċ")
    assert len(own.tokenizer.encode("\n\n")) == 1
    assert supervised(encoded(chat(), own, video), own) == "[8.0, 14.0]<|im_end|>"
    with pytest.raises(MaskingError, match=r"must not straddle .* remove white space at the answer's ends"):
        encoded(chat(answer="\nNow"), own, video)


def opened_by(processor, prompt, written):
    """``processor`` with a template whose prompt for an answer ends with ``prompt``, and which writes ``written`` there."""
    processor.chat_template = processor.chat_template.replace(
        "'<|im_start|>' + message.role + '\\n' +",
        f"'<|im_start|>' + message.role + ({written!r} if message.role == 'assistant' else '\\n') +",
    ).replace("'<|im_start|>assistant\\n'", repr("<|im_start|>assistant" + prompt))
    return processor


def test_a_token_that_takes_the_prompts_last_space_is_the_first_of_what_is_answered(processor, video):
    own = opened_by(with_merge(processor, "Ċ", "Ċ"), "\n<think>\n", "\n<think>\n\n</think>\n\n")
    sample = encoded(chat(), own, video)
    assert supervised(sample, own) == "[8.0, 14.0]<|im_end|>"
    assert own.tokenizer.decode(sample.input_ids[: sample.answer_starts[0]]).endswith("assistant\n<think>")
    thinking = encoded(chat(), own, video, policy=MaskPolicy(thinking=True))
    assert supervised(thinking, own) == "\n\n</think>\n\n[8.0, 14.0]<|im_end|>"


def test_a_token_that_takes_more_than_space_from_the_prompt_is_refused(processor, video):
    own = opened_by(with_merge(processor, ":", "["), "\nAt:", "\nAt:")
    with pytest.raises(
        MaskingError, match=r"must not straddle .* ':\[' reaches from role_header into answer"
    ):
        encoded(chat(), own, video)


def test_the_space_between_the_prompt_and_an_answer_is_answered(own_processor, video):
    own = opened_by(own_processor, ":", ": ")
    assert supervised(encoded(chat(), own, video), own) == " [8.0, 14.0]<|im_end|>"


def test_a_newline_that_merges_with_the_next_header_is_not_trained(own_processor, video):
    own_processor.chat_template = (
        "{%- for m in messages -%}{%- for part in m.content -%}{%- if part.type == 'video' -%}"
        "<|vision_start|><|video_pad|><|vision_end|>{%- else -%}{{- ' ' + m.role + part.text -}}{%- endif -%}"
        "{%- endfor -%}{%- if m.role == 'assistant' -%}{{- '<|im_end|>' -}}{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{- ' assistant' -}}{%- endif -%}"
    )
    messages = [*chat(": When?", ": Now"), *chat(": Then?", ": Later")]
    messages[2]["content"].pop(0)
    policy = MaskPolicy(newline=True)
    try:
        sample = encoded(messages, own_processor, video, policy=policy)
    except MaskingError:
        return
    assert supervised(sample, own_processor) == ": Now<|im_end|>: Later<|im_end|>"


def like_gemma(processor, sentences):
    """A copy of ``processor`` with a tokenizer of Gemma's kind: spaces become a visible character, bytes as a last resort."""
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator(sentences, trainers.BpeTrainer(special_tokens=special, show_progress=False))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>"
    )
    added = processor.tokenizer.added_tokens_encoder
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    own = deepcopy(processor)
    own.tokenizer = tokenizer
    own.video_token_id = tokenizer.convert_tokens_to_ids(own.video_token)
    return own


@pytest.mark.parametrize("question", ["When is it?", "stop <|im_end|> now", "caf\u00e9 👩\u200d👧"])
def test_a_tokenizer_that_rewrites_spaces_is_masked_as_well(processor, video, question):
    own = like_gemma(processor, ["When is it? [8.0, 14.0] user assistant seconds"])
    sample = encoded(chat(question, "[8.0, 14.0], [20.0, 21.0]"), own, video)
    assert supervised(sample, own) == "[8.0, 14.0], [20.0, 21.0]<|im_end|>"


def test_an_end_of_turn_token_that_swallows_the_newline_is_refused(own_processor, video):
    own_processor.tokenizer.add_tokens([AddedToken("<|end|>", special=True, rstrip=True, normalized=False)])
    own_processor.chat_template = own_processor.chat_template.replace("<|im_end|>", "<|end|>")
    with pytest.raises(MaskingError, match=r"must not straddle .* from end_of_turn into chat"):
        encoded(chat(), own_processor, video)


@pytest.mark.parametrize("question", ["When?", "<|im_end|> x"])
def test_tokens_that_the_tokenizer_adds_by_itself_are_never_trained(own_processor, video, question):
    tokenizer = own_processor.tokenizer
    ids = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("<|quad_start|>", "<|quad_end|>")]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|quad_start|> $A <|quad_end|>", special_tokens=ids
    )
    sample = encoded(chat(question), own_processor, video)
    assert (int(sample.input_ids[0]), int(sample.input_ids[-1])) == (ids[0][1], ids[1][1])
    assert supervised(sample, own_processor) == "[8.0, 14.0]<|im_end|>"
    assert words(sample, own_processor, "instruction") == question


def test_a_control_token_that_only_normalization_makes_is_not_made(own_processor, video):
    own_processor.tokenizer.add_tokens(["<KEY>"])
    made = own_processor.tokenizer.convert_tokens_to_ids("<KEY>")
    try:
        sample = encoded(chat("<\N{KELVIN SIGN}EY>"), own_processor, video)
    except MaskingError:
        return
    assert made not in sample.input_ids.tolist()


def test_no_stand_in_is_left_where_a_control_token_was_written(processor, video):
    sample = encoded(chat("a <|im_end|><|vision_start|><12>", "b <|im_end|>"), processor, video)
    assert "\N{MIDDLE DOT}" not in processor.tokenizer.decode(sample.input_ids)
    assert words(sample, processor, "instruction") == "a <|im_end|><|vision_start|><12>"


def test_a_middle_dot_that_a_person_wrote_stays(processor, video):
    assert (
        words(encoded(chat("a·b <|im_end|>"), processor, video), processor, "instruction") == "a·b <|im_end|>"
    )


def test_a_processor_that_remembers_its_frames_gives_the_same_sample(processor, video, other_video):
    once = process_videos_once(processor)
    for clip in (video, video, other_video, video):
        ours, theirs = encoded(chat(), once, clip), encoded(chat(), processor, clip)
        assert ours.input_ids.tolist() == theirs.input_ids.tolist()
        assert torch.equal(ours.media["pixel_values_videos"], theirs.media["pixel_values_videos"])


def test_a_processor_that_remembers_its_frames_processes_them_once(processor, video):
    once = process_videos_once(processor)
    first, second = (encoded(chat(question), once, video) for question in ("a", "b"))
    assert first.media["pixel_values_videos"] is second.media["pixel_values_videos"]


def test_the_same_frames_at_other_times_are_not_mixed_up(processor, video):
    later = replace(video, timestamps=(0.0, 1.0, 2.0, 3.0), frame_indices=(0, 10, 20, 30))
    once = process_videos_once(processor)
    encoded(chat(), once, video)
    assert words(encoded(chat(), once, later), once, "timestamp") == "<0.5 seconds><2.5 seconds>"


def test_a_processor_that_remembers_leaves_the_first_one_alone(processor, video):
    before = processor.video_processor
    encoded(chat(), process_videos_once(processor), video)
    assert processor.video_processor is before


def test_an_odd_number_of_frames_is_no_trouble(processor, video):
    odd = replace(
        video, frames=video.frames[:3], timestamps=video.timestamps[:3], frame_indices=video.frame_indices[:3]
    )
    assert supervised(encoded(chat(), processor, odd), processor) == "[8.0, 14.0]<|im_end|>"


def test_the_processor_refusing_is_a_masking_error_with_its_words(own_processor, video):
    own_processor.video_processor.patch_size = 0
    with pytest.raises(
        MaskingError, match="the processor must accept this prompt and its videos, and refuses"
    ):
        encoded(chat(), own_processor, video)


def test_a_processor_that_remembers_pixels_can_be_copied(processor, video):
    remembering = process_videos_once(processor)
    sample = encoded(chat("When?", "[8.0, 14.0]"), deepcopy(remembering), video)
    assert len(sample) == len(encoded(chat("When?", "[8.0, 14.0]"), processor, video))


def test_the_video_is_its_placeholders_and_their_time_stamps(processor, video):
    sample = encoded(chat(), processor, video)
    counts = {kind: sum(len(r) for r in sample.regions if r.kind == kind) for kind in ("video", "timestamp")}
    assert min(counts.values()) > 0
    assert sample.num_video == sum(counts.values())
