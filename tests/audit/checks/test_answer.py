from dataclasses import replace

import numpy as np
import pytest
from transformers import AddedToken, AutoProcessor

from tests.audit.conftest import build_batch, sample_of
from vtg_core.audit.checks.answer import check
from vtg_core.chat.control_tokens import encode_as_text
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answers import STANDARD_ANSWER, TEMPORAL_TOKEN_ANSWER
from vtg_core.dataset import Sample
from vtg_core.regions import RegionKind
from vtg_core.templates import TEMPLATES, templates_for
from vtg_core.windows import Window


def codes(good, **how):
    return good.codes(check, **how)


def answered(good, text, *, row=0, as_text=False):
    """The row with another answer; ``as_text`` encodes control tokens as plain characters."""
    tokens, tokenizer = good.known[row].tokens, good.processor.tokenizer
    where = np.flatnonzero(tokens.is_kind(RegionKind.ANSWER))
    ids = encode_as_text(tokenizer, text)[0] if as_text else tokenizer.encode(text, add_special_tokens=False)
    return good.of_ids([*tokens.input_ids[: where[0]], *ids, *tokens.input_ids[where[-1] + 1 :]], row=row)


@pytest.mark.parametrize("saved", [False, True])
def test_a_good_answer_is_as_asked_for(every_good, saved):
    for row in range(2):
        assert codes(every_good, saved=saved, row=row) == []


@pytest.mark.parametrize("text", ["[8.0, 14.0]", " [8, 14] ", "[8.04, 13.96]"])
def test_an_answer_within_one_step_is_right(good, text):
    assert codes(answered(good, text)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("I cannot tell.", "no_match"), ("[14.0, 8.0]", "reversed"), ("[8.0, 1400.0]", "out_of_range")],
)
def test_an_answer_that_cannot_be_read_says_why(good, text, reason):
    (finding,) = check(answered(good, text).rows()[0])
    assert (finding.code, finding.evidence["reason"]) == ("answer.does-not-parse", reason)
    assert (
        answered(good, text).rows()[0].text(np.arange(finding.regions[0].start, finding.regions[-1].end))
        == text
    )


@pytest.mark.parametrize("text", ["[0.0, 14.0]", "[8.0, 14.2]", "[8.0, 14.0], [20.0, 22.0]"])
def test_an_answer_with_other_windows_is_an_error(good, text):
    (finding,) = check(answered(good, text).rows()[0])
    assert finding.code == "answer.window-differs"
    assert finding.evidence["annotation"] == [[8.0, 14.0]]


def test_another_rows_answer_is_an_error(every_good):
    assert codes(answered(every_good, every_good.known[1].answers[0])) == ["answer.window-differs"]


@pytest.mark.parametrize(
    "text",
    [
        "8.0 - 14.0",
        "(8.0, 14.0)",
        "from 8 to 14 seconds",
        "8.0s to 14.0s",
        "00:08 - 00:14",
        "It happens at [8.0, 14.0].",
        "<|box_start|><266><466><|box_end|>",
    ],
)
def test_the_right_window_in_another_form_is_a_warning(good, text):
    (finding,) = check(answered(good, text).rows()[0])
    assert (finding.code, finding.severity) == ("answer.form-differs", "warning")
    assert finding.evidence["asked_for"] == "[start_time, end_time]"


@pytest.mark.parametrize("text", ["[8.0, 14.0]", "<266><466>", "266 - 466", "8 to 14 seconds"])
def test_seconds_where_temporal_tokens_are_asked_for_are_a_warning(good_tokens, text):
    assert codes(answered(good_tokens, text)) == ["answer.form-differs"]


def test_a_template_that_asks_for_another_format_than_the_answers_is_a_warning(processor, video):
    asks_for_tokens = next(t for t in TEMPLATES if t.mode is TEMPORAL_TOKEN_ANSWER.mode)
    sample = Sample(video, "a red circle", (Window(8, 14),), asks_for_tokens, STANDARD_ANSWER)
    assert codes(build_batch(processor, [sample])) == ["answer.form-differs"]


@pytest.mark.parametrize("saved", [False, True])
def test_temporal_tokens_spelled_in_characters_are_an_error(good_tokens, saved):
    spelled = answered(good_tokens, "<|box_start|><266><466><|box_end|>", as_text=True)
    (finding,) = check(spelled.rows(saved=saved)[0])
    assert finding.code == "answer.tokens-split"
    assert (finding.evidence["tokens"], finding.evidence["split"]) == (4, 4)
    assert finding.evidence["not_in_tokenizer"] == []


def test_a_tokenizer_without_temporal_tokens_is_named_on_our_own_path(without_temporal_tokens, video):
    processor = AutoProcessor.from_pretrained(without_temporal_tokens)
    good = build_batch(processor, [sample_of(video, mode="temporal_tokens")])
    (finding,) = check(good.rows()[0])
    assert finding.code == "answer.tokens-split"
    assert finding.evidence["not_in_tokenizer"] == ["<266>", "<466>"]
    good = build_batch(
        load_checkpoint(str(without_temporal_tokens)).processor, [sample_of(video, mode="temporal_tokens")]
    )
    assert codes(good) == []  # our own loader adds them


def test_thinking_before_the_answer_is_not_read_as_the_answer(every_good):
    text = every_good.known[0].answers[0]
    assert codes(answered(every_good, f"<think>\nFrom [1.0, 2.0] on?\n</think>\n\n{text}")) == []


def test_an_answer_behind_a_wrong_end_of_turn_is_still_read(every_good):
    ids = every_good.known[0].tokens.input_ids.copy()
    ids[every_good.known[0].tokens.is_kind(RegionKind.END_OF_TURN)] = every_good.chat.pad_id
    assert codes(every_good.of_ids(ids)) == []


def test_an_answer_without_a_word_is_an_error(every_good):
    (finding,) = check(answered(every_good, "").rows()[0])
    assert finding.code == "answer.does-not-parse"
    assert finding.message.startswith("The answer is empty")


def test_turns_before_the_last_answer_are_compared_with_nothing(every_good):
    tokens = every_good.known[0].tokens
    start, end = tokens.answer_starts[0], len(tokens)
    turn = tokens.input_ids[start - len(every_good.chat.openings["assistant"]) : end]
    talk = every_good.processor.tokenizer.encode("Yes, it is.")
    ids = [
        *tokens.input_ids[:start],
        *talk,
        *tokens.input_ids[start + len(tokens.labels()[tokens.labels() >= 0]) - 1 :],
    ]
    assert codes(every_good.of_ids([*ids, *turn])) == []
    assert codes(every_good.of_ids(ids)) == ["answer.does-not-parse"]


def test_a_cut_answer_is_the_family_of_lengths_business(every_good):
    ids, start = every_good.known[0].tokens.input_ids, every_good.known[0].tokens.answer_starts[0]
    assert codes(every_good.of_ids(ids[: start + 2])) == []


def test_other_peoples_answers_are_not_judged(good):
    for text in ("8.0 - 14.0", "Yes, it does <b>twice</b>.", "<12>", ""):
        assert codes(answered(good, text), saved=True) == []


def test_every_turn_of_a_conversation_is_read(processor, video):
    good = build_batch(processor, [sample_of(video)])
    known = good.known[0]
    tokens = known.tokens
    start, end = tokens.answer_starts[0], len(tokens)
    header = len(good.chat.openings["assistant"])
    again = [*tokens.input_ids, *tokens.input_ids[start - header : end]]
    assert codes(good.of_ids(again)) == []
    wrong = answered(good, "[1.0, 2.0]").batch["input_ids"][0]
    assert codes(good.of_ids([*tokens.input_ids, *wrong[start - header :]])) == ["answer.window-differs"]


def test_a_scene_of_a_shorter_video_finds_its_window_out_of_range(good):
    known = good.known[0]
    short = replace(known, scene=replace(known.scene, duration=7.0, windows=(Window(2, 4),)))
    assert codes(replace(good, known=[short, good.known[1]])) == ["answer.does-not-parse"]


@pytest.mark.parametrize("name", ["t_100_tokens", "t_100_sentence"])
def test_tokens_of_the_rows_own_answer_form_are_no_foreign_control_tokens(own_processor, video, name):
    form, [template] = form_named(name), templates_for(name)
    tokens = [AddedToken(token, special=True, normalized=False) for token in form.tokens]
    own_processor.tokenizer.add_tokens(tokens)
    sample = Sample(video, "a red circle", (Window(8, 14),), template, form)
    answers = [answered(build_batch(own_processor, [sample]), f"{sample.answer}{more}") for more in ("", " ")]
    assert [codes(good) for good in answers] == [[], []]
    (finding,) = check(answered(answers[0], sample.answer.replace("<t46>", "<t90>")).rows()[0])
    assert (finding.code, finding.evidence["answer"]) == (
        "answer.window-differs",
        sample.answer.replace("46", "90"),
    )


def reworded(good, question, answer, *, row=0):
    """The row with a question and an answer in words of one's own; everything of it is trained."""
    tokens, tokenizer = good.known[row].tokens, good.processor.tokenizer
    asked = np.flatnonzero(tokens.is_kind(RegionKind.INSTRUCTION, RegionKind.QUERY))
    said = np.flatnonzero(tokens.is_kind(RegionKind.ANSWER))
    ids, texts = tokens.input_ids, [tokenizer.encode(t, add_special_tokens=False) for t in (question, answer)]
    parts = [ids[: asked[0]], texts[0], ids[asked[-1] + 1 : said[0]], texts[1], ids[said[-1] + 1 :]]
    return good.of_ids(np.concatenate(parts), row=row)


OWN_WORDS = [
    ("Find 'a red circle appears', in seconds.", "The event happens in 8.0 - 14.0 seconds."),
    ("When does 'a red circle appears' happen? As mm:ss.ff.", "00:08.00 - 00:14.00"),
    (
        "Pinpoint a red circle appears.",
        "<think>From 8.0 to 14.0.</think>\n<answer>8.00 to 14.00</answer>",
    ),
    ("Where in percent is a red circle appears?", "[27, 47]"),
    ("When: a red circle appears? Answer as JSON.", '{"start": 8.0, "end": 14.0}'),
]


@pytest.mark.parametrize(("question", "answer"), OWN_WORDS)
def test_prompt_and_answer_in_words_of_ones_own_are_right_and_their_mask_is_judged(good, question, answer):
    own = reworded(good, question, answer)
    row = own.rows()[0]
    assert list(check(row)) == []
    assert row.reading.dissenting == ()
    assert row.text(row.reading.verdict) == f"{answer}<|im_end|>"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("The event happens in 80.0 - 140.0 seconds.", "80.00 to 140.00 s, where the video ends at 30.00 s."),
        ("From 9 to 12 seconds.", "9.00 to 12.00 s."),
        ("4.0 - 9.5, 20.0 - 26.0", "4.00 to 9.50, 20.00 to 26.00 s: the times of row 2 (counted from 1)."),
        ("There is no such event.", "no window s."),
    ],
)
def test_wrong_times_in_words_of_ones_own_are_an_error_that_shows_both(good, answer, said):
    row = reworded(good, "Find a red circle appears in seconds.", answer).rows()[0]
    (finding,) = check(replace(row, batch=dict(enumerate(good.known))))
    assert (finding.code, finding.severity) == ("answer.window-differs", "error")
    assert finding.message == f"The annotation says 8.00 to 14.00 s, and the answer {said}"


@pytest.mark.parametrize("answer", ["<|box_start|><0.25><0.60>", "26.75 - 46.75", "Right at the beginning."])
def test_a_form_that_no_reader_knows_is_a_policy_and_the_mask_is_judged(good, answer):
    row = reworded(good, "Where in percent is a red circle appears?", answer).rows()[0]
    (finding,) = check(row)
    assert (finding.code, finding.severity) == ("answer.form-unknown", "policy")
    assert row.text(row.reading.verdict) == f"{answer}<|im_end|>"


def test_other_times_in_a_form_that_our_prompt_does_not_ask_for_are_an_error(good):
    (finding,) = check(answered(good, "The event happens in 3.0 - 5.0 seconds.").rows()[0])
    assert finding.code == "answer.window-differs"
