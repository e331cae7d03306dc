import os
import shutil
import time
from pathlib import Path

import pytest

from tests.video.test_sampling import write_video
from vtg_core.errors import VideoError
from vtg_core.video import timeline
from vtg_core.video.plan import FramePolicy, plan_frames
from vtg_core.video.sampling import probe_video, sample_frames
from vtg_core.video.timeline import file_version, read_timeline, timeline_of
from vtg_core.windows import Window

ASSETS = Path(__file__).parents[2] / "assets"
RED_CIRCLE = ASSETS / "red_circle.mp4"
POLICIES = [
    FramePolicy(num_frames=4),
    FramePolicy(num_frames=7),
    FramePolicy(num_frames=1),
    FramePolicy(fps=2),
    FramePolicy(fps=0.7, max_pixels=9_000),
]


def wait_until_kept(path):
    """Wait until the clock can tell a later version of the file from this one."""
    while file_version(path) is None:
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["red_circle.mp4", "two_events.mp4", "last_seconds.mp4"])
@pytest.mark.parametrize("clip", [None, Window(1.2, 6)], ids=["whole", "clip"])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_plan_is_what_is_decoded(name, clip, policy):
    plan, video = (take(ASSETS / name, policy, clip=clip) for take in (plan_frames, sample_frames))
    assert plan.shape == video.frames.shape
    assert (plan.timestamps, plan.frame_indices) == (video.timestamps, video.frame_indices)
    assert plan.info == video.info
    assert plan.metadata | {"video_backend": str(video.backend)} == video.metadata


def test_frames_that_were_decoded_have_their_plan():
    policy = FramePolicy(num_frames=4, max_pixels=9_000)
    assert sample_frames(RED_CIRCLE, policy).plan.metadata == plan_frames(RED_CIRCLE, policy).metadata
    assert sample_frames(RED_CIRCLE, policy).plan.shape == plan_frames(RED_CIRCLE, policy).shape


@pytest.mark.parametrize(
    ("path", "policy", "clip"),
    [
        (RED_CIRCLE, FramePolicy(fps=100, max_frames=10), None),
        (RED_CIRCLE, FramePolicy(num_frames=4), Window(28, 40)),
        (ASSETS / "demo_annotations.json", None, None),
        (ASSETS / "nothing.mp4", None, None),
    ],
)
def test_a_plan_fails_as_decoding_does(path, policy, clip):
    with pytest.raises(VideoError) as planned:
        plan_frames(path, policy, clip=clip)
    with pytest.raises(VideoError) as sampled:
        sample_frames(path, policy, clip=clip)
    assert str(planned.value) == str(sampled.value)


def test_frames_that_take_too_much_memory_are_not_even_planned():
    with pytest.raises(VideoError, match="lower max_pixels to 1,111, or raise max_bytes"):
        plan_frames(RED_CIRCLE, FramePolicy(num_frames=3, max_bytes=10_000))
    with pytest.raises(
        VideoError, match=r"60 frames of 320 x 180 .* lower fps to 0.166, or max_pixels to 5,555, or raise"
    ):
        plan_frames(RED_CIRCLE, FramePolicy(fps=2, max_bytes=1_000_000))


def test_an_unchanged_file_is_demuxed_once():
    assert timeline_of(RED_CIRCLE) is timeline_of(str(RED_CIRCLE))
    assert probe_video(RED_CIRCLE) is probe_video(RED_CIRCLE)
    policy = FramePolicy(num_frames=5)
    assert plan_frames(RED_CIRCLE, policy) is plan_frames(RED_CIRCLE, policy)
    assert plan_frames(RED_CIRCLE, policy).info is probe_video(RED_CIRCLE)


def test_a_file_that_was_written_again_is_read_again(tmp_path):
    path = write_video(tmp_path / "clip.mp4", range(0, 1_000, 100))
    wait_until_kept(path)
    assert plan_frames(path, FramePolicy(num_frames=99)).info.num_frames == 10
    write_video(path, range(0, 2_000, 100))
    assert plan_frames(path, FramePolicy(num_frames=99)).info.num_frames == 20
    assert len(sample_frames(path, FramePolicy(num_frames=99)).frames) == 20


def test_another_file_of_the_same_size_and_time_is_read_again(tmp_path):
    path, other = (write_video(tmp_path / f"{n}.mp4", range(0, n * 100, 100)) for n in (10, 12))
    size = max(path.stat().st_size, other.stat().st_size) + 8
    for file in (path, other):  # both end in a box of padding, which every reader skips
        padding = size - file.stat().st_size
        file.write_bytes(file.read_bytes() + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    wait_until_kept(path)
    before, info = path.stat(), probe_video(path)
    shutil.copyfile(other, path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    wait_until_kept(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert (info.num_frames, probe_video(path).num_frames) == (10, 12)


def test_a_file_that_has_just_been_written_is_not_kept(tmp_path):
    path = write_video(tmp_path / "clip.mp4", range(0, 1_000, 100))
    assert file_version(path) is None
    wait_until_kept(path)
    assert file_version(path) is not None


def test_a_file_that_has_just_been_written_is_demuxed_once_for_its_frames(tmp_path, monkeypatch):
    path, read = write_video(tmp_path / "clip.mp4", range(0, 1_000, 100)), []
    monkeypatch.setattr(timeline, "read_timeline", lambda path: read.append(path) or read_timeline(path))
    sample_frames(path, FramePolicy(num_frames=2))
    assert read == [path]
