from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from transformers import GenerationConfig

from tests.families import (
    qwen2_5_vl_with_sliding_windows,
    qwen2_vl,
    qwen3_5,
    qwen3_vl_moe,
    sharpened,
    text_model,
)
from vtg_core.collator import pad
from vtg_core.data.answers import STANDARD_ANSWER, AnswerMode, ParsedAnswer, ParseReason
from vtg_core.errors import LossCancelledError, LossError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.score import score
from vtg_core.probes.generation import (
    GeneratedAnswer,
    default_max_new_tokens,
    generate_answer,
    overlap,
    prompt_of,
    text_of,
)
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window, intersection_over_union_of_unions

MODES = {template.mode: template for template in TEMPLATES}
FAMILIES = {
    "demo": ("demo", lambda demo: demo),
    "demo made decisive": ("demo", sharpened),
    "Qwen3-VL-MoE": ("demo", qwen3_vl_moe),
    "Qwen3.5": ("demo", qwen3_5),
    "demo-qwen2.5-vl": ("demo-qwen2.5-vl", lambda demo: demo),
    "demo-qwen2.5-vl made decisive": ("demo-qwen2.5-vl", sharpened),
    "Qwen2.5-VL with sliding windows": ("demo-qwen2.5-vl", qwen2_5_vl_with_sliding_windows),
    "Qwen2-VL": ("demo-qwen2.5-vl", qwen2_vl),
}


def inspect(video, processor, mode=AnswerMode.STANDARD):
    templates = [MODES[mode]]
    [inspection] = inspect_templates(
        video, "a red circle", [Window(8, 14)], processor=processor, templates=templates
    )
    return inspection


@pytest.fixture(scope="module")
def inspection(video, processor):
    return inspect(video, processor)


def argmaxes(model, encoded, count):
    """What plain passes over the prompt and all that was written so far hold for the most likely, token by token."""
    prompt, written = prompt_of(encoded), []
    length = prompt["input_ids"].shape[1]
    for _ in range(count):
        batch = dict(prompt)
        for name in ("input_ids", "attention_mask", "mm_token_type_ids"):
            fill = {"input_ids": written, "attention_mask": [1] * len(written)}.get(name, [0] * len(written))
            more = torch.tensor([fill], dtype=prompt[name].dtype)
            batch[name] = torch.cat([prompt[name], more], dim=1)
        assert batch["input_ids"].shape[1] == length + len(written)
        with torch.inference_mode():
            written.append(int(model(**batch, use_cache=False).logits[0, -1].argmax()))
    return tuple(written)


def writing(model, token_ids):
    """Return a copy of a model that once writes just these ids, whatever it is shown; the last of them for ever."""
    own, ids = deepcopy(model), list(token_ids)

    def write(_module, _given, output):
        logits = torch.full_like(output, -1e9)
        logits[..., ids.pop(0) if len(ids) > 1 else ids[0]] = 0.0
        return logits

    own.lm_head.register_forward_hook(write)
    return own


def answer_ids(inspection):
    """The true answer with its end of turn."""
    encoded = inspection.encoded
    return [
        i for i, label in zip(encoded.input_ids.tolist(), encoded.labels.tolist(), strict=True) if label >= 0
    ]


# Greedy, and as plain passes say


@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_is_the_most_likely_one_of_a_plain_pass(
    models_by_name, processors_by_name, video, family, mode
):
    name, build = FAMILIES[family]
    model, processor = build(models_by_name[name]).eval(), processors_by_name[name]
    inspection = inspect(video, processor, mode)
    answer = generate_answer(model, inspection, processor, frozenset(), max_new_tokens=8)
    assert answer.token_ids == argmaxes(model, inspection.encoded, 8)
    assert not answer.is_complete


def test_the_checkpoints_generation_config_is_not_heeded_and_stays(model, processor, inspection):
    plain = generate_answer(model, inspection, processor, frozenset(), max_new_tokens=8).token_ids
    own = deepcopy(model)
    ids = list(dict.fromkeys(plain))
    assert 5 not in ids
    own.generation_config = GenerationConfig(
        do_sample=True, temperature=5.0, top_k=3, top_p=0.5, repetition_penalty=9.0, no_repeat_ngram_size=1,
        suppress_tokens=ids, forced_eos_token_id=5, eos_token_id=ids, max_new_tokens=2, min_new_tokens=1,
        num_beams=3, bad_words_ids=[[i] for i in ids],
    )  # fmt: skip
    before = own.generation_config.to_dict()
    assert generate_answer(own, inspection, processor, frozenset(), max_new_tokens=8).token_ids == plain
    assert own.generation_config.to_dict() == before


def test_the_prompt_is_what_stands_before_the_answer_with_all_its_columns_and_media(inspection):
    encoded, prompt = inspection.encoded, prompt_of(inspection.encoded)
    start = encoded.answer_starts[-1]
    assert prompt["input_ids"][0].tolist() == encoded.input_ids[:start].tolist()
    assert {n for n, v in prompt.items() if v.shape[:2] == (1, start)} == {
        "input_ids", "attention_mask", "mm_token_type_ids",
    }  # fmt: skip
    assert set(encoded.media) <= set(prompt)


def test_the_prompt_is_untouched_by_what_is_taught(video, processor):
    early, late = (
        next(
            iter(inspect_templates(video, "a red circle", [w], processor=processor, templates=TEMPLATES[:1]))
        )
        for w in (Window(1, 2), Window(20, 25))
    )
    a, b = prompt_of(early.encoded), prompt_of(late.encoded)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_as_much_room_is_left_as_a_wordy_answer_needs(inspection):
    num_taught = len(inspection.encoded) - inspection.encoded.answer_starts[-1]
    assert default_max_new_tokens(inspection.encoded) == 4 * num_taught + 16


# What was written is read


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
@pytest.mark.parametrize("mode", AnswerMode)
def test_a_model_that_writes_the_taught_answer_is_right(
    models_by_name, checkpoints_by_name, video, name, mode
):
    checkpoint = checkpoints_by_name[name]
    inspection = inspect(video, checkpoint.processor, mode)
    model = writing(models_by_name[name], answer_ids(inspection))
    answer = generate_answer(model, inspection, checkpoint.processor, checkpoint.stop_ids)
    assert answer.text == inspection.sample.answer
    assert answer.token_ids == tuple(answer_ids(inspection))
    assert answer.is_complete
    assert answer.parsed.reason is ParseReason.OK
    assert answer.iou == pytest.approx(1.0, abs=0.02)
    assert (answer.template, answer.mode) == (MODES[mode].name, mode)
    assert answer.reading.startswith(
        "The model's answer fits: it says 8.0 to 14.0 s, the truth is 8.0 to 14.0 s"
    )


def test_a_model_that_ends_its_turn_at_once_wrote_nothing(model, checkpoints_by_name, inspection):
    checkpoint = checkpoints_by_name["demo"]
    stop = min(checkpoint.stop_ids)
    answer = generate_answer(writing(model, [stop]), inspection, checkpoint.processor, checkpoint.stop_ids)
    assert (answer.text, answer.token_ids, answer.is_complete, answer.iou) == ("", (stop,), True, None)
    assert answer.reading == "The model wrote nothing and ended its turn, so there is no answer to read."


def test_a_model_that_never_ends_its_turn_is_stopped(model, checkpoints_by_name, inspection):
    checkpoint = checkpoints_by_name["demo"]
    *taught, _ = answer_ids(inspection)
    own = writing(model, [*taught, checkpoint.processor.tokenizer.convert_tokens_to_ids("!")])
    answer = generate_answer(
        own, inspection, checkpoint.processor, checkpoint.stop_ids, max_new_tokens=len(taught)
    )
    assert (answer.text, answer.is_complete) == (inspection.sample.answer, False)
    assert answer.iou == 1.0
    said = f"The model never ended its turn and was stopped after {len(taught)} tokens; its answer fits: "
    assert answer.reading.startswith(said)


def test_control_tokens_are_written_by_their_names_and_nothing_obeys_them(
    model, checkpoints_by_name, inspection
):
    checkpoint = checkpoints_by_name["demo"]
    tokenizer = checkpoint.processor.tokenizer
    names = ["<|im_start|>", "<|video_pad|>", "<|vision_start|>", "<12>", "<|box_start|>"]
    ids = [*tokenizer.convert_tokens_to_ids(names), min(checkpoint.stop_ids)]
    answer = generate_answer(writing(model, ids), inspection, checkpoint.processor, checkpoint.stop_ids)
    assert answer.text == "".join(names)
    assert answer.token_ids == tuple(ids)


def test_an_id_that_the_tokenizer_lacks_is_shown_as_its_number(processor):
    tokenizer = processor.tokenizer
    ids = [*tokenizer.encode("[8.0"), len(tokenizer) + 3, *tokenizer.encode("]")]
    assert text_of(ids, tokenizer) == f"[8.0⟨{len(tokenizer) + 3}⟩]"
    assert text_of([], tokenizer) == ""


TRUTH = (Window(8, 14),)


def answered(text, *, is_complete=True, truth=TRUTH):
    parsed = STANDARD_ANSWER.parse(text, 30.0)
    iou = intersection_over_union_of_unions(parsed.windows, truth) if parsed.windows else None
    return GeneratedAnswer(
        "direct", AnswerMode.STANDARD, text, (1, 2, 3), is_complete, parsed, tuple(truth), iou, "cpu", "float32", 0.1
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[8.0, 14.0]", "The model's answer fits: it says 8.0 to 14.0 s, the truth is 8.0 to 14.0 s, and both share all of what either covers."),
        ("[8.0, 13.0]", "The model's answer fits: it says 8.0 to 13.0 s, the truth is 8.0 to 14.0 s, and both share 83.3% of what either covers."),
        ("[11.0, 17.0]", "The model's answer fits in part: it says 11.0 to 17.0 s, the truth is 8.0 to 14.0 s, and both share 33.3% of what either covers."),
        ("[20.0, 25.0]", "The model's answer misses: it says 20.0 to 25.0 s, the truth is 8.0 to 14.0 s, and the two share no moment."),
        ("around noon", "The model's answer cannot be read: nothing in it has the form of a window that the prompt asks for."),
        ("[14.0, 8.0]", "The model's answer cannot be read: a window in it ends before it begins, or as it begins."),
        ("[40.0, 45.0]", "The model's answer cannot be read: a window in it begins or ends after the end of the video."),
        ("   ", "The model wrote only blank space and ended its turn, so there is no answer to read."),
    ],
)  # fmt: skip
def test_the_reading_says_in_one_sentence_how_much_is_right_or_why_it_cannot_be_read(text, expected):
    assert answered(text).reading == expected


def test_an_answer_that_there_is_no_such_moment_is_read_and_misses():
    parsed = ParsedAnswer((), ParseReason.OK)
    said = replace(answered("Not in the video."), parsed=parsed, iou=overlap(parsed, TRUTH))
    assert said.iou == 0.0
    assert "misses: it says that the moment is not in the video, the truth is 8.0 to 14.0 s" in said.reading
    assert overlap(ParsedAnswer((), ParseReason.REVERSED), TRUTH) is None


def test_text_around_a_right_answer_is_told():
    assert answered("It is [8.0, 14.0].").reading.endswith(
        "and other text stands around it, which a strict reader of answers would refuse."
    )


def test_an_answer_that_was_cut_and_cannot_be_read_says_both():
    assert answered("[8.0, 1", is_complete=False).reading == (
        "The model never ended its turn and was stopped after 3 tokens; its answer cannot be read: nothing in it has "
        "the form of a window that the prompt asks for."
    )
    assert answered(" ", is_complete=False).reading == (
        "The model wrote only blank space in 3 tokens and never ended its turn, so there is no answer to read."
    )


def test_every_reason_has_its_words():
    for reason in ParseReason:
        one = replace(answered("[8.0, 14.0]"), parsed=ParsedAnswer((), reason), iou=None)
        assert "cannot be read" in one.reading


def test_of_many_windows_the_first_few_are_said():
    many = ", ".join(f"[{i}.0, {i}.5]" for i in range(10))
    assert "it says 0.0 to 0.5 s, 1.0 to 1.5 s, 2.0 to 2.5 s and 7 more, the truth" in answered(many).reading


def test_several_windows_are_judged_by_all_that_they_cover():
    one = answered("[8.0, 10.0], [20.0, 22.0]", truth=(Window(8, 10), Window(20, 22), Window(1, 2)))
    assert one.iou == pytest.approx(4 / 5)


# Told, stopped, refused


def test_every_token_is_told_before_it_is_written(model, processor, inspection):
    told = []
    answer = generate_answer(
        model, inspection, processor, frozenset(), max_new_tokens=5, on_token=lambda *at: told.append(at)
    )
    assert list(dict.fromkeys(told)) == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]
    assert [at for at in told if at[0]] == [(1, 5), (2, 5), (3, 5), (4, 5)]
    assert len(answer.token_ids) == 5


def test_nothing_is_told_after_the_end_of_the_turn(model, checkpoints_by_name, inspection):
    checkpoint, told = checkpoints_by_name["demo"], []
    generate_answer(
        writing(model, [5, 6, min(checkpoint.stop_ids)]), inspection, checkpoint.processor, checkpoint.stop_ids,
        on_token=lambda written, _limit: told.append(written),
    )  # fmt: skip
    assert max(told) == 2


@pytest.mark.parametrize("when", [0, 3])
@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_what_is_raised_ends_it_and_the_model_is_as_before(
    models_by_name, processors_by_name, video, name, when
):
    model, processor = models_by_name[name], processors_by_name[name]
    inspection = inspect(video, processor)
    batch = pad([inspection.encoded], processor)
    [before] = score(model, batch, processor.tokenizer)
    config, model.get_decoder().layers[0].training = model.generation_config, True

    def stop(written, _limit):
        if written == when:
            raise LossCancelledError("stopped by a person")

    with pytest.raises(LossCancelledError, match="stopped by a person"):
        generate_answer(model, inspection, processor, frozenset(), max_new_tokens=9, on_token=stop)
    assert model.generation_config is config
    assert [module for module in model.modules() if module.training] == [model.get_decoder().layers[0]]
    model.eval()
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert score(model, batch, processor.tokenizer)[0].tokens == before.tokens


def test_a_model_that_generated_can_still_be_trained(model, processor, inspection):
    own = deepcopy(model)
    generate_answer(own, inspection, processor, frozenset(), max_new_tokens=2)
    own(**pad([inspection.encoded], processor)).loss.backward()
    assert own.get_input_embeddings().weight.grad.isfinite().all()


@pytest.mark.parametrize("limit", [0, -1])
def test_less_than_one_token_is_refused(model, processor, inspection, limit):
    with pytest.raises(LossError, match=f"max_new_tokens must be at least 1, got {limit}"):
        generate_answer(model, inspection, processor, frozenset(), max_new_tokens=limit)


def test_a_model_that_does_not_generate_says_which_it_is_and_why(model, processor, inspection):
    own = deepcopy(model)
    own.can_generate = lambda: False
    with pytest.raises(
        LossError, match="Qwen3VLForConditionalGeneration must be able to generate, and cannot"
    ):
        generate_answer(own, inspection, processor, frozenset())


def test_a_model_without_eyes_says_that_it_takes_no_video(processor, inspection):
    blind = text_model("Qwen3", len(processor.tokenizer))
    with pytest.raises(LossError, match="Qwen3ForCausalLM must read video to answer about one, and does not"):
        generate_answer(blind, inspection, processor, frozenset())


def test_a_model_that_fails_in_the_middle_is_told_in_one_sentence(model, processor, inspection):
    own = deepcopy(model)
    own.model.visual.patch_embed = torch.nn.Linear(1, 1)
    with pytest.raises(LossError, match="must be able to generate, and cannot: ") as caught:
        generate_answer(own, inspection, processor, frozenset())
    assert "\n" not in str(caught.value)


# How sure it was


def test_the_probability_of_a_time_is_the_product_over_its_tokens_of_plain_passes(
    model, inspection, checkpoints_by_name
):
    checkpoint = checkpoints_by_name["demo"]
    answer = generate_answer(model, inspection, checkpoint.processor, checkpoint.stop_ids)
    prompt = prompt_of(inspection.encoded)
    length, written = prompt["input_ids"].shape[1], torch.tensor([answer.token_ids])
    for name, fill in {
        "input_ids": written,
        "attention_mask": written * 0 + 1,
        "mm_token_type_ids": written * 0,
    }.items():
        prompt[name] = torch.cat([prompt[name], fill.to(prompt[name].dtype)], dim=1)
    with torch.inference_mode():
        logs = model(**prompt, use_cache=False).logits[0, length - 1 : -1].log_softmax(-1)
    chances = logs[torch.arange(written.shape[1]), written[0]].exp()
    texts = [checkpoint.processor.tokenizer.decode([token]) for token in answer.token_ids]
    first = len(answer.times[0].text)  # a digit a token, behind the bracket
    assert texts[1 : first + 1] == list(answer.times[0].text)
    assert answer.times[0].probability == pytest.approx(float(chances[1 : first + 1].prod()), rel=1e-4)
    assert [time.text for time in answer.times] == answer.text.strip("[]").split(", ")


def test_where_one_token_writes_a_time_every_bin_of_the_video_has_its_probability(
    model, video, checkpoints_by_name
):
    checkpoint = checkpoints_by_name["demo"]
    asked = inspect(video, checkpoint.processor, AnswerMode.TEMPORAL_TOKENS)
    answer = generate_answer(model, asked, checkpoint.processor, checkpoint.stop_ids)
    assert [len(time.bins) for time in answer.times] == [1000, 1000]
    for time in answer.times:
        assert sum(time.bins) <= 1 + 1e-5
        assert max(time.bins) == pytest.approx(time.probability, rel=1e-5)
        assert time.bins.index(max(time.bins)) == int(time.text.strip("<>"))
    assert answer.certainty.startswith("How sure it was: the start <")
    assert answer.certainty.endswith("; a guess among 1,000 bins would be 0.1%.")
