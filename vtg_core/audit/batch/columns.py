"""The columns of a batch beside ids and labels: attention mask, loss weights, token types; and ids no model has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vtg_core.audit.batch.arrays import as_array, listed, shown
from vtg_core.audit.codes.batch import (
    MASK_WRONG,
    PADDING_ATTENDED,
    TYPES_DIFFER,
    VOCABULARY,
    WEIGHTS_MALFORMED,
    WEIGHTS_ON_MASKED,
    WEIGHTS_ZERO,
)
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.regions import IGNORE_INDEX

OWN_WEIGHTS = "loss_weights"
"""The column of our own collator: of those of others neither a weight on a masked token nor another shape says much."""
WEIGHTS = (OWN_WEIGHTS, "loss_scale", "loss_mask")
TYPES = "mm_token_type_ids"


def check_columns(
    batch: Mapping[str, Any], ids: np.ndarray, labels: np.ndarray, chat: ChatIds, numbers: Sequence[int]
) -> Iterator[Finding]:
    """Yield what is wrong with ids, weights and types; columns of another shape than ``ids`` are passed over.

    Args:
        batch: as the collator returned it.
        ids, labels: int64, shape (B, L).
        chat: what the ids mean.
        numbers: the rows' numbers.
    """
    yield from _vocabulary(ids, chat, numbers)
    for name in WEIGHTS:
        if batch.get(name) is None:
            continue
        weights = as_array(batch[name])
        if weights is not None and weights.shape == ids.shape:
            yield from _weights(name, weights, labels, numbers)
        elif name == OWN_WEIGHTS and (weights is None or weights.ndim < 2):
            yield WEIGHTS_MALFORMED.finding(
                f"{name} must be numbers of shape {ids.shape}, that of input_ids, got {shown(batch[name])}."
            )
    types = as_array(batch.get(TYPES))
    if types is not None and types.shape == ids.shape:
        yield from _types(types, ids, chat, numbers)


def padding_of(
    mask: Any, ids: np.ndarray, chat: ChatIds, numbers: Sequence[int]
) -> tuple[np.ndarray, list[Finding]]:
    """Return where padding stands, and what is wrong with the attention mask.

    By the mask, where it is right; else, and without one, by the runs of the pad id at either end. Masks of three
    or four axes say more than which token is padding, and are not judged.

    Args:
        mask: the batch's ``attention_mask``, None without one.
        ids: int64, shape (B, L).
        chat: what the ids mean.
        numbers: the rows' numbers.

    Returns:
        bool, shape (B, L), and the findings.
    """
    at_ends = _pads_at_ends(ids, chat)
    array = as_array(mask)
    if mask is None or isinstance(mask, Mapping) or (array is not None and array.ndim in (3, 4)):
        return at_ends, []
    if array is None or array.shape != ids.shape:
        if array is not None and _is_cumulative(array, ids):
            return at_ends, []
        message = (
            f"attention_mask must be numbers of shape {ids.shape}, that of input_ids, got {shown(mask)}."
        )
        return at_ends, [MASK_WRONG.finding(message)]
    problem = _values_problem(array, ids, at_ends, chat, numbers)
    if problem is not None:
        return at_ends, [problem]
    attended = _clear_padding(at_ends) & (array != 0)
    if not attended.any():
        return array == 0, []
    rows = [numbers[i] for i in np.flatnonzero(attended.any(axis=1)).tolist()]
    count = int(attended.sum())
    message = f"attention_mask is not 0 on {count:,} tokens of padding, in {listed(rows)}."
    return (array == 0) | attended, [
        PADDING_ATTENDED.finding(message, evidence={"tokens": count, "rows": rows})
    ]


def _is_cumulative(mask: np.ndarray, ids: np.ndarray) -> bool:
    """Say whether a mask is where packed sequences begin and end, as flash attention takes it."""
    is_increasing = mask.ndim == 1 and len(mask) > 1 and bool((np.diff(mask.astype(np.int64)) > 0).all())
    return len(ids) == 1 and is_increasing and int(mask[0]) == 0 and int(mask[-1]) == ids.shape[1]


def _values_problem(
    mask: np.ndarray, ids: np.ndarray, at_ends: np.ndarray, chat: ChatIds, numbers: Sequence[int]
) -> Finding | None:
    if not np.isfinite(mask).all() or (mask < 0).any():
        return MASK_WRONG.finding(
            "attention_mask must be 0 or 1, and holds negative numbers or no numbers at all."
        )
    is_off = mask == 0
    if not is_off.any():
        return None
    if is_off.all() and not at_ends.all():
        return MASK_WRONG.finding("attention_mask is 0 everywhere, so that no token sees another.")
    if at_ends.any() and np.array_equal(is_off, ~at_ends):
        return MASK_WRONG.finding(
            "attention_mask is inverted: it is 1 on padding and 0 on every other token."
        )
    hidden = np.array([_num_hidden(*row, chat) for row in zip(ids, is_off, strict=True)])
    if not hidden.any():
        return None
    rows, count = [numbers[i] for i in np.flatnonzero(hidden).tolist()], int(hidden.sum())
    return MASK_WRONG.finding(
        f"attention_mask is 0 on {count:,} tokens that are no padding, in {listed(rows)}.",
        evidence={"tokens": count, "rows": rows},
    )


def _num_hidden(ids: np.ndarray, is_off: np.ndarray, chat: ChatIds) -> int:
    """Return how many tokens of a row the mask hides: in its middle, or at an end where more than one id stands."""
    attended = np.flatnonzero(~is_off)
    is_pad = ids == chat.pad_id if chat.pad_id is not None else np.zeros(len(ids), dtype=bool)
    if not len(attended):
        return int((~is_pad).sum())
    first, last = int(attended[0]), int(attended[-1]) + 1
    hidden = int((is_off & ~is_pad)[first:last].sum())
    for end in (ids[:first], ids[last:]):
        if len(end) and (end != end[0]).any():  # padding may be of any id, but is of one
            hidden += int((end != chat.pad_id).sum()) if chat.pad_id is not None else len(end)
    return hidden


def _pads_at_ends(ids: np.ndarray, chat: ChatIds) -> np.ndarray:
    is_pad = ids == chat.pad_id if chat.pad_id is not None else np.zeros(ids.shape, dtype=bool)
    leading = np.logical_and.accumulate(is_pad, axis=1)
    trailing = np.logical_and.accumulate(is_pad[:, ::-1], axis=1)[:, ::-1]
    return leading | trailing


def _clear_padding(at_ends: np.ndarray) -> np.ndarray:
    """Return what is padding without doubt: the one pad id next to a text may be its own beginning or end."""
    around = np.pad(at_ends, ((0, 0), (1, 1)), constant_values=True)
    padding: np.ndarray = at_ends & around[:, :-2] & around[:, 2:]
    return padding


def _vocabulary(ids: np.ndarray, chat: ChatIds, numbers: Sequence[int]) -> Iterator[Finding]:
    size = max(chat.vocab_size, int(chat.control_ids.max(initial=-1)) + 1)
    if ids.min() >= 0 and ids.max() < size:
        return
    is_outside = (ids < 0) | (ids >= size)
    values, counts = np.unique(ids[is_outside], return_counts=True)
    common = [int(value) for value in values[np.argsort(-counts, kind="stable")][:4]]
    rows, count = [numbers[i] for i in np.flatnonzero(is_outside.any(axis=1)).tolist()], int(is_outside.sum())
    yield VOCABULARY.finding(
        f"Every id must be from 0 to {size - 1:,}, and {count:,} in {listed(rows)} are not, such as "
        f"{', '.join(map(str, common))}.",
        evidence={"vocabulary": size, "tokens": count, "ids": common, "rows": rows},
    )


def _weights(name: str, weights: np.ndarray, labels: np.ndarray, numbers: Sequence[int]) -> Iterator[Finding]:
    supervised = labels != IGNORE_INDEX
    is_bad = ~np.isfinite(weights) | (weights < 0)
    if is_bad.any():
        rows, count = [numbers[i] for i in np.flatnonzero(is_bad.any(axis=1)).tolist()], int(is_bad.sum())
        negative = int((weights < 0).sum())
        yield WEIGHTS_MALFORMED.finding(
            f"{name} must be finite and 0 or above, and {count:,} of its numbers in {listed(rows)} are not: {negative:,} "
            f"are negative, {count - negative:,} no finite number.",
            evidence={"column": name, "tokens": count, "negative": negative, "rows": rows},
        )
        return
    is_idle = ~supervised & (weights > 0)
    if name == OWN_WEIGHTS and is_idle.any():
        yield _on_masked(name, is_idle, supervised & (weights == 0), numbers)
    is_dead = supervised.any(axis=1) & ~(supervised & (weights != 0)).any(axis=1)
    if is_dead.any():
        rows, count = [numbers[i] for i in np.flatnonzero(is_dead).tolist()], int(supervised[is_dead].sum())
        yield WEIGHTS_ZERO.finding(
            f"{name} is 0 on all {count:,} tokens whose labels are trained, in {listed(rows)}.",
            evidence={"column": name, "tokens": count, "rows": rows},
        )


def _on_masked(name: str, is_idle: np.ndarray, is_unweighed: np.ndarray, numbers: Sequence[int]) -> Finding:
    rows, count = [numbers[i] for i in np.flatnonzero(is_idle.any(axis=1)).tolist()], int(is_idle.sum())
    unweighed = int(is_unweighed.sum())
    beside = (
        f", and 0 on {unweighed:,} whose labels are trained: the weights may be shifted against the labels"
        if unweighed
        else ""
    )
    return WEIGHTS_ON_MASKED.finding(
        f"{name} is above 0 on {count:,} tokens whose labels are masked, in {listed(rows)}{beside}.",
        evidence={"column": name, "tokens": count, "unweighed": unweighed, "rows": rows},
    )


def _types(types: np.ndarray, ids: np.ndarray, chat: ChatIds, numbers: Sequence[int]) -> Iterator[Finding]:
    media = set(chat.media_ids)
    for name in ("image_token_ids", "video_token_ids", "audio_token_ids"):
        media |= {token_id for token_id in getattr(chat.processor, name, None) or () if token_id is not None}
    is_media, is_marked = is_one_of(ids, media), types != 0
    unmarked, other = int((is_media & ~is_marked).sum()), int((is_marked & ~is_media).sum())
    if unmarked or other:
        rows = [numbers[i] for i in np.flatnonzero((is_media != is_marked).any(axis=1)).tolist()]
        yield TYPES_DIFFER.finding(
            f"{TYPES} is 0 on {unmarked:,} placeholders and not 0 on {other:,} other tokens, in {listed(rows)}.",
            evidence={"placeholders": unmarked, "others": other, "rows": rows},
        )
