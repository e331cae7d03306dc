"""The videos that were probed: each once, known again by its path, its size and its time of change."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vtg_core.audit.shards.setup import Videos
from vtg_core.audit.shards.worker import Probed
from vtg_core.errors import VTGError

MAX_LISTED = 10_000
"""So many of the missing and of the damaged videos are listed."""


class ProbedVideos:
    """An index of videos in a file; one process writes it, and a killed one leaves what it had written.

    Attributes:
        num_probed: how many were probed in this run.

    Args:
        path: of the index; it is made where there is none.

    Raises:
        VTGError: the file is no index, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.num_probed = path, 0
        self._current: set[int] = set()
        with self._told():
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS videos "
                "(path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, packed BLOB, reason TEXT) WITHOUT ROWID"
            )

    def __enter__(self) -> "ProbedVideos":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def unknown(self, paths: Iterable[str]) -> list[str]:
        """Return which videos must be probed: those that are not in the index, or are other files now."""
        return [path for path in paths if hash(path) not in self._current and not self._is_current(path)]

    def add(self, videos: Iterable[Probed]) -> None:
        """Remember videos that were probed now.

        Raises:
            VTGError: the index cannot be written.
        """
        lines = [(os.fsencode(v.path), v.size, v.changed, v.packed, v.reason) for v in videos]
        with self._told():
            self._file.execute("BEGIN")
            self._file.executemany("INSERT OR REPLACE INTO videos VALUES (?, ?, ?, ?, ?)", lines)
            self._file.execute("COMMIT")
        self._current.update(hash(os.fsdecode(line[0])) for line in lines)
        self.num_probed += len(lines)

    def known(self, paths: Iterable[str]) -> Videos:
        """Return what the index holds of videos."""
        whole, broken = {}, {}
        for path in paths:
            found = self._get(path)
            if found is not None and found.reason:
                broken[path] = found.reason
            elif found is not None:
                whole[path] = (found.size, found.changed, found.packed)
        return Videos(whole, broken)

    def counts(self) -> dict[str, int]:
        """Return how many videos there are, how many of them are missing, and how many are there and cannot be read."""
        with self._told():
            missing = "SUM(reason != '' AND size < 0), SUM(reason != '' AND size >= 0)"
            found = self._file.execute(f"SELECT COUNT(*), {missing} FROM videos").fetchone()
        return dict(zip(("videos", "missing", "damaged"), (int(n or 0) for n in found), strict=True))

    def broken(self, *, is_missing: bool) -> Iterator[Probed]:
        """Yield the first videos, by path, that are missing, or are there and cannot be read."""
        where = "size < 0" if is_missing else "size >= 0"
        with self._told():
            found = self._file.execute(
                f"SELECT * FROM videos WHERE reason != '' AND {where} ORDER BY path LIMIT {MAX_LISTED}"
            )
            yield from (Probed(os.fsdecode(path), *rest) for path, *rest in found)

    def _is_current(self, path: str) -> bool:
        found = self._get(path)
        if found is None or (found.size, found.changed) != _state(path):
            return False
        self._current.add(hash(path))
        return True

    def _get(self, path: str) -> Probed | None:
        with self._told():
            found = self._file.execute("SELECT * FROM videos WHERE path = ?", (os.fsencode(path),)).fetchone()
        return None if found is None else Probed(path, *found[1:])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise VTGError(
                f"the index of videos must be a file of SQLite that can be written, and {self._path.name} is not: "
                f"{error}; remove it, and the videos are probed again"
            ) from None


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return -1, 0
    return found.st_size, found.st_mtime_ns
