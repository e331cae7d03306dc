"""The results of an audit in a folder: how many there are, and any few of them, without the others in memory."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from vtg_core.audit.findings import Finding
from vtg_core.audit.shards.folder import MANIFEST, SUMMARY, ResultsFolder
from vtg_core.audit.shards.table import finding_of, read_shard, schema
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    import pyarrow

COLUMNS_SHOWN = ("row", "id", "content", "video", "readable", "audited", "tokens", "findings")


@dataclass(frozen=True)
class Line:
    """What was found in a row.

    Attributes:
        row: its position in the annotation file, from 0.
        where: file and line that it was read from.
        content: a digest of what the file says in it; empty where it could not be read.
        video: the path of its video; empty where the row could not be read.
        tokens: how many it has; None where they were not counted.
        findings: in the order of the checks; what concerns a checkpoint or a video's file once a shard.
    """

    row: int
    where: str
    content: str
    video: str
    tokens: int | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Shard:
    """A shard, by what its end says of it.

    Attributes:
        path: of the file.
        num_rows: how many it holds.
        first: the position in the annotation file of the first of them.
    """

    path: Path
    num_rows: int
    first: int


@dataclass
class Results:
    """An output folder of ``audit --out``; of its rows only those that are asked for are read.

    Attributes:
        folder: where they are.
        shards: those that were there when the folder was looked at last, in the order of the rows.
        is_partial: rows are still to come.
        codes: in how many rows each code was found, with its severity, title and fix; the worst first.
        causes: for each distinct cause its code, its words and in how many rows it was met; empty where only codes are counted.
        beside: what concerns no row alone; empty while rows are to come.

    Raises:
        VTGError: the folder holds no audit, or none that is whole in itself.
    """

    path: Path
    shards: list[Shard] = field(default_factory=list, init=False)
    is_partial: bool = field(default=True, init=False)
    codes: list[dict[str, Any]] = field(default_factory=list, init=False)
    causes: list[tuple[str, str, int]] = field(default_factory=list, init=False)
    beside: list[Finding] = field(default_factory=list, init=False)
    fingerprints: Mapping[str, Any] = field(default_factory=dict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)
    _counted: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _counted_of: set[Path] = field(default_factory=set, init=False, repr=False)
    _ends: list[int] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = ResultsFolder(self.path)
        self.look_again()

    @property
    def num_rows(self) -> int:
        """How many rows the shards hold."""
        return self._ends[-1] if self._ends else 0

    @property
    def file(self) -> Mapping[str, Any]:
        """Name and size of the annotation file that was audited."""
        found: Mapping[str, Any] = self.fingerprints["file"]
        return found

    def look_again(self) -> None:
        """Read the manifest and the ends of the shards that were written since.

        Raises:
            VTGError: the folder holds no audit, or none that is whole in itself.
        """
        with self._lock:
            manifest = _manifest(self.folder)
            paths = self.folder.shards
            known = {shard.path: shard for shard in self.shards}
            self.shards = [known.get(path) or _shard(path) for path in paths.values()]
            self._ends = list(accumulate(shard.num_rows for shard in self.shards))
            self.is_partial, self.fingerprints = bool(manifest["partial"]), manifest["fingerprints"]
            _check(self.path, manifest, self.shards)
            self._sum_up()

    def lines(self, first: int, count: int) -> list[Line]:
        """Return so many rows from a place on, by their order in the shards, from 0.

        Raises:
            VTGError: a shard is damaged.
        """
        found: list[Line] = []
        end = min(first + count, self.num_rows)
        while first < end:
            at = bisect_right(self._ends, first)
            begins = self._ends[at] - self.shards[at].num_rows
            taken = min(end, self._ends[at]) - first
            found += _lines(_table(self.shards[at]).slice(first - begins, taken))
            first += taken
        return found

    def lines_of(self, rows: Sequence[int]) -> list[Line]:
        """Return the rows at these positions of the annotation file, rising; those that are in no shard are left out.

        Raises:
            VTGError: a shard is damaged.
        """
        import pyarrow.dataset as ds

        firsts = [shard.first for shard in self.shards]
        by_shard: dict[int, list[int]] = {}
        for row in rows:
            by_shard.setdefault(bisect_right(firsts, row) - 1, []).append(row)
        found: list[Line] = []
        for at, wanted in by_shard.items():
            if at >= 0:
                found += _lines(_table(self.shards[at], ds.field("row").isin(wanted)))
        return found

    def _sum_up(self) -> None:
        """Take the counts that the audit wrote; where rows came since, count codes by themselves."""
        summary = _summary(self.folder, len(self.shards))
        is_there = self.folder.beside.is_file()
        self.beside = (
            [f for row in read_shard(self.folder.beside)[1] for f in row.findings] if is_there else []
        )
        if summary is not None:
            self.codes, self.causes = summary
            return
        from vtg_core.audit.shards.opened.search import count_codes

        fresh = [shard for shard in self.shards if shard.path not in self._counted_of]
        self._counted.update(count_codes(fresh))
        self._counted_of.update(shard.path for shard in fresh)
        self.causes = []
        self.codes = _worst_first(_known(code, rows) for code, rows in self._counted.items())


def _manifest(folder: ResultsFolder) -> dict[str, Any]:
    try:
        manifest = folder.manifest()
    except VTGError:
        raise _refused(folder.path, f"its {MANIFEST} is none of an audit's") from None
    if manifest is None:
        raise _refused(folder.path, f"holds no {MANIFEST}")
    prints = manifest.get("fingerprints")
    file = prints.get("file") if isinstance(prints, dict) else None
    is_ours = (
        isinstance(file, dict) and isinstance(file.get("name"), str) and isinstance(file.get("bytes"), int)
    )
    if not is_ours or not isinstance(manifest.get("partial"), bool):
        raise _refused(folder.path, f"its {MANIFEST} does not say of which file it is")
    return manifest


def _shard(path: Path) -> Shard:
    import pyarrow as pa
    from pyarrow.parquet import read_metadata

    try:
        end = read_metadata(path)
        column = end.row_group(0).column(0)
        is_ours = column.path_in_schema == "row" and end.schema.names[-1] == schema().names[-1]
        first = column.statistics.min if column.statistics is not None else None
    except (pa.ArrowException, OSError, ValueError, IndexError):
        raise _refused(path.parents[1], f"{path.name} in it is no whole shard") from None
    if not is_ours or not isinstance(first, int):
        raise _refused(path.parents[1], f"{path.name} in it is no shard of an audit")
    return Shard(path, end.num_rows, first)


def _check(path: Path, manifest: Mapping[str, Any], shards: Sequence[Shard]) -> None:
    num_rows, said = sum(shard.num_rows for shard in shards), manifest.get("rows")
    if not manifest["partial"] and said != num_rows:
        raise _refused(path, f"its {MANIFEST} speaks of {said!r:.20} rows and its shards hold {num_rows:,}")
    firsts = [shard.first for shard in shards]
    if firsts != sorted(set(firsts)):
        raise _refused(path, "a row is in two of its shards")


def _refused(path: Path, why: str) -> VTGError:
    return VTGError(
        f"--results must name a folder that `vtg-lens audit --out` wrote, and {str(path)!r} is none: {why}"
    )


def _table(shard: Shard, wanted: Any = None) -> "pyarrow.Table":
    import pyarrow as pa
    import pyarrow.dataset as ds

    try:
        return ds.dataset(str(shard.path), schema=schema(), format="parquet").to_table(
            columns=list(COLUMNS_SHOWN), filter=wanted
        )
    except (pa.ArrowException, OSError, ValueError):
        raise _refused(shard.path.parents[1], f"{shard.path.name} in it is no whole shard") from None


def _lines(table: "pyarrow.Table") -> list[Line]:
    return [
        Line(one["row"], one["id"], one["content"], one["video"], one["tokens"], tuple(map(finding_of, one["findings"])))
        for one in table.to_pylist()
    ]  # fmt: skip


def _summary(
    folder: ResultsFolder, num_shards: int
) -> tuple[list[dict[str, Any]], list[tuple[str, str, int]]] | None:
    """Return the counts that the audit wrote; None where there are none, or they are of fewer shards."""
    found = folder.read_json(SUMMARY)
    if not isinstance(found, dict) or found.get("shards") != num_shards:
        return None
    try:
        codes = [
            {**_known(one["code"], int(one["rows"])), **{n: str(one[n]) for n in TEXTS}}
            for one in found["codes"]
        ]
        return _worst_first(codes), [
            (str(code), str(words), int(rows)) for code, words, rows in found["causes"]
        ]
    except (KeyError, TypeError, ValueError):
        return None


TEXTS = ("severity", "title", "fix")
_ORDER = ("error", "warning", "policy", "info")


def _worst_first(codes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    known = [one for one in codes if one["severity"] in _ORDER]
    return sorted(known, key=lambda one: (_ORDER.index(one["severity"]), -one["rows"], one["code"]))


def _known(code: str, rows: int) -> dict[str, Any]:
    from vtg_core.audit.codes import CODES

    known = CODES.get(code)
    texts = (str(known.severity), known.title, known.fix) if known is not None else ("info", code, "")
    return {"code": code, "rows": rows, **dict(zip(TEXTS, texts, strict=True))}
