"""What the header of an MP4 or MOV file claims, before FFmpeg believes it.

FFmpeg makes a table of all frames when it opens such a file, 24 bytes each. Where a header says that they all have one
size, their number stands in four bytes, and a file of 50 kB makes a table of 50 GB.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from vtg_core.errors import VideoError

MAX_FRAMES = 4_000_000
"""Frames of one size that a header may claim: 18 hours at 60 a second, and a table of 100 MB."""

MAX_SEARCHED_BYTES = 1 << 24
"""A file that is larger is searched box by box, all but its pictures."""

_SLACK_BYTES = 1 << 20
_TABLES = re.compile(rb"stsz|trun|cmov")
_SIZES_IN_TRUN = 0x000F00


def check_claims(path: Path, name: str) -> None:
    """Raise ``VideoError`` where a header claims more frames than a file of these bytes has.

    Args:
        path: a file of any format; it has at least one byte.
        name: what it is called in a message.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            num_bytes, claimed = len(content), _claimed(content, name)
    except VideoError:
        raise
    except (OSError, ValueError):  # whoever opens it next says why
        return
    if claimed > MAX_FRAMES:
        raise VideoError(
            f"{name} is damaged: its header claims {claimed:,} frames, and it has {num_bytes:,} bytes; copy or "
            "download it again"
        )


def _claimed(content: mmap.mmap, name: str) -> int:
    claimed = 0
    for start, end in _headers(content):
        for found in _TABLES.finditer(content, start, end):
            if found.group() == b"cmov":
                raise VideoError(f"{name} must have a plain header, and has a packed one; convert it to MP4")
            claimed += _claim(content, found.start(), start)
    return claimed


def _headers(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield where headers may be, from and to which byte: all of a small file, all boxes but the pictures of a large one."""
    if len(content) <= MAX_SEARCHED_BYTES:
        yield 0, len(content)
        return
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size == 1 and at + 16 <= len(content):
            [size] = struct.unpack_from(">Q", content, at + 8)
        end = len(content) if size < 8 else min(at + size, len(content))
        if kind in (b"moov", b"moof", b"free", b"skip", b"wide"):
            yield at, end
        at = end


def _claim(content: mmap.mmap, at: int, start: int) -> int:
    """Return how many frames the table at a byte claims without a byte for each; 0 where each has some."""
    flags, first, second = struct.unpack(">III", content[at + 4 : at + 16].ljust(12, b"\0"))
    if content[at : at + 4] == b"trun":
        return 0 if flags & _SIZES_IN_TRUN else int(first)
    if not first:
        return 0
    track = max(content.rfind(b"trak", start, at), start)
    is_sound = content.find(b"soun", track, at) >= 0 and content.find(b"vide", track, at) < 0
    is_there = first * second <= 4 * len(content) + _SLACK_BYTES
    return 0 if is_sound and is_there else int(second)
