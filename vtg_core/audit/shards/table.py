"""What is found in rows, as a table of Parquet: written by those who audit, read for a summary."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.audit.causes import codes_of
from vtg_core.audit.codes.length import BUDGET
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.report import RowFindings, plain_value, tokens_spent, told_once
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    import pyarrow

COLUMNS = {
    "row": "position in the annotation file, from 0, rows that cannot be read counted; null for what concerns no row alone",
    "id": "file and line it was read from, and the row's number where it is no line's",
    "content": "a digest of what the file says in it; empty where it could not be read",
    "video": "path of its video; empty where the row could not be read",
    "readable": "whether it could be read",
    "audited": "whether its tokens were looked at",
    "tokens": "how many it has; null where they were not counted",
    "codes": "what was found in it, by code, each once; what every row of a checkpoint gives alike left out",
    "findings": "each with code, severity, title, message, evidence (JSON), fix and, once a code and shard, the quote of a "
    "bug report; what concerns a checkpoint or a video's file once a shard",
    "decoder": "who decoded its frames; null where none were decoded",
}
"""The columns of a shard, and what is in each."""

FINDING_FIELDS = ("code", "severity", "title", "message", "evidence", "fix", "quote")
"""Texts of a finding; its ``row`` is a number, null where it concerns a batch or the file."""


def schema() -> "pyarrow.Schema":
    """Return the columns with their types."""
    import pyarrow as pa

    finding = pa.struct([*((name, pa.string()) for name in FINDING_FIELDS), ("row", pa.int64())])
    types = {
        "row": pa.int64(), "readable": pa.bool_(), "audited": pa.bool_(), "tokens": pa.int32(),
        "codes": pa.list_(pa.string()), "findings": pa.list_(finding),
    }  # fmt: skip
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])


@dataclass
class ShardWriter:
    """Takes in what was found in the rows of a block, in order, and returns it as a file of Parquet.

    What a report tells once is kept once: what concerns the checkpoint, and a video's file; of the rows' budgets, which
    are told by the first and the largest, those that are larger than all before.
    """

    _lines: list[dict[str, Any]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)
    _quoted: set[str] = field(default_factory=set)
    _most_spent: int = -1

    def add(self, found: RowFindings, row: Annotation | UnreadableRow | None) -> None:
        """Take in what was found in a row, or beside all of them."""
        budgets = [tokens_spent(f) for f in found.findings if f.code == BUDGET.name]
        listed = [self._finding(finding, found) for finding in found.findings if self._is_kept(finding)]
        self._lines.append(
            {
                "row": found.row,
                "id": text_of(found.where),
                "content": digest_of(row.raw) if row is not None else "",
                "video": text_of(str(row.video)) if isinstance(row, Annotation) else "",
                "readable": isinstance(row, Annotation),
                "audited": found.is_audited,
                "tokens": budgets[0] if budgets else None,
                "codes": codes_of(found),
                "findings": listed,
                "decoder": found.decoded[1] if found.decoded else None,
            }
        )

    def content(self) -> bytes:
        """Return the file; equal rows give equal bytes."""
        import pyarrow as pa
        from pyarrow.parquet import write_table

        file = io.BytesIO()
        write_table(pa.Table.from_pylist(self._lines, schema=schema()), file, compression="zstd")
        return file.getvalue()

    def _is_kept(self, finding: Finding) -> bool:
        if once := told_once(finding):
            is_new = once not in self._told
            self._told.add(once)
            return is_new
        if finding.code == BUDGET.name:
            spent, before = tokens_spent(finding), self._most_spent
            self._most_spent = max(spent, before)
            return spent > before
        return True

    def _finding(self, finding: Finding, found: RowFindings) -> dict[str, Any]:
        quote = None
        if found.quote is not None and finding.code not in self._quoted:
            self._quoted.add(finding.code)
            quote = text_of(found.quote(finding))
        evidence = json.dumps(plain_value(dict(finding.evidence)), ensure_ascii=True)
        said = (finding.code, str(finding.severity), finding.title, text_of(finding.message), evidence)
        texts = (*said, text_of(finding.fix), quote)
        return {**dict(zip(FINDING_FIELDS, texts, strict=True)), "row": finding.row}


def text_of(text: str) -> str:
    """Return a text as Parquet can hold it: halves of characters are written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def digest_of(raw: Mapping[str, Any]) -> str:
    """Return a digest of what a file says in a row, whatever the order of its fields; empty of nothing."""
    if not raw:
        return ""
    said = json.dumps(raw, sort_keys=True, default=str)
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class ShardCounts:
    """How many rows a shard holds, and which.

    Attributes:
        rows: in all.
        readable: those of them that can be read.
        audited: those whose tokens were looked at.
        last: the position in the file of the last of them; -1 where there is none.
    """

    rows: int
    readable: int
    audited: int
    last: int


def read_shard(path: Path) -> tuple[ShardCounts, Iterator[RowFindings]]:
    """Return how many rows a shard holds, and those of them in which something was found, read as they are asked for.

    Raises:
        VTGError: it is no shard, or its rows are not in the file's order.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow.parquet import read_table

    try:
        table = read_table(path, schema=schema())
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged(path, "is no whole shard") from None
    numbers = table["row"].drop_null().to_numpy()
    if (numbers[1:] <= numbers[:-1]).any():
        raise _damaged(path, "holds a row twice or out of order")
    readable, audited = (pc.sum(table[name]).as_py() or 0 for name in ("readable", "audited"))
    counts = ShardCounts(len(numbers), readable, audited, int(numbers[-1]) if len(numbers) else -1)
    is_told = pc.or_(pc.greater(pc.list_value_length(table["findings"]), 0), pc.is_valid(table["decoder"]))
    return counts, _rows_of(table.filter(is_told))


def _damaged(path: Path, how: str) -> VTGError:
    return VTGError(
        f"a shard must be a file of Parquet with rows in order, and {path.name} {how}; remove it and run again with --resume"
    )


def _rows_of(table: "pyarrow.Table") -> Iterator[RowFindings]:
    for batch in table.to_batches(max_chunksize=1_000):
        for line in batch.to_pylist():
            found = line["findings"]
            quotes = {f["code"]: f["quote"] for f in found if f["quote"] is not None}
            yield RowFindings(
                line["row"] if line["readable"] else None,
                line["id"],
                tuple(map(finding_of, found)),
                line["audited"],
                quote=partial(_quoted, quotes) if quotes else None,
                decoded=(line["video"], line["decoder"]) if line["decoder"] is not None else None,
            )


def _quoted(quotes: Mapping[str, str], finding: Finding) -> str:
    return quotes.get(finding.code, "")


def finding_of(one: Mapping[str, Any]) -> Finding:
    """Return a finding as it was written."""
    said = one["code"], Severity(one["severity"]), one["title"], one["message"]
    return Finding(*said, json.loads(one["evidence"]), one["fix"], one["row"])
