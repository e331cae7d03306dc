"""Tables: CSV and TSV with a line of titles, and Parquet; a row is an object of its columns."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TextIO

from vtg_core.errors import AnnotationError, first_line

Open = Callable[[Path], AbstractContextManager[TextIO]]
MAX_CELL_CHARS = 1_000_000
MAX_TITLES_CHARS = 10_000


def is_parquet(path: Path) -> bool:
    """Say whether a file begins as Parquet does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except (OSError, ValueError):
        return False


def is_table(head: str) -> bool:
    """Say whether a text begins with a line of at least three titles, parted by commas, tabs or semicolons."""
    line = head.lstrip("\n").split("\n", 1)[0]
    if len(line) > MAX_TITLES_CHARS:
        return False
    titles = next(csv.reader([line], delimiter=_delimiter(line)), [])
    return len(titles) >= 3 and all(_TITLE.fullmatch(title.strip()) for title in titles)


_TITLE = re.compile(r"[A-Za-z_][\w .()-]{0,60}")


def rows_of(path: Path, opened: Open) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """Yield number, line and columns of each row; an empty cell is a column that is not there.

    Raises:
        AnnotationError: the table cannot be read.
    """
    yield from _parquet_rows(path) if is_parquet(path) else _text_rows(path, opened)


def _text_rows(path: Path, opened: Open) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    with opened(path) as stream:
        titles_line = next((line for line in stream if line.strip()), "")
        delimiter = _delimiter(titles_line)
        titles = [title.strip() for title in next(csv.reader([titles_line], delimiter=delimiter))]
        csv.field_size_limit(MAX_CELL_CHARS)
        reader, number = csv.reader(stream, delimiter=delimiter), 0
        try:
            for number, cells in enumerate(reader, 1):
                if cells:
                    yield number, reader.line_num + 1, _columns(titles, cells)
        except csv.Error as error:
            raise AnnotationError(
                f"{path.name}, row {number + 1}: must be a row of a table, {error}"
            ) from None


def _columns(titles: list[str], cells: list[str]) -> Mapping[str, Any]:
    row = {title: _cell(title, cell) for title, cell in zip(titles, cells, strict=False) if cell.strip()}
    return row | ({"": cells[len(titles) :]} if len(cells) > len(titles) else {})


def _cell(title: str, cell: str) -> Any:
    """Return a cell's value: a list or an object where it is JSON, a number under a title of times, else its text."""
    text = cell.strip()
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return cell
    if _TIME_TITLE.search(title) and _NUMBER.fullmatch(text):
        return float(text)
    return cell


_TIME_TITLE = re.compile(r"start|end|duration|length|fps|frames|begin|stop|^[se]$", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e[+-]?\d{1,2})?", re.IGNORECASE)


def _delimiter(line: str) -> str:
    return max("\t,;", key=line.count)


def count_parquet(path: Path) -> int | None:
    """Return how many rows a Parquet file says that it has; None where it cannot be read."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        return int(read_metadata(path).num_rows)
    except (ArrowException, OSError, ValueError):
        return None


def _parquet_rows(path: Path) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """Yield the rows of a Parquet file; a few of one row group are held at a time."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, number, _without_nulls(row)
    except (
        ArrowException,
        OSError,
        ValueError,
        OverflowError,
    ) as error:  # a text that is none, a date beyond all
        raise AnnotationError(
            f"{path.name} must be a Parquet file that can be read, and is not beyond row {number:,}: "
            f"{first_line(error)}"
        ) from None


BATCH_ROWS = 256


def _without_nulls(value: Any) -> Any:
    """Return a value without the members of objects that hold nothing: Arrow gives every object the fields of all."""
    if isinstance(value, dict):
        return {name: _without_nulls(held) for name, held in value.items() if held is not None}
    return [_without_nulls(held) for held in value] if isinstance(value, list) else value
