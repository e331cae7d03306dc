"""The mask itself: which tokens are in the loss that should not be, and which are not that should.

Source of the faults: public issues of training code, among them QwenLM/Qwen3-VL#2010, transformers#36865 and #41626,
trl#6668, unsloth#2364, NeMo Automodel#2314 and axolotl#3617.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vtg_core.audit.checks.mask_causes import MAX_REGIONS, cause_of, leak
from vtg_core.audit.codes.mask import (
    ANSWER_NOT_TRAINED,
    BEHIND_TRAINED,
    CONTROL_MASKED,
    DISAGREE,
    DISSENT,
    EARLIER_TURNS,
    FORBIDDEN,
    HEADER_TRAINED,
    LABELS_DIFFER,
    LATER_PROMPT_TRAINED,
    NEWLINE_TRAINED,
    NOTHING_TRAINED,
    ONE_OPINION,
    OTHER_IGNORE_INDEX,
    OUT_OF_VOCABULARY,
    PADDING_TRAINED,
    PRESHIFTED,
    PROMPT_TRAINED,
    ROLE_WORD,
    SYSTEM_TRAINED,
    TEXT_DIFFERS,
    THINKING_TRAINED,
    VIDEO_TRAINED,
)
from vtg_core.audit.findings import Code, Finding
from vtg_core.audit.row.answers import asks_as_ours, is_in_sorted
from vtg_core.audit.row.chat_ids import is_one_of
from vtg_core.audit.row.row import Row
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF, is_of, runs_of
from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, RegionKind


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the mask of a row; one finding a cause."""
    unusable = list(_other_ignore_index(row)) or list(_out_of_vocabulary(row))
    if unusable:
        yield from unusable
        return
    if not (row.trained > 0).any():
        yield _nothing_trained(row)
        return
    shifted = list(_labels_that_differ(row))
    if shifted:
        yield from shifted
        return
    yield from _disagreements(row)
    verdict = row.reading.verdict
    if verdict is None:
        yield from _forbidden(row)
        return
    if not np.array_equal(row.supervised, verdict):
        leaks, holes = row.supervised & ~verdict, verdict & ~row.supervised
        leaks[:1] = holes[:1] = False  # nothing predicts the first token
        for where in (leaks, holes):
            where[_is_left_out(row)] = False
        if leaks.any() or holes.any():
            yield from _wrong_mask(row, verdict, leaks, holes)
    yield from _forbidden(row, verdict)
    yield from _texts_that_differ(row)


def _nothing_trained(row: Row) -> Finding:
    """Name the one cause that the answer itself shows: where it is all control tokens, masking these takes it all."""
    finding = NOTHING_TRAINED.finding(
        f"None of the {len(row.positions):,} tokens is in the loss.", row=row.number
    )
    verdict = row.reading.verdict
    if verdict is None or not verdict.any() or not is_in_sorted(row.ids[verdict], row.chat.control_ids).all():
        return finding
    cause = (
        f"{finding.message} All {int(verdict.sum()):,} tokens of the answer are control tokens: masked by value, as "
        "helpers that mask media or special tokens do, none of them is left."
    )
    return replace(
        finding, message=cause, fix=f"{CONTROL_MASKED.fix} {finding.fix}", regions=row.regions(verdict)
    )


def _control_tokens_masked(row: Row, verdict: np.ndarray, holes: np.ndarray) -> Finding | None:
    """Say where the answer is trained but for its control tokens, the end of turn and others."""
    is_control = verdict & is_in_sorted(row.ids, row.chat.control_ids)
    is_control[:1] = False
    if not np.array_equal(holes, is_control) or set(row.ids[holes].tolist()) <= {row.chat.end_of_turn}:
        return None
    return CONTROL_MASKED.finding(
        f"The {int(holes.sum()):,} control tokens of the answer are not in the loss, and everything else of it is: "
        f"{row.text(holes)[:80]!r}.",
        row=row.number, evidence={"tokens": int(holes.sum())}, regions=row.regions(holes)[:MAX_REGIONS],
    )  # fmt: skip


def _is_left_out(row: Row) -> np.ndarray:
    """Return where answers stand that the sample says are not trained; bool, shape (L,)."""
    said = row.known.trained if row.known is not None else None
    if said is None:
        return np.zeros(len(row), dtype=bool)
    is_answer = is_of(row.kinds, (RegionKind.ANSWER, RegionKind.END_OF_TURN))
    return is_answer & ~np.isin(row.turns, sorted(said))


def _other_ignore_index(row: Row) -> Iterator[Finding]:
    """Look for one number that stands at every position whose label is not its id, and -100 nowhere."""
    if not len(row) or len(row.trained) < len(row):
        return
    values = np.unique(row.labels[row.labels != row.ids])
    if len(values) == 1 and (row.labels == values[0]).sum() > 1:
        count = int((row.labels == values[0]).sum())
        yield OTHER_IGNORE_INDEX.finding(
            f"{count:,} of {len(row):,} labels are {int(values[0])}, and none is {IGNORE_INDEX}.",
            row=row.number, evidence={"value": int(values[0]), "labels": count},
        )  # fmt: skip


def _out_of_vocabulary(row: Row) -> Iterator[Finding]:
    trained = row.labels[row.trained]
    if ((trained < 0) | (trained >= row.chat.vocab_size)).any():
        outside = row.supervised & ((row.labels < 0) | (row.labels >= row.chat.vocab_size))
        values = sorted(set(row.labels[outside].tolist()))
        yield OUT_OF_VOCABULARY.finding(
            f"{int(outside.sum()):,} labels are neither {IGNORE_INDEX} nor an id below {row.chat.vocab_size:,}: "
            f"{', '.join(map(str, values[:5]))}.",
            row=row.number, evidence={"values": values[:20]}, regions=row.regions(outside),
        )  # fmt: skip


def _labels_that_differ(row: Row) -> Iterator[Finding]:
    if np.array_equal(row.labels[row.trained], row.ids[row.trained]):
        return
    is_id = row.supervised & (row.labels >= 0) & (row.labels < row.chat.vocab_size)
    differ = is_id & (row.labels != row.ids)
    count, total = int(differ.sum()), int(is_id.sum())
    for step, word in ((1, "next"), (-1, "previous"), (2, "next but one")):
        moved = np.equal(np.roll(row.ids, -step), row.labels)
        if int((is_id & moved).sum()) >= 0.9 * total:
            yield PRESHIFTED.finding(
                f"{int((is_id & moved).sum()):,} of {total:,} labels equal the {word} id and not their own.",
                row=row.number, evidence={"shift": step}, regions=row.regions(is_id),
            )  # fmt: skip
            return
    at = int(np.argmax(differ))
    yield LABELS_DIFFER.finding(
        f"{count:,} of {total:,} labels differ from the ids they stand at; the first at token {at}: label "
        f"{row.chat.decode(row.labels[at : at + 1])!r}, id {row.chat.decode(row.ids[at : at + 1])!r}.",
        row=row.number, evidence={"first": at}, regions=row.regions(differ),
    )  # fmt: skip


def _disagreements(row: Row) -> Iterator[Finding]:
    reading = row.reading
    if len(reading.opinions) < 2:
        reasons = "; ".join(f"{reader}: {reason}" for reader, reason in reading.silent.items())
        yield ONE_OPINION.finding(
            f"Of three readings {len(reading.opinions)} could say: {reasons}.", row=row.number
        )
        return
    if not reading.dissenting:
        return
    shown = {str(o): f"{int(m.sum())} tokens: {row.text(m)[:60]!r}" for o, m in reading.opinions.items()}
    first, *others = reading.opinions.values()
    differ = np.zeros(len(row), dtype=bool)
    for other in others:
        differ |= first != other
    code = DISAGREE if reading.verdict is None else DISSENT
    yield code.finding(
        "; ".join(f"{reader} would train {text}" for reader, text in shown.items()) + ".",
        row=row.number, evidence=shown, regions=row.regions(differ),
    )  # fmt: skip


def _wrong_mask(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Iterator[Finding]:
    cause = cause_of(row, verdict, leaks, holes)
    if cause is not None:
        yield cause
        return
    yield from _leaks(row, leaks)
    yield from _holes(row, verdict, holes)


def _leaks(row: Row, leaks: np.ndarray) -> Iterator[Finding]:
    newline = _newlines(row) & leaks
    thinking = leaks & (row.kinds == CODE_OF[RegionKind.THINKING])
    for code, where in ((NEWLINE_TRAINED, newline), (THINKING_TRAINED, thinking)):
        if where.any():
            yield code.finding(
                f"In the loss: {row.text(where)[:60]!r}.", row=row.number, regions=row.regions(where)
            )
    wrong = leaks & ~newline & ~thinking & ~_second_ends(row)
    causes = [(code, where) for code, where in _by_cause(row, wrong) if where.any()]
    if len(causes) > 2:
        yield leak(PROMPT_TRAINED, row, wrong)
        return
    for code, where in causes:
        yield leak(code, row, where)


def _by_cause(row: Row, leaks: np.ndarray) -> Iterator[tuple[Code, np.ndarray]]:
    """Yield a partition of the leaks."""
    kinds = row.kinds
    is_video = is_of(kinds, VIDEO_KINDS)
    yield PADDING_TRAINED, leaks & row.is_padding
    yield VIDEO_TRAINED, leaks & is_video
    yield SYSTEM_TRAINED, leaks & (kinds == CODE_OF[RegionKind.SYSTEM])
    rest = leaks & ~row.is_padding & ~is_video & (kinds != CODE_OF[RegionKind.SYSTEM])
    for code, find in (
        (BEHIND_TRAINED, _behind_last_answer),
        (HEADER_TRAINED, _headers),
        (ROLE_WORD, _behind_role_word),
        (LATER_PROMPT_TRAINED, _behind_first_answer),
    ):
        where = rest & find(row, rest)
        yield code, where
        rest = rest & ~where
    yield PROMPT_TRAINED, rest


def _holes(row: Row, verdict: np.ndarray, holes: np.ndarray) -> Iterator[Finding]:
    by_value = _control_tokens_masked(row, verdict, holes)
    if by_value is not None:
        yield by_value
        return
    holes = holes & (row.ids != (row.chat.end_of_turn if row.chat.end_of_turn is not None else -1))
    turns = runs_of(verdict)
    untrained = [(a, b) for a, b in turns if not row.supervised[a:b].any()]
    if untrained and turns[-1] not in untrained and len(untrained) == len(turns) - 1:
        yield EARLIER_TURNS.finding(
            f"The last of {len(turns)} answers is in the loss, the others are not.", row=row.number
        )
        for a, b in untrained:
            holes[a:b] = False
    if holes.any():
        yield ANSWER_NOT_TRAINED.finding(
            f"{int(holes.sum()):,} of {int(verdict.sum()):,} tokens of the answer and its end are not in the loss: "
            f"{row.text(holes)[:80]!r}.",
            row=row.number, evidence={"tokens": int(holes.sum())}, regions=row.regions(holes),
        )  # fmt: skip


def _forbidden(row: Row, verdict: np.ndarray | None = None) -> Iterator[Finding]:
    """Look for ids that no answer holds, where nothing else explains them: within the verdict, if there is one."""
    chat, at = row.chat, row.trained
    ids = {*chat.media_ids, *chat.marker_ids, *chat.opening_starts.tolist()}
    ids |= {i for i in (chat.bos_id, chat.pad_id) if i is not None and i != chat.end_of_turn}
    bad = is_one_of(row.labels[at], ids) & (row.kinds[at] != CODE_OF[RegionKind.END_OF_TURN])
    if verdict is not None:
        bad &= verdict[at]
    if bad.any():
        where = np.zeros(len(row), dtype=bool)
        where[at[bad]] = True
        names = sorted({chat.decode([i]) for i in set(row.labels[where].tolist())})
        yield FORBIDDEN.finding(
            f"In the loss: {', '.join(names)}.",
            row=row.number, evidence={"tokens": names}, regions=row.regions(where)[:MAX_REGIONS],
        )  # fmt: skip


def _texts_that_differ(row: Row) -> Iterator[Finding]:
    """Compare the answers of a row that holds other ids than ours with the sample's."""
    known = row.known
    if known is None or row.is_our_encoding:
        return
    turns = [turn for turn in row.reading.marked if turn.role is Role.ASSISTANT and turn.is_closed]
    for turn, expected in zip(turns, known.answers, strict=False):
        came = row.text(np.arange(turn.content, turn.end))
        scene = known.scene
        if came == expected or came.strip() == expected.strip():
            continue
        if scene is not None:
            parsed = [scene.answer_format.parse(t, scene.duration).windows for t in (came, expected)]
            if parsed[0] != parsed[1] or not asks_as_ours(row):
                continue  # the family of answers has more to say
        yield TEXT_DIFFERS.finding(
            f"The answer must be {expected[:80]!r}, and the row has {came[:80]!r}.",
            row=row.number, evidence={"expected": expected, "row": came},
        )  # fmt: skip


def _newlines(row: Row) -> np.ndarray:
    """Return where white space stands right behind an end of turn; bool, shape (L,)."""
    where = np.zeros(len(row), dtype=bool)
    for end in np.flatnonzero(row.kinds == CODE_OF[RegionKind.END_OF_TURN]).tolist():
        where[end + 1 : behind_space(row, end + 1)] = True
    return where


def _second_ends(row: Row) -> np.ndarray:
    """Return where a second end stands behind an end of turn: the family of stop tokens has it."""
    where = np.zeros(len(row), dtype=bool)
    ends = {*row.chat.closings, *row.chat.stop_ids}
    for end in np.flatnonzero(row.kinds == CODE_OF[RegionKind.END_OF_TURN]).tolist():
        at = behind_space(row, end + 1)
        where[at : at + 1] = at < len(row) and int(row.ids[at]) in ends
    return where


def behind_space(row: Row, at: int) -> int:
    """Return the first position from ``at`` on that is no white space."""
    while at < len(row) and not row.is_padding[at] and row.chat.is_space(int(row.ids[at])):
        at += 1
    return at


def _behind_last_answer(row: Row, rest: np.ndarray) -> np.ndarray:
    """Return what stands behind the last end of turn, where no turn of the user follows; bool, shape (L,)."""
    where = np.zeros(len(row), dtype=bool)
    ends = np.flatnonzero(row.kinds == CODE_OF[RegionKind.END_OF_TURN])
    if len(ends) and not any(t.role is Role.USER and t.start > ends[-1] for t in row.reading.marked):
        where[ends[-1] + 1 :] = True
    return where


def _behind_first_answer(row: Row, rest: np.ndarray) -> np.ndarray:
    return np.logical_or.accumulate(row.kinds == CODE_OF[RegionKind.END_OF_TURN])


def _headers(row: Row, leaks: np.ndarray) -> np.ndarray:
    """Return the assistant's headers with which a supervised stretch begins; bool, shape (L,)."""
    where = np.zeros(len(row), dtype=bool)
    for turn in row.reading.marked:
        if turn.role is Role.ASSISTANT and not leaks[max(0, turn.start - 2) : turn.start].any():
            where[turn.start : turn.content] = True
    return where


def _behind_role_word(row: Row, rest: np.ndarray) -> np.ndarray:
    """Return the supervised stretches that begin in a text right behind the assistant's role word."""
    where = np.zeros(len(row), dtype=bool)
    if not row.chat.role_word:
        return where
    for start, end in runs_of(rest):
        if start and row.kinds[start - 1] == CODE_OF[RegionKind.ROLE_HEADER]:
            continue  # that is the header itself
        if row.chat.role_word in row.text(np.arange(max(0, start - 4), start)):
            where[start:end] = True
    return where
