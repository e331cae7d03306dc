"""Clocks that pictures prove: the frames are ours, so the stamps must be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.audit.conftest import QUERIES, build_batch, sample_of
from vtg_core.audit.checks.times import check
from vtg_core.audit.row.clock import clock_of
from vtg_core.audit.row.pictures import times_of_alike
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames
from vtg_core.windows import Window

ASSETS = Path(__file__).parents[3] / "assets"


def with_metadata(good, videos, metadata):
    """The rows of ``videos`` as a collator encodes them that passes this metadata with their frames."""
    texts = [
        good.processor.apply_chat_template(sample.messages, tokenize=False) for sample in samples_of(videos)
    ]
    outputs = good.processor(
        text=texts,
        videos=[video.frames for video in videos],
        video_metadata=metadata,
        do_sample_frames=False,
        input_data_format="channels_last",
        padding=True,
        return_tensors="pt",
    )
    return replace(good, batch={**outputs, "labels": outputs["input_ids"]})


def samples_of(videos):
    return [sample_of(video, query=query) for video, query in zip(videos, QUERIES, strict=False)]


def moving(video, seconds):
    """The same frames with noise in them, so that no two are alike, of a video that lasts ``seconds``."""
    noise = np.random.default_rng(0).integers(0, 60, video.frames.shape, dtype=np.uint8)
    num_frames = round(seconds * video.info.fps)
    times = np.linspace(0, num_frames - 1, len(video.frames)).round()
    return replace(
        video,
        frames=video.frames // 2 + noise,
        info=replace(video.info, duration=float(seconds), num_frames=num_frames),
        frame_indices=tuple(times.astype(int).tolist()),
        timestamps=tuple((times / video.info.fps).tolist()),
    )


@pytest.fixture
def two(processor, video):
    """Two videos of 30 s and 34 s with four frames each, and a good batch of them."""
    videos = [moving(video, 30), moving(video, 34)]
    return videos, build_batch(processor, samples_of(videos))


def test_pictures_in_half_precision_are_ours_too(two):
    videos, good = two
    told = with_metadata(good, videos, [v.metadata for v in videos])
    told.batch["pixel_values_videos"] = told.batch["pixel_values_videos"].bfloat16()
    assert [row.shows_our_frames for row in told.rows()] == [True, True]
    assert [list(check(row)) for row in told.rows()] == [[], []]


def test_each_row_with_another_rows_clock_is_told_whose_it_is(two):
    videos, good = two
    told = with_metadata(good, videos, [videos[0].metadata] * 2)
    right, wrong = told.rows()
    assert list(check(right)) == []
    (finding,) = check(wrong)
    assert (finding.code, finding.evidence["times_of_row"]) == ("time.stamps-differ", 0)
    assert finding.evidence["largest_difference"] == pytest.approx(3.4, abs=0.15)
    assert "the times of row 1 (counted from 1)" in finding.message


def test_stamps_of_our_frames_that_cover_the_video_are_wrong_all_the_same(two):
    videos, good = two
    told = with_metadata(good, videos[:1], [{**videos[0].metadata, "frames_indices": [0, 60, 240, 299]}])
    (finding,) = check(replace(told, known=good.known[:1]).rows()[0])
    assert finding.code == "time.stamps-differ"
    assert finding.evidence["largest_difference"] == pytest.approx(2.1, abs=0.15)


def test_other_frames_keep_the_benefit_of_the_doubt(two):
    videos, good = two
    other = replace(videos[0], frames=videos[0].frames[:, ::-1].copy())
    told = with_metadata(good, [other], [{**other.metadata, "frames_indices": [0, 60, 240, 299]}])
    row = replace(told, known=good.known[:1]).rows()[0]
    assert not row.shows_our_frames
    assert list(check(row)) == []


def test_a_picture_that_stays_is_shown_until_the_next_other_one():
    marks = np.array([1.0, 2, 2, 3], dtype=np.float32)
    assert times_of_alike([1.0, 3.0, 5.0, 7.0], marks) == [
        (0.0, 3.0),
        (1.0, 7.0),
        (1.0, 7.0),
        (5.0, float("inf")),
    ]
    assert times_of_alike([1.0, 3.0], marks[:2]) == [(1.0, 1.0), (3.0, 3.0)]


def test_uneven_frames_with_true_times_are_no_first_part(good):
    scene = replace(good.known[0].scene, duration=30.0)
    assert clock_of([0.5, 12.0, 12.5, 13.0, 29.5], [3.0] * 5, scene) is None
    assert clock_of([0.5, 1.5, 24.0], [3.0, 15.0, 27.0], scene) is None
    assert clock_of([0.5, 1.5, 2.5], [3.0, 15.0, 27.0], scene).covered < 0.9


@pytest.mark.parametrize("rate", [24, 30])
def test_frames_that_were_counted_as_if_they_followed_each_other_are_given_an_assumed_rate(good, rate):
    scene = replace(good.known[0].scene, duration=30.0, fps=10.0)
    stamps = [round((2 * i + 0.5) / rate, 1) for i in range(12)]
    clock = clock_of(stamps, [3.0] * 5, scene)
    assert (clock.fps, clock.covered) == (pytest.approx(rate, rel=0.1), None)
    assert clock_of(stamps, [3.0] * 5, replace(scene, fps=float(rate))).covered < 0.9


def test_a_first_part_that_a_usual_rate_explains_says_so(good):
    scene = replace(good.known[0].scene, duration=30.0, fps=10.0)
    said = clock_of([0.2, 3.0, 6.0, 9.0], [3.0] * 5, replace(scene, fps=10.0)).message
    assert "or they cover all of it and are stamped at 25 frames per second instead of 10" in said


def test_windows_behind_a_first_part_are_an_error(good, video):
    begin = sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=8), clip=Window(0, 6))
    begin = replace(begin, info=video.info)
    told = with_metadata(good, [begin], [begin.metadata])
    found = {f.code: f for f in check(replace(told, known=good.known[:1]).rows()[0])}
    assert found.keys() == {"time.only-first-part", "time.window-unseen"}
    assert found["time.window-unseen"].evidence["windows"] == [[8.0, 14.0]]


def test_a_file_of_varying_rate_is_told_without_a_pixel(good):
    scene = replace(good.known[0].scene, rate_error=1.36)
    told = replace(good, known=[replace(good.known[0], scene=scene), good.known[1]])
    (finding,) = check(told.rows()[0])
    assert (finding.code, finding.severity) == ("time.rate-varies", "info")
    assert finding.evidence["largest_difference"] == 1.36


def test_a_file_whose_times_repeat_is_told_in_its_own_words(good):
    scene = replace(good.known[0].scene, clock_remark="a.ts repeats its times: its clock begins again once")
    told = replace(good, known=[replace(good.known[0], scene=scene), good.known[1]])
    (finding,) = check(told.rows()[0])
    assert (finding.code, finding.severity) == ("time.clock-repeats", "warning")
    assert finding.message == "a.ts repeats its times: its clock begins again once."


@pytest.mark.parametrize(("declared", "codes"), [(24.7, ["time.duration-differs"]), (30.2, []), (None, [])])
def test_a_declared_duration_is_compared_with_the_file(good, declared, codes):
    scene = replace(good.known[0].scene, declared_duration=declared)
    told = replace(good, known=[replace(good.known[0], scene=scene), good.known[1]])
    assert [f.code for f in check(told.rows()[0])] == codes


@pytest.mark.parametrize("num_frames", [8, 32])
def test_a_rate_of_frames_by_duration_is_named_where_frames_reach_the_last(good, num_frames):
    times = np.linspace(0, 29.9, num_frames)
    scene = replace(good.known[0].scene, timestamps=tuple(times.tolist()))
    ours = times.reshape(-1, 2).mean(axis=1).round(1).tolist()
    told = (np.arange(num_frames) * 30 / num_frames).reshape(-1, 2).mean(axis=1).round(1).tolist()
    clock = clock_of(told, ours, scene, shown=[(stamp, stamp) for stamp in ours])
    assert f"short by 1/{num_frames}" in clock.message
    assert clock.largest == pytest.approx(30 / num_frames, abs=0.5)


@pytest.mark.parametrize("name", ["second_per_grid_ts", "video_second_per_grid"])
def test_seconds_per_grid_are_checked_by_every_name_they_have(good_qwen2_5, name):
    seconds = good_qwen2_5.batch.pop("second_per_grid_ts")
    good_qwen2_5.batch[name] = 1 / seconds
    (finding,) = check(good_qwen2_5.rows()[0])
    assert finding.code == "time.seconds-per-grid-differ"
    assert "reciprocal" in finding.message
