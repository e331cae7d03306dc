"""How a comparison stands in a file: JSON and CSV, read back strictly."""

import csv
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO, get_type_hints

from vtg_core.checkpoints.adapters import model_label
from vtg_core.checkpoints.loading import fingerprint
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.comparison.on_file import PlainCheck
from vtg_core.comparison.results import COLUMNS, TemplateResult
from vtg_core.data.annotations import Annotation
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.errors import AnswerError
from vtg_core.files.spreadsheet import guarded, unguarded
from vtg_core.regions import MaskPolicy
from vtg_core.templates import PromptTemplate
from vtg_core.video.plan import FramePolicy

SCHEMA = 1
SETTINGS = ("checkpoint", "weights", "dtype", "frames", "trained", "words")
CSV_COLUMNS = (*COLUMNS, "windows", "part", *SETTINGS)
"""Each is described where it is an attribute, and the documents print what is said there."""
JSON_KEYS = ("schema", "settings", "partial", "results", "unreadable", "checks", "summary", "comparison")


class NotAComparisonError(ValueError):
    """A file holds something else, or a comparison that cannot be read; the message says what, after "it"."""


@dataclass(frozen=True)
class ComparisonSettings:
    """What every result of a comparison depends on, beside its row and its template.

    Attributes:
        checkpoint: its name, that of the adapter on it, and whether it is in four bits.
        weights: a fingerprint of their files: names may stay and they change.
        dtype: the floating point type it runs in, in PyTorch's words.
        frames: which frames are taken from each video.
        trained: which regions are trained.
        words: a digest of what the templates say: their names may stay and their words change.
        templates: each as ``mode/name``; empty where a file does not say.
    """

    checkpoint: str
    weights: str
    dtype: str
    frames: str
    trained: str
    words: str
    templates: tuple[str, ...]

    @classmethod
    def of(
        cls,
        checkpoint: str,
        *,
        dtype: str,
        frames: FramePolicy,
        policy: MaskPolicy,
        templates: Sequence[PromptTemplate],
        adapter: str = "",
        load_in_4bit: bool = False,
        template: TemplateChange | None = None,
    ) -> "ComparisonSettings":
        """Return the settings of a comparison that is about to run.

        Args:
            checkpoint: as :func:`vtg_core.checkpoints.load_model` takes it.
            dtype: in PyTorch's words.
            frames, policy: of every row.
            templates: that are compared.
            adapter: put onto the checkpoint's model; empty for none.
            load_in_4bit: its weights are in four bits.
            template: what is added to the checkpoint's chat template.

        Raises:
            CheckpointError: there is no such checkpoint or adapter.
        """
        words = {template_label(template.name, template.mode): template.text for template in templates}
        return cls(
            checkpoint=model_label(checkpoint, adapter, load_in_4bit=load_in_4bit),
            weights=fingerprint(checkpoint, adapter) + (f" template {template}" if template else ""),
            dtype=dtype,
            frames=_in_a_line(num_frames=frames.num_frames, fps=frames.fps, max_pixels=frames.max_pixels),
            trained=_in_a_line(
                **{
                    name: str(value)
                    for name, value in vars(policy).items()
                    if name not in ("messages", "weights")
                }  # a row's own; of training alone
            ),
            words=f"sha256:{hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:12]}",
            templates=tuple(words),
        )


@dataclass(frozen=True)
class Question:
    """What is asked of a row: two rows are the same where this is.

    Attributes:
        video: path of the video, as the annotation file names it.
        query: the sentence.
        windows: when it happens, in seconds.
        part: the part of the video file that the row speaks of, in seconds; None for the whole.
    """

    video: str
    query: str
    windows: tuple[tuple[float, float], ...]
    part: tuple[float, float] | None

    @classmethod
    def of(cls, annotation: Annotation) -> "Question":
        """Return what a row of an annotation file asks."""
        start, end = annotation.video_start, annotation.video_end
        return cls(
            video=str(annotation.raw.get("video", annotation.video)),
            query=annotation.query,
            windows=tuple((window.start, window.end) for window in annotation.windows),
            part=None if start is None or end is None else (start, end),
        )


@dataclass(frozen=True)
class StoredRow:
    """A row with its results, one a template."""

    question: Question
    results: tuple[TemplateResult, ...]


@dataclass(frozen=True)
class StoredComparison:
    """What a file holds.

    Attributes:
        settings: None where it has no row yet.
        rows: by their positions in the annotation file, from 0.
        checks: what was held against plain passes; the CSV does not tell.
    """

    settings: ComparisonSettings | None
    rows: Mapping[int, StoredRow]
    checks: tuple[PlainCheck, ...] = ()


def template_label(name: str, mode: str) -> str:
    """Return the one name that a template has among all modes."""
    return f"{mode}/{name}"


def read_json(text: str) -> StoredComparison:
    """Read back what :func:`json_of` returned, as text.

    Raises:
        NotAComparisonError: the text is anything else, or was cut.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAComparisonError(f"is no whole JSON ({error})") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or set(value) != set(JSON_KEYS):
        raise NotAComparisonError(f"is JSON of something else, not of a comparison of schema {SCHEMA}")
    settings, results = value["settings"], value["results"]
    own: list[Any] = [settings.get(name) for name in SETTINGS] if isinstance(settings, dict) else []
    names = settings.get("templates") if isinstance(settings, dict) else None
    if not own or not isinstance(names, list) or not all(isinstance(name, str) for name in (*own, *names)):
        raise NotAComparisonError("has settings of another form")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise NotAComparisonError("has results of another form")
    rows = _by_row(_line(result, f"result {n}") for n, result in enumerate(results))
    return StoredComparison(_settings(own, names), rows, _checks(value["checks"]))


def json_of(
    settings: ComparisonSettings,
    rows: Mapping[int, StoredRow],
    *,
    is_partial: bool,
    unreadable: Sequence[Mapping[str, Any]],
    checks: Sequence[PlainCheck],
    summary: Sequence[Mapping[str, Any]],
    comparison: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a comparison as values that JSON can hold: one result a row and template, in the rows' order."""
    results = [
        {**vars(result), "windows": row.question.windows, "part": row.question.part}
        for _, row in sorted(rows.items())
        for result in row.results
    ]
    checked = [asdict(check) for check in checks]
    values = (SCHEMA, asdict(settings), is_partial, results, unreadable, checked, summary, comparison)
    return dict(zip(JSON_KEYS, values, strict=True))


def read_csv(text: str) -> StoredComparison:
    """Read back what :func:`write_csv` wrote.

    Raises:
        NotAComparisonError: the text is anything else, or was cut within a line.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    lines: list[tuple[TemplateResult, Question]] = []
    found: set[tuple[str, ...]] = set()
    try:
        if set(reader.fieldnames or ()) != set(CSV_COLUMNS):
            missing = [name for name in CSV_COLUMNS if name not in (reader.fieldnames or ())]
            raise NotAComparisonError(
                f"lacks the column {missing[0]!r}" if missing else "has columns of another table"
            )
        for cells in reader:
            if None in cells or None in cells.values():
                raise NotAComparisonError(f"has another number of cells in line {reader.line_num:,}")
            texts = {name: unguarded(cell) for name, cell in cells.items()}
            found.add(tuple(texts.pop(name) for name in SETTINGS))
            lines.append(_line(_values(texts), f"line {reader.line_num:,}"))
    except csv.Error as error:
        raise NotAComparisonError(f"is no CSV ({error})") from None
    if len(found) > 1:
        raise NotAComparisonError(f"has lines of different settings ({', '.join(SETTINGS)})")
    rows = _by_row(lines)
    labels = dict.fromkeys(template_label(*r.key) for row in rows.values() for r in row.results)
    return StoredComparison(_settings(found.pop(), labels) if found else None, rows)


def write_csv(file: TextIO, settings: ComparisonSettings, rows: Iterable[StoredRow], *, header: bool) -> None:
    """Write one line a row and template; a cell that a spreadsheet would run is written as text."""
    writer = csv.writer(file)
    if header:
        writer.writerow(CSV_COLUMNS)
    own = [getattr(settings, name) for name in SETTINGS]
    for row in rows:
        windows = json.dumps(row.question.windows)
        part = "" if row.question.part is None else json.dumps(row.question.part)
        for result in row.results:
            cells = [*(getattr(result, name) for name in COLUMNS), windows, part, *own]
            writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])


_TYPES = get_type_hints(TemplateResult)
_CHECK_TYPES = get_type_hints(PlainCheck)


def _settings(values: Sequence[str], templates: Iterable[str]) -> ComparisonSettings:
    return ComparisonSettings(**dict(zip(SETTINGS, values, strict=True)), templates=tuple(templates))


def _in_a_line(**chosen: object) -> str:
    """Return settings in a line that tells them from all others; what is None is left out."""
    return " ".join(f"{name}={value}" for name, value in chosen.items() if value is not None)


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the cells of a line as JSON would hold them; one that cannot be read stays a text."""
    values: dict[str, Any] = {}
    for name, text in texts.items():
        read = _READERS.get(name)
        try:
            values[name] = text if read is None else read(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def _part(text: str) -> Any:
    return json.loads(text) if text else None


_READERS: dict[str, Callable[[str], Any]] = {
    **{name: expected for name, expected in _TYPES.items() if expected in (int, float)},
    "windows": json.loads,
    "part": _part,
}


def _line(values: Mapping[str, Any], place: str) -> tuple[TemplateResult, Question]:
    """Check one result.

    Raises:
        NotAComparisonError: a value is missing, is none of ours, or is of another type.
    """
    if set(values) != {*COLUMNS, "windows", "part"}:
        raise NotAComparisonError(f"has other columns in {place}")
    wrong = [name for name in COLUMNS if not _can_be(name, values[name], _TYPES[name])]
    windows, part = values["windows"], values["part"]
    is_timed = isinstance(windows, list) and windows and all(map(_is_pair, windows))
    if wrong or not is_timed or not (part is None or _is_pair(part)):
        name = wrong[0] if wrong else "windows" if not is_timed else "part"
        raise NotAComparisonError(f"has no {name} that can be read in {place}")
    own = {name: _TYPES[name](values[name]) for name in COLUMNS}
    question = Question(
        video=own["video"],
        query=own["query"],
        windows=tuple((float(start), float(end)) for start, end in windows),
        part=None if part is None else (float(part[0]), float(part[1])),
    )
    return TemplateResult(**own), question


def _checks(values: object) -> tuple[PlainCheck, ...]:
    """Read what was held against plain passes.

    Raises:
        NotAComparisonError: it has another form.
    """
    checks = []
    for value in values if isinstance(values, list) else [None]:
        if not isinstance(value, dict) or set(value) != set(_CHECK_TYPES):
            raise NotAComparisonError("has checks of another form")
        for name, expected in _CHECK_TYPES.items():
            if not _can_be(name, value[name], expected):
                raise NotAComparisonError(f"has a check with no {name} that can be read")
        checks.append(PlainCheck(**{name: expected(value[name]) for name, expected in _CHECK_TYPES.items()}))
    return tuple(checks)


def _can_be(name: str, value: Any, expected: type) -> bool:
    """Say whether a field's value is of its type, and a mode the name of an answer form as results have it."""
    return _is_of_type(value, expected) and (name != "mode" or _is_mode(value))


def _is_mode(name: str) -> bool:
    try:
        return name == format_named(name).mode
    except AnswerError:
        return False


def _is_of_type(value: Any, expected: type) -> bool:
    if expected is str:
        return isinstance(value, str)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return _is_finite(value)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_finite, value))


def _by_row(lines: Iterable[tuple[TemplateResult, Question]]) -> dict[int, StoredRow]:
    questions: dict[int, Question] = {}
    results: dict[int, list[TemplateResult]] = {}
    for result, question in lines:
        if questions.setdefault(result.row, question) != question:
            raise NotAComparisonError(f"asks two different things in row {result.row}")
        own = results.setdefault(result.row, [])
        if any(result.key == other.key for other in own):
            raise NotAComparisonError(f"has row {result.row} twice with {template_label(*result.key)}")
        own.append(result)
    return {row: StoredRow(questions[row], tuple(own)) for row, own in results.items()}
