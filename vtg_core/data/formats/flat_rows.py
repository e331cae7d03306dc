"""Formats with one query an entry: a line of text, or names for a video, a sentence and its windows."""

import re
from collections.abc import Callable, Iterator, Mapping
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
    first_name,
    is_number,
    pairs_of,
    shown,
)

Times = Callable[[Value], Windows]
"""Turns a field of the file into windows in seconds."""


def _several(field: Value) -> Windows:
    return Windows(field.name, field.value)


def _one(field: Value) -> Windows:
    return Windows(field.name, field.value, is_one=True)


def _reader(
    video: tuple[str, ...],
    query: tuple[str, ...],
    windows: tuple[str, ...],
    times: Times,
    *,
    qid: str = "qid",
    clip: tuple[str, str] = ("video_start", "video_end"),
    ids: tuple[str, ...] = (),
) -> Callable[[Entry, Context], Iterator[Row]]:
    """Return a reader of rows with these names, each the first that holds something; ``ids`` are no file names."""

    def read(entry: Entry, context: Context) -> Iterator[Row]:
        row = as_object(entry.value)
        of_video = first(row, *video)
        yield Row(
            video=of_video,
            query=first(row, *query),
            windows=times(first(row, *windows)),
            duration=first(row, "duration"),
            video_start=first(row, clip[0]),
            video_end=first(row, clip[1]),
            qid=row.get(qid),
            is_id=of_video.name in ids,
            raw=row,
        )

    return read


def _read_own(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    has_both = row.get("timestamp") is not None and row.get("windows") is not None
    if has_both:
        raise FieldError("timestamp", "must not be there beside 'windows'; keep one of them")
    name = first_name(row, ("timestamp", "windows"))
    yield Row(
        video=first(row, "video"),
        query=first(row, "sentence", "query"),
        windows=Windows(name, row.get(name), is_one=name == "timestamp"),
        duration=first(row, "duration"),
        video_start=first(row, "video_start"),
        video_end=first(row, "video_end"),
        qid=row.get("qid"),
        raw=row,
    )


_read_moments = _reader(("vid", "video"), ("query",), ("relevant_windows",), _several, ids=("vid",))


def _read_qvhighlights(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    if row.get("relevant_windows") is None:
        raise FieldError("relevant_windows", _why_without(row))
    yield from _read_moments(entry, context)


def _why_without(row: Mapping[str, Any]) -> str:
    if "pred_relevant_windows" in row:
        return (
            "must be there, and these are a model's predictions (pred_relevant_windows); give the annotations"
        )
    return "must be there, as in the train and val splits of QVHighlights; a test split has no windows to train on"


def _chunks(field: Value) -> Windows:
    """Return the chunks of 5 s that most annotators chose; the first such, where several were chosen as often."""
    form = "a list of [first, last], whole numbers of 5-second chunks"
    pairs = pairs_of(field.name, field.value, form) if field.value is not None else []
    if any(not isinstance(chunk, int) or chunk < 0 for pair in pairs for chunk in pair):
        raise FieldError(field.name, f"must be {form}, got {shown(field.value)}")
    if not pairs:
        return _several(field)
    first_chunk, last_chunk = max(pairs, key=pairs.count)
    return _several(Value(field.name, [[5.0 * first_chunk, 5.0 * (last_chunk + 1)]]))


def _dashed(field: Value) -> Windows:
    if field.value is None:
        return _one(field)
    match = _DASHED.fullmatch(field.value) if isinstance(field.value, str) else None
    if match is None:
        raise FieldError(field.name, f"must be a text 'start-end' in seconds, got {shown(field.value)}")
    return _one(Value(field.name, [float(match[1]), float(match[2])]))


_DASHED = re.compile(r"\s*(\d{1,9}(?:\.\d{0,30})?)\s*-\s*(\d{1,9}(?:\.\d{0,30})?)\s*")

_STARTS = ("start", "start_sec", "start_time", "start_s", "start_seconds", "begin", "s")
_ENDS = ("end", "end_sec", "end_time", "end_s", "end_seconds", "stop", "e")
_QUERIES = ("query", "sentence", "caption", "description", "desc", "text", "question", "label")
_VIDEOS = (
    "video",
    "video_path",
    "path",
    "file",
    "filename",
    "video_name",
    "vid_name",
    "video_id",
    "vid",
    "id",
)
_IDS = ("video_name", "vid_name", "video_id", "vid", "id")


def _is_columns(entry: Entry) -> bool:
    row = entry.value
    return isinstance(row, Mapping) and all(
        row.get(first_name(row, names)) is not None for names in (_STARTS, _ENDS, _QUERIES, _VIDEOS)
    )


def _read_columns(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    start, end = first(row, *_STARTS), first(row, *_ENDS)
    for field in (start, end):
        if not is_number(field.value):
            raise FieldError(field.name, f"must be a number of seconds, got {shown(field.value)}")
    video = first(row, *_VIDEOS)
    yield Row(
        video=video,
        query=first(row, *_QUERIES),
        windows=Windows(f"{start.name}, {end.name}", [start.value, end.value], is_one=True),
        duration=first(row, "duration", "video_duration"),
        qid=row.get("qid", row.get("query_id")),
        is_id=video.name in _IDS,
        raw=row,
    )


OWN = Format(
    "vtg", "VTG Lens, Time-R1", "'video', 'sentence' (or 'query') and 'timestamp' (or 'windows')",
    '{"video": "a.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "…"}',
    "xiaomi-research/time-r1",
    any_of(holds("timestamp", "sentence"), holds("timestamp", "query"), holds("windows", "query"), holds("windows", "sentence")),
    _read_own, aliases=("timer1", "time-r1", "timezero"),
)  # fmt: skip


def _read_charades(entry: Entry, context: Context) -> Iterator[Row]:
    """Read ``ID start end##sentence``: the first ``##`` parts them, since sentences hold ``#`` too."""
    if not isinstance(entry.value, str):
        raise FieldError(
            "", f"a row of Charades-STA must be a line of text, got {type(entry.value).__name__}"
        )
    before, mark, sentence = entry.value.partition("##")
    if not mark:
        raise FieldError(
            "", f"a row of Charades-STA must part times and sentence by '##', got {shown(entry.value)}"
        )
    parts = before.split()
    if len(parts) != 3 or not all(map(_NUMBER.fullmatch, parts[1:])):
        raise FieldError(
            "", f"a row of Charades-STA must begin with 'video start end##', got {shown(before)}"
        )
    yield Row(
        video=Value("video", parts[0]),
        query=Value("sentence", sentence),
        windows=Windows("times", [float(parts[1]), float(parts[2])], is_one=True),
        is_id=True,
        raw={"text": entry.value},
    )


_NUMBER = re.compile(r"\d{1,9}(\.\d{0,30})?")

FORMATS = (
    OWN,
    Format(
        "qvhighlights", "QVHighlights, Moment-DETR, CASTELLA, lighthouse", "'relevant_windows', or 'vid' and 'query'",
        '{"qid": 1, "query": "…", "duration": 150, "vid": "abc_60.0_210.0", "relevant_windows": [[82, 150]]}',
        "jayleicn/moment_detr",
        any_of(holds("relevant_windows"), holds("pred_relevant_windows"), holds("vid", "query")),
        _read_qvhighlights, aliases=("moment-detr", "castella", "lighthouse"),
    ),
    Format(
        "didemo", "DiDeMo", "'times' and 'description'",
        '{"description": "…", "times": [[4, 4], [3, 4]], "video": "a.m4v", "annotation_id": 1}',
        "LisaAnne/LocalizingMoments", holds("times", "description"),
        _reader(("video",), ("description", "sentence", "query"), ("times", "windows"), _chunks, qid="annotation_id"),
        note="Inclusive chunks of 5 s, by several annotators: what most of them chose is taken, the first where it is a tie.",
    ),
    Format(
        "tvr", "TVR", "'vid_name', 'ts' and 'desc'",
        '{"vid_name": "show_s01e03_clip_19", "duration": 60.5, "ts": [16.5, 33.0], "desc": "…", "desc_id": 7}',
        "jayleicn/TVRetrieval", any_of(holds("vid_name", "desc"), holds("ts", "desc")),
        _reader(("vid_name",), ("desc",), ("ts",), _one, qid="desc_id", ids=("vid_name",)),
    ),
    Format(
        "tvgbench", "TVGBench", "'path', 'question' and 'answer'",
        '{"path": "a.mp4", "question": "…", "answer": "13.4-28.1", "start": null, "end": null, "duration": 30.1}',
        "xiaomi-research/time-r1", holds("path", "question", "answer"),
        _reader(("path",), ("question",), ("answer",), _dashed, clip=("start", "end")),
    ),
    Format(
        "museg", "MUSEG", "'problem' and 'solution' (or 'question' and 'groundtruth')",
        '{"idx": 0, "problem": "…", "solution": [[0.5, 7.0]], "video": "a.mp4", "duration": 80.0}',
        "THUNLP-MT/MUSEG", any_of(holds("problem", "solution"), holds("question", "groundtruth")),
        _reader(("video",), ("problem", "question"), ("solution", "groundtruth"), _several, qid="idx"),
    ),
    Format(
        "vue-tr", "Vidi's VUE-TR", "'video_id', 'query' and 'gt'",
        '{"query_id": 0, "video_id": "abc", "duration": 32.6, "query": "…", "gt": [[0, 32]]}',
        "bytedance/vidi", holds("query", "gt"),
        _reader(("video_id", "video"), ("query",), ("gt",), _several, qid="query_id", ids=("video_id",)),
    ),
    Format(
        "lmms-eval", "lmms-eval's temporal grounding", "'video', 'caption' and 'timestamp'",
        '{"video": "a.mp4", "caption": "…", "timestamp": [24.3, 30.4]}',
        "EvolvingLMMs-Lab/lmms-eval", holds("timestamp", "caption", without=("sentence", "query", "image_id")),
        _reader(("video",), ("caption",), ("timestamp",), _one),
    ),
    Format(
        "videochat-r1", "VideoChat-R1's grounded questions", "'question' and 'glue'",
        '{"video": "a.mp4", "question": "…", "answer": "(C)", "duration": 90, "glue": [[13.8, 29.8]]}',
        "OpenGVLab/VideoChat-R1", holds("question", "glue"),
        _reader(("video",), ("question",), ("glue",), _several, qid="id"),
    ),
    Format(
        "columns", "any table or list", "a video, a query, a start and an end",
        "`video,query,start,end,duration`", "CSV, TSV, Parquet, JSON", _is_columns, _read_columns,
    ),
    Format(
        "charades-sta", "Charades-STA's text", "a video, two times, '##' and a sentence in each line",
        "AB1CD 24.0 30.5##a person waters a plant", "jiyanggao/TALL",
        lambda entry: isinstance(entry.value, str) and "##" in entry.value, _read_charades, aliases=("charades",),
    ),
)  # fmt: skip
"""Source: each format's own repository, read in its public files."""
