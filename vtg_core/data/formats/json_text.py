"""JSON read value by value from a text that may be larger than memory: one value is held at a time."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, TextIO

from vtg_core.errors import AnnotationError

CHUNK_CHARS = 1 << 16
MAX_VALUE_CHARS = 1 << 26
"""The longest row that is read: 64 million characters, far beyond any real one."""


class JsonText:
    """A place in a JSON text, moved on by reading.

    Args:
        stream: the text, from its beginning.
        name: the file's, for messages.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self._text, self._at = "", 0
        self._line, self._counted, self._column = (
            1,
            0,
            0,
        )  # of what is counted so far, and the text's first column
        self._is_all = False

    @property
    def line(self) -> int:
        """The line of this place, from 1."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> str:
        """Move to the next character that is no white space and return it; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def take(self, character: str) -> bool:
        """Move past ``character`` if it comes next, and say whether it did."""
        if self.peek() != character:
            return False
        self._at += 1
        return True

    def value(self, where: str) -> Any:
        """Read the value that comes next.

        Raises:
            AnnotationError: there is none; the message begins with ``where``.
        """
        self.peek()
        decoder = _DECODER
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if _may_be_cut(error, len(self._text)) and self._fill(where):
                    continue
                raise AnnotationError(
                    f"{where}: must be JSON, {error.msg} at column {self._column_of(error.pos)}"
                ) from None
            except (RecursionError, ValueError) as error:
                if decoder is _DECODER and not isinstance(error, RecursionError):
                    decoder = _LONG_DECODER  # slower, for every number is looked at
                    continue
                raise AnnotationError(
                    f"{where}: must be plain JSON, got something nested or long beyond reason"
                ) from None
            if end == len(self._text) and self._fill(where):  # a number may go on
                continue
            self._at = end
            return value

    def elements(self, where: str = "") -> Iterator[int]:
        """Move through the array that comes next: stand at each element in turn, and yield its number from 1.

        Whoever is given a number reads the element before the next one.

        Raises:
            AnnotationError: the array is not well formed.
        """
        self.take("[")
        if self.take("]"):
            return
        number = 0
        while True:
            number += 1
            yield number
            if self.take("]"):
                return
            if not self.take(",") or self.peek() in ("]", ""):
                raise AnnotationError(
                    f"{where or f'{self.name}:{self.line}, row {number}'}: "
                    "must be followed by a comma and a row, or by the array's end"
                )

    def members(self) -> Iterator[str]:
        """Move through the object that comes next: stand at each member's value in turn, and yield its key.

        Raises:
            AnnotationError: the object is not well formed.
        """
        self.take("{")
        if self.take("}"):
            return
        while True:
            where = f"{self.name}:{self.line}"
            key = self.value(where) if self.peek() == '"' else None
            if not isinstance(key, str) or not self.take(":"):
                raise AnnotationError(f"{where}: must be a JSON object of names and values")
            yield key
            if self.take("}"):
                return
            if not self.take(","):
                raise AnnotationError(
                    f"{self.name}:{self.line}, {key!a:.60}: must be followed by a comma and a name, or by the object's end"
                )

    def _fill(self, where: str = "") -> bool:
        """Read on, twice as much as is held; say whether there was more."""
        if self._is_all:
            return False
        kept = len(self._text) - self._at
        if kept > MAX_VALUE_CHARS:
            raise AnnotationError(
                f"{where or self.name}: a row must be at most {MAX_VALUE_CHARS:,} characters"
            )
        more = self._stream.read(max(CHUNK_CHARS, kept))
        self._column = self._column_of(self._at) - 1
        self._text, self._line = self._text[self._at :] + more, self.line
        self._at = self._counted = 0
        self._is_all = not more
        return bool(more)

    def _column_of(self, at: int) -> int:
        """Return the column, from 1, of a character of the text that is held."""
        newline = self._text.rfind("\n", 0, at)
        return at - newline if newline >= 0 else self._column + at + 1


def _whole(digits: str) -> float:
    """Return a whole number; one of thousands of digits, which Python refuses to read, is beyond every bound."""
    return int(digits) if len(digits) <= MAX_DIGITS else -math.inf if digits[0] == "-" else math.inf


MAX_DIGITS = 4_000
_DECODER, _LONG_DECODER = json.JSONDecoder(), json.JSONDecoder(parse_int=_whole)
_SPACE = re.compile(r"\s*")
_LONGEST_WORD = len("-Infinity") + 3


def _may_be_cut(error: json.JSONDecodeError, length: int) -> bool:
    """Say whether more text could mend the error: the text broke off inside a string, or at its very end."""
    return error.msg.startswith("Unterminated string") or error.pos >= length - _LONGEST_WORD
