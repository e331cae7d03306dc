"""Saved batches that lie: code to run, sizes that are not theirs, bombs."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch


class _Runs:
    """What runs a command where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.marker}'",)


RAN = "ran"
"""The file that a batch would write whose code ran."""


def write_batches(folder: Path) -> Iterator[Path]:
    """Write batches into a folder, and yield each."""
    saved = io.BytesIO()
    torch.save(
        {"input_ids": torch.ones(1, 8, dtype=torch.long), "labels": torch.ones(1, 8, dtype=torch.long)}, saved
    )
    honest = saved.getvalue()
    contents = {
        "empty.pt": b"",
        "text.pt": b"not a batch",
        "pickle.pt": pickle.dumps(_Runs(folder / RAN)),
        "old_pickle.pt": pickle.dumps(_Runs(folder / RAN), protocol=0),
        "zip_pickle.pt": _with_member(honest, "data.pkl", pickle.dumps(_Runs(folder / RAN))),
        "list.pt": _saved([1, 2, 3]),
        "names.pt": _saved({3: torch.ones(2)}),
        "strings.pt": _saved({"input_ids": "text"}),
        "cut.pt": honest[: len(honest) // 2],
        "bomb.pt": _bomb(),
        "many.pt": _many(),
        "honest.pt": honest,
        "header.safetensors": struct.pack("<Q", 2**60) + b"{}",
        "lies.safetensors": _safetensors({"input_ids": {"dtype": "I64", "shape": [10**9, 10**9], "data_offsets": [0, 8]}}),
        "negative.safetensors": _safetensors({"input_ids": {"dtype": "I64", "shape": [-1], "data_offsets": [0, 8]}}),
        "offsets.safetensors": _safetensors({"input_ids": {"dtype": "I64", "shape": [1], "data_offsets": [2**62, 2**62 + 8]}}),
        "deep.safetensors": struct.pack("<Q", 200_000) + b'{"a":' * 40_000,
        "zeros.safetensors": bytes(10_000),
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield folder / name


def _saved(value: object) -> bytes:
    saved = io.BytesIO()
    torch.save(value, saved)
    return saved.getvalue()


def _with_member(archive: bytes, name: str, content: bytes) -> bytes:
    """Return a zip archive with one of its members replaced."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(packed, "w") as after:
        for member in before.namelist():
            after.writestr(member, content if member.endswith(name) else before.read(member))
    return packed.getvalue()


def _bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data/0", "w", force_zip64=True) as member:
            for _ in range(200):
                member.write(bytes(1_000_000))
        for number in range(1, 40):  # says what it does not hold
            archive.writestr(f"archive/data/{number}", bytes(1_000_000))
        archive.writestr("archive/data.pkl", pickle.dumps({"input_ids": 1}))
    return packed.getvalue()


def _many() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"archive/data/{number}", b"")
    return packed.getvalue()


def _safetensors(header: dict[str, object]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(8)
