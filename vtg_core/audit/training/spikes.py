"""Steps of a training run whose loss stands out, and what is suspicious about their rows."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from vtg_core.audit.row.answers import plain
from vtg_core.audit.training.robust import STANDS_OUT, scores
from vtg_core.data.annotations import Annotation
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.errors import VTGError
from vtg_core.video.sampling import probe_video
from vtg_core.windows import Window

MISS_SECONDS = 0.5
"""How far an answer's times may be off the row's: formats round."""

MUCH = 2.0
"""A loss so many times the others' is much."""


@dataclass(frozen=True)
class LoggedRow:
    """A row as it was in a step: its digest, its loss and that of its times, in nats a token; None if not known."""

    id: str
    loss: float | None = None
    time: float | None = None


@dataclass(frozen=True)
class LoggedStep:
    """A step: its number from 1, its loss in nats a token (NaN or infinite too), its rows, and the batch if it was saved."""

    step: int
    loss: float
    rows: tuple[LoggedRow, ...]
    saved: str = ""


@dataclass(frozen=True)
class Words:
    """What a row asks and answers, as they were trained on."""

    asked: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class StepsFile:
    """What a run logged: its steps in order, and the words of each row by its digest."""

    steps: tuple[LoggedStep, ...]
    words: Mapping[str, Words]


@dataclass(frozen=True)
class SpikeRow:
    """A row of a step that stands out.

    Attributes:
        logged: as it was in the step.
        words: what it asks and answers; None where the log does not say.
        annotations: the rows of the annotation file that it may be; the first is the likeliest.
        suspicions: sentences.
    """

    logged: LoggedRow
    words: Words | None
    annotations: tuple[Annotation, ...]
    suspicions: tuple[str, ...]


@dataclass(frozen=True)
class Spike:
    """A step whose loss stands out.

    Attributes:
        step: as it was logged.
        expected: the loss that the steps around it let expect, in nats a token.
        score: by how many robust standard deviations it is above.
        rows: the most suspicious first.
    """

    step: LoggedStep
    expected: float
    score: float
    rows: tuple[SpikeRow, ...] = field(default=())


def read_steps(paths: Iterable[str | PathLike[str]]) -> StepsFile:
    """Read the files of a run, one a rank; the passes of one step are put together.

    Raises:
        VTGError: a file cannot be read, or a line is none of ours.
    """
    passes: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    words: dict[str, Words] = {}
    saved: dict[int, str] = {}
    for path in paths:
        for line in _lines(Path(path)):
            if "row" in line:
                words[str(line["row"])] = Words(str(line["asked"]), tuple(map(str, line["answers"])))
            elif "saved" in line:
                saved[int(line["step"])] = str(line["saved"])
            else:
                passes[int(line["step"])].append(line)
    return StepsFile(tuple(_step(n, passes[n], saved.get(n, "")) for n in sorted(passes)), words)


def find_spikes(
    log: StepsFile, annotations: Sequence[Annotation], *, least: float = STANDS_OUT
) -> list[Spike]:
    """Return the steps whose loss stands out, the furthest first, with their rows.

    Args:
        log: of the run.
        annotations: the rows of the file that was trained on.
        least: how many robust standard deviations above what was to be expected.
    """
    expected, above = scores([step.loss for step in log.steps])
    order = [at for at in np.argsort(-above, kind="stable") if above[at] >= least]
    visits: dict[str, list[float]] = defaultdict(list)
    for step in log.steps:
        for row in step.rows:
            visits[row.id].append(row.loss if row.loss is not None else np.nan)
    finder = _Finder(annotations)
    return [
        Spike(log.steps[at], float(expected[at]), float(above[at]), _rows(log.steps[at], log, finder, visits))
        for at in order
    ]


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    needed = ({"row", "asked", "answers"}, {"step", "saved"}, {"step", "loss", "rows"})
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if number > 1 and not text.endswith("\n"):
                    return  # a run that was cut off, or goes on, in the midst of a line
                line = json.loads(text)
                if not isinstance(line, dict) or not any(keys <= line.keys() for keys in needed):
                    raise ValueError(f"line {number}")
                yield line
    except OSError as error:
        raise VTGError(f"{path} must be a file that can be read, and is not ({error.strerror})") from error
    except ValueError as error:
        raise VTGError(
            f'{path} must be written by MaskAudit(log_to="{path.name}"), and holds something else ({error})'
        ) from error


def _step(number: int, passes: Sequence[Mapping[str, Any]], saved: str) -> LoggedStep:
    """Put the passes of one step together: gradient accumulation and ranks; their losses weigh as their tokens."""
    rows = tuple(LoggedRow(str(r["id"]), r.get("loss"), r.get("time")) for one in passes for r in one["rows"])
    losses = [np.inf if one["loss"] is None else float(one["loss"]) for one in passes]
    weights = [float(one.get("tokens", 1)) for one in passes]
    return LoggedStep(number, float(np.average(losses, weights=weights)), rows, saved)


class _Finder:
    """Finds the rows of an annotation file by the words of a conversation."""

    def __init__(self, annotations: Sequence[Annotation]) -> None:
        self.by_query: dict[str, list[Annotation]] = defaultdict(list)
        for annotation in annotations:
            if query := plain(annotation.query):
                self.by_query[query].append(annotation)
        self._durations: dict[Path, float | None] = {}

    def find(self, words: Words) -> tuple[list[Annotation], str]:
        """Return the rows whose query is asked, and what is suspicious about the answer; the longest query is meant."""
        asked = plain(words.asked)
        queries = sorted((query for query in self.by_query if query in asked), key=len, reverse=True)
        if not queries:
            return [], "no row of the annotation file asks this"
        found = self.by_query[queries[0]]
        answer = words.answers[-1] if words.answers else ""
        said = [(annotation, windows_said(answer, self.duration(annotation))) for annotation in found]
        agreeing = [annotation for annotation, windows in said if _are_same(windows, annotation.windows)]
        if agreeing or said[0][1] is None:
            return agreeing or found, ""
        return found, f"trained on the answer {_quoted(answer)}, and the file says {_shown(found[0].windows)}"

    def duration(self, annotation: Annotation) -> float | None:
        """Return the seconds of a row's video, from the file or from the video itself."""
        if annotation.duration is not None:
            return annotation.duration
        if annotation.video not in self._durations:
            self._durations[annotation.video] = None
            with suppress(VTGError):
                self._durations[annotation.video] = probe_video(annotation.video).duration
        return self._durations[annotation.video]

    def contradicting(self, annotation: Annotation) -> list[Annotation]:
        """Return the rows that ask the same of the same video, and say other windows."""
        return [
            other
            for other in self.by_query[plain(annotation.query)]
            if other.video == annotation.video
            and other.row != annotation.row
            and not _are_same(other.windows, annotation.windows)
        ]


def _rows(
    step: LoggedStep, log: StepsFile, finder: _Finder, visits: Mapping[str, Sequence[float]]
) -> tuple[SpikeRow, ...]:
    rows = []
    for row in step.rows:
        words = log.words.get(row.id)
        found, remark = finder.find(words) if words is not None else ([], "")
        others = [other.loss for other in step.rows if other is not row and other.loss is not None]
        suspicions = [
            *([remark] if remark else []),
            *_of_annotation(found, finder),
            *_of_loss(row, others, visits[row.id]),
        ]
        rows.append(SpikeRow(row, words, tuple(found), tuple(suspicions)))
    return tuple(sorted(rows, key=lambda one: -(one.logged.loss or 0)))


def _of_annotation(found: Sequence[Annotation], finder: _Finder) -> Iterator[str]:
    if not found:
        return
    first, duration = found[0], finder.duration(found[0])
    for other in finder.contradicting(first)[:1]:
        yield f"row {other.number:,} asks the same of the same video, and says {_shown(other.windows)}"
    end = max((window.end for window in first.windows), default=0.0)
    if duration is not None and end > duration + MISS_SECONDS:
        yield f"its window ends at {end:g} s, and the video at {duration:g} s"
    if duration and any(len_ >= 0.98 * duration for len_ in (w.end - w.start for w in first.windows)):
        yield "its window is the whole video"


def _of_loss(row: LoggedRow, others: Sequence[float], visits: Sequence[float]) -> Iterator[str]:
    if row.loss is None:
        return
    middle = float(np.median(others)) if others else 0.0
    if others and row.loss > MUCH * middle:
        yield f"{row.loss:.2f} nats a token, where the other rows of the step cost {middle:.2f}"
    elsewhere = [loss for loss in visits if np.isfinite(loss) and loss != row.loss]
    if elsewhere and row.loss > MUCH * float(np.median(elsewhere)):
        yield f"{row.loss:.2f} nats a token, where it cost {np.median(elsewhere):.2f} in {len(elsewhere)} other steps"
    if row.time is not None and row.time > MUCH * row.loss:
        yield f"it is the times: {row.time:.2f} nats a token of them"


def _are_same(said: Sequence[Window] | None, windows: Sequence[Window]) -> bool:
    if said is None or len(said) != len(windows):
        return False
    pairs = zip(sorted(said), sorted(windows), strict=True)
    return all(max(abs(a.start - b.start), abs(a.end - b.end)) <= MISS_SECONDS for a, b in pairs)


def _shown(windows: Sequence[Window]) -> str:
    return ", ".join(f"{window.start:g} to {window.end:g} s" for window in windows) or "nothing"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
