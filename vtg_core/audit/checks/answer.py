"""The answer: it parses back to the annotation's windows, in the form that the prompt asks for.

Source of the faults: TimeChat's ``a - b seconds``, tokenizers without the temporal tokens, data joined by a wrong key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vtg_core.audit.codes.answer import DOES_NOT_PARSE, FORM_DIFFERS, FORM_UNKNOWN, SPLIT, WINDOW_DIFFERS
from vtg_core.audit.findings import Code, Finding
from vtg_core.audit.row.answers import (
    AnswerText,
    answers_of,
    asks_as_ours,
    ids_of_format,
    is_in_sorted,
    own_question,
)
from vtg_core.audit.row.cuts import CutPart, cut_of
from vtg_core.audit.row.row import Known, Row, Scene
from vtg_core.bounded_cache import kept_with
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.data.answer_forms.promises import units_in
from vtg_core.data.answer_forms.reading import Candidate, read_answer
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.data.answers import ANSWER_FORMATS, AnswerFormat, ParseReason
from vtg_core.data.wording.prompt import Task
from vtg_core.windows import Window


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the answers of a row; without a scene only whether its tokens are split.

    The scene is that of the last answer.
    """
    cut = cut_of(row)
    if cut is not None and cut.part is not CutPart.END_OF_TURN:
        return  # the family of length says so
    scene = row.known.scene if row.known is not None else None
    answers = list(answers_of(row))
    for answer in answers:
        split = _split(row, answer, scene)
        if split is not None:
            yield split
        elif (
            scene is not None and (scene.windows or _says_nothing(scene)) and answer is answers[-1]
        ):  # turns before it may be examples or small talk
            yield from _read(row, answer, scene)


def _says_nothing(scene: Scene) -> bool:
    """Say whether the answer of a row without a window must say that there is none."""
    return scene.template is not None and scene.template.task is Task.ABSENT


def _read(row: Row, answer: AnswerText, scene: Scene) -> Iterator[Finding]:
    if scene.template is not None and not asks_as_ours(row):
        yield from _read_own_words(row, answer, scene)
        return
    parsed = scene.answer_format.parse(answer.text, scene.duration)
    if scene.template is None and not parsed.windows:
        return  # a conversation of somebody else's asks for no form
    evidence: dict[str, object] = {"answer": answer.text[:400], "asked_for": scene.answer_format.example}
    asked = format_named(scene.template.mode) if scene.template is not None else scene.answer_format
    if asked.mode != scene.answer_format.mode:
        yield _finding(
            FORM_DIFFERS, row, answer,
            f"The prompt asks for {asked.example}, and the answer is {answer.text[:80]!r}.", evidence,
        )  # fmt: skip
    if parsed.windows or (not scene.windows and parsed.reason in (ParseReason.OK, ParseReason.EXTRA_TEXT)):
        if not _are_same(parsed.windows, scene):
            yield _other_windows(row, answer, scene, parsed.windows, evidence)
        elif parsed.reason is ParseReason.EXTRA_TEXT and scene.template is not None:
            message = f"The prompt asks for {asked.example} alone, and the answer is {answer.text[:80]!r}."
            yield _finding(FORM_DIFFERS, row, answer, message, evidence)
        return
    is_other = parsed.reason is ParseReason.NO_MATCH and bool(scene.windows)
    form = _other_form(answer.text, scene) if is_other else None
    if form is not None:
        message = f"The prompt asks for {asked.example}, and the answer has {form}: {answer.text[:80]!r}."
        yield _finding(FORM_DIFFERS, row, answer, message, evidence)
        return
    said = _said(row, answer, scene) if is_other else None
    if said is not None and said.windows:
        yield _other_windows(row, answer, scene, said.windows, evidence)
        return
    reason = str(parsed.reason).replace("_", " ")
    message = f"The answer is empty, and {asked.example} is asked for."
    if answer.text.strip():
        message = f"{answer.text[:80]!r} is not read as {scene.answer_format.example}: {reason}."
    yield _finding(DOES_NOT_PARSE, row, answer, message, evidence | {"reason": str(parsed.reason)})


def _read_own_words(row: Row, answer: AnswerText, scene: Scene) -> Iterator[Finding]:
    """Compare the times of an answer that a prompt of the collator's own asks for, in whatever form they are."""
    evidence: dict[str, object] = {"answer": answer.text[:400]}
    said = _said(row, answer, scene)
    if said is not None and said.is_right:
        return
    if said is not None:
        yield _other_windows(row, answer, scene, said.windows, evidence)
    elif answer.text.strip():
        message = f"{answer.text[:80]!r} is in no form that is known, so its times are compared with nothing."
        yield _finding(FORM_UNKNOWN, row, answer, message, evidence)
    else:
        message = f"The answer is empty, and the annotation says {_shown(scene.windows)} s."
        yield _finding(DOES_NOT_PARSE, row, answer, message, evidence)


@dataclass(frozen=True)
class _Said:
    """What an answer in any form says: its windows (s), and whether they are the annotation's."""

    windows: tuple[Window, ...]
    is_right: bool


def _said(row: Row, answer: AnswerText, scene: Scene) -> _Said | None:
    """Read an answer in every form that is known, those first whose unit the prompt asks for; None where none fits.

    Times past the end of the video are read as seconds, so that an error can show them.
    """
    read = read_answer(answer.text, duration=scene.duration, fps=scene.fps)
    asked = units_in(f"{own_question(row)} {answer.text}")
    candidates = [c for c in read.candidates if c.unit in asked] or list(read.candidates)
    if not candidates and asked and not {TimeUnit.SECONDS, TimeUnit.CLOCK} & set(asked):
        return None  # numbers of another unit, written as no form of it writes them
    if not candidates:
        beyond = read_answer(answer.text).candidates
        return _Said(beyond[0].windows, False) if beyond else None
    fitting = [c for c in candidates if c.distance(scene.windows) <= _step(answer.text, c, scene)]
    best = (fitting or candidates)[0]
    return _Said(best.windows, bool(fitting))


def _step(text: str, candidate: Candidate, scene: Scene) -> float:
    """Return the smallest difference (s) that a text writes: one of its last decimals, or one of its form's steps."""
    step = format_named(candidate.form).quantum(scene.duration) if candidate.unit is not None else 0.0
    if candidate.unit in (TimeUnit.SECONDS, TimeUnit.CLOCK):
        written = [text[slice(*time)] for times in candidate.times for time in times]
        step = 10.0 ** -max((len(time.strip().partition(".")[2]) for time in written), default=0)
    return step * (1 + 1e-6)


def _other_windows(
    row: Row,
    answer: AnswerText,
    scene: Scene,
    windows: tuple[Window, ...],
    evidence: dict[str, object],
) -> Finding:
    """Show both, and whose windows they are where they are another row's of the batch."""
    evidence = evidence | {
        "annotation": [list(w) for w in scene.windows],
        "read": [list(w) for w in windows],
    }
    message = f"The annotation says {_shown(scene.windows)} s, and the answer {_shown(windows)} s"
    last = max((window.end for window in windows), default=0.0)
    if last > scene.duration + scene.answer_format.quantum(scene.duration):
        message += f", where the video ends at {scene.duration:.2f} s"
    number = next((n for n, known in row.batch.items() if n != row.number and _are_of(windows, known)), None)
    if number is not None:
        message += f": the times of row {number + 1} (counted from 1)"
        evidence["times_of_row"] = number
    return _finding(WINDOW_DIFFERS, row, answer, f"{message}.", evidence)


def _are_of(windows: tuple[Window, ...], known: Known) -> bool:
    scene = known.scene
    return scene is not None and bool(scene.windows) and _are_same(windows, scene)


def _are_same(windows: tuple[Window, ...], scene: Scene) -> bool:
    quantum = scene.answer_format.quantum(scene.duration) * (1 + 1e-6)
    return len(windows) == len(scene.windows) and all(
        abs(came - said) <= quantum
        for window, expected in zip(windows, scene.windows, strict=True)
        for came, said in zip(window, expected, strict=True)
    )


def _other_form(text: str, scene: Scene) -> str | None:
    """Say in which other form an answer gives the annotation's windows; None where it does in none."""
    for other in ANSWER_FORMATS.values():
        if other.mode != scene.answer_format.mode and other.parse(text, scene.duration).windows:
            return f"{other.unit} as {other.example}"
    numbers = [_seconds(found) for found in _TIME.findall(text)]
    written = [_seconds(found) for found in _TIME.findall(_rendered(scene))]
    if not numbers or len(numbers) != len(written):
        return None
    if np.allclose(numbers, written, atol=0.051, rtol=0):
        return "the right numbers in another form"
    times = [time for window in scene.windows for time in window]
    return "seconds in another form" if np.allclose(numbers, times, atol=0.51, rtol=0) else None


_TIME = re.compile(r"(?:\d{1,3}:)*\d+(?:\.\d+)?")


def _seconds(written: str) -> float:
    """Read ``8.0`` or ``01:08.0`` as seconds."""
    total = 0.0
    for part in written.split(":"):
        total = total * 60 + float(part)
    return total


def _rendered(scene: Scene) -> str:
    return scene.answer_format.render(scene.windows, scene.duration)


def _split(row: Row, answer: AnswerText, scene: Scene | None) -> Finding | None:
    """Find temporal tokens that the answer spells in several ids."""
    if "<" not in answer.text:
        return None
    formats = [scene.answer_format] if scene is not None else list(ANSWER_FORMATS.values())
    answer_format = next((f for f in formats if f.tokens), None)
    if answer_format is None:
        return None
    if scene is None and not answer_format.parse(answer.text, 1.0).windows:
        return None  # somebody's text, and no answer of this format
    written = [token for token in _TOKEN.findall(answer.text) if token in _own_tokens(answer_format)]
    single = int(is_in_sorted(row.ids[answer.positions], ids_of_format(answer_format, row.chat)).sum())
    if single >= len(written):
        return None
    known = control_tokens(row.chat.tokenizer).ids
    absent = [token for token in dict.fromkeys(written) if token not in known]
    cause = f"the tokenizer does not have {', '.join(absent[:4])}" if absent else "the tokenizer has them"
    return _finding(
        SPLIT, row, answer,
        f"The answer writes {len(written)} temporal tokens, and {len(written) - single} of them are split; "
        f"{len(answer.positions)} ids spell {answer.text[:60]!r}, and {cause}.",
        {"answer": answer.text[:400], "tokens": len(written), "split": len(written) - single, "not_in_tokenizer": absent},
    )  # fmt: skip


_TOKEN = re.compile(r"<[^<>\s]+>")


@kept_with
def _own_tokens(answer_format: AnswerFormat) -> frozenset[str]:
    return frozenset(answer_format.tokens)


def _finding(code: Code, row: Row, answer: AnswerText, message: str, evidence: dict[str, object]) -> Finding:
    where = np.zeros(len(row), dtype=bool)
    where[answer.positions] = True
    return code.finding(message, row=row.number, evidence=evidence, regions=row.regions(where))


def _shown(windows: tuple[Window, ...]) -> str:
    return ", ".join(f"{window.start:.2f} to {window.end:.2f}" for window in windows) or "no window"
