"""Formats that keep the queries of a video together, most of them a dictionary of videos."""

from collections.abc import Iterator, Mapping
from typing import Any

from vtg_core.data.formats.files import Entry
from vtg_core.data.formats.form import Context, Format, any_of, holds
from vtg_core.data.formats.row import (
    FieldError,
    Row,
    Value,
    Windows,
    as_object,
    first,
    is_number,
    is_pair,
    listed,
    shown,
)


def _read_captions(entry: Entry, context: Context) -> Iterator[Row]:
    """Read ``{"duration", "timestamps": [[s, e], ...], "sentences": [...]}`` of a video."""
    row = as_object(entry.value)
    if "num_frames" in row:
        raise FieldError(
            "num_frames", "must not be there: these times are frames, as in TACoS of 2D-TAN (tacos)"
        )
    yield from _parallel(entry, row, "timestamps", "sentences", first(row, "duration", "video_duration"))


def _read_spans(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    yield from _parallel(entry, row, "spans", "queries", first(row, "duration"))


def _read_frames(entry: Entry, context: Context) -> Iterator[Row]:
    """Read a video whose timestamps are frames; what its own frame rate makes of them are seconds."""
    row = as_object(entry.value)
    for name in ("fps", "num_frames"):
        if not is_number(row.get(name)) or not row[name] > 0:
            raise FieldError(name, f"must be a number above 0, got {shown(row.get(name))}")
    fps, frames = row["fps"], listed("timestamps", row.get("timestamps"), "[first, last] frames")
    seconds = [[pair[0] / fps, pair[1] / fps] if is_pair(pair) else pair for pair in frames]
    duration = Value("num_frames", row["num_frames"] / fps)
    yield from _parallel(entry, {**row, "timestamps": seconds}, "timestamps", "sentences", duration)


def _parallel(
    entry: Entry, row: Mapping[str, Any], windows: str, queries: str, duration: Value
) -> Iterator[Row]:
    times = listed(windows, row.get(windows), "[start, end], one for each sentence")
    sentences = listed(queries, row.get(queries), "sentences")
    if len(times) != len(sentences):
        raise FieldError(
            windows,
            f"must be as many as '{queries}' are ({len(sentences):,}), got {len(times):,} of {entry.key!a:.60}",
        )
    for number, (time, sentence) in enumerate(zip(times, sentences, strict=True), 1):
        yield Row(
            video=Value("video", entry.key or None),
            query=Value(queries, sentence),
            windows=Windows(windows, time, is_one=True),
            duration=duration,
            is_id=True,
            inside=f"{entry.key!a:.60}, sentence {number}",
            raw=entry.value,
        )


def _read_database(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    """Read a video of ``{"database": {id: {"duration", "annotations": [{"segment", "sentence" or "label"}]}}}``."""
    row = as_object(entry.value)
    for number, step in enumerate(listed("annotations", row.get("annotations"), "segments"), 1):
        if not isinstance(step, Mapping):
            yield FieldError("annotations", f"must hold objects, got {shown(step)}")
            continue
        yield Row(
            video=Value("video", entry.key or None),
            query=first(step, "sentence", "label"),
            windows=Windows("segment", step.get("segment"), is_one=True),
            duration=first(row, "duration"),
            qid=step.get("id"),
            is_id=True,
            inside=f"{entry.key!a:.60}, segment {number}",
            raw=row,
        )


def _is_database(entry: Entry) -> bool:
    return entry.wrapper == "database" and isinstance(entry.value, Mapping) and "annotations" in entry.value


FORMATS = (
    Format(
        "activitynet-captions", "ActivityNet Captions, Charades-CD", "'timestamps' and 'sentences'",
        '{"v_abc": {"duration": 55.2, "timestamps": [[0.3, 55.2]], "sentences": ["…"]}}',
        "ranjaykrishna/densevid_eval", holds("timestamps", "sentences", without=("num_frames", "fps")),
        _read_captions, has_many=True, aliases=("activitynet", "charades-cd"),
    ),
    Format(
        "tacos", "TACoS as 2D-TAN has it", "'timestamps', 'sentences', 'fps' and 'num_frames'",
        '{"s1-d1.avi": {"timestamps": [[150, 360]], "sentences": ["…"], "fps": 30.0, "num_frames": 7200}}',
        "microsoft/VideoX", any_of(holds("timestamps", "num_frames"), holds("timestamps", "fps")),
        _read_frames, has_many=True, aliases=("2d-tan",),
        note="Times in frames; `fps` and `num_frames` make seconds of them.",
    ),
    Format(
        "timelens", "TimeLens-Bench", "'spans' and 'queries'",
        '{"v_abc": {"duration": 55.2, "spans": [[0.3, 12.0]], "queries": ["…"]}}',
        "TencentARC/TimeLens", holds("spans", "queries"), _read_spans, has_many=True,
    ),
    Format(
        "database", "YouCook2, ActivityNet detection, OpenTAD", "'annotations' of videos in a 'database'",
        '{"database": {"abc": {"duration": 241.6, "annotations": [{"segment": [90, 102], "id": 0, "sentence": "…"}]}}}',
        "yeliudev/VideoMind", _is_database, _read_database, has_many=True, aliases=("youcook2", "opentad"),
    ),
)  # fmt: skip
