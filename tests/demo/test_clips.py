import json
from pathlib import Path

import av
import numpy as np
import pytest

from vtg_core.demo.clips import CLIPS, demo_rows, main, write_clip
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import probe_video, sample_frames

ASSETS = Path(__file__).parents[2] / "assets"
EVENTS = [(clip, event) for clip in CLIPS for event in clip.events]

each_clip = pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
each_event = pytest.mark.parametrize(("clip", "event"), EVENTS, ids=lambda value: getattr(value, "query", ""))


def times_showing(path, color):
    """Return the times (s) of the frames in which at least 50 pixels are nearly ``color``, at half size."""
    video = sample_frames(path, FramePolicy(fps=100, max_pixels=14400))
    near = np.abs(video.frames.astype(int) - color).max(axis=3) < 40
    return [time for time, count in zip(video.timestamps, near.sum(axis=(1, 2)), strict=True) if count >= 50]


def test_the_events_are_the_ones_the_demo_tells_of():
    assert [(clip.name, event.query, *event.window) for clip, event in EVENTS] == [
        ("red_circle.mp4", "a red circle appears", 8.0, 14.0),
        ("two_events.mp4", "a blue square slides across the screen", 5.0, 9.0),
        ("two_events.mp4", "a green triangle appears", 18.0, 23.0),
        ("last_seconds.mp4", "a yellow star appears at the very end", 20.0, 24.0),
    ]


@each_clip
def test_a_committed_clip_is_as_long_as_the_table_says(clip):
    info = probe_video(ASSETS / clip.name)
    assert (info.duration, info.num_frames) == (clip.duration, clip.num_frames)
    assert (info.width, info.height, info.codec) == (320, 180, "h264")
    assert (ASSETS / clip.name).stat().st_size < 300_000


@each_event
def test_an_event_is_seen_in_every_frame_of_its_window_and_in_no_other(clip, event):
    times = times_showing(ASSETS / clip.name, event.color)
    assert times[0] == pytest.approx(event.window.start)
    assert times[-1] == pytest.approx(event.window.end - 0.1)
    assert len(times) == round(10 * event.window.length)


def test_the_blue_square_crosses_the_screen_from_left_to_right():
    clip, square = EVENTS[1]
    assert (clip.name, square.center_at(5.0), square.center_at(7.0)) == (
        "two_events.mp4",
        (44, 72),
        (160, 72),
    )
    assert square.center_at(9.0) == (276, 72)


def test_the_last_event_lasts_until_the_video_ends():
    clip, star = EVENTS[-1]
    assert star.window.end == clip.duration == probe_video(ASSETS / clip.name).duration


def test_the_committed_annotations_are_those_of_the_table():
    rows = json.loads((ASSETS / "demo_annotations.json").read_text(encoding="utf-8"))
    assert rows == demo_rows()
    assert rows[0] == {
        "video": "red_circle.mp4",
        "duration": 30.0,
        "timestamp": [8.0, 14.0],
        "sentence": "a red circle appears",
        "qid": "demo-1",
    }


def test_the_clips_start_playing_before_they_are_loaded_in_full():
    for clip in CLIPS:
        content = (ASSETS / clip.name).read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


def test_the_script_remakes_a_clip(tmp_path):
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV has no libx264 to encode with")
    clip = CLIPS[-1]
    remade = sample_frames(write_clip(clip, tmp_path), FramePolicy(num_frames=13))
    committed = sample_frames(ASSETS / clip.name, FramePolicy(num_frames=13))
    assert remade.timestamps == committed.timestamps
    assert remade.info.num_frames == 240
    assert np.abs(remade.frames.astype(int) - committed.frames).mean() < 2


def test_the_script_says_what_it_writes_and_where(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "folder to write into (default: assets)" in capsys.readouterr().out
