import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vtg_core.data.answers import (
    ANSWER_FORMATS,
    STANDARD_ANSWER,
    TEMPORAL_TOKEN_ANSWER,
    AnswerMode,
    ParsedAnswer,
    ParseReason,
    TemporalTokenAnswer,
)
from vtg_core.errors import AnswerError, WindowError
from vtg_core.windows import Window

FORMATS = list(ANSWER_FORMATS.values())


@st.composite
def videos_with_windows(draw):
    """A duration (s), and one to four windows within it, in any order and overlapping or not."""
    duration = draw(st.floats(0.2, 20_000, allow_nan=False))
    times = st.floats(0, duration, allow_nan=False)
    pairs = draw(st.lists(st.tuples(times, times), min_size=1, max_size=4))
    windows = [Window(*sorted(pair)) for pair in pairs if pair[0] != pair[1]] or [Window(0, duration)]
    return duration, windows


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
@example((30.0, [Window(-0.0, 2.0)]))
@example((29.99, [Window(29.96, 29.99)]))
@given(videos_with_windows())
def test_an_answer_reads_back_as_its_windows_within_one_quantum(answer, drawn):
    duration, windows = drawn
    parsed = answer.parse(answer.render(windows, duration), duration)
    assert parsed.reason is ParseReason.OK
    assert len(parsed.windows) == len(windows)
    for read, written in zip(parsed.windows, windows, strict=True):
        assert read.start == pytest.approx(written.start, abs=answer.quantum(duration) * (1 + 1e-9))
        assert read.end == pytest.approx(written.end, abs=answer.quantum(duration) * (1 + 1e-9))


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
@given(videos_with_windows(), st.text(max_size=40))
def test_any_text_is_read_without_an_error_and_within_the_video(answer, drawn, text):
    duration, windows = drawn
    for candidate in (text, text + answer.render(windows, duration)):
        parsed = answer.parse(candidate, duration)
        assert bool(parsed.windows) == (parsed.reason in (ParseReason.OK, ParseReason.EXTRA_TEXT))
        assert all(window.end <= duration for window in parsed.windows)


def test_the_standard_answer_is_seconds_with_one_decimal_in_brackets():
    assert STANDARD_ANSWER.render([Window(8, 14)], 30) == "[8.0, 14.0]"
    assert STANDARD_ANSWER.render([Window(8.26, 14.04)], 30) == "[8.3, 14.0]"


def test_several_standard_windows_are_joined_by_a_comma():
    assert STANDARD_ANSWER.render([Window(5, 9), Window(18, 23.5)], 32) == "[5.0, 9.0], [18.0, 23.5]"


def test_a_window_too_short_for_one_decimal_is_widened_to_the_tenths_around_it():
    assert STANDARD_ANSWER.render([Window(1.01, 1.02)], 30) == "[1.0, 1.1]"


def test_the_standard_answer_never_shows_a_minus():
    assert STANDARD_ANSWER.render([Window(-0.0, 2.0)], 30) == "[0.0, 2.0]"


def test_temporal_tokens_are_thousandths_of_the_video():
    assert TEMPORAL_TOKEN_ANSWER.render([Window(8, 14)], 32) == "<|box_start|><250><437><|box_end|>"


def test_the_end_of_the_video_is_in_the_last_bin():
    assert TEMPORAL_TOKEN_ANSWER.render([Window(0, 30)], 30) == "<|box_start|><0><999><|box_end|>"


def test_several_temporal_windows_stand_side_by_side():
    text = TEMPORAL_TOKEN_ANSWER.render([Window(0, 16), Window(16, 24)], 32)
    assert text == "<|box_start|><0><500><|box_end|><|box_start|><500><750><|box_end|>"


def test_a_bin_is_read_back_as_its_centre():
    parsed = TEMPORAL_TOKEN_ANSWER.parse("<|box_start|><0><499><|box_end|>", 100)
    assert parsed == ParsedAnswer((Window(0.05, 49.95),), ParseReason.OK)


def test_two_ends_in_one_bin_are_read_back_from_edge_to_edge():
    parsed = TEMPORAL_TOKEN_ANSWER.parse("<|box_start|><500><500><|box_end|>", 1000)
    assert parsed == ParsedAnswer((Window(500, 501),), ParseReason.OK)


def test_the_temporal_format_declares_its_markers_and_a_thousand_bins():
    tokens = TEMPORAL_TOKEN_ANSWER.tokens
    assert tokens[:3] == ("<|box_start|>", "<|box_end|>", "<0>")
    assert tokens[-1] == "<999>"
    assert len(tokens) == 1002
    assert STANDARD_ANSWER.tokens == ()


def test_each_format_declares_its_unit_and_its_quantum():
    assert (STANDARD_ANSWER.unit, STANDARD_ANSWER.quantum(30)) == ("seconds", 0.1)
    assert (TEMPORAL_TOKEN_ANSWER.unit, TEMPORAL_TOKEN_ANSWER.quantum(30)) == ("bins", 0.03)


def test_another_number_of_bins_has_as_many_tokens():
    answer = TemporalTokenAnswer(num_bins=100)
    assert answer.render([Window(5, 10)], 10) == "<|box_start|><50><99><|box_end|>"
    assert len(answer.tokens) == 102


def test_a_format_without_bins_is_refused():
    with pytest.raises(AnswerError, match="num_bins must be at least 1, got 0"):
        TemporalTokenAnswer(num_bins=0)


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
def test_no_window_is_no_answer(answer):
    with pytest.raises(AnswerError, match="at least one window, got none"):
        answer.render([], 30)


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
def test_a_window_past_the_video_is_not_written(answer):
    with pytest.raises(WindowError, match=r"duration \(30 s\)"):
        answer.render([Window(8, 31)], 30)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ParseReason.NO_MATCH),
        ("from 8 to 14 seconds", ParseReason.NO_MATCH),
        ("[8.0]", ParseReason.NO_MATCH),
        ("[-8.0, 14.0]", ParseReason.NO_MATCH),
        ("[14.0, 8.0]", ParseReason.REVERSED),
        ("[8.0, 8.0]", ParseReason.REVERSED),
        ("[8.0, 30.2]", ParseReason.OUT_OF_RANGE),
        ("[31.0, 32.0]", ParseReason.OUT_OF_RANGE),
        ("[1.0, 2.0], [9.0, 5.0]", ParseReason.REVERSED),
    ],
)
def test_a_standard_answer_that_says_no_window_gives_a_reason_and_no_stand_in(text, reason):
    assert STANDARD_ANSWER.parse(text, 30) == ParsedAnswer((), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[8.0, 14.0]", ParseReason.NO_MATCH),
        ("<|box_start|><250><|box_end|>", ParseReason.NO_MATCH),
        ("<|box_start|><437><250><|box_end|>", ParseReason.REVERSED),
        ("<|box_start|><250><1000><|box_end|>", ParseReason.OUT_OF_RANGE),
    ],
)
def test_a_temporal_answer_that_says_no_window_gives_a_reason_and_no_stand_in(text, reason):
    assert TEMPORAL_TOKEN_ANSWER.parse(text, 32) == ParsedAnswer((), reason)


def test_white_space_inside_the_brackets_does_not_matter():
    assert STANDARD_ANSWER.parse(" [ 8 ,14.0 ]\n", 30) == ParsedAnswer((Window(8, 14),), ParseReason.OK)


def test_an_end_within_one_quantum_past_the_video_is_the_end_of_the_video():
    assert STANDARD_ANSWER.parse("[8.0, 30.0]", 29.95).windows == (Window(8, 29.95),)


@pytest.mark.parametrize(
    "text",
    [
        "It is [8.0, 14.0].",
        "[8.0, 14.0], [20.0, 21.0],",
        "[8.0, 14.0] and [20.0, 21.0]",
        "[8.0, 14.0][20.0, 21.0]",
        ", [8.0, 14.0] [20.0, 21.0]",
        "[8.0, 14.0] [20.0, 21.0],",
    ],
)
def test_windows_among_other_text_are_read_and_said_to_be_so(text):
    parsed = STANDARD_ANSWER.parse(text, 30)
    assert parsed.windows[0] == Window(8, 14)
    assert parsed.reason is ParseReason.EXTRA_TEXT


def test_digits_of_another_script_are_no_answer():
    assert STANDARD_ANSWER.parse("[٣.٠, ٤.٠]", 30).reason is ParseReason.NO_MATCH


def test_both_built_in_formats_are_found_by_their_mode():
    assert set(ANSWER_FORMATS) == {AnswerMode.STANDARD, AnswerMode.TEMPORAL_TOKENS}
    assert all(answer.mode is mode for mode, answer in ANSWER_FORMATS.items())


def marked(answer_format, text):
    """The text with its times in braces, and how many choices each has."""
    found = answer_format.times(text)
    for time in reversed(found):
        text = f"{text[: time.start]}{{{text[time.start : time.end]}}}{text[time.end :]}"
    return text, [time.num_choices for time in found]


def test_the_digits_of_a_standard_answer_are_its_times():
    assert marked(STANDARD_ANSWER, "[8.0, 14.0]") == ("[{8}.{0}, {14}.{0}]", [10, 10, 100, 10])
    assert marked(STANDARD_ANSWER, "[5.0, 9.0], [18.0, 123.5]") == (
        "[{5}.{0}, {9}.{0}], [{18}.{0}, {123}.{5}]",
        [10, 10, 10, 10, 100, 10, 1000, 10],
    )


def test_a_temporal_token_is_a_time_with_its_brackets():
    text = "<|box_start|><266><466><|box_end|><|box_start|><0><999><|box_end|>"
    assert marked(TEMPORAL_TOKEN_ANSWER, text) == (
        "<|box_start|>{<266>}{<466>}<|box_end|><|box_start|>{<0>}{<999>}<|box_end|>",
        [1000] * 4,
    )
    assert marked(TemporalTokenAnswer(100), "<|box_start|><7><9><|box_end|>")[1] == [100, 100]


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
@pytest.mark.parametrize("text", ["", "none", "from 8 to 14 s", "[8, 14", "<8><14>", "{'start': 8}"])
def test_what_is_no_window_of_the_format_says_no_time(answer, text):
    assert answer.times(text) == []


@pytest.mark.parametrize("answer", FORMATS, ids=lambda answer: answer.mode)
@given(videos_with_windows())
def test_without_its_times_every_answer_of_as_many_windows_is_the_same_text(answer, drawn):
    duration, windows = drawn
    text = answer.render(windows, duration)
    end, kept = 0, ""
    for time in answer.times(text):
        assert end <= time.start < time.end
        kept, end = kept + text[end : time.start], time.end
    alone = {"standard": "[., .]", "temporal_tokens": "<|box_start|><|box_end|>"}[answer.mode]
    joined = {"standard": ", ", "temporal_tokens": ""}[answer.mode].join([alone] * len(windows))
    assert kept + text[end:] == joined
