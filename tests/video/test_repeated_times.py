"""A file that gives several frames one time stamp keeps them all, in order, and says so."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.video.test_sampling import grey_levels, write_video
from vtg_core.errors import VideoError
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import probe_video, sample_frames
from vtg_core.windows import Window


def joined(folder):
    """Return two recordings of 40 frames, one behind the other in one file, as ``cat`` joins them."""
    parts = [
        write_video(folder / f"{name}.ts", range(0, 1600, 40), codec="mpeg2video", options={"g": "10"})
        for name in "ab"
    ]
    (folder / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    return folder / "joined.ts"


def with_twins(path, twins=(5, 20, 30)):
    """Write 40 frames of a tenth of a second each; each of ``twins`` has the time of the frame before it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 10)
        for index in range(40):
            picture = np.full((48, 64, 3), 4 * index, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            for packet in stream.encode(frame):
                packet.pts = packet.dts = index - sum(index >= twin for twin in twins)
                container.mux(packet)
    return path


def test_recordings_that_were_joined_keep_every_frame(tmp_path):
    video = sample_frames(joined(tmp_path), FramePolicy(num_frames=80))
    assert (video.info.num_frames, video.info.num_restarts) == (80, 1)
    assert grey_levels(video) == [*range(40), *range(40)]


def test_a_clock_that_begins_again_is_counted_on(tmp_path):
    video = sample_frames(joined(tmp_path), FramePolicy(num_frames=80))
    assert video.timestamps == pytest.approx([k / 25 for k in range(80)])
    assert video.info.duration == pytest.approx(3.2)


def test_a_part_of_what_was_joined_is_its_own_frames(tmp_path):
    video = sample_frames(joined(tmp_path), FramePolicy(num_frames=3), clip=Window(2.0, 2.5))
    assert grey_levels(video) == [10, 16, 22]


def test_a_rate_takes_frames_of_both_recordings(tmp_path):
    video = sample_frames(joined(tmp_path), FramePolicy(fps=2.5))
    assert grey_levels(video) == [0, 10, 20, 30, 0, 10, 20, 30]


def test_frames_that_take_no_time_are_kept_in_the_order_of_the_file(tmp_path):
    video = sample_frames(with_twins(tmp_path / "twins.mkv"), FramePolicy(num_frames=40))
    assert (video.info.num_frames, video.info.num_same_times) == (40, 3)
    assert grey_levels(video) == pytest.approx(range(40), abs=1)
    assert video.timestamps[4:6] == pytest.approx([0.4, 0.4])


def test_times_that_repeat_are_said_to(tmp_path):
    assert probe_video(joined(tmp_path)).clock_remark.startswith(
        "joined.ts repeats its times: its clock begins again once, and is counted on from there; convert"
    )
    remark = probe_video(with_twins(tmp_path / "twins.mkv")).clock_remark
    assert "3 of 40 frames have the time stamp of another" in remark


def test_an_ordinary_file_has_no_such_remark(tmp_path):
    info = probe_video(write_video(tmp_path / "even.mp4", range(0, 1000, 100), options={"bf": "2"}))
    assert (info.clock_remark, info.num_same_times, info.num_restarts) == ("", 0, 0)


def test_a_file_whose_frames_are_all_shown_at_one_moment_is_refused(tmp_path):
    path = with_twins(tmp_path / "still.mkv", twins=range(1, 40))
    with pytest.raises(
        VideoError, match=r"still.mkv must say when its 40 frames are shown, and says 0 s of each"
    ):
        probe_video(path)


def test_frames_that_change_their_size_are_shown_in_the_first_ones(tmp_path):
    parts = []
    for name, (width, height) in {"a": (64, 48), "b": (96, 80)}.items():
        path = tmp_path / f"{name}.ts"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index in range(40):
                frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), 5 * index, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        parts.append(path.read_bytes())
    (tmp_path / "grows.ts").write_bytes(b"".join(parts))
    video = sample_frames(tmp_path / "grows.ts", FramePolicy(num_frames=80))
    assert video.frames.shape == (80, 48, 64, 3)
    assert [round(float(f.mean()) / 5) for f in video.frames] == pytest.approx(
        [*range(40), *range(40)], abs=1
    )
