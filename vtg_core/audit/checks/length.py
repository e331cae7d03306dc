"""Vision and length: as many placeholders as the model expects, and nothing cut.

Source of the faults: trl#4289, MiniCPM-V#662, LLaMA-Factory#5231, 2U1 Qwen2-VL-Finetune#125, EasyR1#76.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vtg_core.audit.checks.shown_videos import missing_videos
from vtg_core.audit.codes.length import ANSWER_CUT, BUDGET, END_CUT, OVER, PLACEHOLDERS, PROMPT_CUT, VIDEO_CUT
from vtg_core.audit.findings import Code, Finding
from vtg_core.audit.row.cuts import Cut, CutPart, cut_of, expected_placeholders, num_placeholders
from vtg_core.audit.row.row import Row
from vtg_core.audit.row.videos import video_ids
from vtg_core.masking.labelled_tokens import CODE_OF, KINDS, LabelledTokens
from vtg_core.regions import VIDEO_KINDS, RegionKind

_CODE_OF_PART: Mapping[CutPart, Code] = {
    CutPart.VIDEO: VIDEO_CUT,
    CutPart.PROMPT: PROMPT_CUT,
    CutPart.ANSWER: ANSWER_CUT,
    CutPart.END_OF_TURN: END_CUT,
}


@dataclass(frozen=True)
class Budget:
    """What the tokens of a sequence are spent on.

    Attributes:
        num_text: everything but video and answer.
        num_video: placeholders, their markers and time stamps.
        num_answer: answers with their ends of turn.
        smallest_max_length: the smallest ``max_length`` that cuts nothing.
    """

    num_text: int
    num_video: int
    num_answer: int
    smallest_max_length: int


def budget(tokens: LabelledTokens) -> Budget:
    """Return what the tokens of a sequence are spent on."""
    return _budget(tokens.kinds)


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the length of a row and of its video."""
    cut = cut_of(row)
    over = None if cut is not None else _over(row)
    if cut is not None:
        yield _cut_finding(row, cut)
    elif (differ := _placeholders(row) or missing_videos(row)) is not None:
        yield differ
    if over is not None:
        yield over
    if row.max_length is not None or cut is not None:
        yield _budget_finding(row)


def _placeholders(row: Row) -> Finding | None:
    expected = expected_placeholders(row)
    if expected is None or (came := num_placeholders(row)) == expected:
        return None
    grid = row.media["video_grid_thw"].tolist()
    return PLACEHOLDERS.finding(
        f"video_grid_thw asks for {expected:,} placeholders, and the row has {came:,}.",
        row=row.number,
        evidence={"expected": expected, "placeholders": came, "video_grid_thw": grid},
        regions=row.regions(~row.is_padding & (row.ids == video_ids(row.chat).video)),
    )


def _cut_finding(row: Row, cut: Cut) -> Finding:
    lost = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in cut.lost.items())
    side = "begins too late" if cut.is_left else "ends too early"
    if cut.part is CutPart.END_OF_TURN and row.known is None:
        message = f"The row ends after {len(row.own_ids):,} tokens without the end of its last answer, or within it."
    elif cut.left:
        message = f"The row has {len(row.own_ids):,} tokens and ends too early: what is left of its answer is {cut.left[:80]!r}."
    elif not lost:
        message = f"The row ends after {len(row.own_ids):,} tokens, before the answer begins."
    else:
        message = f"The row has {len(row.own_ids):,} tokens and {side}; lost tokens: {lost}."
    at = (0, 1) if cut.is_left else (len(row.own_ids) - 1, len(row.own_ids))
    return _CODE_OF_PART[cut.part].finding(
        message,
        row=row.number,
        evidence={"tokens": len(row.own_ids), "lost": dict(cut.lost), "max_length": row.max_length},
        regions=row.own_regions(*at),
    )


def _over(row: Row) -> Finding | None:
    if row.max_length is None or len(row.own_ids) <= row.max_length:
        return None
    where = np.zeros(len(row), dtype=bool)
    where[row.positions[row.max_length :]] = True
    lost = row.count_by_kind(where)
    lost.pop(str(RegionKind.CHAT), None)
    if not lost:  # no more than white space behind the end of turn
        return None
    shown = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in lost.items())
    return OVER.finding(
        f"The row has {len(row.own_ids):,} tokens and max_length is {row.max_length:,}; cutting its end takes {shown}.",
        row=row.number,
        evidence={"tokens": len(row.own_ids), "max_length": row.max_length, "would_lose": lost},
        regions=row.regions(where),
    )


def _budget_finding(row: Row) -> Finding:
    kinds = row.known.tokens.kinds if row.known is not None else row.kinds[row.positions]
    spent = _budget(kinds)
    bound = "" if row.max_length is None else f" of max_length {row.max_length:,}"
    smallest = spent.smallest_max_length
    is_whole = row.known is not None or cut_of(row) is None
    advice = f" The smallest max_length that keeps everything is {smallest:,}." if is_whole else ""
    return BUDGET.finding(
        f"Text {spent.num_text:,}, video {spent.num_video:,}, answer {spent.num_answer:,}: {smallest:,} tokens"
        f"{bound}.{advice}",
        row=row.number,
        evidence={
            "text": spent.num_text,
            "video": spent.num_video,
            "answer": spent.num_answer,
            "max_length": row.max_length,
            "smallest_max_length": smallest if is_whole else None,
        },
    )


def _budget(kinds: np.ndarray) -> Budget:
    counts = np.bincount(kinds, minlength=len(KINDS)).tolist()
    num_video = sum(counts[CODE_OF[kind]] for kind in VIDEO_KINDS)
    num_answer = counts[CODE_OF[RegionKind.ANSWER]] + counts[CODE_OF[RegionKind.END_OF_TURN]]
    return Budget(len(kinds) - num_video - num_answer, num_video, num_answer, len(kinds))
