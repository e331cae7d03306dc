"""A folder of results: its manifest and its shards, each written beside its place and renamed into it."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from vtg_core.errors import VTGError
from vtg_core.files.outputs import check_writable, replace_bytes, replace_text


class Kind(StrEnum):
    """Of what results are."""

    AUDIT = "audit"
    SURVEY = "survey"
    COMPARISON = "comparison"

    @property
    def schema(self) -> str:
        """What a manifest says of it."""
        return f"vtg-lens-{self}/1"


MANIFEST, ROWS, BESIDE, VIDEOS, REPORT, SUMMARY, LOCK = (
    "manifest.json", "rows", "beside.parquet", "videos.sqlite", "report.json", "summary.json", ".lock",
)  # fmt: skip


@dataclass(frozen=True)
class ResultsFolder:
    """Where results in parts are.

    Attributes:
        path: the folder. ``rows/`` in it holds a shard for each block of rows, named by its number; ``beside.parquet``
            holds what concerns no row alone.
        kind: of what they are.
    """

    path: Path
    kind: Kind = Kind.AUDIT

    @property
    def shards(self) -> dict[int, Path]:
        """The shards that are there, by their numbers, in order; each is whole."""
        with suppress(OSError), os.scandir(self.path / ROWS) as entries:
            found = {int(m[1]): Path(e.path) for e in entries if (m := _SHARD.fullmatch(e.name))}
            return dict(sorted(found.items()))
        return {}

    @property
    def beside(self) -> Path:
        """The shard of what concerns no row alone; it is there once every row was audited."""
        return self.path / BESIDE

    @property
    def videos(self) -> Path:
        """The index of the videos that were probed."""
        return self.path / VIDEOS

    def write_shard(self, number: int, content: bytes) -> None:
        """Write the shard of a block; it is there whole, or not at all.

        Raises:
            VTGError: it cannot be written.
        """
        self._write(self.path / ROWS / f"{number:07d}.parquet", content)

    def write_beside(self, content: bytes) -> None:
        """Write the shard of what concerns no row alone, as :meth:`write_shard` does."""
        self._write(self.beside, content)

    def write_manifest(
        self, fingerprints: Mapping[str, Any], *, num_rows: int | None, is_partial: bool
    ) -> None:
        """Write the manifest.

        Args:
            fingerprints: what the results are of.
            num_rows: how many rows all shards hold; None while that is not known.
            is_partial: rows are still to come.

        Raises:
            VTGError: it cannot be written.
        """
        values = {
            "schema": self.kind.schema,
            "partial": is_partial,
            "rows": num_rows,
            "fingerprints": fingerprints,
        }
        self.write_json(MANIFEST, values)

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a file of JSON into the folder.

        Raises:
            VTGError: it cannot be written.
        """
        with _told(self.path):
            replace_text(self.path / name, json.dumps(values, ensure_ascii=False, indent=1) + "\n")

    def read_json(self, name: str) -> Any:
        """Return what a file of JSON in the folder holds; None where there is none that can be read."""
        with suppress(OSError, ValueError, RecursionError):
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        return None

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest; None where there is none.

        Raises:
            VTGError: it is no manifest of ours.
        """
        try:
            values = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            values = None
        if not isinstance(values, dict) or values.get("schema") != self.kind.schema:
            raise VTGError(
                f"--out must name a new folder or one with results to go on with, and {str(self.path)!r} holds "
                f"a {MANIFEST} that is none of {self.kind.schema}; name another folder"
            )
        return values

    def _write(self, path: Path, content: bytes) -> None:
        with _told(self.path):
            replace_bytes(path, content)


_SHARD = re.compile(r"(\d{7,})\.parquet")


@contextmanager
def opened_results(
    path: Path, fingerprints: Mapping[str, Any], *, is_resumed: bool, kind: Kind = Kind.AUDIT
) -> Iterator[ResultsFolder]:
    """Begin a folder of results, or go on with it; no other program may write into it meanwhile.

    Args:
        path: the folder; it may be there or not.
        fingerprints: what the results are of.
        is_resumed: go on with results that are there.
        kind: of what they are.

    Raises:
        VTGError: it holds results and is not to be gone on with, or results of something else, which the message says;
            it holds something else, is being written by another program, or cannot be written.
    """
    folder = ResultsFolder(path, kind)
    with _told(path):
        (path / ROWS).mkdir(parents=True, exist_ok=True)
    with _locked(path / LOCK):
        found = folder.manifest()
        if found is None:
            _refuse_others(folder)
        else:
            _compare(path, found["fingerprints"], fingerprints, kind=kind)
            if not is_resumed:
                raise VTGError(
                    f"--out must name a new folder, and {str(path)!r} holds this {kind} already; give --resume to go on "
                    "with it, or name another folder"
                )
        for name in (str(path / MANIFEST), str(path / ROWS / "new")):
            check_writable("--out", name)  # sweeps what killed runs left
        if found is None:
            folder.write_manifest(fingerprints, num_rows=None, is_partial=True)
        yield folder


def _refuse_others(folder: ResultsFolder) -> None:
    if folder.shards:
        raise VTGError(
            f"--out must name a new folder or one with results to go on with, and {str(folder.path)!r} holds shards "
            f"without a {MANIFEST}; name another folder"
        )


def _compare(path: Path, has: Mapping[str, Any], wanted: Mapping[str, Any], *, kind: Kind) -> None:
    differ = [name for name in dict.fromkeys([*has, *wanted]) if has.get(name) != wanted.get(name)]
    if not differ:
        return
    told = "; ".join(f"{name}: {_shown(has.get(name))}, now {_shown(wanted.get(name))}" for name in differ)
    raise VTGError(
        f"results of two {kind}s must not be mixed, and {str(path)!r} holds one that differs in "
        f"{' and '.join(differ)} ({told}); name another folder, or give the same options and files"
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:159]}…"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends; on a system without such locks nothing is held."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise VTGError(
                f"--out must be written by one program at a time, and another is writing into {str(path.parent)!r}; "
                "wait for it, or name another folder"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VTGError(
            f"--out must name a folder that can be written, and {str(path)!r} cannot: {error.strerror or error}; "
            "what is in it is kept, and --resume goes on with it"
        ) from None
