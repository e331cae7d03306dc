import json
from pathlib import Path

import pytest

from tests.conversation_files import ROWS, spoken, write_rows
from vtg_core.data.annotations import Annotation
from vtg_core.data.answers import STANDARD_ANSWER, TEMPORAL_TOKEN_ANSWER, AnswerMode
from vtg_core.dataset import Sample, VideoTemporalSFTDataset, windows_in
from vtg_core.errors import AnnotationError, TemplateError, VideoError
from vtg_core.templates import STANDARD_TEMPLATES, TEMPORAL_TOKEN_TEMPLATES, PromptTemplate
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

ASSETS = Path(__file__).parent.parent / "assets"
DEMO = ASSETS / "demo_annotations.json"
FEW = FramePolicy(num_frames=2)


def dataset(path=DEMO, **options):
    return VideoTemporalSFTDataset(path, frames=FEW, **options)


def rows_file(tmp_path, *changes):
    row = {
        "video": "red_circle.mp4",
        "duration": 30.0,
        "timestamp": [8, 14],
        "sentence": "a red circle appears",
    }
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{**row, **change} for change in changes]))
    return path


def test_the_demo_annotations_are_four_samples():
    samples = dataset()
    assert len(samples) == 4
    assert samples[0].query == "a red circle appears"
    assert samples[0].windows == (Window(8, 14),)
    assert samples[0].answer == "[8.0, 14.0]"


def test_a_sample_is_a_conversation_about_its_video():
    sample = dataset(use_random_templates=False)[0]
    prompt = STANDARD_TEMPLATES[0].replace("{query}", "a red circle appears")
    start = prompt.index("a red circle appears")
    assert sample.messages == [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": str((ASSETS / "red_circle.mp4").resolve())},
                {"type": "text", "text": prompt, "query": [start, start + 20]},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "[8.0, 14.0]"}]},
    ]


def test_a_sample_carries_its_frames_and_its_row():
    sample = dataset()[0]
    assert sample.video.frames.shape[0] == 2
    assert sample.annotation.qid == "demo-1"


def test_temporal_tokens_are_asked_for_and_answered_in():
    sample = dataset(use_temporal_tokens=True, use_random_templates=False)[0]
    assert sample.template.text == TEMPORAL_TOKEN_TEMPLATES[0]
    assert sample.answer_format is TEMPORAL_TOKEN_ANSWER
    assert sample.answer == "<|box_start|><266><466><|box_end|>"


def test_with_a_seed_a_sample_has_the_same_template_each_time():
    names = [[dataset(template_seed=7)[i].template.name for i in range(4)] for _ in range(2)]
    assert names == [["natural", "natural", "concise", "conversational"]] * 2


def test_a_sample_counted_from_the_end_is_the_same_sample():
    samples = dataset(template_seed=7)
    assert samples[-1].prompt == samples[3].prompt
    assert samples[-1].query == samples[3].query


def test_an_index_past_the_end_ends_a_loop():
    assert len(list(dataset())) == 4
    for index in (4, -5):
        with pytest.raises(IndexError):
            dataset()[index]


def test_a_prompt_of_ones_own_switches_the_choice_off():
    samples = dataset(prompt_template="Where is {query}?", template_seed=7)
    assert {samples[i].prompt.text for i in range(2)} == {
        "Where is a red circle appears?",
        "Where is a blue square slides across the screen?",
    }


def test_a_prompt_of_ones_own_may_ask_for_temporal_tokens():
    sample = dataset(prompt_template="Where is {query}?", use_temporal_tokens=True)[0]
    assert sample.answer.startswith("<|box_start|>")


def test_a_prompt_without_its_placeholder_is_refused_at_once():
    with pytest.raises(TemplateError, match=r"must hold {query} exactly once"):
        dataset(prompt_template="Where is it?")


def test_templates_of_ones_own_are_chosen_among_by_mode():
    own = [
        PromptTemplate("a", "own", AnswerMode.STANDARD, "A {query}"),
        PromptTemplate("b", "own", AnswerMode.TEMPORAL_TOKENS, "B {query}"),
    ]
    assert dataset(templates=own)[0].template.name == "a"
    assert dataset(templates=own, use_temporal_tokens=True)[0].template.name == "b"


def test_templates_of_the_other_mode_alone_are_refused_by_the_mode_that_is_missing():
    own = [PromptTemplate("a", "own", AnswerMode.STANDARD, "A {query}")]
    with pytest.raises(TemplateError, match="temporal_tokens"):
        dataset(templates=own, use_temporal_tokens=True)


def test_videos_are_found_under_the_video_root(tmp_path):
    samples = dataset(rows_file(tmp_path, {}), video_root=ASSETS)
    assert samples[0].video.info.path.name == "red_circle.mp4"


def test_a_duration_that_the_file_does_not_say_is_the_videos_own(tmp_path):
    samples = dataset(rows_file(tmp_path, {"duration": None}), video_root=ASSETS, use_temporal_tokens=True)
    assert samples[0].answer == "<|box_start|><266><466><|box_end|>"


def test_a_window_past_the_real_video_is_an_error_that_names_the_row(tmp_path):
    samples = dataset(rows_file(tmp_path, {"duration": 90, "timestamp": [8, 60]}), video_root=ASSETS)
    with pytest.raises(
        AnnotationError, match=r"rows.json:1, row 1.*: window must satisfy .* duration \(30 s\)"
    ):
        samples[0]


def test_a_window_past_the_real_video_can_be_clipped_to_it(tmp_path):
    path = rows_file(tmp_path, {"duration": 90, "timestamp": [8, 60]})
    assert dataset(path, video_root=ASSETS, clip=True)[0].answer == "[8.0, 30.0]"


def test_a_video_that_is_not_there_is_an_error_when_its_sample_is_asked_for(tmp_path):
    samples = dataset(rows_file(tmp_path, {"video": "gone.mp4"}, {}), video_root=ASSETS)
    with pytest.raises(VideoError, match=r"gone.mp4 cannot be opened"):
        samples[0]
    assert samples[1].answer == "[8.0, 14.0]"


def test_bad_rows_raise_or_are_skipped_and_listed(tmp_path):
    path = rows_file(tmp_path, {"timestamp": [14, 8]}, {})
    with pytest.raises(AnnotationError, match=r"rows.json:1, row 1, field 'timestamp'"):
        dataset(path, video_root=ASSETS)
    samples = dataset(path, video_root=ASSETS, on_error="skip")
    assert len(samples) == 1
    assert samples.skipped[0].startswith("rows.json:1, row 1, field 'timestamp'")


def test_of_a_longer_video_only_the_clip_is_taken(tmp_path):
    path = rows_file(tmp_path, {"video_start": 10, "video_end": 20, "timestamp": [1, 2], "duration": 10})
    sample = dataset(path, video_root=ASSETS)[0]
    assert (sample.video.info.duration, sample.video.info.num_frames) == (10.0, 100)
    assert (sample.video.timestamps[0], sample.video.timestamps[-1]) == (0.0, pytest.approx(9.9))
    assert sample.answer == "[1.0, 2.0]"


def test_a_file_as_long_as_its_clip_was_cut_already(tmp_path):
    path = rows_file(tmp_path, {"video_start": 100, "video_end": 130, "timestamp": [8, 14], "duration": 30})
    assert dataset(path, video_root=ASSETS)[0].video.info.num_frames == 300


def test_a_clip_past_the_end_of_its_video_is_an_error(tmp_path):
    path = rows_file(tmp_path, {"video_start": 20, "video_end": 60, "timestamp": [8, 14], "duration": 40})
    with pytest.raises(
        VideoError, match=r"a clip must lie within red_circle.mp4 \(30.00 s\), got 20 to 60 s"
    ):
        dataset(path, video_root=ASSETS)[0]


def test_several_windows_make_one_answer(tmp_path):
    path = rows_file(tmp_path, {"timestamp": None, "windows": [[1, 2], [8, 14]]})
    assert dataset(path, video_root=ASSETS)[0].answer == "[1.0, 2.0], [8.0, 14.0]"


def test_a_sample_can_be_made_without_a_file(video):
    template = PromptTemplate("a", "own", AnswerMode.STANDARD, "A {query}")
    sample = Sample(video, "{x}", (Window(1, 2),), template, STANDARD_ANSWER)
    assert sample.prompt.text == "A {x}"
    assert sample.annotation is None


def test_windows_are_checked_against_the_duration_of_the_file():
    row = Annotation(Path("a.mp4"), "q", (Window(8, 14),), None, "rows.json:3", 2)
    assert windows_in(row, 30) == (Window(8, 14),)
    assert windows_in(row, 10, clip=True) == (Window(8, 10),)
    with pytest.raises(AnnotationError, match=r"^rows.json:3"):
        windows_in(row, 10)


def test_an_index_is_one_whole_number():
    rows = dataset(ASSETS / "demo_annotations.json", video_root=ASSETS)
    assert rows[-1].query == rows[3].query == "a yellow star appears at the very end"
    with pytest.raises(TypeError):
        rows[0:2]
    with pytest.raises(IndexError):
        rows[4]


def test_a_planned_sample_is_the_sample_without_its_pixels():
    samples = dataset(template_seed=7, use_temporal_tokens=True)
    for index in (*range(len(samples)), -1):
        planned, sample = samples.plan(index), samples[index]
        assert planned.messages == sample.messages
        assert planned.template is sample.template
        assert planned.annotation is sample.annotation
        assert planned.video.metadata == sample.video.plan.metadata


@pytest.mark.parametrize("change", [{"video": "nothing.mp4"}, {"timestamp": [8, 140], "duration": 150}])
def test_a_row_that_cannot_be_sampled_cannot_be_planned(tmp_path, change):
    samples = dataset(rows_file(tmp_path, change), video_root=ASSETS)
    with pytest.raises((VideoError, AnnotationError)) as sampled:
        samples[0]
    with pytest.raises(type(sampled.value)) as planned:
        samples.plan(0)
    assert str(planned.value) == str(sampled.value)
    with pytest.raises(IndexError):
        samples.plan(1)


@pytest.mark.parametrize("form", ROWS)
def test_a_conversation_keeps_its_own_words_and_every_turn(tmp_path, form):
    samples = dataset(write_rows(tmp_path, ROWS[form]), video_root=ASSETS)
    sample = samples[0]
    assert (samples.format, sample.template.name, sample.has_own_words) == (form, "own", True)
    assert sample.messages == list(samples.annotations[0].messages)
    assert sample.answer == sample.answers[-1]
    assert samples.plan(0).messages == sample.messages
    assert len(sample.video.timestamps) == FEW.num_frames


def test_a_video_is_shown_where_a_conversation_shows_it(tmp_path):
    question = dataset(write_rows(tmp_path, ROWS["sharegpt"]), video_root=ASSETS).plan(0).messages[0]
    texts = [part.get("text") for part in question["content"]]
    assert texts == ["When does a red circle appear?\n", None, "\nAnswer with seconds."]


@pytest.mark.parametrize(
    ("answer", "windows", "form"),
    [
        ("[8.0, 14.0]", [(8, 14)], "standard"),
        ("It is there from 8.0 to 14.0 seconds.", [(8, 14)], "seconds_1_sentence"),
        ("[00:08, 00:14]", [(8, 14)], "clock_brackets"),
        ("[0.25, 0.6]", [], "standard"),
        ("8 to 14", [], "standard"),
        ("A circle.", [], "standard"),
    ],
)
def test_windows_of_a_conversation_are_read_where_one_reading_fits(tmp_path, answer, windows, form):
    row = {"instruction": "<video>When?", "output": answer, "videos": ["red_circle.mp4"]}
    sample = dataset(write_rows(tmp_path, row), video_root=ASSETS).plan(0)
    assert [tuple(window) for window in sample.windows] == windows
    assert sample.answer_format.mode == form


def test_a_message_is_trained_or_it_is_not(tmp_path):
    rows = dataset(write_rows(tmp_path, spoken(None, 0.5)), video_root=ASSETS)
    with pytest.raises(
        AnnotationError, match=r"rows.jsonl:1: a message must weigh 0 or 1 .*, got 0.5 for messages"
    ):
        rows.plan(0)
