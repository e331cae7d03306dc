"""The mask itself: which tokens are in the loss that should not be, and which are not that should.

Source of the faults: public issues of training code, among them QwenLM/Qwen3-VL#2010, transformers#36865 and #41626,
trl#6668, unsloth#2364, NeMo Automodel#2314 and axolotl#3617.
"""

from collections.abc import Iterator

import numpy as np

from vtg_core.audit.checks import mask_causes as causes
from vtg_core.audit.checks.mask_causes import MAX_REGIONS, cause_of, leak
from vtg_core.audit.findings import Code, Finding, Severity
from vtg_core.audit.row.chat_ids import is_one_of
from vtg_core.audit.row.row import Row
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF, is_of, runs_of
from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, RegionKind

NOTHING_TRAINED = Code(
    "mask.nothing-trained", Severity.ERROR, "No token is in the loss",
    "The loss is 0/0: the trainer prints 0.0 or NaN, and the row teaches nothing.",
    "Find out why the answer's start was not found: the marker is tokenised differently, or truncation took it.",
)  # fmt: skip
PRESHIFTED = Code(
    "mask.labels-shifted", Severity.ERROR, "Labels are shifted already",
    "Models of transformers shift labels themselves, so each token is trained to predict the one after the next.",
    "Keep labels aligned with input_ids: labels[i] is input_ids[i] or -100.",
)  # fmt: skip
LABELS_DIFFER = Code(
    "mask.labels-differ", Severity.ERROR, "Labels differ from the ids they stand at",
    "The loss asks for another token than the one the row holds.",
    "Copy input_ids to labels after padding, truncation and expansion, and mask from there.",
)  # fmt: skip
OUT_OF_VOCABULARY = Code(
    "mask.label-out-of-vocabulary", Severity.ERROR, "A label is no id of the vocabulary",
    "Cross entropy fails on it, on a GPU with an error far from its cause, or reads memory that is not its own.",
    f"Use {IGNORE_INDEX} for what is not trained, and an id below the vocabulary's size for what is.",
)  # fmt: skip
PADDING_TRAINED = Code(
    "mask.padding-trained", Severity.ERROR, "Padding is in the loss",
    "The model is trained to write padding, and longer partners in a batch change the loss of a row.",
    "Mask padding by its position (attention_mask), not by its id.",
)  # fmt: skip
VIDEO_TRAINED = Code(
    "mask.video-trained", Severity.ERROR, "Video tokens are in the loss",
    "Thousands of placeholders and time stamps outweigh a dozen tokens of answer, and the model learns to write them.",
    "Mask video placeholders, their markers and the processor's time stamps.",
)  # fmt: skip
HEADER_TRAINED = Code(
    "mask.header-trained", Severity.WARNING, "The assistant's header is in the loss",
    "The generation prompt already holds the header, so its tokens are certain and only dilute the loss.",
    "Begin the mask behind the header, where the generation prompt ends.",
)  # fmt: skip
SYSTEM_TRAINED = Code(
    "mask.system-trained", Severity.ERROR, "The system prompt is in the loss",
    "Every row trains the same fixed text; a role that is not 'user' was probably taken for the assistant's.",
    "Train turns of the assistant only, by an allow-list of roles.",
)  # fmt: skip
LATER_PROMPT_TRAINED = Code(
    "mask.later-user-turn-trained", Severity.ERROR, "A later turn of the user is in the loss",
    "Everything after the first answer was trained, so the model learns to ask as well as to answer.",
    "End each supervised stretch at the end of its own turn.",
)  # fmt: skip
BEHIND_TRAINED = Code(
    "mask.behind-last-answer-trained", Severity.ERROR, "What stands behind the last answer is in the loss",
    "The model is taught to go on after its end of turn: with a header, an end of sequence, or another row.",
    "End each supervised stretch at the end of its own turn, and render without a generation prompt at the end.",
)  # fmt: skip
ROLE_WORD = Code(
    "mask.role-word-in-text", Severity.ERROR, "The assistant's role word in a text starts a supervised stretch",
    "The mask looks for the bare word and not for the whole header, so a query that holds it becomes a target.",
    "Look for the whole role header, its control token included.",
)  # fmt: skip
PROMPT_TRAINED = Code(
    "mask.prompt-trained", Severity.ERROR, "Prompt tokens are in the loss",
    "The model is trained to write its own prompt, and the loss no longer speaks of the answer.",
    "Mask everything before where the assistant begins to write, measured on the final ids.",
)  # fmt: skip
ANSWER_NOT_TRAINED = Code(
    "mask.answer-not-trained", Severity.ERROR, "Tokens of the answer are not in the loss",
    "The model never learns these tokens, and the loss looks better or worse than it is.",
    "Train every token of each answer; compare with the decoded labels.",
)  # fmt: skip
EARLIER_TURNS = Code(
    "mask.only-last-turn-trained", Severity.POLICY, "Only the last answer is in the loss",
    "A choice: earlier answers are context then.",
    "Nothing, if that is what you want.",
)  # fmt: skip
NEWLINE_TRAINED = Code(
    "mask.newline-trained", Severity.POLICY, "The newline after the end of turn is in the loss",
    "A choice: some training code trains it, and generation stops before it.",
    "Nothing, if that is what you want; keep it the same in every template.",
)  # fmt: skip
THINKING_TRAINED = Code(
    "mask.thinking-trained", Severity.POLICY, "The thinking before an answer is in the loss",
    "A choice: a chat template may write it itself, and then serving writes it too.",
    "Nothing, if that is what you want.",
)  # fmt: skip
OTHER_IGNORE_INDEX = Code(
    "mask.other-ignore-index", Severity.ERROR, "Another number than -100 marks what is not trained",
    "Cross entropy leaves out -100 alone, so every such label is trained as an id, or fails as none.",
    f"Use {IGNORE_INDEX} for what is not trained.",
)  # fmt: skip
FORBIDDEN = Code(
    "mask.forbidden-id-trained", Severity.ERROR, "A control token that no answer holds is in the loss",
    "The model is trained to write padding, a beginning of sequence, a role header or a video marker.",
    "Mask these ids, and find out how one came into an answer.",
)  # fmt: skip
TEXT_DIFFERS = Code(
    "mask.text-differs", Severity.ERROR, "The supervised text is not the answer",
    "The row teaches another text than the sample's answer.",
    "Compare what the collator writes with the last message.",
)  # fmt: skip
DISSENT = Code(
    "mask.one-reading-dissents", Severity.INFO, "One of three readings of the row differs",
    "The other two agree, and the mask is judged by them.",
    "Look at the tokens where it differs.",
)  # fmt: skip
DISAGREE = Code(
    "mask.oracles-disagree", Severity.WARNING, "Independent readings of the row disagree",
    "Where two ways to find the answer differ, no mask can be called right or wrong.",
    "Look at the tokens where they differ; often a control token in a text forges or hides a turn.",
)  # fmt: skip
ONE_OPINION = Code(
    "mask.one-reading", Severity.WARNING, "The row could not be read in two ways",
    "A verdict needs two that agree, so the mask was not judged.",
    "Give the messages too (--annotations, --collator), or the checkpoint whose template wrote the row.",
)  # fmt: skip
CODES = (
    NOTHING_TRAINED, *causes.CODES,
    PRESHIFTED, LABELS_DIFFER, OUT_OF_VOCABULARY, PADDING_TRAINED, VIDEO_TRAINED, HEADER_TRAINED, SYSTEM_TRAINED,
    LATER_PROMPT_TRAINED, BEHIND_TRAINED, ROLE_WORD, PROMPT_TRAINED, ANSWER_NOT_TRAINED, EARLIER_TURNS, NEWLINE_TRAINED, THINKING_TRAINED, OTHER_IGNORE_INDEX, FORBIDDEN,
    TEXT_DIFFERS, DISSENT, DISAGREE, ONE_OPINION,
)  # fmt: skip


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the mask of a row; one finding a cause."""
    unusable = list(_other_ignore_index(row)) or list(_out_of_vocabulary(row))
    if unusable:
        yield from unusable
        return
    if not (row.trained > 0).any():
        yield NOTHING_TRAINED.finding(
            f"None of the {len(row.positions):,} tokens is in the loss.", row=row.number
        )
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
        if leaks.any() or holes.any():
            yield from _wrong_mask(row, verdict, leaks, holes)
    yield from _forbidden(row, verdict)
    yield from _texts_that_differ(row)


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
        reasons = "; ".join(f"{oracle}: {reason}" for oracle, reason in reading.silent.items())
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
        "; ".join(f"{oracle} would train {text}" for oracle, text in shown.items()) + ".",
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
            if parsed[0] != parsed[1]:
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
