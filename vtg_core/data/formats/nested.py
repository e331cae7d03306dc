"""Formats whose queries lie deeper: in the clips of a video, in its events, or under a question of another file."""

import csv
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vtg_core.data.formats.files import Entry, opened
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
    objects,
    shown,
)


def _read_unitime(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    row = as_object(entry.value)
    video = first(row, "video_path", "id")
    for number, anno in enumerate(objects(row, "annos"), 1):
        yield Row(
            video=video,
            query=first(anno, "query"),
            windows=Windows("window", anno.get("window")),
            duration=first(row, "duration"),
            video_start=first(row, "video_start"),
            video_end=first(row, "video_end"),
            qid=row.get("qid"),
            is_id=video.name == "id",
            inside=f"annotation {number}",
            raw=row,
        )


def _read_events(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    row = as_object(entry.value)
    for number, event in enumerate(objects(row, "events"), 1):
        yield Row(
            video=first(row, "video_path"),
            query=first(event, "query"),
            windows=_one_or_more("span", event.get("span")),
            duration=first(row, "duration"),
            inside=f"event {number}",
            raw=row,
        )


def _one_or_more(name: str, value: Any) -> Windows:
    is_one = isinstance(value, list) and bool(value) and is_number(value[0])
    return Windows(name, value, is_one=is_one)


def _read_hirest(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    """Read the moment of each video that answers the entry's query; ``[0, 0]`` is a video that does so as a whole."""
    for video, found in as_object(entry.value).items():
        inside = f"{entry.key!a:.60}, {video!a:.60}"
        if not isinstance(found, Mapping):
            yield FieldError(video, f"must be an object, got {shown(found)}")
            continue
        bounds, duration = found.get("bounds"), found.get("v_duration")
        if bounds == [0, 1] and not found.get("steps"):
            yield FieldError(
                "bounds",
                "must be the moment, and is [0, 1]: the test split of HiREST is published without its answers",
            )
            continue
        yield Row(
            video=Value("video", video),
            query=Value("query", entry.key),
            windows=Windows("bounds", [0, duration] if bounds == [0, 0] else bounds, is_one=True),
            duration=Value("v_duration", duration),
            inside=inside,
            raw=found,
        )


def _read_hirest_steps(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    for video, found in as_object(entry.value).items():
        if not isinstance(found, Mapping):
            yield FieldError(video, f"must be an object, got {shown(found)}")
            continue
        for number, step in enumerate(objects(found, "steps"), 1):
            yield Row(
                video=Value("video", video),
                query=first(step, "heading"),
                windows=Windows("absolute_bounds", step.get("absolute_bounds"), is_one=True),
                duration=Value("v_duration", found.get("v_duration")),
                inside=f"{video!a:.60}, step {number}",
                raw=step,
            )


def _is_hirest(entry: Entry) -> bool:
    row = entry.value
    return (
        isinstance(row, Mapping)
        and bool(row)
        and all(isinstance(v, Mapping) and "bounds" in v for v in row.values())
    )


def _read_next_gqa(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    """Read a video's grounded questions; their words are in the table that the release keeps beside the file."""
    row, table = as_object(entry.value), _table_of(context.path)
    questions = _questions(table, table.stat().st_mtime_ns) if table.is_file() else None
    location = row.get("location")
    if not isinstance(location, Mapping):
        raise FieldError("location", f"must be windows by question number, got {shown(location)}")
    for qid, windows in location.items():
        if questions is None:
            yield FieldError(
                "location",
                f"NExT-GQA keeps its questions in another file: put its {table.name} beside {context.path.name}",
            )
            continue
        yield Row(
            video=Value("video", entry.key or None),
            query=Value("question", questions.get((entry.key, qid))),
            windows=Windows("location", windows),
            duration=first(row, "duration"),
            qid=f"{entry.key}_{qid}",
            is_id=True,
            inside=f"{entry.key!a:.60}, question {qid!a:.20}",
            raw=row,
        )


def _table_of(path: Path) -> Path:
    """Return where the questions of ``gsub_val.json`` stand: ``val.csv``."""
    name = path.name.split(".", 1)[0]
    return path.with_name(name.rpartition("gsub_")[2] + ".csv")


@lru_cache(maxsize=4)
def _questions(table: Path, changed: int) -> Mapping[tuple[str, str], str]:
    """Return the questions of a table by video and number; ``changed`` makes a table that was edited another one."""
    with opened(table) as stream:
        rows = csv.DictReader(stream)
        return {
            (str(r.get("video_id") or r.get("video")), str(r.get("qid"))): str(r.get("question"))
            for r in rows
        }


def _read_coco(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    """Read dense captions: one text and its segments in order, or one caption and its ``timestamp``."""
    row = as_object(entry.value)
    pairs: Any = row.get("segments")
    captions: list[str] = [row.get("caption") or ""]
    if pairs is None:
        pairs = [row.get("timestamp")]
    else:
        captions = _captions(row)
    if len(listed("segments", pairs, "[start, end], one for each sentence of 'caption'")) != len(captions):
        raise FieldError(
            "segments", f"must be as many as the sentences of 'caption' ({len(captions)}), got {len(pairs)}"
        )
    for number, (caption, pair) in enumerate(zip(captions, pairs, strict=True), 1):
        yield Row(
            video=first(row, "image_id"),
            query=Value("caption", caption or None),
            windows=Windows("segments" if "segments" in row else "timestamp", pair, is_one=True),
            duration=first(row, "duration"),
            qid=row.get("id"),
            is_id=True,
            inside=f"segment {number}",
            raw=row,
        )


def _captions(row: Mapping[str, Any]) -> list[str]:
    text = row.get("caption")
    if not isinstance(text, str):
        raise FieldError("caption", f"must be a text, got {shown(text)}")
    parts = _TIME_TOKENS.split(text) if _TIME_TOKENS.search(text) else _SENTENCE_END.split(text)
    return [part.strip() for part in parts if part.strip(" .")]


_TIME_TOKENS = re.compile(r"<time_token_\d+>\s*<time_token_\d+>")
_SENTENCE_END = re.compile(r"(?<=\.)\s+")


def _read_ego4d(entry: Entry, context: Context) -> Iterator[Row | FieldError]:
    """Read the queries of a video's clips: times count from the clip, and the clip may be a file or a part of one."""
    video = as_object(entry.value)
    for clip in objects(video, "clips"):
        ends = [clip.get("video_start_sec"), clip.get("video_end_sec")]
        length = (ends[1] or 0) - (ends[0] or 0) if is_pair(ends) else None
        for annotation in objects(clip, "annotations"):
            for number, query in enumerate(objects(annotation, "language_queries"), 1):
                times = [query.get("clip_start_sec"), query.get("clip_end_sec")]
                yield Row(
                    video=first(clip, "clip_uid"),
                    query=first(query, "query"),
                    windows=Windows("clip_start_sec, clip_end_sec", None if times == [None, None] else times, is_one=True),
                    duration=Value("video_end_sec", length),
                    video_start=first(clip, "video_start_sec"),
                    video_end=first(clip, "video_end_sec"),
                    names=tuple(name for name in (video.get("video_uid"),) if isinstance(name, str)),
                    is_id=True,
                    inside=f"clip {shown(clip.get('clip_uid'))}, query {number}",
                    raw=query,
                )  # fmt: skip


FORMATS = (
    Format(
        "unitime", "UniTime", "'annos'",
        '{"qid": 0, "id": "abc", "annos": [{"query": "…", "window": [[24.0, 30.5]]}], "duration": 31.0, "mode": "mr"}',
        "Lzq5/UniTime", holds("annos"), _read_unitime, has_many=True,
    ),
    Format(
        "timelens-100k", "TimeLens-100K", "'events'",
        '{"video_path": "a.mp4", "duration": 31.0, "events": [{"query": "…", "span": [24.3, 30.4]}]}',
        "TencentARC/TimeLens", holds("video_path", "events"), _read_events, has_many=True,
    ),
    Format(
        "hirest", "HiREST's moments", "videos with 'bounds' under each query",
        '{"Fold a paper boat": {"abc.mp4": {"v_duration": 207.0, "bounds": [50, 121], "steps": []}}}',
        "j-min/HiREST", _is_hirest, _read_hirest, has_many=True,
        note="`[0, 0]` is the whole video. `--format hirest-steps` reads the steps instead.",
    ),
    Format(
        "hirest-steps", "HiREST's steps", "videos with 'steps' under each query",
        '`"steps": [{"index": 0, "heading": "…", "absolute_bounds": [50, 58]}]`',
        "j-min/HiREST", lambda entry: False, _read_hirest_steps, has_many=True, note="Only where it is asked for.",
    ),
    Format(
        "next-gqa", "NExT-GQA's grounding", "'location'",
        '{"1234": {"duration": 35, "location": {"0": [[0.5, 12.6]]}, "fps": 29.97}}',
        "doc-doc/NExT-GQA", holds("location", "duration"), _read_next_gqa, has_many=True,
        note="The questions come from its table beside it: `val.csv` for `gsub_val.json`.",
    ),
    Format(
        "coco-captions", "YouCook2 and others as dense captions in COCO style", "'image_id' and 'caption'",
        '{"annotations": [{"image_id": "a.mp4", "caption": "A. B.", "segments": [[1, 5], [7, 9]], "duration": 30.0, "id": 0}]}',
        "RenShuhuai-Andy/TimeChat", any_of(holds("image_id", "caption"), holds("image_id", "segments")),
        _read_coco, has_many=True,
    ),
    Format(
        "ego4d-nlq", "Ego4D's language queries", "'clips' of videos",
        '{"videos": [{"video_uid": "…", "clips": [{"clip_uid": "…", "annotations": [{"language_queries": [{"query": "…"}]}]}]}]}',
        "EGO4D/episodic-memory", holds("clips"), _read_ego4d, has_many=True, aliases=("ego4d",),
        note="The clip's own file is looked for first, then the video's, of which the clip is a part.",
    ),
)  # fmt: skip
