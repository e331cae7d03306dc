"""A header that claims more frames than its file can have is refused before FFmpeg makes a table of them."""

import struct
import time
from pathlib import Path

import pytest

from vtg_core.errors import VideoError
from vtg_core.video.claims import check_claims
from vtg_core.video.sampling import probe_video

RED_CIRCLE = Path(__file__).parents[2] / "assets" / "red_circle.mp4"


def lying(path, *, size, count, padding=0):
    content = bytearray(RED_CIRCLE.read_bytes())
    struct.pack_into(">II", content, content.find(b"stsz") + 8, size, count)
    path.write_bytes(content + bytes(padding))
    return path


@pytest.mark.parametrize("count", [2**23, 2**26, 2**32 - 1])
def test_frames_that_no_byte_stands_for_are_refused_at_once(tmp_path, count):
    path, began = lying(tmp_path / "a.mp4", size=1, count=count), time.monotonic()
    with pytest.raises(VideoError, match=f"a.mp4 is damaged: its header claims {count:,} frames, and it has"):
        probe_video(path)
    assert time.monotonic() - began < 2


def test_they_are_found_in_a_large_file_too(tmp_path):
    path = lying(tmp_path / "a.mp4", size=1, count=2**26, padding=2**24)
    with pytest.raises(VideoError, match="claims 67,108,864 frames"):
        check_claims(path, path.name)


def test_runs_of_frames_without_sizes_are_counted_together(tmp_path):
    run = b"\0\0\0\x10trun\0\0\0\0" + struct.pack(">I", 2**20)
    (tmp_path / "a.mp4").write_bytes(RED_CIRCLE.read_bytes() + 5 * run)
    with pytest.raises(VideoError, match="claims 5,242,880 frames"):
        check_claims(tmp_path / "a.mp4", "a.mp4")


def test_a_packed_header_is_refused(tmp_path):
    (tmp_path / "a.mov").write_bytes(b"\0\0\0\x20moov\0\0\0\x18cmov" + bytes(16))
    with pytest.raises(VideoError, match="must have a plain header, and has a packed one"):
        check_claims(tmp_path / "a.mov", "a.mov")


def test_sound_of_one_size_that_is_in_the_file_is_no_lie(tmp_path):
    track = b"trak" + b"soun" + b"stsz\0\0\0\0" + struct.pack(">II", 4, 5_000_000)
    (tmp_path / "a.mov").write_bytes(track + bytes(6_000_000))
    check_claims(tmp_path / "a.mov", "a.mov")


@pytest.mark.parametrize("path", sorted(RED_CIRCLE.parent.glob("*.mp4")), ids=lambda path: path.name)
def test_an_honest_file_passes(path):
    check_claims(path, path.name)
