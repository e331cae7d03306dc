import json
from itertools import pairwise

import numpy as np
import pytest

from vtg_core.data.annotations import load_annotations
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.demo_training.practice import (
    CLIPS_A_FILM,
    COLORS,
    DURATIONS,
    FILM_SECONDS,
    SHAPES,
    cuts_of,
    practice_film,
    write_practice,
)
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import probe_video

FILMS = [practice_film(7, number) for number in range(100)]
CUTS = [cut for film in FILMS for cut in cuts_of(film)]


@pytest.fixture(scope="module")
def annotation_file(tmp_path_factory):
    return write_practice(tmp_path_factory.mktemp("films"), 3, seed=7)


def test_a_film_is_the_same_each_time_and_differs_by_seed_and_number():
    assert practice_film(7, 3) == FILMS[3]
    assert len({film.events for film in FILMS} | {practice_film(8, 3).events}) == 101


def test_events_of_a_film_follow_one_another_and_three_in_a_row_differ_in_color():
    for film in FILMS:
        assert all(before.window.end + 1 <= after.window.start for before, after in pairwise(film.events))
        assert film.events[-1].window.end <= film.duration == FILM_SECONDS
        for number in range(len(film.events) - 2):
            assert len({event.color for event in film.events[number : number + 3]}) == 3


def test_a_cut_holds_one_to_three_whole_events_and_no_part_of_another():
    assert {len(cut.events) for cut in CUTS} == {1, 2, 3}
    assert {cut.window.length for cut in CUTS} == set(DURATIONS)
    for film in FILMS:
        for window, events in cuts_of(film):
            assert 0 <= window.start < window.end <= FILM_SECONDS
            seen = [event for event in film.events if event.window.start < window.end]
            seen = [event for event in seen if event.window.end > window.start]
            assert tuple(seen) == events
            assert window.start <= events[0].window.start
            assert events[-1].window.end <= window.end


def test_a_film_holds_more_clips_than_are_cut_from_it():
    assert all(len(cuts_of(film)) > 2 * CLIPS_A_FILM for film in FILMS)


def test_rows_ask_for_every_event_of_a_clip_in_no_order(annotation_file):
    rows = load_annotations(annotation_file).annotations
    clips = {}
    for row in rows:
        clips.setdefault((row.video, row.video_start, row.video_end), []).append(row)
    assert len(clips) == 3 * CLIPS_A_FILM
    several = [clip for clip in clips.values() if len(clip) > 1]
    is_first_first = [clip[0].windows == min(row.windows for row in clip) for clip in several]
    assert 0.2 < np.mean(is_first_first) < 0.8
    assert {len(clip) for clip in clips.values()} == {1, 2, 3}
    words = {word for row in rows for word in row.query.split()}
    assert words > set(COLORS) | set(SHAPES)


def test_what_is_written_shows_what_the_rows_say(annotation_file):
    dataset = VideoTemporalSFTDataset(annotation_file, use_temporal_tokens=False, frames=FramePolicy(fps=4))
    for number in range(0, len(dataset), 17):
        sample = dataset[number]
        [window] = sample.windows
        assert sample.video.info.duration == dataset.annotations[number].raw["duration"]
        color = COLORS[sample.query.split()[1]]
        distance = np.abs(sample.video.frames.astype(int) - color).max(axis=3)
        is_shown = (distance < 50).sum(axis=(1, 2)) > 200
        expected = [window.start <= time < window.end for time in sample.video.timestamps]
        assert is_shown.tolist() == expected, sample.query


def test_only_what_lasts_to_the_end_appears_at_the_very_end(annotation_file):
    for row in load_annotations(annotation_file).annotations:
        [window] = row.windows
        if "at the very end" in row.query:
            assert window.end == row.raw["duration"]
        elif row.query.endswith(" appears"):
            assert window.end < row.raw["duration"]


def test_two_processes_write_what_one_writes(tmp_path):
    one = write_practice(tmp_path / "one", 2, seed=1)
    two = write_practice(tmp_path / "two", 2, seed=1, num_processes=2)
    assert json.loads(one.read_text()) == json.loads(two.read_text())
    for name in ("00000.mp4", "00001.mp4"):
        assert probe_video(one.parent / name).num_frames == probe_video(two.parent / name).num_frames
        assert (one.parent / name).read_bytes() == (two.parent / name).read_bytes()
