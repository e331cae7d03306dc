"""How the prompt of a row differs from the official one, and which of the known causes it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

import numpy as np

from vtg_core.audit.row.answers import plain
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.cuts import cut_of
from vtg_core.audit.row.items import VIDEO, Items, collapsed, items_of, text_of
from vtg_core.audit.row.readings import Turn, assistant_turns, find_turns
from vtg_core.audit.row.row import Known, Row
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF
from vtg_core.regions import RegionKind

_ANSWER = CODE_OF[RegionKind.ANSWER]


class Cause(StrEnum):
    """Why a prompt differs; ``other`` where no cause is known."""

    DOUBLED_START = "doubled start"
    CONTROL_TOKEN = "control token from text"
    SYSTEM = "system turn"
    MEDIA_MOVED = "media moved"
    THINKING = "thinking prefix"
    QUERY_MISSING = "query missing"
    INSTRUCTION = "instruction"
    OTHER = "other"


@dataclass(frozen=True)
class Difference:
    """One difference between two prompts.

    Attributes:
        cause: see :class:`Cause`.
        official, row: the text on either side around the first difference; placeholders as a count.
        positions: the tokens of the row that it is about, in positions of ``own_ids``.
    """

    cause: Cause
    official: str
    row: str
    positions: tuple[int, ...]


def first_prompt(known: Known) -> np.ndarray | None:
    """Return the ids of the official prompt of the first answer; None where nothing is answered."""
    if not known.tokens.answer_starts:
        return None
    return known.prompts[0] if known.prompts else known.tokens.input_ids[: known.tokens.answer_starts[0]]


def begins_officially(row: Row, known: Known, official: np.ndarray) -> bool:
    """Say whether the row begins with the official prompt, and its answer as our encoding has it."""
    if not np.array_equal(row.own_ids[: len(official)], official):
        return False
    if row.is_our_encoding:
        return True
    ours = known.tokens.input_ids[known.tokens.answer_starts[0] : _first_answer(known)[1]]
    return np.array_equal(row.own_ids[len(official) :][: len(ours)], ours)


def has_doubled_start(ids: np.ndarray, chat: ChatIds) -> bool:
    """Say whether a sequence begins with the same control token twice, as no chat template writes it."""
    if len(ids) < 2 or ids[0] != ids[1]:
        return False
    if int(ids[0]) == chat.bos_id:
        return True
    apart = {chat.pad_id, *chat.media_ids, *chat.marker_ids}
    return int(ids[0]) not in apart and bool(np.isin(ids[0], chat.control_ids))


def prompt_differences(row: Row, known: Known, official: np.ndarray) -> Iterator[Difference]:
    """Yield how the prompt of a row differs from the official one, each cause once.

    Time stamps and the number of placeholders are left aside, and so is what truncation took.
    """
    cut = cut_of(row)
    if cut is not None and cut.is_left:
        return
    ours, theirs = items_of(official, row.chat), items_of(row.own_ids, row.chat)
    if has_doubled_start(row.own_ids, row.chat) and not has_doubled_start(official, row.chat):
        texts = row.chat.decode(official[:2]), row.chat.decode(row.own_ids[:3])
        yield Difference(Cause.DOUBLED_START, *texts, (0, 1))
        theirs = theirs[1:]
    forged = _obeyed_control_tokens(row, known)
    if forged:
        around = range(max(0, forged[0] - 8), min(len(row.own_ids), forged[0] + 9))
        text = collapsed(row.own_ids[list(around)], row.chat)
        yield Difference(Cause.CONTROL_TOKEN, "\n".join(known.person_texts), text, forged)
        return
    yield from _differ(row, known, official, ours, theirs)


def later_difference(row: Row, official: np.ndarray, answer: int) -> Difference | None:
    """Return how what a row reads before one of its later answers differs from the official prompt of that answer.

    Time stamps, the number of placeholders and white space at the prompt's end are left aside.

    Args:
        row: what training reads.
        official: ids of the prompt, earlier turns included; int64, shape (L,).
        answer: its number, from 0; the first one's is compared by :func:`prompt_differences`.
    """
    answers = assistant_turns(row.reading)
    ours, theirs = items_of(official, row.chat), items_of(row.own_ids, row.chat)
    if theirs.ids[: len(ours)] == ours.ids or answer >= len(answers):
        return None
    end = int(np.searchsorted(row.positions, answers[answer].content))
    theirs = items_of(row.own_ids[:end], row.chat)
    if row.chat.decode(ours.ids).rstrip() == row.chat.decode(theirs.ids).rstrip():
        return None
    return _first_difference(Cause.OTHER, row, official, ours, theirs)


def _differ(row: Row, known: Known, official: np.ndarray, ours: Items, theirs: Items) -> Iterator[Difference]:
    header, their_header = _header(ours, row.chat, last=True), _header(theirs, row.chat)
    if header is None:  # no control token opens the assistant's turn
        header = len(ours)
        start = np.flatnonzero(row.reading.kinds[row.positions] == _ANSWER)
        their_header = _index(theirs, int(start[0])) if len(start) else None
    body, their_body = ours[:header], theirs[: their_header if their_header is not None else len(theirs)]
    if their_header is None and ours.ids[: len(theirs)] == theirs.ids:
        return  # cut within the prompt
    system, their_system = _system(body, row.chat), _system(their_body, row.chat)
    if system != (0, 0) or their_system != (0, 0):
        written, their_written = body[slice(*system)], their_body[slice(*their_system)]
        if written.ids != their_written.ids:
            texts = text_of(written, row.chat, official), text_of(their_written, row.chat, row.own_ids)
            yield Difference(Cause.SYSTEM, *texts, _positions(their_written) or (0,))
        body, their_body = body.without(*system), their_body.without(*their_system)
    whole_body = body
    if their_header is None:
        body = body[: len(their_body)]
    if _lacks_videos_alone(body, their_body):
        body = their_body  # the family of length tells of it
    if body.ids != their_body.ids:
        if _is_moved(body, their_body):
            yield _moved(row, official, body, their_body)
            return
        is_cut = their_header is None
        cause = _cause_of_words(row, known, whole_body, their_body, is_cut=is_cut)
        yield _first_difference(cause, row, official, body, their_body)
    elif their_header is not None and header < len(ours):
        yield from _prefix(row, known, official[ours.starts[header] :], theirs.starts[their_header])


def _obeyed_control_tokens(row: Row, known: Known) -> tuple[int, ...]:
    """Return where control tokens stand that persons wrote and our encoding has as text."""
    controls, chat = control_tokens(row.chat.tokenizer), row.chat
    written = {text[a:b] for text in known.person_texts for a, b in controls.find(text)}
    if not written:
        return ()
    ids = np.array(sorted(controls.ids[token] for token in written), dtype=np.int64)
    starts = known.tokens.answer_starts
    ours = items_of(known.tokens.input_ids[: starts[-1]], chat)
    end = max((t.start for t in row.reading.marked if t.role is Role.ASSISTANT), default=None)
    own = row.own_ids if end is None else row.own_ids[: int(np.searchsorted(row.positions, end))]
    theirs = items_of(own, chat)
    media = chat.media_ids | chat.marker_ids
    looked_for = {VIDEO if token_id in media else token_id for token_id in ids.tolist()}
    more = {item for item in looked_for if theirs.ids.count(item) > ours.ids.count(item)}
    if not more:
        return ()
    matcher = SequenceMatcher(None, ours.ids, theirs.ids, autojunk=False)
    new = [i for tag, _, _, a, b in matcher.get_opcodes() if tag != "equal" for i in range(a, b)]
    return tuple(theirs.starts[i] for i in new if theirs.ids[i] in more)


def _header(items: Items, chat: ChatIds, *, last: bool = False) -> int | None:
    """Return where the assistant's turn is opened, even where its header goes on differently."""
    opening = chat.openings.get(Role.ASSISTANT, ())
    if not opening:
        return None
    others = [other for role, other in chat.openings.items() if role is not Role.ASSISTANT]
    found = [
        at
        for at, item in enumerate(items.ids)
        if item == opening[0]
        and (shared := _num_shared(items.ids[at:], opening))
        > max((_num_shared(o, opening) for o in others), default=0)
        and shared > 1
    ]
    return (found[-1] if last else found[0]) if found else None


def _num_shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _system(items: Items, chat: ChatIds) -> tuple[int, int]:
    """Return where the system turn stands, up to where the next turn begins; (0, 0) without one."""
    turns = find_turns(np.array(items.ids, dtype=np.int64), chat)
    if not turns or turns[0].role is not Role.SYSTEM:
        return 0, 0
    return turns[0].start, turns[1].start if len(turns) > 1 else len(items)


def _cause_of_words(row: Row, known: Known, ours: Items, theirs: Items, *, is_cut: bool) -> Cause:
    """Say whether the query is missing, or only the words around it are others; ``is_cut`` before any answer."""
    query = plain(known.scene.query) if known.scene is not None else ""
    if not query or query not in _words(ours, row.chat):
        return Cause.OTHER
    answered = [turn.start for turn in assistant_turns(row.reading)]
    own = row.own_ids[: int(np.searchsorted(row.positions, answered[-1]))] if answered else row.own_ids
    if query not in _words(items_of(own, row.chat), row.chat):
        return Cause.OTHER if is_cut else Cause.QUERY_MISSING
    markup, their_markup = (_markup(items, row.chat) for items in (ours, theirs))
    if markup.count((VIDEO,)) > their_markup.count((VIDEO,)):  # the family of length tells of it
        markup, their_markup = (
            [part for part in both if part != (VIDEO,)] for both in (markup, their_markup)
        )
    if is_cut:  # what ends the last turn may be lost
        their_markup = their_markup[:-2]
        markup = markup[: len(their_markup)]
    is_alike = markup == their_markup and len(answered) <= len(known.answers)
    return Cause.INSTRUCTION if is_alike else Cause.OTHER


def _words(items: Items, chat: ChatIds) -> str:
    return plain(chat.decode([item for item in items.ids if item != VIDEO]))


def _markup(items: Items, chat: ChatIds) -> list[tuple[int, ...]]:
    """Return what a template writes around people's words, in order: headers, videos, ends, what joins the turns."""
    ids = np.array(items.ids, dtype=np.int64)
    turns = find_turns(ids, chat)
    found: list[tuple[int, ...]] = []
    last = next(
        (i for i, item in enumerate(items.ids) if item != chat.pad_id), 0
    )  # padding that is attended to
    for turn in turns:
        found += [items.ids[last : turn.start], _header_of(items.ids, turn, chat)]
        found += [(VIDEO,)] * items.ids[turn.content : turn.end].count(VIDEO)
        last = turn.end + turn.is_closed
        found.append(items.ids[turn.end : last])
    if not turns:  # no control token opens a turn
        return [(item,) for item in items.ids if item == VIDEO]
    return [*found, items.ids[last:]]


def _header_of(ids: tuple[int, ...], turn: Turn, chat: ChatIds) -> tuple[int, ...]:
    """Return a turn's header; a role's own too where its last token is one with the first words behind it."""
    for opening in chat.openings.values() if turn.role is None else ():
        begins = chat.decode(ids[turn.start : turn.start + len(opening)])
        if opening and begins.startswith(chat.decode(opening)):
            return tuple(opening)
    return ids[turn.start : turn.content] if turn.role is not None else ids[turn.start : turn.start + 4]


def _is_moved(ours: Items, theirs: Items) -> bool:
    texts = [[item for item in items.ids if item != VIDEO] for items in (ours, theirs)]
    return texts[0] == texts[1] and ours.ids.count(VIDEO) == theirs.ids.count(VIDEO)


def _lacks_videos_alone(ours: Items, theirs: Items) -> bool:
    texts = [[item for item in items.ids if item != VIDEO] for items in (ours, theirs)]
    return texts[0] == texts[1] and ours.ids.count(VIDEO) > theirs.ids.count(VIDEO)


def _moved(row: Row, official: np.ndarray, ours: Items, theirs: Items) -> Difference:
    """Show what stands around the video on either side."""
    shown = []
    for items in (ours, theirs):
        at = items.ids.index(VIDEO)
        shown.append(items[max(0, at - 2 * CONTEXT) : at + 2 * CONTEXT])
    at = theirs.ids.index(VIDEO)
    return Difference(Cause.MEDIA_MOVED, *_texts(row, official, *shown), _positions(theirs[at : at + 1]))


def _first_difference(cause: Cause, row: Row, official: np.ndarray, ours: Items, theirs: Items) -> Difference:
    start = _num_shared(ours.ids, theirs.ids)
    end = min(_num_shared(ours.ids[::-1], theirs.ids[::-1]), len(ours) - start, len(theirs) - start)
    before = max(0, start - CONTEXT)
    shown = ours[before : min(len(ours) - end + CONTEXT, start + MAX_SHOWN)]
    their_end = len(theirs) - end
    their_shown = theirs[before : min(their_end + CONTEXT, start + MAX_SHOWN)]
    positions = _positions(theirs[start:their_end]) or (theirs.starts[min(start, len(theirs) - 1)],)
    return Difference(cause, *_texts(row, official, shown, their_shown), positions)


CONTEXT = 6
"""So many items are shown on either side of a difference."""
MAX_SHOWN = 60


def _prefix(row: Row, known: Known, official: np.ndarray, start: int) -> Iterator[Difference]:
    """Compare what stands between the assistant's header and its answer; ``start`` is where the header begins."""
    own, (first, end) = row.own_ids[start:], _first_answer(known)
    answer = known.tokens.input_ids[first:end]
    ours = known.tokens.input_ids[known.tokens.answer_starts[0] - len(official) : first]
    at = _find(answer, own[: len(ours) + MAX_PREFIX + len(answer)])
    if at is None:
        written = own[: len(ours)]
        if any(np.array_equal(written, prefix[: len(written)]) for prefix in (ours, official)):
            return
        is_thinking = False
    else:
        written = own[:at]
        if np.array_equal(written, ours) or np.array_equal(written, official):
            return
        is_thinking = not np.isin(written[1:], row.chat.opening_starts).any()
        extra = row.chat.decode(written[_num_shared(tuple(ours.tolist()), tuple(written.tolist())) :])
        if is_thinking and extra.strip() and not _MARK.search(extra):
            return  # words of the answer: the family of the mask compares its text
    cause = Cause.THINKING if is_thinking else Cause.OTHER
    shared = _num_shared(tuple(ours.tolist()), tuple(written.tolist()))
    positions = tuple(range(start + shared, start + len(written))) or (start + len(written) - 1,)
    yield Difference(cause, row.chat.decode(ours), row.chat.decode(written[:MAX_SHOWN]), positions)


_MARK = re.compile(r"<[^<>\s]+>")
"""What thinking stands in: a control token, or a tag in plain characters."""
MAX_PREFIX = 4_096
"""An answer that begins later than so many tokens behind its header is not looked for."""


def _find(needle: np.ndarray, ids: np.ndarray) -> int | None:
    for at in np.flatnonzero(ids == needle[0]).tolist():
        if np.array_equal(ids[at : at + len(needle)], needle):
            return int(at)
    return None


def _first_answer(known: Known) -> tuple[int, int]:
    """Return where the text of the first answer stands in our encoding, behind any thinking."""
    is_answer = known.tokens.is_kind(RegionKind.ANSWER)
    start = int(np.argmax(is_answer))
    behind = np.flatnonzero(~is_answer[start:])
    return start, start + int(behind[0]) if len(behind) else len(is_answer)


def _texts(row: Row, official: np.ndarray, ours: Items, theirs: Items) -> tuple[str, str]:
    return text_of(ours, row.chat, official), text_of(theirs, row.chat, row.own_ids)


def _positions(items: Items) -> tuple[int, ...]:
    return tuple(range(items.starts[0], items.starts[-1])) if len(items) else ()


def _index(items: Items, position: int) -> int:
    return int(np.searchsorted(items.starts, position))
