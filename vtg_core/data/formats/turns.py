"""The turns of a conversation row: from the spellings of training frameworks to Hugging Face's chat form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtg_core.data.formats.form import Context
from vtg_core.data.formats.row import FieldError, Row, Value, Windows, first, is_number, shown

VIDEO_MARK = "<video>"
"""Stands in a text where a video is shown."""

_ROLES = {
    "system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant",
}  # fmt: skip
_OTHER_MEDIA = re.compile(r"<(image|audio)>")


@dataclass(frozen=True)
class Turn:
    """One message of a row.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        parts: in order, a text or a video: its name, or None where the row names it elsewhere.
        weight: of its tokens in the loss; 0 where it is not trained.
    """

    role: str
    parts: tuple[str | Value, ...]
    weight: float

    @property
    def text(self) -> str:
        """What is said, without the videos."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def videos(self) -> tuple[Value, ...]:
        """The videos that are shown, in order."""
        return tuple(part for part in self.parts if isinstance(part, Value))


def read_turn(name: str, turn: Mapping[str, Any], keys: tuple[str, str], *, is_trained: bool = True) -> Turn:
    """Read a message.

    Args:
        name: the field of the row that holds it.
        turn: the message.
        keys: what its role and its words are called.
        is_trained: whether an assistant's words are, where the message does not say.

    Raises:
        FieldError: it has no such fields, an unknown role, other media than videos, or a weight that is none.
    """
    given, content = turn.get(keys[0]), turn.get(keys[1])
    if given is None or content is None:
        raise FieldError(
            name, f"must hold messages with '{keys[0]}' and '{keys[1]}', got {shown(dict(turn))}"
        )
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise FieldError(name, f"must be spoken by one of {', '.join(_ROLES)}, got {shown(given)}")
    parts = _marked_parts(name, content) if isinstance(content, str) else _listed_parts(name, content)
    return Turn(role, parts, _weight(name, turn, role, is_trained))


def _marked_parts(name: str, text: str) -> tuple[str | Value, ...]:
    if (other := _OTHER_MEDIA.search(text)) is not None:
        raise FieldError(name, f"must show videos alone, got {other[0]}")
    texts = text.split(VIDEO_MARK)
    parts: list[str | Value] = [texts[0]]
    for following in texts[1:]:
        parts += [Value("videos"), following]
    return tuple(part for part in parts if part != "")


def _listed_parts(name: str, content: Any) -> tuple[str | Value, ...]:
    if not isinstance(content, list):
        raise FieldError(name, f"must hold texts or lists of parts, got {shown(content)}")
    return tuple(_part(name, part) for part in content)


def _part(name: str, part: Any) -> str | Value:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    if kind == "video":
        return first(part, "video", "path", "url")
    raise FieldError(name, f"must hold parts of type 'text' or 'video', got {shown(part)}")


def _weight(name: str, turn: Mapping[str, Any], role: str, is_trained: bool) -> float:
    """Return what a message says of itself: ``loss`` (yes or no), ``loss_scale`` or ``weight`` (a number)."""
    said = first(turn, "loss_scale", "loss", "weight")
    value = said.value if said.value is not None else is_trained and role == "assistant"
    if turn.get("loss") is False:
        return 0.0
    if not isinstance(value, bool) and not (is_number(value) and 0 <= value < 1e6):
        raise FieldError(
            name, f"must hold a '{said.name}' of true, false or a number of at least 0, got {shown(value)}"
        )
    if value and role != "assistant":
        raise FieldError(
            name, f"must train an assistant's messages alone, got '{said.name}' in one of the {role}"
        )
    return float(value)


def conversation_row(
    name: str,
    turns: Sequence[Turn],
    videos: Sequence[Any],
    row: Mapping[str, Any],
    context: Context,
    windows: Windows | None = None,
) -> Row:
    """Return the row of a conversation.

    Args:
        name: the field that holds the turns.
        turns: its messages; ``system`` of the row comes before them.
        videos: the files that the row lists, for the videos that its turns show, in order.
        row: the entry.
        context: reads the windows of the last answer that is trained, unless ``windows`` says them.
        windows: the row's windows, where it says them beside its words.

    Raises:
        FieldError: not as many videos are shown as are listed, not exactly one is shown, or nothing is trained.
    """
    if isinstance(row.get("system"), str) and row["system"]:
        turns = [Turn("system", (row["system"],), 0.0), *turns]
    video = _the_video(name, turns, videos)
    answers = [turn for turn in turns if turn.weight]
    if not answers:
        raise FieldError(name, "must train an assistant's message, and trains none")
    if row.get("images") or row.get("image") or row.get("audios"):
        raise FieldError("images", "must be empty: a row shows one video and nothing else")
    asked = next((turn.text.strip() for turn in turns if turn.role == "user" and turn.text.strip()), None)
    duration = first(row, "duration")
    if windows is None:
        length = float(duration.value) if is_number(duration.value) and 0 < duration.value < 1e9 else None
        read = context.read_windows(answers[-1].text, length)
        windows = Windows(name, [list(window) for window in read] if read else None)
    return Row(
        video=video,
        query=Value(name, asked),
        windows=windows,
        duration=duration,
        qid=row.get("qid", row.get("id")),
        messages=tuple(_message(turn) for turn in turns),
        weights=tuple(turn.weight for turn in turns),
        raw=row,
    )


def _the_video(name: str, turns: Sequence[Turn], listed: Sequence[Any]) -> Value:
    """Return the one video of a conversation."""
    are_shown = [video for turn in turns for video in turn.videos]
    unnamed = [video for video in are_shown if video.value is None]
    if listed and len(unnamed) != len(listed):
        raise FieldError(
            name, f"must hold as many {VIDEO_MARK} as the row has videos ({len(listed)}), got {len(unnamed)}"
        )
    if len(are_shown) != 1:
        raise FieldError(name, f"must show one video, got {len(are_shown)}")
    video = are_shown[0] if are_shown[0].value is not None else Value("videos", listed[0] if listed else None)
    if isinstance(video.value, list):
        raise FieldError(video.name, "must name a video file: a list of frames has no times, and is not read")
    return video


def _message(turn: Turn) -> Mapping[str, Any]:
    """Return a turn in chat form; its video is named when its path is known."""
    content = [
        {"type": "text", "text": p} if isinstance(p, str) else {"type": "video", "video": p.value}
        for p in turn.parts
    ]
    return {"role": turn.role, "content": content}
