"""One mistake that explains a whole mask: the length measured too early, padding ignored, a start that is off.

Source of the faults: transformers#36865 and #41626, NeMo Automodel#2314, torchtitan#2755, VLM-R1#123.
"""

import re
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
from vtg_core.audit.row.answers import other_controls
from vtg_core.audit.row.readings import Turn
from vtg_core.audit.row.row import Row
from vtg_core.audit.row.videos import find_blocks
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF, is_of, runs_of
from vtg_core.regions import VIDEO_KINDS, RegionKind


def cause_of(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Finding | None:
    """Return the one mistake that explains the whole mask, if there is one.

    Args:
        row: the row.
        verdict: where a token should be trained; bool, shape (L,).
        leaks, holes: where one is and should not be, and the reverse; bool, shape (L,).
    """
    return next(_causes(row, verdict, leaks, holes), None)


def masked_by_value(row: Row) -> Code | None:
    """Say whether nothing of a row is masked, or nothing but its media: that takes no reading of the row to tell."""
    own, ids = row.supervised[row.positions], row.own_ids
    if len(own) > 1 and own[1:].all():
        return NOTHING_MASKED
    media, markers = (np.isin(ids, list(found)) for found in (row.chat.media_ids, row.chat.marker_ids))
    is_rest_trained = own[~media & ~markers][1:].all() and not (media | markers).all()
    return ONLY_MEDIA_MASKED if is_rest_trained and media.any() and not own[media].any() else None


def is_moved(row: Row) -> bool:
    """Say whether the whole mask stands elsewhere than it should: where it ends is then no fault of its own."""
    verdict = row.reading.verdict
    if verdict is None:
        return False
    return bool(_forgotten_padding(row, verdict)) or _step(row, verdict) is not None


def ends_of(row: Row) -> set[int]:
    """Return the ids that end a turn or a text: one of them behind an end of turn is a second end."""
    chat = row.chat
    texts_end = (chat.pad_id, chat.tokenizer.eos_token_id)
    return {*chat.closings, *chat.stop_ids, *(i for i in texts_end if i is not None)}


def wrong_end(row: Row, turn: Turn) -> int | None:
    """Return where a turn that is not closed ends with a control token that no answer holds; None where it does not."""
    if turn.is_closed:
        return None
    ends = np.flatnonzero(row.kinds == CODE_OF[RegionKind.END_OF_TURN])
    closing = ends[(ends >= turn.content) & (ends <= turn.end)]
    if row.known is not None and len(closing):
        return int(closing[-1])
    scene = row.known.scene if row.known is not None else None
    own = scene.answer_format if scene is not None else None
    others = other_controls(row.ids[turn.content : turn.end], row.chat, own)
    is_last = len(others) and turn.content + int(others[-1]) == turn.end - 1
    is_media = is_last and int(row.ids[turn.end - 1]) in row.chat.media_ids
    return turn.end - 1 if is_last and not is_media else None


def thinking_prefixes(row: Row) -> np.ndarray:
    """Return where an answer begins with thinking that is written in words, its marks too; bool, shape (L,)."""
    where = np.zeros(len(row), dtype=bool)
    for turn in row.reading.marked:
        if turn.role is Role.ASSISTANT:
            ids = row.ids[turn.content : turn.end]
            found = THINKING.match(row.chat.decode(ids))
            if found is not None:
                behind = len(row.chat.decode(ids)) - found.end()
                num = next(n for n in range(len(ids), -1, -1) if len(row.chat.decode(ids[n:])) >= behind)
                where[turn.content : turn.content + num] = True
    return where


THINKING = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)


def _forgotten_padding(row: Row, verdict: np.ndarray) -> int:
    """Return by how many tokens of padding on the left the mask was not moved; 0 where it was."""
    padded = int(row.positions[0]) if len(row.positions) else 0
    is_forgotten = padded and np.array_equal(row.supervised[: len(row) - padded], verdict[padded:])
    return padded if is_forgotten else 0


def _step(row: Row, verdict: np.ndarray) -> int | None:
    """Return by how many tokens the whole mask is moved to the right, two at most; None where it is not."""
    return next(
        (step for step in (1, -1, 2, -2) if np.array_equal(_moved(verdict, step), row.supervised)), None
    )


def _causes(row: Row, verdict: np.ndarray, leaks: np.ndarray, holes: np.ndarray) -> Iterator[Finding]:
    """Yield what explains the whole mask, the surest first."""
    own, where = row.supervised[row.positions], row.positions
    if (code := masked_by_value(row)) is not None:
        yield leak(code, row, leaks)
    if padded := _forgotten_padding(row, verdict):
        or_off = ", or it begins too early, which looks alike here" if padded <= 2 else ""
        yield LEFT_PADDING.finding(
            f"The mask would be right {padded:,} token{'s' * (padded > 1)} further on, which is the padding on the left{or_off}; "
            f"{int(leaks.sum()):,} wrong tokens are in the loss and {int(holes.sum()):,} of the answer are not.",
            row=row.number, evidence={"padding": padded}, regions=row.regions(row.supervised),
        )  # fmt: skip
    answers = runs_of(verdict[where])
    if leaks.any() and answers:
        yield from _prefix_causes(row, own, answers[0][0], leaks)
    yield from _off_by_one(row, verdict, leaks, holes)


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
    if (step := _step(row, verdict)) is not None:
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
    if row.known is not None:
        ours, theirs = (_length_of_videos(ids, row) for ids in (row.known.tokens.input_ids, row.own_ids))
        return row.known.tokens.num_inserted + theirs - ours
    num_video = int(is_of(row.kinds, VIDEO_KINDS).sum())
    return max(0, num_video - 1 - len(row.chat.marker_ids))


def _length_of_videos(ids: np.ndarray, row: Row) -> int:
    """Return how many tokens the videos take, markers and stamps too."""
    return sum(block.end - block.start for block in find_blocks(ids, row.chat))


def _header_length(row: Row) -> int:
    return max(len(row.chat.openings.get(Role.ASSISTANT, ())), 2)


def _moved(mask: np.ndarray, step: int) -> np.ndarray:
    """Return ``mask`` moved by ``step`` positions to the right; what leaves the row is lost."""
    moved = np.zeros_like(mask)
    moved[max(step, 0) : len(mask) + min(step, 0)] = mask[max(-step, 0) : len(mask) - max(step, 0)]
    return moved
