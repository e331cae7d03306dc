import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from transformers.video_utils import VideoMetadata

from vtg_core.errors import VideoError
from vtg_core.video.decoders import is_installed
from vtg_core.video.isolation.client import isolated_decoding
from vtg_core.video.plan import FramePolicy, VideoBackend
from vtg_core.video.sampling import SampledVideo, VideoInfo, other_decoders, probe_video, sample_frames

ASSETS = Path(__file__).parents[2] / "assets"
RED_CIRCLE = ASSETS / "red_circle.mp4"
CLIP_NAMES = ("red_circle.mp4", "two_events.mp4", "last_seconds.mp4")


def write_video(path, times, *, codec="mpeg4", options=None):
    """Write one 64 x 48 frame for each of ``times`` (ms), its grey level 4 times its index."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25 if codec == "mpeg2video" else 1000)
        sharp = {} if codec == "gif" else {"qmin": "1", "qmax": "2"}
        stream.codec_context.options = {"threads": "1"} | sharp | (options or {})
        for index, milliseconds in enumerate(times):
            picture = np.full((48, 64, 3), 4 * index, dtype=np.uint8)
            picture[:24, :32] = 255 - 4 * index
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def grey_levels(video):
    """Return the index each frame was drawn with, read back from its lower right corner."""
    return [round(float(frame[40:, 50:].mean()) / 4) for frame in video.frames]


def test_a_varying_frame_rate_is_measured_in_seconds(tmp_path):
    even = write_video(tmp_path / "even.mp4", range(0, 1000, 100))
    uneven = write_video(tmp_path / "uneven.mp4", [*range(0, 500, 50), *range(500, 3000, 500)])
    assert probe_video(even).rate_error == pytest.approx(0, abs=1e-6)
    assert probe_video(uneven).rate_error == pytest.approx(
        10 * 2.5 / 14 - 0.5, abs=1e-3
    )  # the eleventh frame
    times = sample_frames(uneven, FramePolicy(num_frames=15)).timestamps
    assert times[10:] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5])


def test_a_video_is_described_by_what_it_holds():
    info = probe_video(RED_CIRCLE)
    assert (info.duration, info.num_frames, info.codec) == (30.0, 300, "h264")
    assert info.fps == pytest.approx(10)
    assert (info.width, info.height) == (320, 180)


def test_frames_are_spread_evenly_from_the_first_to_the_last():
    video = sample_frames(RED_CIRCLE, FramePolicy(num_frames=4))
    assert video.frames.shape == (4, 180, 320, 3)
    assert video.frames.dtype == np.uint8
    assert video.frame_indices == (0, 100, 199, 299)
    assert video.timestamps == pytest.approx((0, 10, 19.9, 29.9))


def test_thirty_two_frames_are_taken_where_nothing_is_asked_for():
    assert len(sample_frames(RED_CIRCLE).frames) == 32


def test_one_frame_is_the_first():
    assert sample_frames(RED_CIRCLE, FramePolicy(num_frames=1)).frame_indices == (0,)


FAST = [
    pytest.param(backend, marks=pytest.mark.skipif(not is_installed(backend), reason=f"no {backend} here"))
    for backend in (VideoBackend.TORCHCODEC, VideoBackend.DECORD)
]


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("name", CLIP_NAMES)
@pytest.mark.parametrize("policy", [FramePolicy(num_frames=7), FramePolicy(fps=0.7)], ids=str)
def test_all_decoders_return_the_same_frames_and_times(backend, name, policy):
    by_other = sample_frames(ASSETS / name, replace(policy, backend=backend))
    by_pyav = sample_frames(ASSETS / name, replace(policy, backend=VideoBackend.PYAV))
    assert by_other.frame_indices == by_pyav.frame_indices
    assert by_other.timestamps == by_pyav.timestamps
    assert np.abs(by_other.frames.astype(int) - by_pyav.frames).mean() < 0.5


@pytest.mark.skipif(not is_installed(VideoBackend.DECORD), reason="no decord here")
def test_decord_scales_as_pyav_does():
    small = FramePolicy(num_frames=3, max_pixels=9000)
    by_decord = sample_frames(RED_CIRCLE, replace(small, backend=VideoBackend.DECORD))
    by_pyav = sample_frames(RED_CIRCLE, replace(small, backend=VideoBackend.PYAV))
    assert np.abs(by_decord.frames.astype(int) - by_pyav.frames).mean() < 0.5


def test_a_log_level_that_another_library_set_does_not_hang_the_reading():
    code = (
        "import sys, av; from pathlib import Path; from vtg_core.video.timeline import read_timeline;"
        "av.logging.set_level(av.logging.ERROR);"
        "[print(read_timeline(Path(sys.argv[1])).info.num_frames) for _ in range(5)]"
    )
    command = [sys.executable, "-c", code, str(ASSETS / "red_circle.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ASSETS.parent, check=True)
    assert done.stdout.split() == ["300"] * 5


def test_the_first_decoder_that_is_installed_decodes():
    first = next(backend for backend in VideoBackend if is_installed(backend))
    with isolated_decoding():
        assert sample_frames(RED_CIRCLE).backend is first


def test_decoders_that_agree_are_said_to():
    assert all(
        other.is_same for other in other_decoders(sample_frames(RED_CIRCLE, FramePolicy(num_frames=4)))
    )


@pytest.mark.skipif(not is_installed(VideoBackend.DECORD), reason="no decord here")
def test_a_decoder_that_would_show_other_frames_is_told(tmp_path):
    path = write_video(tmp_path / "a.mp4", range(0, 6000, 100), options={"g": "8", "bf": "2"})
    others = {
        other.backend: other for other in other_decoders(sample_frames(path, FramePolicy(num_frames=6)))
    }
    decord = others[VideoBackend.DECORD]
    assert not decord.is_same
    assert "other pictures for" in decord.in_words


def test_a_rate_takes_the_frames_nearest_to_its_ticks():
    video = sample_frames(RED_CIRCLE, FramePolicy(fps=0.3))
    assert video.timestamps == pytest.approx((0, 3.3, 6.7, 10, 13.3, 16.7, 20, 23.3, 26.7))


def test_a_rate_of_two_gives_two_frames_for_every_second():
    video = sample_frames(RED_CIRCLE, FramePolicy(fps=2))
    assert video.timestamps == pytest.approx([k / 2 for k in range(60)])


@pytest.mark.parametrize("policy", [FramePolicy(fps=1e300), FramePolicy(fps=25), FramePolicy(num_frames=500)])
def test_no_frame_is_taken_twice(policy):
    assert sample_frames(RED_CIRCLE, policy).frame_indices == tuple(range(300))


def test_more_frames_than_allowed_are_never_cut_silently():
    message = r"at fps=5, red_circle.mp4 \(30.0 s\) gives 150 frames, more than max_frames \(100\); lower fps to 3.333"
    with pytest.raises(VideoError, match=message):
        sample_frames(RED_CIRCLE, FramePolicy(fps=5, max_frames=100))
    assert len(sample_frames(RED_CIRCLE, FramePolicy(fps=3.333, max_frames=100)).frames) == 100


@pytest.mark.parametrize(
    ("max_pixels", "width", "height"),
    [(57600, 320, 180), (10**9, 320, 180), (57599, 318, 178), (14400, 160, 90), (4, 2, 2)],
)
def test_frames_shrink_to_max_pixels_and_never_grow(max_pixels, width, height):
    video = sample_frames(RED_CIRCLE, FramePolicy(num_frames=2, max_pixels=max_pixels))
    assert video.frames.shape == (2, height, width, 3)


def test_frames_that_would_fill_the_memory_are_refused_before_decoding(tmp_path):
    side = (4000).to_bytes(2, "little")
    dot = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2\2\x44\1\0"
    (tmp_path / "wide.gif").write_bytes(b"GIF89a" + side + side + b"\x80\0\0" + bytes(6) + 100 * dot + b";")
    message = "at most 0.9 GB, but 100 frames of 4000 x 4000 from wide.gif take 4.8 GB; lower num_frames to 18, or max_pixels to 3,000,000, or raise max_bytes"
    with pytest.raises(VideoError, match=message):
        sample_frames(tmp_path / "wide.gif", FramePolicy(num_frames=100))
    assert (
        sample_frames(tmp_path / "wide.gif", FramePolicy(num_frames=100, max_pixels=10_000)).frames.nbytes
        < 4e6
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_frames": 8, "fps": 2.0}, "give num_frames or fps, not both, got num_frames=8, fps=2.0"),
        ({"num_frames": 0}, "num_frames must be a whole number of at least 1, got 0"),
        ({"num_frames": True}, "num_frames must be a whole number of at least 1, got True"),
        ({"num_frames": 8.0}, "num_frames must be a whole number of at least 1, got 8.0"),
        ({"num_frames": 1000}, r"num_frames must be at most max_frames \(768\), got 1000"),
        ({"fps": 0}, "fps must be a number above 0, in frames per second, got 0"),
        ({"fps": float("nan")}, "fps must be a number above 0, in frames per second, got nan"),
        ({"fps": True}, "fps must be a number above 0"),
        ({"fps": "2"}, "fps must be a number above 0"),
        ({"max_pixels": 3}, "max_pixels must be a whole number of at least 4, got 3"),
        ({"backend": "ffmpeg"}, "the decoder must be one of torchcodec, decord, pyav, got 'ffmpeg'"),
        ({"max_frames": 0}, "max_frames must be a whole number of at least 1, got 0"),
    ],
)
def test_a_policy_out_of_range_is_refused(values, message):
    with pytest.raises(VideoError, match=message):
        FramePolicy(**values)


def test_the_metadata_gives_a_processor_the_true_times():
    video = sample_frames(RED_CIRCLE, FramePolicy(num_frames=5))
    assert VideoMetadata(**video.metadata).timestamps == pytest.approx(video.timestamps)
    assert video.metadata["frames_indices"] == list(video.frame_indices)
    assert video.metadata["total_num_frames"] == 300
    assert video.metadata["duration"] == 30.0
    assert video.metadata["frames_indices"] is not video.metadata["frames_indices"]


def test_the_metadata_of_a_variable_frame_rate_counts_on_a_constant_clock(tmp_path):
    path = write_video(tmp_path / "vfr.mkv", [0, 100, 200, 300, 1000, 2000, 3000, 4000])
    video = sample_frames(path)
    assert video.frame_indices == (0, 1, 2, 3, 4, 5, 6, 7)
    assert video.timestamps == pytest.approx((0, 0.1, 0.2, 0.3, 1, 2, 3, 4))
    assert video.metadata["fps"] == pytest.approx(7 / 4)
    assert video.metadata["frames_indices"] == [0, 0, 0, 1, 2, 4, 5, 7]


@pytest.mark.parametrize("backend", [*FAST, VideoBackend.PYAV])
def test_times_count_from_the_first_frame(tmp_path, backend):
    path = write_video(tmp_path / "late.mkv", range(5000, 9000, 100))
    video = sample_frames(path, FramePolicy(num_frames=3, backend=backend))
    assert video.timestamps == pytest.approx((0, 2, 3.9))
    assert video.info.duration == pytest.approx(4)
    assert grey_levels(video) == [0, 20, 39]


@pytest.mark.parametrize("name", ["open_groups.mp4", "open_groups.mkv", "broadcast.ts", "drawn.gif"])
def test_the_frames_are_those_asked_for_where_decord_returns_others(tmp_path, name):
    codec = "gif" if name.endswith("gif") else "mpeg2video" if name.endswith("ts") else "mpeg4"
    options = {} if codec == "gif" else {"g": "8", "bf": "2"}
    times = range(0, 2400, 40) if codec == "mpeg2video" else range(0, 6000, 100)
    path = write_video(tmp_path / name, times, codec=codec, options=options)
    assert grey_levels(sample_frames(path, FramePolicy(num_frames=6))) == [0, 12, 24, 35, 47, 59]


def test_a_rotated_video_is_returned_upright(tmp_path):
    kept = np.array([2**16, 0, 0, 0, 2**16], ">i4").tobytes()
    clockwise = np.array([0, 2**16, 0, -(2**16), 0], ">i4").tobytes()
    movie, track = write_video(tmp_path / "phone.mp4", range(0, 1000, 100)).read_bytes().split(b"tkhd")
    (tmp_path / "phone.mp4").write_bytes(movie + b"tkhd" + track.replace(kept, clockwise))
    video = sample_frames(tmp_path / "phone.mp4", FramePolicy(num_frames=2))
    assert (video.info.width, video.info.height) == (48, 64)
    assert video.frames.shape == (2, 64, 48, 3)
    assert video.frames[0, 2, 45].mean() > 200 > 50 > video.frames[0, 2, 2].mean()


def test_a_recording_cut_out_of_a_broadcast_begins_at_its_first_key_frame(tmp_path):
    options = {"g": "10", "bf": "0"}
    whole = write_video(tmp_path / "whole.ts", range(0, 2400, 40), codec="mpeg2video", options=options)
    (tmp_path / "cut.ts").write_bytes(whole.read_bytes()[188 * 12 :])
    video = sample_frames(tmp_path / "cut.ts", FramePolicy(num_frames=2))
    assert video.info.num_frames == 50
    assert grey_levels(video) == [10, 59]


@pytest.mark.skipif(not is_installed(VideoBackend.DECORD), reason="no decord here")
def test_a_backend_that_cannot_decode_a_file_says_so(tmp_path):
    path = write_video(tmp_path / "drawn.gif", range(0, 1000, 100), codec="gif")
    with pytest.raises(VideoError, match=r"drawn.gif cannot be decoded by decord; leave the decoder out"):
        sample_frames(path, FramePolicy(backend=VideoBackend.DECORD))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", r"empty.mp4 is empty \(0 bytes\)"),
        ("notes.mp4", b"not a video\n" * 100, "notes.mp4 is no video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\nred_circle.mp4\n#EXT-X-ENDLIST\n", "list.m3u8 is no video"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:10,\nred_circle.mp4\n#EXT-X-ENDLIST\n", "list.mp4 is no video"),
        ("list.mp4", b"ffconcat version 1.0\nfile 'red_circle.mp4'\n", "list.mp4 is no video"),
        (
            "s.sdp",
            b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
            "s.sdp is no video",
        ),
        (
            "a.mp4",
            b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
            "a.mp4 is no video",
        ),
        ("noise.mp4", bytes(range(256)) * 50, "noise.mp4 is no video"),
        ("noise\n.mp4", b"\0" * 9999, r"'noise\\n.mp4' is no video"),
    ],
)
def test_what_is_no_video_is_named_in_one_sentence(tmp_path, name, content, message):
    (tmp_path / "red_circle.mp4").write_bytes(RED_CIRCLE.read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=message) as caught:
        sample_frames(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.mp4",
        "file:///etc/hostname",
        "rtsp://h/a",
        "concat:a.mp4|b.mp4",
        "data:video/mp4;base64,AA",
    ],
)
def test_only_local_files_are_opened(address):
    with pytest.raises(VideoError, match="a video must be a local file, got an address; download it first"):
        probe_video(address)


@pytest.mark.parametrize("path", [None, 3, "", b"", ["a.mp4"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(VideoError, match="a video must be given as the path of a local file"):
        probe_video(path)


@pytest.mark.parametrize("path", ["missing.mp4", "a\0b.mp4", "x" * 5000, "missing/a.mp4"])
def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(VideoError, match=r"cannot be opened \(.+\); check the path"):
        probe_video(path)


def test_folders_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match=r"pipe.mp4 is a pipe or a device"):
        probe_video(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match="is a folder; give the path of a video file"):
        probe_video(tmp_path)
    with pytest.raises(VideoError, match="null is a pipe or a device"):
        probe_video(os.devnull)


def test_pictures_are_refused(tmp_path):
    from PIL import Image

    for name in ("a.png", "a.jpg", "a.webp"):
        Image.new("RGB", (64, 48), "red").save(tmp_path / name)
        with pytest.raises(VideoError, match=f"{name} is no video"):
            probe_video(tmp_path / name)
    Image.new("RGB", (64, 48), "red").save(tmp_path / "a.gif")
    with pytest.raises(VideoError, match=r"a.gif has 1 frame\(s\), a video has two or more; is it a picture"):
        probe_video(tmp_path / "a.gif")


def test_sound_without_pictures_is_refused(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"song.mp4 has no video in it \(audio or data only\)"):
        probe_video(tmp_path / "song.mp4")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused(tmp_path, kept):
    content = RED_CIRCLE.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: int(kept * len(content))])
    with pytest.raises(VideoError, match=r"cut short|damaged"):
        sample_frames(tmp_path / "cut.mp4")


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_sampled_or_refused_and_nothing_else(tmp_path, seed):
    rng, content = np.random.default_rng(seed), bytearray(RED_CIRCLE.read_bytes())
    for position in rng.integers(0, len(content), size=200):
        content[position] ^= 1 << int(rng.integers(8))
    (tmp_path / "damaged.mp4").write_bytes(content)
    with contextlib.suppress(VideoError):
        assert len(sample_frames(tmp_path / "damaged.mp4").frames) == 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timestamps": (0.0,)}, "2 frames, 1 timestamps, 2 indices"),
        ({"timestamps": (1.0, 0.9)}, "timestamps must be finite and never go back"),
        ({"timestamps": (0.0, float("inf"))}, "timestamps must be finite"),
        ({"frame_indices": (3, 10)}, "frame_indices must be strictly increasing and below 10"),
        ({"frames": np.zeros((2, 4, 4, 3), dtype=np.float32)}, "frames must be uint8"),
        ({"frames": np.zeros((0, 4, 4, 3), dtype=np.uint8)}, "frames must be uint8 of shape"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(change, message):
    info = VideoInfo(Path("a.mp4"), duration=1.0, fps=10.0, num_frames=10, width=4, height=4, codec="h264")
    parts = {"frames": np.zeros((2, 4, 4, 3), np.uint8), "timestamps": (0.0, 0.5), "frame_indices": (0, 5)}
    with pytest.raises(VideoError, match=message):
        SampledVideo(info=info, **(parts | change))
