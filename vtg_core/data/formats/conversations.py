"""Formats of training conversations: a row has words of its own, several turns, and says which of them are trained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vtg_core.data.formats.files import Entry
from vtg_core.data.formats.form import Context, Format, any_of, holds
from vtg_core.data.formats.row import (
    FieldError,
    Row,
    Windows,
    as_object,
    first,
    is_number,
    listed,
    objects,
    shown,
)
from vtg_core.data.formats.turns import VIDEO_MARK, Turn, conversation_row, read_turn

_MESSAGE = ("role", "content")
_SHAREGPT = ("from", "value")


def _read_ms_swift(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    turns = [read_turn("messages", turn, _MESSAGE) for turn in objects(row, "messages")]
    yield conversation_row("messages", turns, _videos(row, "ms-swift and LLaMA-Factory"), row, context)


def _read_sharegpt(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    name = "conversations" if "conversations" in row else "conversation"
    if isinstance(row.get("meta"), Mapping) and "token" in row["meta"]:
        raise FieldError("meta", "must hold no times for placeholders such as <s0>: VTimeLLM's are not read")
    turns = list(_sharegpt_turns(name, objects(row, name)))
    _check_video_names(row)
    videos = row.get("videos") if row.get("video") is None else row["video"]
    if isinstance(videos, str) and row.get("video") is None:
        raise FieldError(
            "videos", f"LLaMA-Factory reads a list of paths here, got {shown(videos)}; put it in brackets"
        )
    yield conversation_row(
        name, turns, [videos] if isinstance(videos, str) else _listed_videos(videos), row, context
    )


def _sharegpt_turns(name: str, turns: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
    for turn in turns:
        if {"human", "assistant"} <= set(turn):  # a whole exchange, as ms-swift also takes it
            yield read_turn(name, {"role": "user", "content": turn["human"]}, _MESSAGE)
            yield read_turn(name, {**turn, "role": "assistant", "content": turn["assistant"]}, _MESSAGE)
        else:
            yield read_turn(name, turn, _SHAREGPT if "from" in turn or "value" in turn else _MESSAGE)


def _check_video_names(row: Mapping[str, Any]) -> None:
    if row.get("video") is not None and row.get("videos") is not None:
        raise FieldError("video", "must not be there beside 'videos'; keep one of them")


def _read_alpaca(entry: Entry, context: Context) -> Iterator[Row]:
    row = as_object(entry.value)
    asked, answered = first(row, "instruction", "query"), first(row, "output", "response")
    words = [text for text in (asked.value, row.get("input")) if text]
    for field in (asked, answered):
        if not isinstance(field.value, str):
            raise FieldError(field.name, f"must be a text, got {shown(field.value)}")
    if not all(isinstance(text, str) for text in words):
        raise FieldError("input", f"must be a text, got {shown(row['input'])}")
    exchanges = [
        *listed("history", row.get("history") or [], "[asked, answered]"),
        ["\n".join(words), answered.value],
    ]
    turns = [turn for exchange in exchanges for turn in _exchange(exchange)]
    yield conversation_row(asked.name, turns, _videos(row, "LLaMA-Factory and ms-swift"), row, context)


def _exchange(exchange: Any) -> Iterator[Turn]:
    if not isinstance(exchange, list) or len(exchange) != 2:
        raise FieldError("history", f"must hold [asked, answered], got {shown(exchange)}")
    for role, text in zip(("user", "assistant"), exchange, strict=True):
        yield read_turn("history", {"role": role, "content": text}, _MESSAGE)


def _read_chat(entry: Entry, context: Context) -> Iterator[Row]:
    """Read Hugging Face's chat form, in which a message is a list of parts that name their videos."""
    row = as_object(entry.value)
    if "messages" in row:
        name, given = "messages", [(turn, True) for turn in objects(row, "messages")]
    else:  # TRL's prompt and completion: the completion alone is trained
        name = "completion"
        given = [(turn, False) for turn in objects(row, "prompt")] + [
            (t, True) for t in objects(row, "completion")
        ]
    turns = [read_turn(name, turn, _MESSAGE, is_trained=is_trained) for turn, is_trained in given]
    videos = _listed_videos(row["videos"]) if row.get("videos") is not None else []
    yield conversation_row(name, turns, videos, row, context)


def _videos(row: Mapping[str, Any], readers: str) -> list[Any]:
    """Return the list under ``videos``; what people write in its place is named as what it is."""
    if row.get("videos") is None and row.get("video") is not None:
        raise FieldError(
            "video", f"{readers} read a list under 'videos', and 'video' is nothing to them; rename it"
        )
    if isinstance(row.get("videos"), str):
        raise FieldError(
            "videos",
            f"{readers} read a list of paths here, got the text {shown(row['videos'])}; put it in brackets",
        )
    return _listed_videos(row.get("videos"))


def _listed_videos(videos: Any) -> list[Any]:
    return listed("videos", [] if videos is None else videos, "paths")


def _read_timeit(entry: Entry, context: Context) -> Iterator[Row]:
    """Read questions and answers about a video; the window stands in the answer's words, or beside (HawkEye)."""
    row = as_object(entry.value)
    turns, windows = [], None
    for number, pair in enumerate(objects(row, "QA")):
        asked, answered = pair.get("q"), pair.get("a")
        if not isinstance(asked, str) or not isinstance(answered, str):
            raise FieldError("QA", f"must hold a question 'q' and an answer 'a', got {shown(pair)}")
        mark = "" if number else f"{VIDEO_MARK}\n"
        turns.append(read_turn("QA", {"role": "user", "content": mark + asked}, _MESSAGE))
        turns.append(read_turn("QA", {"role": "assistant", "content": answered}, _MESSAGE))
        if windows is None and is_number(pair.get("start_sec")) and is_number(pair.get("end_sec")):
            windows = Windows("start_sec, end_sec", [pair["start_sec"], pair["end_sec"]], is_one=True)
    video = row.get("video")
    yield conversation_row("QA", turns, [video] if video is not None else [], row, context, windows)


def _has_parts(entry: Entry) -> bool:
    """Say whether a message of the entry is a list of parts."""
    row = entry.value
    turns = row.get("messages", row.get("completion")) if isinstance(row, Mapping) else None
    return isinstance(turns, list) and any(
        isinstance(t, Mapping) and isinstance(t.get("content"), list) for t in turns
    )


def _is_plain(entry: Entry) -> bool:
    return holds("messages")(entry) and not _has_parts(entry)


FORMATS = (
    Format(
        "ms-swift", "ms-swift, and LLaMA-Factory's messages", "'messages' of plain texts",
        '{"messages": [{"role": "user", "content": "<video>…"}, {"role": "assistant", "content": "…"}], "videos": ["a.mp4"]}',
        "modelscope/ms-swift", _is_plain, _read_ms_swift, aliases=("swift", "llama-factory-messages"),
        note="`loss` and `loss_scale` of a message are kept.",
    ),
    Format(
        "sharegpt", "Qwen-VL's finetuning, and LLaMA-Factory's ShareGPT", "'conversations'",
        '{"video": "a.mp4", "conversations": [{"from": "human", "value": "<video>\\n…"}, {"from": "gpt", "value": "…"}]}',
        "QwenLM/Qwen3-VL", any_of(holds("conversations"), holds("conversation")), _read_sharegpt,
        aliases=("qwen", "llava", "llama-factory-sharegpt"), note="`video` may be `videos`, a list.",
    ),
    Format(
        "alpaca", "LLaMA-Factory's Alpaca, ms-swift's query and response", "'instruction' and 'output' (or 'query' and 'response')",
        '{"instruction": "<video>…", "input": "", "output": "…", "videos": ["a.mp4"]}',
        "hiyouga/LLaMA-Factory", any_of(holds("instruction", "output"), holds("query", "response")), _read_alpaca,
        aliases=("llama-factory", "query-response"),
    ),
    Format(
        "chat", "Hugging Face's chat messages, TRL", "'messages' that are lists of parts (or 'prompt' and 'completion')",
        '{"messages": [{"role": "user", "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "…"}]}, …]}',
        "huggingface/trl", any_of(_has_parts, holds("prompt", "completion")), _read_chat, aliases=("hf", "messages", "trl"),
        note="Of `prompt` and `completion` the completion is trained.",
    ),
    Format(
        "timeit", "TimeIT, VTG-IT, HawkEye: instructions", "'QA'",
        '{"video": "a.mp4", "QA": [{"q": "…", "a": "… 0.0 - 7.0 seconds."}]}',
        "RenShuhuai-Andy/TimeChat", holds("QA"), _read_timeit, aliases=("timechat", "vtg-it"),
    ),
)  # fmt: skip
