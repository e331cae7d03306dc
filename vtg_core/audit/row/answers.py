"""The answers as a row has them: their ids and their texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.items import VIDEO, items_of
from vtg_core.audit.row.readings import Turn
from vtg_core.audit.row.row import Row
from vtg_core.bounded_cache import kept_with
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Role
from vtg_core.data.answers import ANSWER_FORMATS, AnswerFormat
from vtg_core.masking.labelled_tokens import CODE_OF
from vtg_core.regions import RegionKind


@dataclass(frozen=True, eq=False)
class AnswerText:
    """What the assistant says in one turn of a row.

    Attributes:
        positions: its tokens, in positions of the row; without thinking, header and end of turn.
        text: what they read.
    """

    positions: np.ndarray
    text: str


def answers_of(row: Row) -> Iterator[AnswerText]:
    """Yield the assistant's answers, in order: where our regions say so in a row that is our own encoding, and
    otherwise where the role markers do. A turn that is closed without a word is an empty answer.
    """
    if row.is_our_encoding and row.known is not None:
        where = np.flatnonzero(row.kinds == CODE_OF[RegionKind.ANSWER])
        turns = row.turns[where]
        numbers = list(dict.fromkeys(turns.tolist()))
        if len(numbers) == len(row.known.answers):  # the very ids that these texts were encoded to
            for turn, text in zip(numbers, row.known.answers, strict=True):
                yield AnswerText(where[turns == turn], text)
            return
    for turn in row.reading.marked:
        if turn.role is Role.ASSISTANT and (turn.content < turn.end or turn.is_closed):
            positions = _of_answer(row, turn.content, turn.end)
            yield AnswerText(positions, row.chat.decode(row.ids[positions]))


def asks_as_ours(row: Row) -> bool:
    """Say whether a row's prompt has the words of the prompt template; so too where none is known or it was cut."""
    scene = row.known.scene if row.known is not None else None
    if row.is_our_encoding or scene is None or scene.template is None:
        return True
    turn = _last_question(row)
    asked = scene.template.format(scene.query).text
    return turn is None or plain(asked) in plain(_text_of_turn(row, turn))


def own_question(row: Row) -> str:
    """Return the words of the last user's turn, without media and without the sample's query."""
    turn = _last_question(row)
    words = plain(_text_of_turn(row, turn)) if turn is not None else ""
    scene = row.known.scene if row.known is not None else None
    return words.replace(plain(scene.query), " ") if scene is not None and scene.query.strip() else words


def plain(text: str) -> str:
    """Return a text without differences of case, white space and the mark at its end, as collators may tidy it."""
    return " ".join(text.casefold().split()).rstrip(".!?…。 ")


def _last_question(row: Row) -> Turn | None:
    return next((turn for turn in reversed(row.reading.marked) if turn.role is Role.USER), None)


def _text_of_turn(row: Row, turn: Turn) -> str:
    ids = row.ids[turn.content : turn.end]
    return row.chat.decode([item for item in items_of(ids, row.chat).ids if item != VIDEO])


def _of_answer(row: Row, start: int, end: int) -> np.ndarray:
    """Return the positions of a turn's answer: between control tokens that belong to no answer format of the row.

    Thinking ends with such a token, and a turn that is closed by a wrong token ends before one.
    """
    scene = row.known.scene if row.known is not None else None
    own = scene.answer_format if scene is not None else None
    foreign = start + other_controls(row.ids[start:end], row.chat, own)
    borders = [start - 1, *foreign.tolist(), end]
    between = [(a + 1, b) for a, b in pairwise(borders)]
    written = [part for part in between if row.chat.decode(row.ids[slice(*part)]).strip()]
    return np.arange(*(written[-1] if written else (start, end)))


def other_controls(ids: np.ndarray, chat: ChatIds, own: AnswerFormat | None = None) -> np.ndarray:
    """Return where control tokens stand that belong to no answer format, in positions of ``ids``; int64.

    The formats are the two built-in ones, and ``own``: how the row's answers are written, where that is known.
    """
    is_control = is_in_sorted(ids, chat.control_ids)
    for answer_format in (*ANSWER_FORMATS.values(), *([own] if own is not None else [])):
        is_control &= ~is_in_sorted(ids, ids_of_format(answer_format, chat))
    return np.flatnonzero(is_control)


def is_in_sorted(ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return which of a few ``ids`` are among many sorted ``values``; bool, of the shape of ``ids``."""
    if not len(values):
        return np.zeros(ids.shape, dtype=bool)
    found: np.ndarray = values[np.searchsorted(values, ids).clip(max=len(values) - 1)] == ids
    return found


def ids_of_format(answer_format: AnswerFormat, chat: ChatIds) -> np.ndarray:
    """Return the ids of the format's tokens that the tokenizer has, sorted; int64."""
    of_chat, mode = _ids_by_mode(chat), str(answer_format.mode)
    if mode not in of_chat:
        known = control_tokens(chat.tokenizer).ids
        ids = sorted(known[token] for token in answer_format.tokens if token in known)
        of_chat[mode] = np.array(ids, dtype=np.int64)
    return of_chat[mode]


@kept_with
def _ids_by_mode(chat: ChatIds) -> dict[str, np.ndarray]:
    return {}
