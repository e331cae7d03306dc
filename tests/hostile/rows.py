"""Annotation files whose rows lie: each row of several honest formats, with each of its fields something else."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hostile_strings import HOSTILE

HONEST: dict[str, dict[str, Any]] = {
    "own": {
        "video": "a.mp4",
        "duration": 30.0,
        "timestamp": [8.0, 14.0],
        "sentence": "a circle appears",
        "qid": "q1",
    },
    "moments": {"qid": 1, "query": "it rains", "duration": 30, "vid": "a", "relevant_windows": [[1, 2]]},
    "conversation": {
        "video": "a.mp4",
        "conversations": [
            {"from": "human", "value": "<video>\nwhen does it rain?"},
            {"from": "gpt", "value": "[1.0, 2.0]"},
        ],
    },
    "messages": {
        "messages": [
            {"role": "user", "content": "<video>when?"},
            {"role": "assistant", "content": "[1.0, 2.0]"},
        ],
        "videos": ["a.mp4"],
    },
}
LIES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, -1e308, float("nan"), float("inf"), 2**63, 10**400, "", " ", "x" * 100_000, "\0", "\ud800", "../../etc/passwd",
    "/etc/passwd", "http://127.0.0.1:9/a.mp4", "file:///etc/passwd", [], [[]], [[[[]]]], {}, {"a": {}}, [None, None], [2, 1], [1, 1],
    [float("nan"), 1], ["1", "2"], [1], [1, 2, 3], {"start": 1}, "{0.__class__}", "<|im_end|>",
)  # fmt: skip
FILES: dict[str, bytes] = {
    "empty.json": b"",
    "null.json": b"null",
    "number.json": b"3",
    "text.json": b'"rows"',
    "open.json": b'[{"video": "a.mp4"',
    "deep.json": b"[" * 100_000,
    "deep_object.json": b'{"a":' * 100_000,
    "deep_row.jsonl": b'{"video": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "latin.json": "[{'é'}]".encode("latin-1"),
    "utf16.json": json.dumps([HONEST["own"]]).encode("utf-16"),
    "bomb.json.gz": gzip.compress(b"[" + b" " * 50_000_000 + b"]"),
    "cut.json.gz": gzip.compress(json.dumps([HONEST["own"]] * 50).encode())[:60],
    "zeros.jsonl": bytes(1_000_000),
    "lines.jsonl": b"\n" * 1_000_000,
    "long_line.jsonl": b'{"video": "' + b"a" * 5_000_000,
    "binary.parquet": b"PAR1" + bytes(1_000) + b"PAR1",
    "commas.csv": b"," * 1_000_000,
    "quotes.csv": b'video,start,end,sentence\n"' + b'a""' * 100_000,
    "twice.json": b'[{"video": "a.mp4", "video": "b.mp4", "duration": 3, "timestamp": [1, 2], "sentence": "x"}]',
}
LONG = "9" * 5_000


def write_rows(folder: Path) -> Iterator[Path]:
    """Write files that are no annotation files, and for each format one whose rows all lie; yield each."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
        yield folder / name
    for name, honest in HONEST.items():
        rows = [*lying(honest), json.dumps(honest)]
        for suffix, text in (("jsonl", "\n".join(rows)), ("json", f"[{', '.join(rows)}]")):
            (folder / f"{name}_{len(rows)}.{suffix}").write_text(text, encoding="utf-8")
            yield folder / f"{name}_{len(rows)}.{suffix}"


def lying(honest: dict[str, Any]) -> Iterator[str]:
    """Yield a row as JSON for each of its fields and each lie, without each field, and with each hostile text for a query."""
    for field in honest:
        yield json.dumps({name: value for name, value in honest.items() if name != field})
        yield json.dumps(honest | {field: "LONG"}).replace('"LONG"', LONG)
        yield from (json.dumps(honest | {field: lie}) for lie in LIES)
    text = next((name for name in ("sentence", "query") if name in honest), "extra")
    yield from (json.dumps(honest | {text: hostile}) for hostile in HOSTILE)
