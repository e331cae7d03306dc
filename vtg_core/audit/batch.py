"""A batch as a collator returns it, or a file holds it, taken apart into rows; what is no batch is a finding."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vtg_core.audit.chat_ids import ChatIds
from vtg_core.audit.findings import Code, Finding, Severity
from vtg_core.audit.oracles import read_row
from vtg_core.audit.rows import Known, Row

MISSING = Code(
    "batch.tensor-missing",
    Severity.ERROR,
    "The batch lacks input_ids or labels",
    "Without labels a model of transformers computes no loss, and without ids there is nothing to audit.",
    "Return a mapping with input_ids and labels of one shape (B, L), and attention_mask where rows are padded.",
)
MALFORMED = Code(
    "batch.tensor-malformed",
    Severity.ERROR,
    "A tensor of the batch has the wrong type or shape",
    "Ids and labels are whole numbers of shape (B, L); anything else fails in the model, or is broadcast in silence.",
    "Return integer tensors of shape (B, L), one row a sample.",
)
LENGTHS = Code(
    "batch.lengths-differ",
    Severity.ERROR,
    "Tensors along the token axis have different lengths",
    "A mask, weight or type column that was not expanded or cut together with the ids belongs to other tokens.",
    "Expand, cut and pad every column along the token axis together.",
)
ROWS = Code(
    "batch.rows-differ",
    Severity.ERROR,
    "The batch has another number of rows than samples were given",
    "A collator that reads only its first sample drops the others from the training data without a word.",
    "Return one row for each sample.",
)
CODES = (MISSING, MALFORMED, LENGTHS, ROWS)

TOKEN_AXIS = ("labels", "attention_mask", "loss_scale", "loss_mask", "mm_token_type_ids", "token_type_ids")
"""Columns along the token axis, by the names they have in the field."""


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
    findings = list(_check(batch, known))
    if any(finding.code in (MISSING.name, MALFORMED.name, ROWS.name) for finding in findings):
        return [], findings
    ids, labels = np.asarray(_array(batch["input_ids"])), np.asarray(_array(batch["labels"]))
    length = min(ids.shape[1], labels.shape[1])
    ids, labels = ids[:, :length].astype(np.int64), labels[:, :length].astype(np.int64)
    padding = _padding(batch, ids, chat)
    of_rows = known if known is not None else [None] * len(ids)
    media = list(_media(batch, ids, chat))
    rows = []
    for i, number in enumerate(numbers if numbers is not None else range(len(ids))):
        row_known = of_rows[i]
        tokens, prompts = (row_known.tokens, row_known.prompts) if row_known is not None else (None, ())
        reading = read_row(ids[i], padding[i], chat, tokens, prompts)
        rows.append(
            Row(number, ids[i], labels[i], padding[i], chat, reading, row_known, media[i], max_length)
        )
    return rows, findings


def _check(batch: Mapping[str, Any], known: Sequence[Known | None] | None) -> "list[Finding]":
    missing = [name for name in ("input_ids", "labels") if name not in batch]
    if missing:
        there = ", ".join(map(str, batch)) or "nothing"
        return [MISSING.finding(f"The batch must hold {' and '.join(missing)}, and holds {there}.")]
    for name in ("input_ids", "labels"):
        value = _array(batch[name])
        if value is None or value.ndim != 2 or not len(value) or value.dtype.kind not in "iu":
            return [
                MALFORMED.finding(f"{name} must be whole numbers of shape (B, L), got {_shown(batch[name])}.")
            ]
    ids, labels = np.asarray(_array(batch["input_ids"])), np.asarray(_array(batch["labels"]))
    rows = {"input_ids": len(ids), "labels": len(labels)}
    expected = len(known) if known is not None else len(ids)
    if set(rows.values()) != {expected}:
        return [
            ROWS.finding(
                f"{expected} samples were given, and {rows['input_ids']} rows of ids and {rows['labels']} of labels came.",
                evidence={"samples": expected, **rows},
            )
        ]
    lengths = {"input_ids": ids.shape[1], **dict(_token_columns(batch))}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        return [
            LENGTHS.finding(
                f"Along the token axis the lengths must be one, and are {shown}.", evidence=lengths
            )
        ]
    return []


def _token_columns(batch: Mapping[str, Any]) -> list[tuple[str, int]]:
    columns = []
    for name in TOKEN_AXIS:
        value = _array(batch.get(name))
        if value is not None and value.ndim >= 2:
            columns.append((name, value.shape[1]))
    return columns


def _padding(batch: Mapping[str, Any], ids: np.ndarray, chat: ChatIds) -> np.ndarray:
    """Return where padding stands: by the attention mask, or without one the runs of the pad id at either end."""
    mask = _array(batch.get("attention_mask"))
    if mask is not None and mask.ndim == 2 and len(mask) == len(ids) and mask.shape[1] >= ids.shape[1]:
        return mask[:, : ids.shape[1]] == 0
    is_pad = ids == chat.pad_id if chat.pad_id is not None else np.zeros(ids.shape, dtype=bool)
    leading = np.logical_and.accumulate(is_pad, axis=1)
    trailing = np.logical_and.accumulate(is_pad[:, ::-1], axis=1)[:, ::-1]
    return leading | trailing


def _media(batch: Mapping[str, Any], ids: np.ndarray, chat: ChatIds) -> "list[dict[str, Any]]":
    """Give each row its videos' grids and seconds: one a row, or as many as its placeholders ask for."""
    grids = _array(batch.get("video_grid_thw"))
    seconds = _array(batch.get("second_per_grid_ts"))
    if grids is None or grids.ndim != 2 or grids.shape[1] != 3:
        return [{} for _ in ids]
    merge = int(getattr(chat.processor.video_processor, "merge_size", 1)) ** 2
    media, at = [], 0
    for row, others in zip(ids, range(len(ids) - 1, -1, -1), strict=True):
        wanted, taken = int(np.isin(row, list(chat.media_ids)).sum()), at
        if len(grids) == len(ids):
            at += 1
        else:
            while at < len(grids) - others and wanted > 0:
                wanted -= int(grids[at].prod()) // merge
                at += 1
        of_row: dict[str, Any] = {"video_grid_thw": grids[taken:at].astype(np.int64)}
        if seconds is not None and seconds.shape == (len(grids),):
            of_row["second_per_grid_ts"] = seconds[taken:at].astype(float)
        media.append(of_row)
    return media


def _array(value: Any) -> np.ndarray | None:
    """Return a tensor, an array or a list of lists as an array; None where it is none of them."""
    if value is None:
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return value.float().numpy() if value.is_floating_point() else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array if array.dtype.kind in "iufb" else None


def _shown(value: Any) -> str:
    array = _array(value)
    if array is not None:
        return f"{array.dtype} of shape {tuple(array.shape)}"
    return f"{type(value).__name__}, which is no tensor"
