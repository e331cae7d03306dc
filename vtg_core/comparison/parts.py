"""A comparison in parts: what the templates cost on a block of rows, as a table of Parquet."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from vtg_core.audit.shards.folder import ResultsFolder
from vtg_core.audit.shards.setup import Block
from vtg_core.audit.shards.table import digest_of, text_of
from vtg_core.comparison.on_file import PlainCheck, RowComparison
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.annotations import Annotation
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_SHARD = 10
"""So many rows are scored again, at most, where a run is killed: each takes a pass of the model."""

COMPARISON_COLUMNS = {
    "row": "position in the annotation file, from 0",
    "id": "file and line it was read from, and the row's number where it is no line's",
    "content": "a digest of what the file says in it",
    "reason": "why it cannot be scored; empty where it can",
    "results": "what each template costs, as in the CSV of a comparison",
    "check": "what the shared pass was held against; null where it was not",
}
"""The columns of a part of a comparison, and what is in each."""


@dataclass
class PartWriter:
    """Takes in rows as they are scored, and writes the part of each block with its last row.

    Args:
        folder: of the results.
        blocks: those whose parts are not there; rows come in their order.
    """

    folder: ResultsFolder
    blocks: Sequence[Block]
    _held: list[dict[str, Any]] = field(default_factory=list, init=False, repr=False)
    _done: int = field(default=0, init=False, repr=False)

    @property
    def rows(self) -> list[int]:
        """The positions of the rows that are to be scored."""
        return [row.row for block in self.blocks for _, row in block.rows]

    def add(self, compared: RowComparison) -> None:
        """Take in the next row.

        Raises:
            VTGError: its part cannot be written.
        """
        block = self.blocks[self._done]
        _, annotation = block.rows[len(self._held)]
        assert annotation.row == compared.row, "rows come in the order of their blocks"
        self._held.append(_line(compared, annotation))
        if len(self._held) == len(block.rows):
            self.folder.write_shard(block.number, _content_of(self._held))
            self._done, self._held = self._done + 1, []


def read_parts(folder: ResultsFolder) -> Iterator[RowComparison]:
    """Yield the rows of all parts, in the order of the file.

    Raises:
        VTGError: a part is damaged, or holds a row that another one holds.
    """
    import pyarrow as pa
    from pyarrow.parquet import read_table

    last = -1
    for path in folder.shards.values():
        try:
            lines = read_table(path, schema=_schema()).to_pylist()
        except (pa.ArrowException, OSError, ValueError):
            raise _damaged(path, "is no whole file of Parquet") from None
        for line in lines:
            if line["row"] <= last:
                raise _damaged(path, f"holds row {line['row']} of another one")
            last = line["row"]
            yield _compared(line)


def _damaged(path: Path, how: str) -> VTGError:
    return VTGError(
        f"a shard must hold rows of its own, and {path.name} {how}; remove it and run again with --resume"
    )


def _line(compared: RowComparison, annotation: Annotation) -> dict[str, Any]:
    return {
        "row": compared.row,
        "id": text_of(compared.where),
        "content": digest_of(annotation.raw),
        "reason": text_of(compared.reason),
        "results": [_texts(asdict(result)) for result in compared.results],
        "check": None if compared.check is None else asdict(compared.check),
    }


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: text_of(value) if isinstance(value, str) else value for name, value in values.items()}


def _compared(line: Mapping[str, Any]) -> RowComparison:
    check = PlainCheck(**line["check"]) if line["check"] is not None else None
    results = tuple(TemplateResult(**result) for result in line["results"])
    return RowComparison(line["row"], line["id"], results, line["reason"], check=check)


def _content_of(lines: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    file = io.BytesIO()
    write_table(pa.Table.from_pylist(list(lines), schema=_schema()), file, compression="zstd")
    return file.getvalue()


def _schema() -> "pyarrow.Schema":
    import pyarrow as pa

    types = {
        "row": pa.int64(), "results": pa.list_(_struct(TemplateResult)), "check": _struct(PlainCheck),
    }  # fmt: skip
    return pa.schema([(name, types.get(name, pa.string())) for name in COMPARISON_COLUMNS])


def _struct(documented: type) -> "pyarrow.DataType":
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    return pa.struct([(name, kinds[kind]) for name, kind in get_type_hints(documented).items()])
