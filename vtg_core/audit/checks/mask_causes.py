"""One mistake that explains a whole mask: the length measured too early, padding ignored, a start that is off.

Source of the faults: transformers#36865 and #41626, NeMo Automodel#2314, torchtitan#2755, VLM-R1#123.
"""

from collections.abc import Iterator

import numpy as np

from vtg_core.audit.codes.mask import (
    BEFORE_EXPANSION,
    COUNTED_KEYS,
    LEFT_PADDING,
    NOTHING_MASKED,
    OFF_BY_ONE,
    ONLY_MEDIA_MASKED,
)
from vtg_core.audit.findings import Code, Finding
from vtg_core.audit.row.chat_ids import is_one_of
from vtg_core.audit.row.row import Row
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import is_of, runs_of
from vtg_core.regions import VIDEO_KINDS


def cause_of(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Finding | None:
    """Return the one mistake that explains the whole mask, if there is one.

    Args:
        row: the row.
        verdict: where a token should be trained; bool, shape (L,).
        leaks, holes: where one is and should not be, and the reverse; bool, shape (L,).
    """
    return next(_causes(row, verdict, leaks, holes), None)


def _causes(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Iterator[Finding]:
    """Yield what explains the whole mask, the surest first."""
    own, where = row.supervised[row.positions], row.positions
    if len(own) > 1 and own[1:].all():
        yield leak(NOTHING_MASKED, row, leaks)
    if any(_is_all_but(own, row.ids[where], masked) for masked in _media_ids(row)):
        yield leak(ONLY_MEDIA_MASKED, row, leaks)
    padded = int(where[0]) if len(where) else 0
    if padded and np.array_equal(row.supervised[: len(row) - padded], verdict[padded:]):
        yield LEFT_PADDING.finding(
            f"The mask would be right {padded:,} tokens further on, which is the padding on the left; "
            f"{int(leaks.sum()):,} wrong tokens are in the loss and {int(holes.sum()):,} of the answer are not.",
            row=row.number, evidence={"padding": padded}, regions=row.regions(row.supervised),
        )  # fmt: skip
    answers = runs_of(verdict[where])
    if leaks.any() and answers:
        yield from _prefix_causes(row, own, answers[0][0], leaks)
    yield from _off_by_one(row, verdict, leaks, holes)


def _media_ids(row: Row) -> Iterator[frozenset[int]]:
    """Yield what helpers mask by value: the placeholders, and these with the markers around them."""
    yield row.chat.media_ids
    yield row.chat.media_ids | row.chat.marker_ids


def _is_all_but(own: np.ndarray, ids: np.ndarray, masked: frozenset[int]) -> bool:
    """Say whether everything is trained but certain ids, and these nowhere."""
    text = ~is_one_of(ids, masked)
    return bool(own[text][1:].all() and not own[~text].any() and not text.all())


def _prefix_causes(row: Row, own: np.ndarray, start: int, leaks: np.ndarray) -> Iterator[Finding]:
    """Yield why a mask that is on from one token to the end begins too early."""
    first = int(np.argmax(own))
    if first >= start or not own[first:start].all():
        return
    inserted = _num_inserted(row)
    slack = len(row.chat.openings.get(Role.ASSISTANT, ())) + 2  # counted with or without the header, or a BOS
    if inserted and abs((start - first) - inserted) <= slack:
        yield leak(
            BEFORE_EXPANSION, row, leaks,
            f" The mask begins at token {first:,} and the answer at {start:,}: {start - first:,} tokens apart, and "
            f"expanding the video inserted {inserted:,}.",
        )  # fmt: skip
    elif 0 < first <= 3:
        yield leak(COUNTED_KEYS, row, leaks, f" Only the first {first} tokens are masked before the answer.")


def _off_by_one(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Iterator[Finding]:
    for step in (1, -1, 2, -2):
        if np.array_equal(_moved(verdict, step), row.supervised):
            way = "late" if step > 0 else "early"
            yield OFF_BY_ONE.finding(
                f"The whole mask stands {abs(step)} token{'s' * (abs(step) > 1)} too {way}.",
                row=row.number, evidence={"shift": step}, regions=row.regions(leaks | holes),
            )  # fmt: skip
            return
    starts = {start for start, _ in runs_of(verdict)}
    late = set(np.flatnonzero(holes).tolist())
    early = set(np.flatnonzero(leaks).tolist())
    for wrong, steps, word in ((late, (0, 1), "late"), (early, (-1, -2), "early")):
        other = early if wrong is late else late
        reach = {start + step for start in starts for step in steps}
        if wrong and not other and wrong <= reach and len(wrong) < _header_length(row) * len(starts):
            yield OFF_BY_ONE.finding(
                f"The mask begins too {word}: {row.text(np.array(sorted(wrong)))!r} "
                + ("is not in the loss." if wrong is late else "is in the loss and belongs to the prompt."),
                row=row.number, evidence={"tokens": len(wrong)}, regions=row.regions(leaks | holes),
            )  # fmt: skip


def leak(code: Code, row: Row, where: np.ndarray, cause: str = "") -> Finding:
    """Return a finding about the tokens at ``where``, with their number by region and their share of the loss."""
    counts, total = row.count_by_kind(where), int(row.supervised[1:].sum())
    num = int(where.sum())
    shown = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in counts.items())
    return code.finding(
        f"{num:,} of the {total:,} tokens in the loss ({100 * num / total:.1f} %) should not be: {shown}.{cause}",
        row=row.number,
        evidence={"tokens": num, "share_of_loss_tokens": round(num / total, 6), "by_region": counts},
        regions=row.regions(where)[:MAX_REGIONS],
    )


MAX_REGIONS = 50
"""A finding points at so many stretches of tokens at most."""


def _num_inserted(row: Row) -> int:
    """Return how many tokens expanding the videos added; nearly so where the row's own ids prove nothing."""
    if row.tokens is not None:
        return row.tokens.num_inserted
    if row.known is not None and row.known.tokens.num_video == int(is_of(row.kinds, VIDEO_KINDS).sum()):
        return row.known.tokens.num_inserted
    num_video = int(is_of(row.kinds, VIDEO_KINDS).sum())
    return max(0, num_video - 1 - len(row.chat.marker_ids))


def _header_length(row: Row) -> int:
    return max(len(row.chat.openings.get(Role.ASSISTANT, ())), 2)


def _moved(mask: np.ndarray, step: int) -> np.ndarray:
    """Return ``mask`` moved by ``step`` positions to the right; what leaves the row is lost."""
    moved = np.zeros_like(mask)
    moved[max(step, 0) : len(mask) + min(step, 0)] = mask[max(-step, 0) : len(mask) - max(step, 0)]
    return moved
