"""What stands around the times of an answer: brackets, a sentence, JSON, or the markers of a model."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import NamedTuple

from vtg_core.data.answer_forms.times import GAP, TimeCode

MAX_WINDOWS = 1_000
"""The most windows that are read from one answer."""


class FoundPair(NamedTuple):
    """Where a window stands in a text, in characters, half-open.

    Attributes:
        where: the window with what its shape puts around it.
        start, end: the text of each time.
    """

    where: tuple[int, int]
    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True)
class Shape(ABC):
    """A way to write windows whose times are texts already.

    Attributes:
        name: the second part of the names of its forms.
        joiner: what is written between two windows.
        opening, closing: what is written around all of them.
        nothing: what is written where there is no window.
        tokens: every token of its own.
        mark: a regular expression that finds this shape in the words of a prompt; empty where nothing tells.
    """

    name: str
    joiner: str = ", "
    opening: str = ""
    closing: str = ""
    nothing: str = "Not in the video."
    tokens: tuple[str, ...] = ()
    mark: str = ""

    @abstractmethod
    def write_one(self, start: str, end: str, code: TimeCode) -> str:
        """Write one window."""

    @abstractmethod
    def find(self, text: str, code: TimeCode) -> Iterator[FoundPair]:
        """Yield the windows that stand in a text, in its order."""

    def write(self, pairs: Sequence[tuple[str, str]], code: TimeCode) -> str:
        """Write windows, of which there may be none."""
        if not pairs:
            return self.nothing
        return (
            f"{self.opening}{self.joiner.join(self.write_one(*pair, code) for pair in pairs)}{self.closing}"
        )

    def pairs(self, text: str, code: TimeCode) -> list[FoundPair]:
        """Return the windows in a text, in its order, and no more than :data:`MAX_WINDOWS`."""
        return list(islice(self.find(text, code), MAX_WINDOWS))

    def leftover(self, text: str, found: Sequence[FoundPair]) -> int:
        """Return how many characters of a text belong to no window and to nothing that this shape puts around them."""
        edges = [0, *(edge for pair in found for edge in pair.where), len(text)]
        gaps = [text[a:b].strip() for a, b in zip(edges[::2], edges[1::2], strict=True)]
        first, *middle, last = gaps
        if self.opening and not (first.endswith(self.opening) and last.startswith(self.closing)):
            return len(text)
        first, last = first.removesuffix(self.opening), last.removeprefix(self.closing).strip(" .")
        between = sum(len(gap) for gap in middle if not _BETWEEN.fullmatch(gap))
        return len(first) + between + len(last)


_BETWEEN = re.compile(r"[,;]?\s{0,9}(?:and)?", re.IGNORECASE)


@dataclass(frozen=True)
class Written(Shape):
    """Windows that are written one way, and read in several wordings.

    Attributes:
        written: one window as :meth:`str.format` fills it: ``{0}`` and ``{1}`` are its times, ``{before}`` and
            ``{after}`` the code's own words.
        wordings: regular expressions of one window; ``T`` stands for a time.
        is_json: whether times that are no numbers stand in quotes.
    """

    written: str = "[{0}, {1}]"
    wordings: tuple[str, ...] = ()
    is_json: bool = False

    def write_one(self, start: str, end: str, code: TimeCode) -> str:
        if self.is_json and not code.is_number:
            start, end = f'"{start}"', f'"{end}"'
        return self.written.format(start, end, before=code.before, after=code.after)

    def find(self, text: str, code: TimeCode) -> Iterator[FoundPair]:
        for match in _pattern(self.wordings, code.pattern).finditer(text):
            start, end = (number for number in range(1, len(match.groups()) + 1) if match[number] is not None)
            yield FoundPair(match.span(), match.span(start), match.span(end))


@dataclass(frozen=True)
class Objects(Shape):
    """JSON objects with a start and an end; one stands alone, and several in a list."""

    nothing: str = "[]"

    def write_one(self, start: str, end: str, code: TimeCode) -> str:
        if not code.is_number:
            start, end = f'"{start}"', f'"{end}"'
        return f'{{"start": {start}, "end": {end}}}'

    def write(self, pairs: Sequence[tuple[str, str]], code: TimeCode) -> str:
        text = super().write(pairs, code)
        return f"[{text}]" if len(pairs) > 1 else text

    def find(self, text: str, code: TimeCode) -> Iterator[FoundPair]:
        starts, ends = (_pattern((rf"{key}{GAP}:{GAP}[\"']?T",), code.pattern) for key in (_START, _END))
        for body in _OBJECT.finditer(text):
            first, last = (list(key.finditer(text, *body.span())) for key in (starts, ends))
            if len(first) == len(last) == 1:
                yield FoundPair(body.span(), first[0].span(1), last[0].span(1))

    def leftover(self, text: str, found: Sequence[FoundPair]) -> int:
        stripped = text.strip()
        is_list = stripped.startswith("[") and stripped.endswith("]")
        return super().leftover(text, found) - 2 * is_list


_OBJECT = re.compile(r"\{[^{}]{0,500}\}")
_START = r"[\"'](?:start|begin|from)(?:_?(?:time|timestamp|sec|second|seconds|frame))?[\"']"
_END = r"[\"'](?:end|stop|to)(?:_?(?:time|timestamp|sec|second|seconds|frame))?[\"']"


@cache
def _pattern(wordings: Iterable[str], time: str) -> re.Pattern[str]:
    return re.compile("|".join(wording.replace("T", time) for wording in wordings), re.IGNORECASE)


_DASH = rf"{GAP}(?:-|–|—|~|to|until){GAP}"
_ALONE = r"(?<![\w.:%-])"
_NOT_THOUSANDS = r"(?!,[0-9]{3}(?![0-9]))"
_SEPARATE = rf"{GAP},{GAP}"
_QUOTE = "[\"']?"

BRACKETS = Written(
    "brackets",
    written="[{0}, {1}]",
    wordings=(rf"\[{GAP}T{_SEPARATE}T{GAP}\]",),
    mark=r"(?<!\[)\[\s*<?(?:start|mm|hh)",
)
PAIRS = Written(
    "pairs", opening="[", closing="]", nothing="[]", is_json=True, mark=r"\[\s*\[",
    wordings=(rf"\[{GAP}{_QUOTE}T{_QUOTE}{_SEPARATE}{_QUOTE}T{_QUOTE}{GAP}\]",),
)  # fmt: skip
RANGE = Written("range", written="{0} - {1}", wordings=(rf"{_ALONE}T{_DASH}T{_NOT_THOUSANDS}",))
SENTENCE = Written(
    "sentence",
    joiner=" ",
    written="From {before}{0} to {before}{1}{after}.",
    wordings=(
        rf"\bfrom{GAP}T{_DASH}T{_NOT_THOUSANDS}\.?",
        rf"\b(?:happens?|occurs?|takes{GAP}place|is|in|at|during){GAP}(?:in|at|during)?{GAP}T{_DASH}T{_NOT_THOUSANDS}\.?",
        rf"\bbetween{GAP}T{GAP}and{GAP}T{_NOT_THOUSANDS}\.?",
        rf"\b(?:starts?|begins?|starting|beginning){GAP}(?:at|on|in)?{GAP}T{GAP},?{GAP}(?:and|until)?{GAP}"
        rf"(?:it{GAP})?(?:ends?|stops?|finish(?:es)?|is{GAP}over|ending){GAP}(?:at|on|in)?{GAP}T{_NOT_THOUSANDS}\.?",
    ),
)
OBJECTS = Objects("json", mark=r"[\"']start(?:_\w+)?[\"']\s*:")
BOX = Written(
    "box", joiner="", written="<|box_start|>{0}{1}<|box_end|>", wordings=(r"<\|box_start\|>TT<\|box_end\|>",),
    tokens=("<|box_start|>", "<|box_end|>"), mark=r"<\|box_start\|>",
)  # fmt: skip
BOX_NUMBERS = Written(
    "box", joiner="", written="<|box_start|><{0}><{1}><|box_end|>", wordings=(r"<\|box_start\|><T><T><\|box_end\|>",),
    tokens=("<|box_start|>", "<|box_end|>"), mark=r"<\|box_start\|>",
)  # fmt: skip
TOKENS = Written("tokens", written="{0}{1}", wordings=(rf"(?<!\|>)T(?:{_DASH}|{GAP})T",))
