import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vtg_core.data.answer_forms.forms import MAX_ANSWER_CHARS
from vtg_core.data.answer_forms.measure import VideoMeasure
from vtg_core.data.answer_forms.reading import NO_WINDOW, read_answer
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, form_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.data.answers import ANSWER_FORMATS, ParseReason
from vtg_core.errors import AnswerError, WindowError
from vtg_core.windows import Window

FORMS = [*KNOWN_FORMS.values(), form_named("seconds_2_range_thinking"), form_named("bins_7_tokens")]
OF_EACH_CODE = [f for f in FORMS if f.shape.name in ("range", "tokens") or f.name == "temporal_tokens"]
OF_EACH_SHAPE = [
    f for f in FORMS if f.code.name in ("seconds_1", "t_100") or f.shape.name == "box" or f.has_thoughts
]
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


@st.composite
def measured_windows(draw):
    """A video whose frames are counted in one of three ways, and up to four windows within it."""
    duration = draw(st.floats(0.2, 20_000, allow_nan=False))
    times = st.floats(0, duration, allow_nan=False)
    shown = sorted(draw(st.sets(times.filter(lambda time: time < duration), min_size=1, max_size=12)))
    frames = [
        {"fps": draw(st.floats(0.1, 60))},
        {"num_frames": draw(st.integers(1, 500))},
        {"frame_times": tuple(shown)},
    ]
    pairs = draw(st.lists(st.tuples(times, times), max_size=4))
    windows = [Window(*sorted(pair)) for pair in pairs if pair[0] != pair[1]]
    return VideoMeasure(duration, **draw(st.sampled_from(frames))), windows


@pytest.mark.parametrize("form", OF_EACH_CODE, ids=lambda form: form.name)
@example((VideoMeasure(29.99, fps=10), [Window(29.96, 29.99)]))
@example((VideoMeasure(1.0, fps=1), [Window(0.999, 1.0), Window(0.0, 1e-9)]))
@example((VideoMeasure(0.3, frame_times=(0.2,)), [Window(0, 0.1)]))
@example((VideoMeasure(30.0, fps=1), [Window(7.6, 7.9), Window(29.3, 29.4)]))
@example((VideoMeasure(30.0, fps=1), [Window(math.nextafter(30, 0), 30)]))
@given(measured_windows())
def test_an_answer_reads_back_as_its_windows_within_one_step(form, drawn):
    video, windows = drawn
    read = form.read(form.render(windows, video), video)
    assert read.reason is ParseReason.OK
    assert len(read.windows) == len(windows)
    near = form.step(video) * (1 + 1e-9) + video.duration * 1e-12
    for came, written in zip(read.windows, windows, strict=True):
        assert came.start == pytest.approx(written.start, abs=near)
        assert came.end == pytest.approx(written.end, abs=near)


@pytest.mark.parametrize("form", OF_EACH_SHAPE, ids=lambda form: form.name)
@given(measured_windows(), st.text(max_size=40))
def test_any_text_is_read_without_an_error_and_within_the_video(form, drawn, text):
    video, windows = drawn
    for candidate in (text, text + form.render(windows, video), form.render(windows, video) + text):
        read = form.read(candidate, video)
        assert not read.windows or read.is_read
        assert all(window.end <= video.duration for window in read.windows)


@pytest.mark.parametrize("mode", ANSWER_FORMATS)
@given(measured_windows())
def test_the_built_in_formats_are_forms_that_write_the_very_same(mode, drawn):
    video, windows = drawn
    if windows:
        built_in = ANSWER_FORMATS[mode].render(windows, video.duration)
        assert KNOWN_FORMS[mode].render(windows, video) == built_in
    assert KNOWN_FORMS[mode].tokens == ANSWER_FORMATS[mode].tokens
    assert KNOWN_FORMS[mode].example == ANSWER_FORMATS[mode].example


@each_form
def test_what_a_form_writes_is_among_the_ways_to_read_it(form):
    windows = [Window(8, 14), Window(20, 26)]
    video = {"duration": 30.0, "fps": 2.0}
    text = form.render(windows, VideoMeasure(**video))
    closest = read_answer(text, **video, forms=FORMS).closest(windows)
    assert closest.seconds_off <= form.step(VideoMeasure(**video)) * 1.001
    assert not closest.candidate.has_extra_text


@each_form
def test_the_times_of_a_form_are_where_its_numbers_are(form):
    video = VideoMeasure(30.0, fps=2.0)
    text = form.render([Window(8, 14)], video)
    varied = [text[time.start : time.end] for time in form.times(text)]
    other = form.render([Window(9, 15)], video)
    assert varied
    assert len(form.times(other)) == len(varied)
    assert all(time.num_choices >= 7 for time in form.times(text))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("seconds_0_brackets", "[8, 14], [20, 26]"),
        ("seconds_2_pairs", "[[8.00, 14.00], [20.00, 26.04]]"),
        ("seconds_1_sentence", "From 8.0 to 14.0 seconds. From 20.0 to 26.0 seconds."),
        ("clock_range", "00:08 - 00:14, 00:20 - 00:26"),
        ("clock_hours_brackets", "[00:00:08.0, 00:00:14.0], [00:00:20.0, 00:00:26.0]"),
        ("percent_sentence", "From 27% to 47%. From 67% to 87%."),
        ("percent_number_range", "27 - 47, 67 - 87"),
        ("fraction_2_box", "<|box_start|><0.27><0.47><|box_end|><|box_start|><0.67><0.87><|box_end|>"),
        ("frames_sentence", "From frame 16 to frame 28. From frame 40 to frame 52."),
        ("bins_300_sentence", "From <80> to <140>. From <200> to <260>."),
        ("bins_500_box", "<|box_start|><133><233><|box_end|><|box_start|><333><434><|box_end|>"),
        ("t_100_tokens", "<t26><t46>, <t66><t86>"),
        ("timestep_1000_tokens", "<timestep_266><timestep_466>, <timestep_666><timestep_868>"),
        ("temp_300_tokens", "<TEMP-080><TEMP-140>, <TEMP-200><TEMP-260>"),
        ("clock_json", '[{"start": "00:08", "end": "00:14"}, {"start": "00:20", "end": "00:26"}]'),
        ("seconds_0_range_thinking", "<think></think><answer>8 - 14, 20 - 26</answer>"),
    ],
)
def test_windows_are_written_as_the_name_says(name, written):
    video = VideoMeasure(30, fps=2)
    assert form_named(name).render([Window(8, 14), Window(20, 26.04)], video) == written


def test_one_object_stands_alone():
    assert form_named("seconds_1_json").render([Window(8, 14)], 30) == '{"start": 8.0, "end": 14.0}'


@pytest.mark.parametrize(
    ("name", "step", "unit"),
    [
        ("seconds_0_range", 1, TimeUnit.SECONDS),
        ("seconds_2_range", 0.01, TimeUnit.SECONDS),
        ("clock_range", 1, TimeUnit.CLOCK),
        ("percent_range", 0.3, TimeUnit.PERCENT),
        ("fraction_3_range", 0.03, TimeUnit.FRACTION),
        ("frames_range", 0.5, TimeUnit.FRAMES),
        ("bins_300_tokens", 0.1, TimeUnit.BINS),
    ],
)
def test_a_form_says_its_unit_and_its_smallest_step(name, step, unit):
    form = form_named(name)
    assert form.step(VideoMeasure(30, num_frames=60)) == pytest.approx(step)
    assert form.unit is unit


def test_a_frame_that_is_both_start_and_end_lasts_until_the_next():
    video = VideoMeasure(9, frame_times=(0, 2, 5))
    assert form_named("frames_range").read("1 - 1", video).windows == (Window(2, 5),)
    assert form_named("frames_range").read("2 - 2", video).windows == (Window(5, 9),)
    assert form_named("frames_range").step(video) == 4


@pytest.mark.parametrize(
    "name",
    [
        "secnds_1_range",
        "bins_0_tokens",
        "bins_99999_tokens",
        "bins_10_pairs",
        "",
        "x" * 9999,
        "words_3_box",
        "bins_٣_box",
    ],
)
def test_a_name_that_no_form_has_is_refused(name):
    with pytest.raises(AnswerError, match="did you mean"):
        form_named(name)


def test_a_form_that_counts_along_the_video_says_what_it_needs():
    with pytest.raises(
        AnswerError, match="frames_range counts frames of the video, and needs fps, num_frames"
    ):
        form_named("frames_range").render([Window(1, 2)], 30)
    with pytest.raises(
        AnswerError, match="percent_range counts percent of the video, and needs its duration"
    ):
        form_named("percent_range").read("1% - 2%", VideoMeasure())


def test_a_window_past_the_video_is_not_written():
    with pytest.raises(WindowError, match=r"duration \(30 s\)"):
        form_named("clock_range").render([Window(8, 31)], 30)


@pytest.mark.parametrize(
    "measure",
    [{"duration": 0}, {"fps": -1}, {"num_frames": 0}, {"frame_times": (1, 1)}, {"duration": math.nan}],
)
def test_a_video_has_a_length_and_frames_in_order(measure):
    with pytest.raises(AnswerError, match="must be"):
        VideoMeasure(**measure)


def read(text, **known):
    """All that a text may say, by form, of a video of 30 s with 60 frames."""
    reading = read_answer(text, **({"duration": 30.0, "num_frames": 60} | known))
    return {
        one.form: [tuple(round(t, 6) for t in window) for window in one.windows] for one in reading.candidates
    }


@pytest.mark.parametrize(
    ("text", "form", "windows"),
    [
        ("[3.0, 7.5]", "standard", [(3, 7.5)]),
        ("[3, 7.5]", "standard", [(3, 7.5)]),
        ("[3.00,7.5]", "seconds_2_brackets", [(3, 7.5)]),
        ("The query happens in 20.8 - 29.0 seconds.", "seconds_1_sentence", [(20.8, 29)]),
        ("From second 3.0 to second 8.0.", "seconds_1_sentence", [(3, 8)]),
        ("It starts at 3 s and ends at 8 s.", "seconds_0_sentence", [(3, 8)]),
        ("between 3 and 8 seconds", "seconds_0_sentence", [(3, 8)]),
        ("From 24.0 seconds to 29.0 seconds, from 3 seconds to 4 seconds.", "seconds_1_sentence", [(24, 29), (3, 4)]),
        ("1.00-2.50 7.00-9.25", "seconds_2_range", [(1, 2.5), (7, 9.25)]),
        ("12.54 to 17.83", "seconds_2_range", [(12.54, 17.83)]),
        ("[[12.5, 20.0], [21.0, 25.5]]", "seconds_1_pairs", [(12.5, 20), (21, 25.5)]),
        ('{"start_time": "12.5", "end_time": "17.8"}', "seconds_1_json", [(12.5, 17.8)]),
        ("[{'end': 8.5, 'label': 'a', 'start': 3.5}]", "seconds_1_json", [(3.5, 8.5)]),
        ("00:00:0.00-00:00:09.50", "clock_hours_range", [(0, 9.5)]),
        ("from 0:03 to 0:08", "clock_sentence", [(3, 8)]),
        ("Between 10% and 20%.", "percent_sentence", [(3, 6)]),
        ("From frame 4 to frame 8", "frames_sentence", [(2, 4)]),
        ("<|box_start|><250><499><|box_end|>", "temporal_tokens", [(7.515, 14.985)]),
        ("<250> to <499>", "bins_1000_tokens", [(7.515, 14.985)]),
        ("<t10> <t34>", "t_100_tokens", [(3.15, 10.35)]),
        ("<think>1.0 - 2.0</think><answer>3.5 to 8.5</answer>", "seconds_1_range", [(3.5, 8.5)]),
        ("[1.5, 9.5], [3.5, 5.5]", "standard", [(1.5, 9.5), (3.5, 5.5)]),
    ],
)  # fmt: skip
def test_the_usual_ways_to_write_a_window_are_told_apart(text, form, windows):
    assert read(text) == {form: windows}


def test_a_bare_pair_below_one_may_be_seconds_or_fractions():
    assert read("[0.25, 0.6]") == {"seconds_2_brackets": [(0.25, 0.6)], "fraction_2_brackets": [(7.5, 18)]}
    reading = read_answer("[0.25, 0.6]", duration=30)
    assert reading.is_ambiguous
    assert (reading.form, reading.windows) == (None, ())
    assert reading.ambiguity == "seconds_2_brackets or fraction_2_brackets"


def test_whole_numbers_may_be_seconds_percent_or_frames_and_the_video_rules_some_out():
    assert list(read("[12, 20]")) == ["seconds_0_brackets", "percent_number_brackets", "frames_brackets"]
    assert list(read("[12, 31.5]")) == []
    assert list(read("[31, 40]")) == ["percent_number_brackets", "frames_brackets"]
    assert list(read("[70, 90]")) == ["percent_number_brackets"]


def test_a_token_may_be_one_of_several_numbers_of_bins():
    assert list(read("<12><20>")) == ["bins_1000_tokens", "bins_300_tokens", "bins_100_tokens"]
    assert list(read("<250><437>")) == ["bins_1000_tokens"]


def test_without_a_duration_a_reading_says_which_forms_wait_for_it():
    reading = read_answer("[0.25, 0.6]")
    assert [one.form for one in reading.candidates] == ["seconds_2_brackets"]
    assert reading.unmeasured == ("fraction_2_brackets",)
    assert reading.form is None
    assert reading.ambiguity.endswith("or fraction_2_brackets (not enough is known of the video)")


def test_known_windows_choose_among_the_candidates_and_say_how_far_off_it_is():
    reading = read_answer("[0.25, 0.6]", duration=30)
    closest = reading.closest([Window(7.4, 18)])
    assert closest.candidate.form == "fraction_2_brackets"
    assert closest.seconds_off == pytest.approx(0.1)
    assert reading.closest([Window(1, 2), Window(3, 4)]).seconds_off == math.inf
    assert read_answer("hm", duration=30).closest([Window(1, 2)]) is None


def test_windows_in_another_order_are_no_further_off():
    reading = read_answer("[[3.5, 5.0], [1.0, 2.0]]", duration=30)
    assert reading.closest([Window(1, 2), Window(3.5, 5)]).seconds_off == 0


def test_a_reading_says_which_characters_are_each_time():
    text = "<think>no 1 - 2</think>\n<answer>From 3.0 to 7.5 seconds.</answer>"
    [candidate] = read_answer(text, duration=30).candidates
    assert [[text[slice(*time)] for time in times] for times in candidate.times] == [["3.0", "7.5"]]


@pytest.mark.parametrize("text", ["Not in the video.", "[]", "none", "There is no red circle in this video.",
                                  "It does not occur.", "<answer>No such moment.</answer>"])  # fmt: skip
def test_an_answer_may_say_that_there_is_no_window(text):
    reading = read_answer(text, duration=30)
    assert (reading.form, reading.windows, reading.reason) == (NO_WINDOW, (), ParseReason.OK)
    assert reading.closest([]).seconds_off == 0
    assert reading.closest([Window(1, 2)]).seconds_off == math.inf


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ParseReason.NO_MATCH),
        ("The circle is red.", ParseReason.NO_MATCH),
        ("-3 - 5", ParseReason.NO_MATCH),
        ("[-3, 5]", ParseReason.NO_MATCH),
        ("1,000 - 2,000 seconds", ParseReason.NO_MATCH),
        ("[nan, inf]", ParseReason.NO_MATCH),
        ("[1e1, 2e1]", ParseReason.NO_MATCH),
        ("[٣, ٥]", ParseReason.NO_MATCH),
        ("[３, ５]", ParseReason.NO_MATCH),
        ("[1.2.3, 4]", ParseReason.NO_MATCH),
        ("from 3 to 5 minutes", ParseReason.NO_MATCH),
        (f"[{'9' * 400}, {'9' * 401}]", ParseReason.NO_MATCH),
        ("<think>It is at 3 - 5", ParseReason.NO_MATCH),
        ("[31.5, 40.5]", ParseReason.OUT_OF_RANGE),
        ("[999999999, 999999999]", ParseReason.OUT_OF_RANGE),
        ("110% - 120%", ParseReason.OUT_OF_RANGE),
        ("<t100><t101>", ParseReason.OUT_OF_RANGE),
        ("[7.5, 3.0]", ParseReason.REVERSED),
        ("[7.5, 7.5]", ParseReason.REVERSED),
        ("[1.0, 2.0], [9.5, 5.0]", ParseReason.REVERSED),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_read_by_no_form_and_says_why(text, reason):
    reading = read_answer(text, duration=30.0, num_frames=60)
    assert (reading.candidates, reading.form, reading.reason) == ((), None, reason)


@pytest.mark.parametrize(
    "piece",
    ["[", "[1,", "[1" + " " * 40, "{", '{"start": 1', "from 1 to ", "1 - ", "<1>", "<|box_start|>", "<answer>", "1:", "9", " ",
     "starts at 1 , and ", "not in ", "<think>", "[[1, 2], "],
)  # fmt: skip
def test_a_hostile_text_is_read_in_time_proportional_to_its_length(piece):
    text = (piece * 20_000)[:20_000]
    began = time.process_time()
    read_answer(text, duration=30.0, fps=2.0)
    assert time.process_time() - began < 2


def test_a_text_beyond_reason_is_not_read():
    assert read_answer("[1.5, 2.5]".ljust(MAX_ANSWER_CHARS + 1), duration=30.0).candidates == ()
    assert read_answer("[1.5, 2.5]".ljust(MAX_ANSWER_CHARS), duration=30.0).form == "standard"
