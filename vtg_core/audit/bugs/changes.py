"""What faulty training code does to a row, to a padded batch, or is shown by: the parts of the bugs."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from vtg_core.audit.bugs.rows import Strand
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.chat.control_tokens import encode_as_text
from vtg_core.chat.conversation import Role
from vtg_core.errors import MaskingError
from vtg_core.regions import IGNORE_INDEX, RegionKind

Messages = list[dict[str, Any]]
Change = Callable[[Strand, ChatIds], Strand]
Prepare = Callable[[Messages, ChatIds], Messages]


def end_of_turn(strand: Strand) -> int:
    return int(strand.where(RegionKind.END_OF_TURN)[-1])


def answer(strand: Strand) -> tuple[int, int]:
    where = strand.where(RegionKind.ANSWER)
    start = strand.known.tokens.answer_starts[-1]
    return start, int(where[-1]) + 1


def _encode(chat: ChatIds, text: str) -> list[int]:
    ids: list[int] = chat.tokenizer.encode(text, add_special_tokens=False)
    return ids


def supervised_from(position: Callable[[Strand], int]) -> Change:
    return lambda strand, chat: strand.masked(slice(None)).trained(slice(position(strand), None))


def before_expansion(strand: Strand) -> int:
    tokens = strand.known.tokens
    return tokens.answer_starts[0] - tokens.num_inserted


def header_in(strand: Strand, chat: ChatIds) -> Strand:
    length = len(chat.openings[Role.ASSISTANT])
    for start in strand.known.tokens.answer_starts:
        strand = strand.trained(slice(start - length, start))
    return strand


def later_turns(strand: Strand, chat: ChatIds) -> Strand:
    return strand.trained(slice(strand.known.tokens.answer_starts[0], end_of_turn(strand) + 1))


def bare_role_word(strand: Strand, chat: ChatIds) -> Strand:
    labels = np.full(len(strand.ids), IGNORE_INDEX, dtype=np.int64)
    for at in range(len(strand.ids) - 2):
        if chat.decode(strand.ids[at : at + 1]).strip() == chat.role_word:
            ends = np.flatnonzero(strand.ids[at + 2 :] == chat.end_of_turn)
            end = at + 2 + int(ends[0]) + 1 if len(ends) else len(strand.ids)
            labels[at + 2 : end] = strand.ids[at + 2 : end]
    return replace(strand, labels=labels)


def closing_text(chat: ChatIds) -> str:
    """Return the control token that closes an assistant's turn."""
    return chat.decode([chat.end_of_turn]) if chat.end_of_turn is not None else ""


def doubled_start(strand: Strand, chat: ChatIds) -> Strand:
    first = chat.bos_id if chat.bos_id is not None else int(strand.ids[0])
    return strand.spliced(0, 0, [first] if strand.ids[0] == first else [first, first])


def two_ends(strand: Strand, chat: ChatIds) -> Strand:
    at = end_of_turn(strand) + 1
    return strand.spliced(at, at, [int(strand.ids[at - 1])], trained=True)


def other_end(strand: Strand, chat: ChatIds) -> Strand:
    """Close the turn with a control token that neither closes nor opens a turn nor shows a video."""
    taken = {*chat.closings, *chat.stop_ids, *chat.media_ids, *chat.marker_ids, *chat.opening_starts.tolist()}
    other = next(int(i) for i in chat.control_ids if int(i) not in taken)
    at = end_of_turn(strand)
    return strand.spliced(at, at + 1, [other], trained=True)


def cut_at(position: Callable[[Strand], int]) -> Change:
    def change(strand: Strand, chat: ChatIds) -> Strand:
        end = position(strand)
        return replace(strand, ids=strand.ids[:end], labels=strand.labels[:end])

    return change


def forged_turn(strand: Strand, chat: ChatIds) -> Strand:
    """Encode the query again, this time obeying the control tokens that are written in it."""
    where = strand.where(RegionKind.QUERY)
    start, end = int(where[0]), int(where[-1]) + 1
    return strand.spliced(start, end, _encode(chat, chat.decode(strand.ids[start:end])))


def lost_placeholders(strand: Strand, chat: ChatIds) -> Strand:
    where = np.flatnonzero(np.isin(strand.ids, list(chat.media_ids)))
    return strand.spliced(int(where[-1]) - 4, int(where[-1]) + 1, [])


def wrong_clock(strand: Strand, chat: ChatIds) -> Strand:
    """Write the time stamps of a frame rate that is not the clip's."""
    factor = 2.4
    if "second_per_grid_ts" in strand.media:
        seconds = np.asarray(strand.media["second_per_grid_ts"], dtype=float)
        strand = replace(strand, media={**strand.media, "second_per_grid_ts": seconds * factor})
    stamps = [r for r in strand.known.tokens.regions if r.kind is RegionKind.TIMESTAMP]
    if not stamps and "second_per_grid_ts" not in strand.media:
        raise MaskingError("this checkpoint writes no time stamps that could be wrong")
    for region in reversed(stamps):
        text = chat.decode(strand.ids[region.start : region.end])
        wrong = re.sub(r"\d+\.\d", lambda match: f"{float(match[0]) * factor:.1f}", text)
        strand = strand.spliced(region.start, region.end, _encode(chat, wrong))
    return strand


def other_answer(write: Callable[[str], str], *, as_text: bool = False) -> Change:
    """Return what writes another answer; ``as_text`` recognises no control token in it."""

    def change(strand: Strand, chat: ChatIds) -> Strand:
        start, end = answer(strand)
        text = write(chat.decode(strand.ids[start:end]))
        ids = encode_as_text(chat.tokenizer, text)[0] if as_text else _encode(chat, text)
        return strand.spliced(start, end, ids, trained=True)

    return change


def later_window(text: str) -> str:
    numbers = re.findall(r"\d+", text)
    return text.replace(numbers[0], "0", 1) if numbers[0] != "0" else text.replace("0", "1", 1)


def other_system(strand: Strand, chat: ChatIds) -> Strand:
    turn = [*chat.openings[Role.SYSTEM], *_encode(chat, "Be brief."), *_closing(chat)]
    where = strand.where(RegionKind.SYSTEM)
    if len(where):
        return strand.spliced(int(where[0]), int(where[-1]) + 1, _encode(chat, "Be brief."))
    return strand.spliced(0, 0, turn)


def _closing(chat: ChatIds) -> list[int]:
    assert chat.end_of_turn is not None
    return [chat.end_of_turn, *_encode(chat, "\n")]


def thinking(strand: Strand, chat: ChatIds) -> Strand:
    start, _ = answer(strand)
    return strand.spliced(start, start, _encode(chat, "<think>\n\n</think>\n\n"), trained=True)


def no_markers(strand: Strand, chat: ChatIds) -> Strand:
    kept = ~np.isin(strand.ids, list(chat.marker_ids))
    return replace(strand, ids=strand.ids[kept], labels=strand.labels[kept])


def preshifted(strand: Strand, chat: ChatIds) -> Strand:
    return replace(strand, labels=np.concatenate([strand.labels[1:], [IGNORE_INDEX]]))


def of_unpadded_ids(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    """Move the labels of a left-padded row to where they stand without padding."""
    labels = np.full_like(batch["labels"], IGNORE_INDEX)
    for i, row in enumerate(batch["labels"]):
        start = int(np.argmax(batch["attention_mask"][i]))
        trained = np.flatnonzero(row != IGNORE_INDEX) - start
        labels[i, trained] = batch["input_ids"][i, trained]
    return {**batch, "labels": labels}


def padding_in(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    is_padding = batch["attention_mask"] == 0
    return {**batch, "labels": np.where(is_padding, batch["input_ids"], batch["labels"])}


def masked_by_value(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    is_pad = batch["input_ids"] == chat.pad_id
    return {**batch, "labels": np.where(is_pad, IGNORE_INDEX, batch["labels"])}


def other_ignore_index(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    return {**batch, "labels": np.where(batch["labels"] == IGNORE_INDEX, -1, batch["labels"])}


def short_weights(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    return {**batch, "loss_scale": np.ones((len(batch["labels"]), batch["labels"].shape[1] - 7))}


def first_row_only(batch: dict[str, Any], chat: ChatIds) -> dict[str, Any]:
    return {name: value[:1] for name, value in batch.items()}


def with_system(messages: Messages, chat: ChatIds) -> Messages:
    has_system = messages[0]["role"] == Role.SYSTEM
    return (
        messages if has_system else [{"role": "system", "content": "You find moments in videos."}, *messages]
    )


def with_query(write: Callable[[ChatIds], str]) -> Prepare:
    """Return what writes a text behind the query, or behind the user's words where no query is marked."""

    def prepare(messages: Messages, chat: ChatIds) -> Messages:
        text = write(chat)
        turn = next(i for i, m in enumerate(messages) if m["role"] == Role.USER)
        parts = [dict(part) for part in messages[turn]["content"]]
        at = next(i for i, part in enumerate(parts) if part["type"] == "text")
        written = parts[at]["text"]
        end = parts[at].get("query", [0, len(written)])[1]
        parts[at]["text"] = written[:end] + text + written[end:]
        if "query" in parts[at]:
            parts[at]["query"] = [parts[at]["query"][0], end + len(text)]
        return [*messages[:turn], {**messages[turn], "content": parts}, *messages[turn + 1 :]]

    return prepare


def with_second_question(messages: Messages, chat: ChatIds) -> Messages:
    question = {"role": "user", "content": [{"type": "text", "text": "Are you sure? Say it once more."}]}
    return [*messages, question, messages[-1]]
