"""Messages in Hugging Face's chat form, read strictly.

A message is ``{"role": "system" | "user" | "assistant", "content": text | [part, ...]}``; a part is
``{"type": "text", "text": ...}`` or ``{"type": "video", "video": path}``. A user's text part may also say
``"query": [start, end]``, the characters of ``text`` that a person typed: the rest of it is then known to be a
template's own words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vtg_core.errors import ConversationError


class Role(StrEnum):
    """Who speaks. An allow-list: any other role is an error, never a guess."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class TextPart:
    """Text of a message; ``query`` is the half-open range of characters that a person typed, if that is known."""

    text: str
    query: tuple[int, int] | None = None

    def stripped(self) -> "TextPart":
        """Return the part without white space at its ends, as many chat templates write it."""
        text = self.text.strip()
        if self.query is None:
            return TextPart(text)
        offset = len(self.text) - len(self.text.lstrip())
        start, end = (min(max(i - offset, 0), len(text)) for i in self.query)
        return TextPart(text, (start, end))


@dataclass(frozen=True)
class VideoPart:
    """A video of a message; ``source`` is what the message named, usually a path."""

    source: Any


Part = TextPart | VideoPart


@dataclass(frozen=True)
class Message:
    """One turn.

    Attributes:
        role: who speaks.
        parts: what is said, in order.
        is_plain: the content came as one text, not as a list of parts; chat templates may tell them apart.
    """

    role: Role
    parts: tuple[Part, ...]
    is_plain: bool = False

    @property
    def texts(self) -> tuple[TextPart, ...]:
        """The text parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, TextPart))

    def with_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the message in chat form with other texts in the place of its own, for a chat template."""
        remaining = iter(texts)
        if self.is_plain:
            return {"role": str(self.role), "content": next(remaining)}
        content = [
            {"type": "text", "text": next(remaining)} if isinstance(part, TextPart) else {"type": "video"}
            for part in self.parts
        ]
        return {"role": str(self.role), "content": content}


def read_messages(messages: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Read messages in chat form.

    Raises:
        ConversationError: there is no message, a role or a part is unknown, a system message is not the first,
            two turns of one role follow each other, the conversation does not begin with the user, or an
            assistant's turn holds a video or no text.
    """
    if isinstance(messages, str | Mapping) or not isinstance(messages, Sequence) or not messages:
        raise ConversationError(
            f"messages must be a list of {{'role', 'content'}} with at least one entry, got {messages!r:.80}"
        )
    read = tuple(_read_message(message, f"messages[{i}]") for i, message in enumerate(messages))
    turns = read[1:] if read[0].role is Role.SYSTEM else read
    if not turns:
        raise ConversationError("messages must have a turn of the user, got a system message alone")
    for i, message in enumerate(turns):
        expected = Role.ASSISTANT if i % 2 else Role.USER
        if message.role is not expected:
            raise ConversationError(
                "after at most one system message, user and assistant must take turns and the user begin, "
                f"got {message.role} where {expected} was expected (messages[{len(read) - len(turns) + i}])"
            )
    return read


def _read_message(message: Any, where: str) -> Message:
    if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
        raise ConversationError(f"{where} must have 'role' and 'content', got {message!r:.80}")
    try:
        role = Role(message["role"])
    except ValueError:
        known = ", ".join(Role)
        raise ConversationError(
            f"{where}: role must be one of {known}, got {message['role']!r:.80}"
        ) from None
    content = message["content"]
    if isinstance(content, str):
        _check_encodable(content, where)
        parts: tuple[Part, ...] = (TextPart(content),)
    elif isinstance(content, Sequence):
        parts = tuple(_read_part(part, f"{where}, part {i}") for i, part in enumerate(content))
    else:
        raise ConversationError(
            f"{where}: content must be a text or a list of parts, got {type(content).__name__}"
        )
    read = Message(role, parts, is_plain=isinstance(content, str))
    if role is not Role.USER and len(read.texts) < len(parts):
        raise ConversationError(f"{where}: only the user may show a video, got one from the {role}")
    if role is Role.ASSISTANT and not any(part.text.strip() for part in read.texts):
        raise ConversationError(f"{where}: an assistant's turn must say something to train on, got no text")
    return read


def _read_part(part: Any, where: str) -> Part:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        _check_encodable(part["text"], where)
        return TextPart(part["text"], _read_query(part.get("query"), len(part["text"]), where))
    if kind == "video" and part.get("video") is not None:
        return VideoPart(part["video"])
    raise ConversationError(
        f"{where} must be {{'type': 'text', 'text': ...}} or {{'type': 'video', 'video': path}}, got {part!r:.80}"
    )


def _check_encodable(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConversationError(
            f"{where}: text must be valid Unicode, got a lone surrogate at character {error.start}; remove it"
        ) from None


def _read_query(query: Any, length: int, where: str) -> tuple[int, int] | None:
    if query is None:
        return None
    is_pair = isinstance(query, Sequence) and len(query) == 2 and all(isinstance(i, int) for i in query)
    if not is_pair or not 0 <= query[0] <= query[1] <= length:
        raise ConversationError(
            f"{where}: query must be [start, end] within the text's {length} characters, got {query!r}"
        )
    return query[0], query[1]
