"""Annotation files, opened: how a file is laid out, and its entries one after the other, in bounded memory."""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from vtg_core.data.formats import tables
from vtg_core.data.formats.json_text import JsonText
from vtg_core.errors import AnnotationError

MAX_FILE_BYTES = 1_000_000_000
HEAD_CHARS = 1 << 20
"""As much of a file is looked at to see how it is laid out."""

WRAPPERS = ("data", "annotations", "database", "videos", "rows", "samples", "examples")
"""Names under which a file of one object keeps its entries."""


class Layout(StrEnum):
    """How the entries of a file stand in it."""

    ARRAY = "a JSON array"
    LINES = "JSON Lines"
    OBJECTS = "JSON objects one after the other"
    DICTIONARY = "a JSON object of entries by name"
    TEXT = "lines of text"
    TABLE = "a table"

    @property
    def is_by_line(self) -> bool:
        """Whether each entry is a line of its own, so that its line says which it is."""
        return self in (Layout.LINES, Layout.TEXT)


@dataclass(frozen=True)
class Entry:
    """An element, a line or a member of a file.

    Attributes:
        number: which it is, from 1.
        place: file and line.
        value: what it holds; None where it could not be read.
        key: its name, in a dictionary.
        wrapper: the name under which the file keeps its entries; empty where they are the file.
        problem: why it could not be read.
    """

    number: int
    place: str
    value: Any
    key: str = ""
    wrapper: str = ""
    problem: AnnotationError | None = None


@dataclass(frozen=True)
class AnnotationFile:
    """A file, and how it is laid out.

    Attributes:
        path: the file.
        layout: how its entries stand in it.
        wrapper: the name of the member that holds them; empty where they are the file.
    """

    path: Path
    layout: Layout
    wrapper: str = ""

    @classmethod
    def at(cls, path: Path) -> "AnnotationFile":
        """Look at the beginning of a file.

        Raises:
            AnnotationError: it cannot be read, or is no text.
        """
        if tables.is_parquet(path):
            return cls(path, Layout.TABLE)
        with opened(path) as stream:
            head = stream.read(HEAD_CHARS)
        return cls(path, *_layout_of(head, is_whole=len(head) < HEAD_CHARS))

    def entries(self, first: int = 1) -> Generator[Entry, None, None]:
        """Yield the entries; one of them is held at a time.

        Args:
            first: the number of the first that is read, where entries are lines; all others are read all the same.

        Raises:
            AnnotationError: the file cannot be read, or not beyond a place that the message names.
        """
        if self.layout is Layout.TABLE:
            for number, line, row in tables.rows_of(self.path, opened):
                yield Entry(number, f"{self.path.name}:{line}", row)
            return
        with opened(self.path) as stream:
            if self.layout.is_by_line:
                yield from self._lines(stream, first)
                return
            text = JsonText(stream, self.path.name)
            if self.layout is Layout.OBJECTS:
                yield from _objects(text)
            elif self.wrapper:
                yield from self._wrapped(text)
            else:
                yield from self._members(text) if self.layout is Layout.DICTIONARY else _elements(text)
                _check_end(text, "array" if self.layout is Layout.ARRAY else "object")

    def count_lines(self) -> int | None:
        """Return how many lines or rows of a table there are, without reading one; None where an entry is no line.

        Raises:
            AnnotationError: the file cannot be read.
        """
        if self.layout is Layout.TABLE and tables.is_parquet(self.path):
            return tables.count_parquet(self.path)
        if not self.layout.is_by_line and self.layout is not Layout.TABLE:
            return None
        with opened(self.path) as stream:
            pieces = iter(lambda: stream.buffer.read(1 << 20), b"")
            return sum(piece.count(b"\n") for piece in pieces)

    def _lines(self, stream: TextIO, first: int) -> Iterator[Entry]:
        for number, line in enumerate(stream, 1):
            if number < first or not line.strip():
                continue
            place = f"{self.path.name}:{number}"
            if self.layout is Layout.TEXT:
                yield Entry(number, place, line.rstrip("\n"))
                continue
            try:
                yield Entry(number, place, _one_value(line.rstrip("\n"), place))
            except AnnotationError as error:
                yield Entry(number, place, None, problem=error)

    def _wrapped(self, text: JsonText) -> Iterator[Entry]:
        for key in text.members():
            if key != self.wrapper:
                text.value(f"{text.name}:{text.line}, {key!a:.60}")
                continue
            yield from _elements(text, key) if text.peek() == "[" else self._members(text, key)

    @staticmethod
    def _members(text: JsonText, wrapper: str = "") -> Iterator[Entry]:
        for number, key in enumerate(text.members(), 1):
            text.peek()
            place = f"{text.name}:{text.line}"
            yield Entry(number, place, text.value(f"{place}, {key!a:.60}"), key, wrapper)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a file of text for reading, unpacked where it is packed with gzip; every end of line is ``\\n``.

    Raises:
        AnnotationError: it cannot be read, is too large, is no gzip file though it begins as one, or is not UTF-8.
    """
    try:
        if _size(path) > MAX_FILE_BYTES:
            raise AnnotationError(f"{path.name} must be at most {MAX_FILE_BYTES:,} bytes; split it")
        with path.open("rb") as file, io.TextIOWrapper(_unpacked(file), encoding="utf-8-sig") as stream:
            yield stream
    except UnicodeDecodeError:
        raise AnnotationError(f"{path.name} must be UTF-8, and byte {_first_bad_byte(path)} is not") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise AnnotationError(f"{path.name} must be a whole gzip file, and is damaged or cut") from None
    except OSError as error:
        raise AnnotationError(f"annotation file {path.name} cannot be read: {error.strerror}") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except ValueError:  # a null character
        raise AnnotationError(
            f"annotation file {path.name!a:.80} cannot be read: that is no possible file name"
        ) from None


def _unpacked(file: BinaryIO) -> BinaryIO:
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[return-value]


def _first_bad_byte(path: Path) -> int:
    """Return where a text stops being UTF-8, in bytes from its beginning."""
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as packed:
        file = _unpacked(packed)
        while chunk := file.read(1 << 20):
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return before - kept + error.start
            before += len(chunk)
    return before


def _layout_of(head: str, *, is_whole: bool) -> tuple[Layout, str]:
    """Return how a file is laid out that begins with ``head``, and the name of what holds its entries."""
    begins = head.lstrip()[:1]
    if begins == "[":
        return Layout.ARRAY, ""
    if begins == "{":
        return _layout_of_objects(head, is_whole)
    if tables.is_table(head):
        return Layout.TABLE, ""
    return (Layout.TEXT if "##" in head.split("\n", 1)[0] else Layout.LINES), ""


def _layout_of_objects(head: str, is_whole: bool) -> tuple[Layout, str]:
    start = len(head) - len(head.lstrip())
    try:
        _, end = json.JSONDecoder().raw_decode(head, start)
    except (ValueError, RecursionError):
        return (Layout.LINES, "") if is_whole else _layout_inside(head)
    if head[end:].strip() and not head[end:].lstrip().startswith("{"):
        return Layout.LINES, ""
    is_alone = is_whole and not head[end:].strip()
    inside = _layout_inside(head) if is_alone else (Layout.LINES, "")
    if inside[0] is Layout.LINES and "\n" in head[start:end]:
        return Layout.OBJECTS, ""
    return inside


def _layout_inside(head: str) -> tuple[Layout, str]:
    """Say how the one object that a file is holds its entries: as members, in a member, or not at all."""
    text, are_entries = JsonText(io.StringIO(head), "head"), []
    try:
        for key in text.members():
            begins = text.peek()
            if key in WRAPPERS and begins in ("[", "{"):
                held = _held_in(text)
                if held is not None:
                    return held, key
            else:
                text.value("head")
            are_entries.append(begins == "{")
    except AnnotationError:  # the head ends here, or the file is broken: its reader will say so
        pass
    is_dictionary = bool(are_entries) and sum(are_entries) * 2 >= len(are_entries)
    return (Layout.DICTIONARY if is_dictionary else Layout.LINES), ""


def _held_in(text: JsonText) -> Layout | None:
    """Return how the member that comes next holds entries; None, and past it, where its elements are no objects."""
    if text.peek() == "{":
        return Layout.DICTIONARY
    are_objects = []
    for _ in text.elements():
        are_objects.append(text.peek() == "{")
        if are_objects[-1]:
            return Layout.ARRAY
        text.value("head")
    return None if are_objects else Layout.ARRAY


def _elements(text: JsonText, wrapper: str = "") -> Iterator[Entry]:
    for number in text.elements():
        text.peek()
        place = f"{text.name}:{text.line}"
        yield Entry(number, place, text.value(f"{place}, row {number}"), wrapper=wrapper)


def _objects(text: JsonText) -> Iterator[Entry]:
    number = 0
    while text.peek():
        number += 1
        place = f"{text.name}:{text.line}"
        yield Entry(number, place, text.value(f"{place}, row {number}"))


def _check_end(text: JsonText, what: str) -> None:
    if text.peek():
        raise AnnotationError(f"{text.name}: must be one JSON {what}, and goes on after its end")


def _one_value(line: str, place: str) -> Any:
    try:
        value, end = _DECODER.raw_decode(line, len(line) - len(line.lstrip()))
    except (ValueError, RecursionError):
        return JsonText(io.StringIO(line), place).value(place)  # says what is wrong
    if line[end:].strip():
        raise AnnotationError(
            f"{place}: must be one JSON object a line, and goes on after it at column {end + 1}"
        )
    return value


_DECODER = json.JSONDecoder()
