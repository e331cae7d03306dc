"""A batch as a collator returns it, or a file holds it, taken apart into rows; what is no batch is a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vtg_core.audit.batch.arrays import as_array, listed, shown
from vtg_core.audit.batch.columns import check_columns, padding_of
from vtg_core.audit.batch.videos import MARKS, VIDEO, media_of
from vtg_core.audit.codes.batch import LENGTHS, MALFORMED, MISSING, ROWS, SWAPPED
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.audit.row.readings import find_turns, read_row
from vtg_core.audit.row.recovered import read_known_row
from vtg_core.audit.row.row import Known, Row
from vtg_core.chat.conversation import Role

TOKEN_AXIS = ("labels", "loss_weights", "loss_scale", "loss_mask", "mm_token_type_ids", "token_type_ids")
"""Columns along the token axis, by the names they have in the field; the attention mask has a check of its own."""


def rows_of(
    batch: Mapping[str, Any],
    chat: ChatIds,
    known: Sequence[Known | None] | None = None,
    *,
    numbers: Sequence[int] | None = None,
    max_length: int | None = None,
) -> tuple[list[Row], list[Finding]]:
    """Take a batch apart.

    Args:
        batch: ``input_ids`` and ``labels``, whole numbers of shape (B, L), ``attention_mask`` where rows are padded,
            and the media's tensors; PyTorch's or NumPy's.
        chat: what the ids mean.
        known: for each row what is known of its sample; None for a saved batch.
        numbers: the rows' numbers, 0 to B-1 unless given.
        max_length: the bound on tokens that training uses.

    Returns:
        The rows, and what is wrong with the batch itself; no rows where it cannot be taken apart.
    """
    arrays = {name: as_array(batch.get(name)) for name in ("input_ids", *TOKEN_AXIS)}
    refused = _refused(batch, arrays, chat, known)
    if refused is not None:
        return [], [refused]
    ids, labels = (np.asarray(arrays[name]).astype(np.int64) for name in ("input_ids", "labels"))
    rows_known = list(known) if known is not None else [None] * len(ids)
    row_numbers = list(numbers) if numbers is not None else list(range(len(ids)))
    padding, findings = padding_of(batch.get("attention_mask"), ids, chat, row_numbers)
    swapped = _swapped(ids, padding, rows_known, row_numbers)
    if swapped is not None:
        order, finding = swapped
        rows_known, row_numbers = [rows_known[i] for i in order], [row_numbers[i] for i in order]
        findings.append(finding)
    media, differ = media_of(batch, ids, chat, rows_known, row_numbers)
    lengths = _lengths(arrays)
    findings += [*lengths, *check_columns(batch, ids, labels, chat, row_numbers), *differ]
    shared = _shared_lengths(padding, rows_known)
    rows = []
    of_batch = {n: k for n, k in zip(row_numbers, rows_known, strict=True) if k is not None}
    for i, (number, row_known) in enumerate(zip(row_numbers, rows_known, strict=True)):
        tokens = None
        if row_known is None:
            reading = read_row(ids[i], padding[i], chat)
        else:
            grid = media[i].get(VIDEO.grid)
            reading, tokens = read_known_row(ids[i], padding[i], chat, row_known, grid)
        given = {name: value for name, value in media[i].items() if name != MARKS}
        row = Row(
            number, ids[i], labels[i], padding[i], chat, reading, row_known, given, max_length, shared[i]
        )
        rows.append(replace(row, marks=media[i].get(MARKS), batch=of_batch, tokens=tokens))
    return rows, findings


def _shared_lengths(padding: np.ndarray, known: Sequence[Known | None]) -> list[bool]:
    """Say of each row whether another one has as many tokens, though its sample is of another length."""
    came = (~padding).sum(axis=1).tolist()
    whole = [len(k.tokens) if k is not None else -i for i, k in enumerate(known, 1)]
    others = range(len(came))
    return [any(came[i] == came[j] and whole[i] != whole[j] for j in others) for i in others]


def _refused(
    batch: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray | None],
    chat: ChatIds,
    known: Sequence[Known | None] | None,
) -> Finding | None:
    """Say why a batch cannot be taken apart; None where it can."""
    missing = [name for name in ("input_ids", "labels") if name not in batch]
    if missing:
        there = ", ".join(map(str, batch)) or "nothing"
        return MISSING.finding(f"The batch must hold {' and '.join(missing)}, and holds {there}.")
    for name in ("input_ids", "labels"):
        value = arrays[name]
        if value is None or value.ndim != 2 or not len(value) or value.dtype.kind not in "iu":
            return MALFORMED.finding(
                f"{name} must be whole numbers of shape (B, L), got {shown(batch[name])}."
            )
    ids, labels = np.asarray(arrays["input_ids"]), np.asarray(arrays["labels"])
    if not ids.shape[1]:
        return MALFORMED.finding(f"input_ids must hold a token a row at least, got shape {ids.shape}.")
    expected = len(known) if known is not None else len(ids)
    if {len(ids), len(labels)} != {expected}:
        return _rows_differ(batch, ids, labels, chat, known)
    if labels.shape[1] != ids.shape[1]:
        return _lengths(arrays)[0]
    return None


def _rows_differ(
    batch: Mapping[str, Any],
    ids: np.ndarray,
    labels: np.ndarray,
    chat: ChatIds,
    known: Sequence[Known | None] | None,
) -> Finding:
    if known is None:
        return ROWS.finding(
            f"{_counted(len(ids), 'row')} of ids came, and {_counted(len(labels), 'row')} of labels.",
            evidence={"input_ids": len(ids), "labels": len(labels)},
        )
    evidence = {"samples": len(known), "input_ids": len(ids), "labels": len(labels)}
    came = (
        f"{_counted(len(known), 'sample')} {'were' if len(known) != 1 else 'was'} given, and "
        f"{_counted(len(ids), 'row')} of ids and {len(labels):,} of labels came"
    )
    if len(ids) == len(labels) < len(known) and _is_packed(batch, ids, chat, known):
        finding = ROWS.finding(
            f"{came}: several samples seem packed into one row: audit with --batch-size 1.", evidence=evidence
        )
        return replace(finding, fix="Audit a collator that packs with --batch-size 1, one sample a row.")
    if len(ids) == len(labels) < len(known):
        kept = "the first" if len(ids) == 1 else f"the first {len(ids):,}"
        came = (
            f"{came}: the collator dropped all samples but {kept}" if _are_first(ids, chat, known) else came
        )
    return ROWS.finding(f"{came}.", evidence=evidence)


def _are_first(ids: np.ndarray, chat: ChatIds, known: Sequence[Known | None]) -> bool:
    """Say whether each row asks what the sample at its place asks; so too where it has that sample's very ids."""
    texts = [chat.decode(row[~is_one_of(row, chat.media_ids)]) for row in ids]
    return all(
        row_known is not None and row_known.scene is not None and row_known.scene.query in text
        for row_known, text in zip(known, texts, strict=False)
    )


def _is_packed(
    batch: Mapping[str, Any], ids: np.ndarray, chat: ChatIds, known: Sequence[Known | None]
) -> bool:
    """Say whether fewer rows than samples hold all samples: by borders, by positions that restart, or by turns."""
    mask, positions = as_array(batch.get("attention_mask")), as_array(batch.get("position_ids"))
    if any("cu_seq" in str(name) for name in batch) or (mask is not None and mask.ndim == 1):
        return True
    if positions is not None and positions.shape[-2:] == ids.shape:
        is_start = (positions.reshape(-1, *ids.shape) == 0).all(axis=0)
        if int(is_start.sum()) >= len(known):
            return True
    turns = [turn for row in ids for turn in find_turns(row.astype(np.int64), chat)]
    num_turns = sum(turn.role is Role.ASSISTANT and turn.content < turn.end for turn in turns)
    return num_turns >= sum(len(k.answers) if k is not None else 1 for k in known)


def _lengths(arrays: Mapping[str, np.ndarray | None]) -> list[Finding]:
    lengths = {
        name: value.shape[1] for name, value in arrays.items() if value is not None and value.ndim >= 2
    }
    if len(set(lengths.values())) <= 1:
        return []
    told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
    return [
        LENGTHS.finding(f"Along the token axis the lengths must be one, and are {told}.", evidence=lengths)
    ]


def _swapped(
    ids: np.ndarray, padding: np.ndarray, known: Sequence[Known | None], numbers: Sequence[int]
) -> tuple[list[int], Finding] | None:
    """Return whose each row is, where some row is, id for id, another sample's than its own; None where none is."""
    order = []
    for i, own in enumerate(row[~is_padding] for row, is_padding in zip(ids, padding, strict=True)):
        candidates = [i, *(j for j in range(len(known)) if j != i)]
        order.append(next((j for j in candidates if _is_of(own, known[j])), i))
    moved = {numbers[i]: numbers[j] for i, j in enumerate(order) if i != j}
    if not moved:
        return None
    message = f"The ids of {listed(moved)} are those of {listed(moved.values())}, in this order."
    return order, SWAPPED.finding(message, evidence={str(i): j for i, j in moved.items()})


def _is_of(own: np.ndarray, known: Known | None) -> bool:
    return known is not None and np.array_equal(own, known.tokens.input_ids)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
