"""What a format is: how its entries are told from others, and how they are read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vtg_core.data.formats.files import Entry
from vtg_core.data.formats.row import FieldError, ReadWindows, Row


@dataclass(frozen=True)
class Context:
    """What a reader may look at beside the entry.

    Attributes:
        path: the annotation file.
        read_windows: reads the windows of an answer's text.
    """

    path: Path
    read_windows: ReadWindows


Reader = Callable[[Entry, Context], Iterator[Row | FieldError]]
"""Yields the rows of an entry; an error stands for a row that cannot be read, and is raised where none can."""


@dataclass(frozen=True)
class Format:
    """One way to write annotations down.

    Attributes:
        name: what ``--format`` calls it.
        title: whose files are written so.
        told_by: what its entries hold, to complete "its rows hold ...".
        example: the shortest record, for the documents.
        source: the public repository whose files it was read from.
        matches: say whether an entry is of this format, right or wrong in its details.
        read: the rows of an entry.
        has_many: an entry may hold several rows, so that rows are counted and not entries.
        aliases: other names that ``--format`` takes.
        note: what a person should know of it, for the documents.
    """

    name: str
    title: str
    told_by: str
    example: str
    source: str
    matches: Callable[[Entry], bool]
    read: Reader
    has_many: bool = False
    aliases: tuple[str, ...] = ()
    note: str = ""


def holds(*names: str, without: tuple[str, ...] = ()) -> Callable[[Entry], bool]:
    """Return a test of entries: they have all of ``names``, whatever stands there, and none of ``without``."""

    def matches(entry: Entry) -> bool:
        row = entry.value
        return (
            isinstance(row, Mapping) and all(n in row for n in names) and not any(n in row for n in without)
        )

    return matches


def any_of(*tests: Callable[[Entry], bool]) -> Callable[[Entry], bool]:
    """Return a test of entries that one of ``tests`` passes."""
    return lambda entry: any(test(entry) for test in tests)
