"""The token at which the model is taught to stop: there, once, trained, and one that generation stops at.

Source of the faults: trl#976, ms-swift#4732, torchtune#2342 and #2792, axolotl#1054.
"""

from collections.abc import Iterator

import numpy as np

from vtg_core.audit.checks.mask import behind_space
from vtg_core.audit.checks.mask_causes import ends_of, is_moved, wrong_end
from vtg_core.audit.codes.stop import (
    DOUBLED,
    MASKED_AS_PADDING,
    MISSING,
    NO_STOP_ID,
    NOT_TRAINED,
    PAD_IS_STOP,
    WRONG_TOKEN,
)
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import is_one_of
from vtg_core.audit.row.cuts import cut_of
from vtg_core.audit.row.readings import Turn, assistant_turns
from vtg_core.audit.row.row import Row


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the ends of the assistant's turns."""
    chat = row.chat
    if chat.end_of_turn is None or not (row.trained > 0).any() or _are_labels_others(row) or is_moved(row):
        return
    turns = [turn for turn in assistant_turns(row.reading) if turn.is_closed or turn.content < turn.end]
    trained = [turn for turn in turns if row.supervised[turn.start : turn.end + 1].any()]
    is_cut = any(not turn.is_closed for turn in trained) and cut_of(row) is not None
    for turn in trained:
        yield from _check_end(row, turn, is_last=turn is turns[-1], is_cut=is_cut)
    if trained and chat.end_of_turn not in chat.stop_ids:
        stops = ", ".join(repr(chat.decode([i])) for i in sorted(chat.stop_ids))
        yield NO_STOP_ID.finding(
            f"Turns end with {chat.decode([chat.end_of_turn])!r}, and generation stops at {stops}.",
            row=row.number,
        )
    if chat.pad_id == chat.end_of_turn:
        yield PAD_IS_STOP.finding(f"Both are {chat.decode([chat.end_of_turn])!r}.", row=row.number)


def _check_end(row: Row, turn: Turn, *, is_last: bool, is_cut: bool) -> Iterator[Finding]:
    chat = row.chat
    name = chat.decode([chat.end_of_turn]) if chat.end_of_turn is not None else ""
    if not turn.is_closed:
        yield from _unclosed(row, turn, name, is_cut=is_last and is_cut)
        return
    end = np.zeros(len(row), dtype=bool)
    end[turn.end] = True
    if not row.supervised[turn.end]:
        by_value = chat.pad_id == chat.end_of_turn
        code = MASKED_AS_PADDING if by_value else NOT_TRAINED
        cause = OR_EARLY if by_value else _special_tokens(row, turn)
        yield code.finding(
            f"The answer {row.text(np.arange(turn.content, turn.end))[:60]!r} is in the loss, and the {name!r} at "
            f"token {turn.end:,} is not{cause}.",
            row=row.number, regions=row.regions(end),
        )  # fmt: skip
    at = behind_space(row, turn.end + 1)
    if at < len(row) and row.supervised[at] and not row.is_padding[at] and int(row.ids[at]) in ends_of(row):
        end[at] = True
        yield DOUBLED.finding(
            f"{row.text(np.arange(turn.end, at + 1))!r} stands at token {turn.end:,}, where one end of turn belongs.",
            row=row.number, regions=row.regions(end),
        )  # fmt: skip


OR_EARLY = (
    ": padding is the same token and is masked by value, or the mask ends a token early, which looks alike"
)


def _special_tokens(row: Row, turn: Turn) -> str:
    """Say what an end of turn that is masked with every other special token looks like; empty where others are trained."""
    inside = np.arange(turn.content, turn.end + 1)
    special = inside[is_one_of(row.ids[inside], row.chat.tokenizer.all_special_ids)]
    is_by_value = turn.end in special and not row.supervised[special].any()
    return ", nor any of the tokenizer's special tokens: they may be masked by value" if is_by_value else ""


def _unclosed(row: Row, turn: Turn, name: str, *, is_cut: bool) -> Iterator[Finding]:
    """Tell a turn closed by another token from one that is not closed; a row that was cut is another family's."""
    where = np.zeros(len(row), dtype=bool)
    if (end := wrong_end(row, turn)) is not None:
        where[end] = True
        yield WRONG_TOKEN.finding(
            f"The turn must end with {name!r}, and ends with {row.chat.decode([int(row.ids[end])])!r} at token {end:,}.",
            row=row.number, regions=row.regions(where),
        )  # fmt: skip
    elif not is_cut:
        where[turn.content : turn.end] = True
        yield MISSING.finding(
            f"No {name!r} follows {row.text(np.arange(max(turn.start, turn.end - 8), turn.end))!r}.",
            row=row.number, regions=row.regions(where),
        )  # fmt: skip


def _are_labels_others(row: Row) -> bool:
    """Say whether labels differ from their ids: the family of masks says so, and what is trained here is unclear."""
    return not np.array_equal(row.labels[row.trained], row.ids[row.trained])
