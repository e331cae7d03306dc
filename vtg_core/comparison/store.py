"""A comparison of many rows, kept in its files as it grows, and gone on with where it stopped."""

import io
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from vtg_core.comparison.files import (
    ComparisonSettings,
    NotAComparisonError,
    Question,
    StoredComparison,
    StoredRow,
    json_of,
    read_csv,
    read_json,
    template_label,
    write_csv,
)
from vtg_core.comparison.on_file import PlainCheck, RowComparison
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.errors import VTGError
from vtg_core.files.outputs import is_stream, write_output

MIN_SECONDS_BETWEEN_WRITES = 5.0
MAX_SHARE_OF_WRITING = 1 / 20
"""How much of the time between two writes the writing may take."""


@dataclass
class ComparisonStore:
    """The rows that are scored, in memory and in files.

    Files that are there already are read, checked and added to; where both are, a row is done if either has it.

    Args:
        settings: of the comparison.
        annotations: the rows that can be read.
        unreadable: those that cannot be used: of the file, and of this run those that could not be scored.
        json_out: path of the JSON, if one is written; what is no plain file (a pipe) is written at the end only.
        csv_out: the same for the CSV.

    Attributes:
        rows: by their positions in the file, from 0.
        checks: what was held against plain passes, in this run and in those before it that a JSON tells of.
        num_found: how many rows were in the files at the start.

    Raises:
        VTGError: a file is no comparison, or one of something else, or the two files disagree; it is left as it is.
    """

    settings: ComparisonSettings
    annotations: Sequence[Annotation]
    unreadable: list[UnreadableRow] = field(default_factory=list, kw_only=True)
    json_out: str | None = None
    csv_out: str | None = None
    rows: dict[int, StoredRow] = field(default_factory=dict, init=False)
    checks: list[PlainCheck] = field(default_factory=list, init=False)
    num_found: int = field(default=0, init=False)
    _saved_at: float = field(default=0.0, init=False)
    _save_seconds: float = field(default=0.0, init=False)
    _versions: dict[str, tuple[int, ...] | None] = field(default_factory=dict, init=False)
    _annotation_of: dict[int, Annotation] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._annotation_of = {annotation.row: annotation for annotation in self.annotations}
        self._saved_at = time.monotonic()
        for option, out, read in (("--json", self.json_out, read_json), ("--csv", self.csv_out, read_csv)):
            if out is None:
                continue
            self._versions[out] = _version(out)
            found = _read(option, out, read)
            self._check(out, found)
            self.checks.extend(found.checks)
            for row, stored in found.rows.items():
                if not self._is_done(stored):
                    continue
                stored = StoredRow(stored.question, self._in_order(stored.results))
                if self.rows.setdefault(row, stored) != stored:
                    raise VTGError(
                        f"{self.json_out!r} and {out!r} must hold the same comparison, and differ in row {row}; "
                        "give one of them another name"
                    )
        self.num_found = len(self.rows)

    @property
    def results(self) -> list[TemplateResult]:
        """All results, by row, then in the order of the templates."""
        return [result for _, stored in sorted(self.rows.items()) for result in stored.results]

    @property
    def num_in_file(self) -> int:
        """How many rows the file has, those that cannot be read among them."""
        return len(self._annotation_of.keys() | {row.row for row in self.unreadable})

    def missing(self, rows: Iterable[int]) -> list[int]:
        """Return which of these rows are still to be scored."""
        return [row for row in rows if row not in self.rows]

    def add(self, compared: RowComparison) -> None:
        """Take in a row."""
        if compared.check is not None:
            self.checks.append(compared.check)
        if compared.reason:
            self.unreadable.append(UnreadableRow(compared.row, compared.where, compared.reason))
        else:
            question = Question.of(self._annotation_of[compared.row])
            where = compared.where.encode("utf-8", "backslashreplace").decode()  # as both files can hold it
            results = tuple(replace(result, where=where) for result in compared.results)
            self.rows[compared.row] = StoredRow(question, self._in_order(results))

    def save_if_due(self) -> None:
        """Write the files, if the last time is long enough ago for that to take a small share of the run.

        Raises:
            VTGError: see :meth:`save`.
        """
        pause = max(MIN_SECONDS_BETWEEN_WRITES, self._save_seconds / MAX_SHARE_OF_WRITING)
        if time.monotonic() - self._saved_at > pause:
            self.save(is_partial=True)

    def save(
        self,
        *,
        is_partial: bool,
        is_last: bool = False,
        summary: Sequence[Mapping[str, Any]] = (),
        comparison: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace the files.

        Args:
            is_partial: rows that were asked for are still to come.
            is_last: write to pipes and the like too.
            summary: see :meth:`as_dict`.
            comparison: the same.

        Raises:
            VTGError: a file cannot be written, or was changed by somebody else meanwhile; then it stays as it is.
        """
        started = time.monotonic()
        failed: VTGError | None = None
        for option, out in (("--json", self.json_out), ("--csv", self.csv_out)):
            if out is None or (is_stream(out) and not is_last):
                continue
            try:
                values = self.as_dict(is_partial, summary, comparison) if option == "--json" else None
                self._replace(option, out, self._csv() if values is None else _json_text(values))
            except VTGError as error:
                failed = failed or error
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started
        if failed is not None:
            raise failed

    def as_dict(
        self,
        is_partial: bool,
        summary: Sequence[Mapping[str, Any]] = (),
        comparison: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the comparison as values that JSON can hold.

        Args:
            is_partial: rows that were asked for are still to come.
            summary: one entry a template.
            comparison: what the summary was made by.
        """
        return json_of(
            self.settings,
            self.rows,
            is_partial=is_partial,
            unreadable=[
                {"row": row.row, "where": row.where, "reason": row.reason} for row in self.unreadable
            ],
            checks=self.checks,
            summary=summary,
            comparison=comparison or {},
        )

    def write_lines(self, file: TextIO, rows: Iterable[int], *, header: bool) -> None:
        """Write the CSV lines of some rows that are done."""
        write_csv(file, self.settings, (self.rows[row] for row in rows), header=header)

    def _csv(self) -> str:
        text = io.StringIO(newline="")
        self.write_lines(text, sorted(self.rows), header=True)
        return text.getvalue()

    def _replace(self, option: str, out: str, text: str) -> None:
        if _version(out) != self._versions[out] and not is_stream(out):
            raise VTGError(
                f"{option} must be written by one program at a time, and {out!r} was changed by another; "
                "it is left as it is: name another file"
            )
        write_output(option, out, text)
        self._versions[out] = _version(out)

    def _in_order(self, results: Iterable[TemplateResult]) -> tuple[TemplateResult, ...]:
        place = {label: number for number, label in enumerate(self.settings.templates)}
        return tuple(sorted(results, key=lambda result: place[template_label(*result.key)]))

    def _is_done(self, stored: StoredRow) -> bool:
        return {template_label(*result.key) for result in stored.results} == set(self.settings.templates)

    def _check(self, out: str, found: StoredComparison) -> None:
        if found.settings is None:
            return
        self._check_settings(out, found.settings)
        for row, stored in sorted(found.rows.items()):
            if row not in self._annotation_of:
                raise VTGError(
                    f"{out!r} holds row {row} (from 0), and the annotation file has no such row that can be read; "
                    "name another file, or the annotation file it was made from"
                )
            question = Question.of(self._annotation_of[row])
            differ = [
                name for name, value in vars(question).items() if value != getattr(stored.question, name)
            ]
            if differ:
                has, wanted = (getattr(one, differ[0]) for one in (stored.question, question))
                raise VTGError(
                    f"{out!r} holds another row {row} (from 0): its {differ[0]} is {_shown(has)}, and the annotation file's "
                    f"is {_shown(wanted)}; name another file, or the annotation file it was made from"
                )

    def _check_settings(self, out: str, found: ComparisonSettings) -> None:
        for name in ("checkpoint", "dtype", "frames", "trained", "templates"):
            has, wanted = getattr(found, name), getattr(self.settings, name)
            if set(has) != set(wanted) if name == "templates" else has != wanted:
                raise VTGError(
                    f"{out!r} holds a comparison with {name} {_shown(has)}, and this one has {_shown(wanted)}; "
                    "name another file, or give the same options"
                )
        for name, what in _CHANGED.items():
            has, wanted = getattr(found, name), getattr(self.settings, name)
            if has != wanted:
                raise VTGError(
                    f"{out!r} was made before {what} changed ({_shown(has)}, now {_shown(wanted)}); name another file"
                )


_CHANGED = {"weights": "the files of its checkpoint or adapter", "words": "the words of its templates"}


def _read(option: str, out: str, read: Callable[[str], StoredComparison]) -> StoredComparison:
    path = Path(out)
    nothing = StoredComparison(None, {})
    try:
        if is_stream(out) or not path.is_file() or not path.stat().st_size:
            return nothing
        return read(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        reason = "is no text in UTF-8"
    except NotAComparisonError as error:
        reason = str(error)
    raise VTGError(
        f"{option} must name a new file or a comparison to go on with, and {out!r} {reason}; "
        "it is left as it is: name another file"
    )


def _json_text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def _version(out: str) -> tuple[int, ...] | None:
    """Return what changes when a file does; None where there is none."""
    try:
        status = os.stat(out)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _shown(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
