"""Which rows of a folder of results a person looks for: shard after shard, for as long as they are waited for."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from vtg_core.audit.causes import cause_of
from vtg_core.audit.shards.opened.results import Results, Shard
from vtg_core.audit.shards.table import schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

SHARDS_AT_ONCE = 32
"""So many shards are scanned together, before anybody asks whether it has taken long."""


@dataclass(frozen=True)
class RowFilter:
    """What rows must have.

    Attributes:
        codes: one of these was found in them; None for all rows.
        cause: a code and the words of a cause, see :func:`vtg_core.audit.causes.cause_of`; None for any.
        words: each of them, in lower case, stands in place, video, codes or messages, or is the row's number from 1.
    """

    codes: frozenset[str] | None = None
    cause: tuple[str, str] | None = None
    words: tuple[str, ...] = ()

    @property
    def takes_all(self) -> bool:
        """Whether no row is left out."""
        return self == RowFilter()


@dataclass
class Search:
    """The rows that a filter takes, as far as they were looked for.

    Attributes:
        results: where they are looked for; shards that are written later are not.
        wanted: the filter.
        is_done: all shards were looked through.
    """

    results: Results
    wanted: RowFilter
    _found: "list[np.ndarray]" = field(default_factory=list, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._left = list(self.results.shards)
        self.num_found = 0

    @property
    def is_done(self) -> bool:
        return not self._left

    def look(self, num_rows: float, *, seconds: float) -> None:
        """Go on until so many rows were found, all shards were looked through, or so much time has passed."""
        end = time.monotonic() + seconds
        with self._lock:
            while self._left and self.num_found < num_rows and time.monotonic() < end:
                shards, self._left = self._left[:SHARDS_AT_ONCE], self._left[SHARDS_AT_ONCE:]
                for rows in rows_in(shards, self.wanted):
                    self._found.append(rows)
                    self.num_found += len(rows)

    def rows(self, first: int, count: int) -> list[int]:
        """Return so many of the rows that were found, from a place among them on: positions in the annotation file."""
        found: list[int] = []
        for rows in self._found:
            if first < len(rows) and count > 0:
                taken = rows[max(first, 0) : first + count].tolist()
                found += taken
                count -= len(taken)
            first = max(first - len(rows), 0)
        return found


def rows_in(shards: Sequence[Shard], wanted: RowFilter) -> "Iterator[np.ndarray]":
    """Yield the positions of the rows in shards that a filter takes, rising."""
    import pyarrow.dataset as ds

    looks_closer = bool(wanted.words or wanted.cause)
    columns = ["row", "id", "video", "codes", "findings"] if looks_closer else ["row"]
    dataset = ds.dataset([str(shard.path) for shard in shards], schema=schema(), format="parquet")
    for batch in dataset.to_batches(
        columns=columns, filter=_pushed(wanted), batch_readahead=4, fragment_readahead=4
    ):
        kept = batch.filter(_closer(batch, wanted)) if looks_closer and len(batch) else batch
        if len(kept):
            yield kept["row"].to_numpy()


def count_codes(shards: Sequence[Shard]) -> Counter[str]:
    """Return in how many rows of shards each code was found."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    found: Counter[str] = Counter()
    if not shards:
        return found
    dataset = ds.dataset([str(shard.path) for shard in shards], schema=schema(), format="parquet")
    for batch in dataset.to_batches(columns=["codes"], batch_readahead=4, fragment_readahead=4):
        for one in pc.value_counts(batch["codes"].flatten()):
            found[one["values"].as_py()] += one["counts"].as_py()
    return found


def _pushed(wanted: RowFilter) -> Any:
    """Return what a scan itself leaves out: rows without one of the codes."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    codes = frozenset([wanted.cause[0]]) if wanted.cause is not None else wanted.codes
    if codes is None:
        return None
    names = "|".join(map(re.escape, sorted(codes)))
    return pc.match_substring_regex(pc.binary_join(ds.field("codes"), "\n"), rf"(^|\n)({names})(\n|$)")


def _closer(batch: "pyarrow.RecordBatch", wanted: RowFilter) -> "np.ndarray":
    import numpy as np

    taken = np.ones(len(batch), bool)
    for word in wanted.words:
        taken &= _with_word(batch, word)
    if wanted.cause is not None:
        taken &= _of_cause(batch, *wanted.cause)
    return taken


def _with_word(batch: "pyarrow.RecordBatch", word: str) -> "np.ndarray":
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(batch), bool)
    for texts in (batch["id"], batch["video"], pc.binary_join(batch["codes"], "\n")):
        found |= _has(texts, word)
    findings, at = _flat(batch["findings"])
    found[at[_has(pc.struct_field(findings, "message"), word)]] = True
    if word.isdecimal() and len(word) < 16:
        found |= batch["row"].to_numpy() == int(word) - 1
    return found


def _has(texts: "pyarrow.Array", word: str) -> "np.ndarray":
    import pyarrow.compute as pc

    found: np.ndarray = pc.match_substring(texts, word, ignore_case=True).to_numpy(zero_copy_only=False)
    return found


def _of_cause(batch: "pyarrow.RecordBatch", code: str, words: str) -> "np.ndarray":
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(batch), bool)
    findings, at = _flat(batch["findings"])
    is_code = pc.equal(pc.struct_field(findings, "code"), code)
    at = at[is_code.to_numpy(zero_copy_only=False)]
    messages, wheres = pc.struct_field(findings, "message").filter(is_code), batch["id"].take(at)
    for row, where, message in zip(at, wheres.to_pylist(), messages.to_pylist(), strict=True):
        found[row] |= cause_of(where, message) == words
    return found


def _flat(findings: "pyarrow.Array") -> "tuple[pyarrow.Array, np.ndarray]":
    """Return the findings of all rows, and for each the place of its row."""
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.list_value_length(findings).to_numpy()
    return findings.flatten(), np.repeat(np.arange(len(findings)), lengths)
