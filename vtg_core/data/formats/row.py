"""What a reader hands on: one query of a file, its fields as they were found, to be checked in one place for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vtg_core.errors import AnnotationError
from vtg_core.windows import Window

ReadWindows = Callable[[str, float | None], tuple[Window, ...] | None]
"""Reads the windows (s) of an answer's text, given the video's duration (s) where it is known; None: it says none."""


class FieldError(AnnotationError):
    """A row breaks its format; the message is completed with the row's place by whoever knows it.

    Attributes:
        name: the field, as the file spells it; empty where the row as a whole is meant.
    """

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name

    def at(self, where: str) -> AnnotationError:
        """Return the error as a person may see it, with the row's place."""
        field_name = f", field '{self.name}'" if self.name else ""
        return AnnotationError(f"{where}{field_name}: {self}")


@dataclass(frozen=True)
class Value:
    """A field of a row: how the file spells it, and what it holds; None where it is not there."""

    name: str
    value: Any = None


@dataclass(frozen=True)
class Windows(Value):
    """The windows of a row: ``value`` is a list of ``[start, end]`` in seconds, or one such pair where ``is_one``."""

    is_one: bool = False


@dataclass(frozen=True)
class Row:
    """One query of a file, unchecked.

    Attributes:
        video: its file, as a path or as an id.
        query: the sentence.
        windows: in seconds.
        duration: seconds.
        video_start, video_end: the part of a longer video that the row speaks of, in seconds.
        qid: the row's own identifier.
        names: what the video's file may be called besides, without extension, the likeliest first.
        is_id: ``video`` is an id that the file may continue with an extension, a folder or a prefix.
        messages: the row's own conversation in Hugging Face's chat form; empty where it has none.
        weights: what each message's tokens weigh in the loss, 0 where they are not trained; as many as messages.
        inside: where in its entry the row stands, for messages: ``'v_abc', sentence 2``.
        raw: the entry that it comes from.
    """

    video: Value
    query: Value
    windows: Windows
    duration: Value = field(default_factory=lambda: Value("duration"))
    video_start: Value = field(default_factory=lambda: Value("video_start"))
    video_end: Value = field(default_factory=lambda: Value("video_end"))
    qid: Any = None
    names: tuple[str, ...] = ()
    is_id: bool = False
    messages: tuple[Mapping[str, Any], ...] = ()
    weights: tuple[float, ...] = ()
    inside: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


def shown(value: Any) -> str:
    """Return a value as a message may show it: short, and printable everywhere."""
    try:
        return f"{value!a:.80}"
    except ValueError:  # an integer of thousands of digits
        return f"a very long {type(value).__name__}"


def is_unicode(text: str) -> bool:
    """Say whether a text can be written down."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return True


def is_number(value: Any) -> bool:
    """Say whether a value of JSON is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_pair(value: Any) -> bool:
    """Say whether a value of JSON is a list of two numbers."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def pairs_of(name: str, value: Any, form: str = "a list of [start, end] in seconds") -> list[list[Any]]:
    """Return a field's pairs of numbers.

    Raises:
        FieldError: it is no list of pairs, or has none.
    """
    if not isinstance(value, list) or not value or not all(map(is_pair, value)):
        raise FieldError(name, f"must be {form}, got {shown(value)}")
    return value


def listed(name: str, value: Any, what: str) -> list[Any]:
    """Return a field that must be a list.

    Raises:
        FieldError: it is none; a text is never taken for a list of characters.
    """
    if not isinstance(value, list):
        raise FieldError(name, f"must be a list of {what}, got {shown(value)}")
    return value


def objects(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a field that must be a list of objects.

    Raises:
        FieldError: it is none.
    """
    values = listed(name, row.get(name), "objects")
    if bad := [value for value in values if not isinstance(value, Mapping)]:
        raise FieldError(name, f"must be a list of objects, got {shown(bad[0])} in it")
    return values


def as_object(value: Any) -> Mapping[str, Any]:
    """Return an entry that must be an object.

    Raises:
        FieldError: it is none.
    """
    if not isinstance(value, Mapping):
        raise FieldError("", f"a row must be an object, got {type(value).__name__}")
    return value


def first_name(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the first of ``names`` that the row has something under, or the first of all."""
    return next((name for name in names if row.get(name) is not None), names[0])


def first(row: Mapping[str, Any], *names: str) -> Value:
    """Return the first of the fields that holds something; the first, empty, where none does."""
    name = first_name(row, names)
    return Value(name, row.get(name))
