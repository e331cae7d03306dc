"""Prompt parity: before the answer stands what serving will write there, the official generation prompt.

Time stamps and the number of placeholders are left aside: the families of time and length judge them.
Source of the faults: LLaMA-Factory#8356 and #9392, trl#1400 and #5213, OpenRLHF#393, prime-rl#3198.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from vtg_core.audit.checks.prompt_differences import (
    Cause,
    Difference,
    begins_officially,
    first_prompt,
    has_doubled_start,
    prompt_differences,
)
from vtg_core.audit.checks.shown_videos import num_shown_videos
from vtg_core.audit.codes.prompt import (
    DOUBLE_BOS,
    FROM_TEXT,
    INSTRUCTION,
    MOVED,
    NESTED,
    PROCESSOR_NESTS,
    PROMPT_BEHIND,
    PROMPT_DIFFERS,
    QUERY,
    REPEATED,
    STRAY,
    SYSTEM,
    TEXT_AFTER,
    THINKING,
    UNMARKED,
)
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import is_one_of
from vtg_core.audit.row.items import collapsed
from vtg_core.audit.row.readings import MAX_STAMP_TOKENS, Turn, has_generation_prompt_behind
from vtg_core.audit.row.row import Known, Row
from vtg_core.audit.row.videos import (
    VideoIds,
    find_blocks,
    lacks_markers,
    placeholder_runs,
    processor_nests_markers,
    video_ids,
)
from vtg_core.chat.conversation import Role
from vtg_core.regions import RegionKind


def check(row: Row) -> Iterator[Finding]:
    """Yield where the prompt of a row differs from the official one."""
    if not len(row.own_ids):
        return
    official = first_prompt(row.known) if row.known is not None else None
    yield from _markers(row, official)
    if has_generation_prompt_behind(row.reading.marked):
        yield _generation_prompt_behind(row)
    if row.known is None:
        yield from _doubled_start(row)
        yield from _stray_turns(row)
    elif official is not None:
        if not row.is_our_encoding:
            yield from _more_videos(row, row.known, official)
            yield from _text_after_answer(row, row.known)
        if not begins_officially(row, row.known, official):
            for difference in prompt_differences(row, row.known, official):
                yield _difference_finding(row, difference)


def _markers(row: Row, official: np.ndarray | None) -> Iterator[Finding]:
    around = video_ids(row.chat)
    runs = placeholder_runs(row.own_ids, row.chat)
    if not len(runs) or not around.opening or not around.closing:
        return
    before, behind = runs[:, 0] - 1, runs[:, 1]
    closing = behind < len(row.own_ids)  # a row that ends in a video was cut
    opens = is_one_of(row.own_ids[before], around.opening) | (before < 0)
    closes = is_one_of(row.own_ids[behind[closing]], around.closing)
    if not (opens.all() and closes.all()):
        opens[closing] &= closes
        yield from _missing_markers(row, int((~opens).sum()), len(runs), official)
    elif _num_markers_before(row.own_ids, int(runs[0, 0]), around) > 1:
        yield from _nested_markers(row, official, around)


def _num_markers_before(ids: np.ndarray, first: int, around: VideoIds) -> int:
    """Return how many markers open right before the first placeholder, a time stamp between them or not."""
    return int(np.count_nonzero(is_one_of(ids[max(0, first - MAX_STAMP_TOKENS - 2) : first], around.opening)))


def _missing_markers(row: Row, bare: int, total: int, official: np.ndarray | None) -> Iterator[Finding]:
    if official is None:
        is_their_own = lacks_markers(row.chat)
    else:
        is_their_own = any(block.lacks_markers for block in find_blocks(official, row.chat))
    if is_their_own:
        return
    blocks = [block for block in find_blocks(row.own_ids, row.chat) if block.lacks_markers]
    if not blocks:
        return
    text = collapsed(row.own_ids[blocks[0].start : blocks[0].end], row.chat)
    yield UNMARKED.finding(
        f"{bare} of {total} runs of placeholders lack a marker right before or behind them: {text[:120]!r}.",
        row=row.number,
        evidence={"row": text[:400]},
        regions=row.own_regions(blocks[0].start, blocks[0].end),
    )


def _nested_markers(row: Row, official: np.ndarray | None, around: VideoIds) -> Iterator[Finding]:
    if row.is_our_encoding:
        nests = True  # our encoding is the processor's own
    elif official is None:
        nests = processor_nests_markers(row.chat)
    else:
        first = int(np.argmax(is_one_of(official, row.chat.media_ids)))
        nests = _num_markers_before(official, first, around) > 1
    pairs = int(np.count_nonzero(is_one_of(row.own_ids, around.opening)))
    yield (PROCESSOR_NESTS if nests else NESTED).finding(
        f"{pairs} pairs of markers stand around the frames of the video, one of them around the others.",
        row=row.number,
        evidence={"pairs": pairs},
    )


def _more_videos(row: Row, known: Known, official: np.ndarray) -> Iterator[Finding]:
    """Count the videos; where a processor writes a pair of markers a frame, grids alone tell them from frames."""
    video = video_ids(row.chat).video
    if video is None or not (row.own_ids == video).any():
        return
    ours, theirs = (find_blocks(ids, row.chat) for ids in (official, row.own_ids))
    expected, came = sum(block.num_videos for block in ours), num_shown_videos(row, known)
    if came <= expected or expected != (1 if known.grid is None else len(known.grid)):
        return
    yield REPEATED.finding(
        f"The row shows {came} videos, and its sample {expected}.",
        row=row.number,
        evidence={"row": came, "sample": expected},
        regions=row.own_regions(theirs[0].start, theirs[-1].end),
    )


def _generation_prompt_behind(row: Row) -> Finding:
    where = np.zeros(len(row), dtype=bool)
    where[row.reading.marked[-1].start :] = True
    where &= ~row.is_padding
    message = f"Behind the end of the answer stands {row.text(where)[:120]!r}, and nothing is said in it."
    return PROMPT_BEHIND.finding(message, row=row.number, regions=row.regions(where))


def _text_after_answer(row: Row, known: Known) -> Iterator[Finding]:
    """Look for text behind the last answer that is in no loss; the family of the mask judges what is."""
    turns = row.reading.marked
    if has_generation_prompt_behind(turns):
        return
    answered = [
        i for i, t in enumerate(turns) if t.role is Role.ASSISTANT and t.is_closed and t.content < t.end
    ]
    if not answered or any(turn.role is not Role.ASSISTANT for turn in turns[answered[-1] + 1 :]):
        return
    behind = np.arange(turns[answered[-1]].end + 1, len(row))
    behind = behind[~row.is_padding[behind]]
    text = _words(row.ids[behind], row)
    ends = np.flatnonzero(known.tokens.is_kind(RegionKind.END_OF_TURN))
    ours = known.tokens.input_ids[ends[-1] + 1 :] if len(ends) else behind[:0]
    is_trained = bool(_words(row.ids[behind[row.supervised[behind]]], row))
    if not text or is_trained or text == _words(ours, row):
        return
    where = np.zeros(len(row), dtype=bool)
    where[behind] = True
    yield TEXT_AFTER.finding(
        f"Behind the end of the answer stands {row.chat.decode(row.ids[behind])[:120]!r}.",
        row=row.number,
        evidence={"row": row.chat.decode(row.ids[behind])[:2_000]},
        regions=row.regions(where),
    )


def _words(ids: np.ndarray, row: Row) -> str:
    return row.chat.decode(ids[~np.isin(ids, row.chat.control_ids)]).strip()


def _doubled_start(row: Row) -> Iterator[Finding]:
    if has_doubled_start(row.own_ids, row.chat):
        yield DOUBLE_BOS.finding(
            f"The row begins with {row.chat.decode(row.own_ids[:2])!r}.",
            row=row.number,
            regions=row.own_regions(0, 2),
        )


def _stray_turns(row: Row) -> Iterator[Finding]:
    """Look for turns that no conversation has, in a row of which nothing else is known."""
    turns = row.reading.marked
    while turns and turns[0].role is None and turns[0].content - row.positions[0] <= 2:
        turns = turns[1:]  # a token that begins the sequence; where it stands twice, the family says so
    for turn, following in pairwise(turns):
        between = row.ids[turn.end + turn.is_closed : following.start]
        text = "" if len(between) <= 1 else row.chat.decode(between[~np.isin(between, row.chat.control_ids)])
        if turn.role is not None and following.role is not None and turn.role is not following.role:
            if not text.strip():
                continue
            message = f"Text stands between two turns: {text.strip()[:80]!r}."
        else:
            message = f"A turn of {_role(turn)} is followed by one of {_role(following)}."
        where = np.zeros(len(row), dtype=bool)
        where[max(turn.content, turn.end - 4) : following.content] = True
        yield STRAY.finding(message, row=row.number, regions=row.regions(where))
        return


def _role(turn: Turn) -> str:
    return f"the {turn.role}" if turn.role is not None else "an unknown role"


_CODE_OF_CAUSE = {
    Cause.DOUBLED_START: DOUBLE_BOS,
    Cause.CONTROL_TOKEN: FROM_TEXT,
    Cause.SYSTEM: SYSTEM,
    Cause.MEDIA_MOVED: MOVED,
    Cause.THINKING: THINKING,
    Cause.QUERY_MISSING: QUERY,
    Cause.INSTRUCTION: INSTRUCTION,
    Cause.OTHER: PROMPT_DIFFERS,
}


def _difference_finding(row: Row, difference: Difference) -> Finding:
    ours, theirs = difference.official, difference.row
    messages = {
        Cause.DOUBLED_START: f"The official prompt begins with {ours!r}, the row with {theirs!r}.",
        Cause.CONTROL_TOKEN: f"A person's text holds a control token, and the row has it as the token itself: {theirs!r}.",
        Cause.SYSTEM: f"Officially {_quoted(ours)}, in the row {_quoted(theirs)}.",
        Cause.THINKING: f"The assistant's turn opens with {ours!r}, and in the row with {theirs!r}.",
        Cause.QUERY_MISSING: f"The sample asks {_query(row)!r}, and the row has {theirs[:160]!r}.",
    }
    default = f"Officially {ours[:120]!r}, in the row {theirs[:120]!r}."
    where = np.zeros(len(row), dtype=bool)
    where[row.positions[list(difference.positions)]] = True
    return _CODE_OF_CAUSE[difference.cause].finding(
        messages.get(difference.cause, default),
        row=row.number,
        evidence={"official": ours[:2_000], "row": theirs[:2_000]},
        regions=row.regions(where),
    )


def _query(row: Row) -> str:
    return row.known.scene.query[:120] if row.known is not None and row.known.scene is not None else ""


def _quoted(text: str) -> str:
    return repr(text[:120]) if text else "no system turn"
