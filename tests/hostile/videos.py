"""Videos that lie: :func:`write_videos` makes them from few bytes, the same ones each time."""

import struct
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ASSETS = Path(__file__).parents[2] / "assets"
CONTAINERS = ("mp4", "mkv", "ts", "avi", "gif", "mpg", "flv", "mov")
BOXES = (
    "moov", "mvhd", "tkhd", "mdhd", "hdlr", "stsd", "avcC", "stts", "ctts", "stsc", "stsz", "stco", "elst", "mdat", "trak", "stbl",
    "minf", "dinf",
)  # fmt: skip
LIES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x01", b"\x00\x10\x00\x00")
NOT_VIDEOS = {
    "empty.mp4": b"",
    "zero.mp4": bytes(100_000),
    "noise.mp4": np.random.default_rng(0).bytes(50_000),
    "text.mp4": b"not a video\n" * 500,
    "list.m3u8": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "list.mp4": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "concat.mp4": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "dash.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
    "subtitle.srt": b"1\n00:00:00,000 --> 00:00:02,000\nHello\n",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "packed.mp4.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + bytes(100),
    "ebml.mkv": b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" * 50,
    "boxes.mp4": b"\0\0\0\x08moov" * 20_000,
    "deep.mp4": b"".join(struct.pack(">I", 8 * (2_000 - i)) + b"moov" for i in range(2_000)),
    "ogg.ogv": b"OggS" * 5_000,
    "riff.avi": b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrl" * 100,
    "ts.ts": (b"\x47\x40\x00\x10" + bytes(184)) * 500,
}
FILLS = ("claims.mp4", "clip_8k.mp4", "drawn_8k.gif", "bomb.mkv", "grows.ts", "largest.gif")
"""The names of those that are about memory."""


def write_few(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Write those of these names that need no other file, and yield each."""
    for name in names:
        if name in NOT_VIDEOS:
            yield _put(folder / name, NOT_VIDEOS[name])
        else:
            _WRITTEN[name](folder / name)
            yield folder / name


def write_videos(folder: Path) -> Iterator[Path]:
    """Write all hostile videos into a folder, and yield each."""
    base = {suffix: _honest(folder / f"honest.{suffix}") for suffix in CONTAINERS}
    yield from write_few(folder, (*NOT_VIDEOS, *_WRITTEN))
    for suffix, path in base.items():
        content = path.read_bytes()
        for percent in (1, 30, 60, 97):
            yield _put(folder / f"cut_{percent}.{suffix}", content[: len(content) * percent // 100])
        for seed in range(6):
            yield _put(folder / f"damaged_{seed}.{suffix}", _damaged(content, seed))
    yield from _lying_boxes(folder, base["mp4"].read_bytes())


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _damaged(content: bytes, seed: int) -> bytes:
    chance, damaged = np.random.default_rng(seed), bytearray(content)
    for at in chance.integers(0, len(damaged), size=4 ** (1 + seed % 4)):
        damaged[at] ^= 1 << int(chance.integers(8))
    return bytes(damaged)


def _lying_boxes(folder: Path, content: bytes) -> Iterator[Path]:
    """Write films whose box says otherwise: its size, or a field of it."""
    for box in BOXES:
        at = content.find(box.encode())
        for offset in (-4, 8, 12) if at >= 0 else ():
            for number, lie in enumerate(LIES):
                lying = content[: at + offset] + lie + content[at + offset + 4 :]
                yield _put(folder / f"{box}_{offset}_{number}.mp4", lying)


def write_clip(
    path: Path,
    size: tuple[int, int],
    num_frames: int,
    *,
    codec: str = "libx264",
    times: Callable[[int], int] | None = None,
) -> Path:
    """Write grey frames, a tenth of a second each unless ``times`` says otherwise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
        stream.width, stream.height = size
        stream.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "crf": "51", "threads": "1"}
        for index in range(num_frames):
            frame = _grey(size, 40 + index % 200, stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25 if codec == "mpeg2video" else 10)
            for packet in stream.encode(frame):
                if times is not None:
                    packet.pts = packet.dts = times(index)
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def _grey(size: tuple[int, int], level: int, pix_fmt: str) -> av.VideoFrame:
    if pix_fmt == "rgb8":
        return av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), "rgb24").reformat(
            format="rgb8"
        )
    frame = av.VideoFrame(*size, pix_fmt)
    for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def _honest(path: Path) -> Path:
    codec = {"gif": "gif", "ts": "mpeg2video", "mpg": "mpeg2video", "flv": "flv", "avi": "mpeg4"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec.get(path.suffix[1:], "libx264"), rate=25)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        for index in range(50):
            picture = np.random.default_rng(index).integers(0, 255, (64, 96, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def wide_gif(path: Path, side: int, num_frames: int) -> Path:
    """Write a GIF of hardly any bytes whose screen is ``side`` pixels wide and high."""
    screen = 2 * side.to_bytes(2, "little")
    dot = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c\0\0\0\0\1\0\1\0\0" + b"\2\2\x44\1\0"
    return _put(path, b"GIF89a" + screen + b"\x80\0\0" + bytes(6) + num_frames * dot + b";")


def _claims(path: Path, *, box: bytes, fields: dict[int, int]) -> None:
    """Write a film one of whose boxes says otherwise, at so many bytes behind its name, that there are many frames."""
    content = bytearray((ASSETS / "red_circle.mp4").read_bytes())
    at = content.find(box)
    for offset, value in fields.items():
        struct.pack_into(">I", content, at + offset, value)
    for other in (b"stsc", b"stts"):
        struct.pack_into(">I", content, content.find(other) + (16 if other == b"stsc" else 12), 2**26)
    path.write_bytes(content)


def _joined(path: Path, *sizes: tuple[int, int]) -> None:
    parts = []
    for number, size in enumerate(sizes):
        part = path.with_suffix(f".part{number}.ts")
        parts.append(write_clip(part, size, 20, codec="mpeg2video").read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


_WRITTEN: dict[str, Callable[[Path], object]] = {
    "clip_8k.mp4": lambda path: write_clip(path, (7_680, 4_320), 12),
    "drawn_8k.gif": lambda path: wide_gif(path, 7_000, 90),
    "largest.gif": lambda path: wide_gif(path, 65_535, 3),
    "bomb.mkv": lambda path: write_clip(path, (8_192, 8_192), 6),
    "grows.ts": lambda path: _joined(path, (64, 48), (1_920, 1_088)),
    "claims.mp4": lambda path: _claims(path, box=b"stsz", fields={8: 1, 12: 2**26}),
    "claims_most.mp4": lambda path: _claims(path, box=b"stsz", fields={8: 1, 12: 2**32 - 1}),
    "claims_sound.mp4": lambda path: _claims(path, box=b"stsz", fields={8: 2**16, 12: 2**26}),
    "joined.ts": lambda path: _joined(path, (64, 48), (64, 48)),
    "one_frame.mp4": lambda path: write_clip(path, (64, 48), 1),
    "thin.mp4": lambda path: write_clip(path, (16_000, 2), 10),
    "two_pixels.mp4": lambda path: write_clip(path, (2, 2), 10),
    "twins.mkv": lambda path: write_clip(path, (64, 48), 40, codec="mjpeg", times=lambda i: i // 2),
    "backwards.mkv": lambda path: write_clip(path, (64, 48), 40, codec="mjpeg", times=lambda i: 100 - i),
    "still.mkv": lambda path: write_clip(path, (64, 48), 10, codec="mjpeg", times=lambda i: 0),
    "sparse.mkv": lambda path: write_clip(path, (64, 48), 10, codec="mjpeg", times=lambda i: 10**6 * i),
    "many.mkv": lambda path: write_clip(path, (2, 2), 5_000, codec="mjpeg"),
}
