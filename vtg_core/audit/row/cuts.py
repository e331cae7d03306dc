"""What truncation took from a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vtg_core.audit.row.answers import other_controls
from vtg_core.audit.row.items import VIDEO, Items, items_of
from vtg_core.audit.row.readings import Turn
from vtg_core.audit.row.row import Known, Row
from vtg_core.audit.row.videos import grid_tells, video_ids
from vtg_core.bounded_cache import kept_with
from vtg_core.chat.conversation import Role
from vtg_core.data.answer_forms.reading import read_answer
from vtg_core.masking.labelled_tokens import KINDS
from vtg_core.regions import VIDEO_KINDS, RegionKind


class CutPart(StrEnum):
    """The most important part that was cut; the first that applies."""

    VIDEO = "video"
    PROMPT = "prompt"
    ANSWER = "answer"
    END_OF_TURN = "end of turn"


@dataclass(frozen=True)
class Cut:
    """What truncation took from a row.

    Attributes:
        part: see :class:`CutPart`.
        lost: how many tokens of each region kind; of a saved batch only what can be told.
        is_left: the beginning was cut, not the end.
        left: what is left of the last answer, where its words are the collator's own.
    """

    part: CutPart
    lost: Mapping[str, int]
    is_left: bool = False
    left: str = ""


def cut_of(row: Row) -> Cut | None:
    """Say what truncation took from a row; None where nothing that matters is missing at either end.

    Where the sample is known, the row must be its beginning or its end, whatever frames its videos have. A saved
    batch must end within an assistant's turn or a video, and be the longest row or as long as ``max_length``:
    shorter rows were not cut by the same bound. Where the end of turn alone is missing, or the words are the
    collator's own, a bound must show.
    """
    if not len(row.own_ids) or row.is_our_encoding:
        return None
    cut = _cut_of(row)
    return cut if cut is None or cut.part is not CutPart.END_OF_TURN or _is_bounded(row) else None


def _is_bounded(row: Row) -> bool:
    """Say whether a bound on tokens shows: without one, an end of turn that is missing was never written."""
    return len(row.own_ids) == row.max_length if row.max_length is not None else row.shares_length


@kept_with  # several families ask, and it takes a millisecond
def _cut_of(row: Row) -> Cut | None:
    if row.known is None:
        return _of_saved(row)
    return _of_known(row, row.known) or (_of_own_words(row, row.known) if _is_bounded(row) else None)


def num_lost_placeholders(row: Row) -> int:
    """Return how many placeholders the row has fewer than its ``video_grid_thw`` asks for; negative for more."""
    expected = expected_placeholders(row)
    return 0 if expected is None else expected - num_placeholders(row)


def expected_placeholders(row: Row) -> int | None:
    """Return how many placeholders the row's ``video_grid_thw`` asks for; None where it has none, or does not tell."""
    grid = row.media.get("video_grid_thw")
    if grid is None or not len(grid) or not grid_tells(row.chat):
        return None
    return num_features(row, grid)


def num_features(row: Row, grid: np.ndarray) -> int:
    """Return how many placeholders videos of these grids ask for; ``grid`` is int64, shape (N, 3)."""
    merge = int(getattr(row.chat.processor.video_processor, "merge_size", 1)) ** 2
    return int(np.prod(grid, axis=1).sum()) // merge


def num_placeholders(row: Row) -> int:
    """Return how many placeholders of videos stand in the row."""
    video = video_ids(row.chat).video
    return int(np.count_nonzero(row.own_ids == video)) if video is not None else 0


def _of_known(row: Row, known: Known) -> Cut | None:
    own, tokens = row.own_ids, known.tokens
    missing = len(tokens) - len(own)
    if missing > 0 and np.array_equal(own, tokens.input_ids[-len(own) :]):
        begins_with_turn = bool(row.chat.is_opening(own[:1])[0])  # a system turn that was never written
        return None if begins_with_turn else _cut(tokens.kinds[:missing], known, is_left=True)
    if missing > 0 and np.array_equal(own, tokens.input_ids[: len(own)]):
        return _cut(tokens.kinds[len(own) :], known)
    ours, theirs = items_of(tokens.input_ids, row.chat), items_of(own, row.chat)
    if theirs.ids[-1] == row.chat.end_of_turn and not theirs.is_continued_by(ours):
        theirs = theirs[:-1]  # some trainers put the end of turn on what they have cut
    if not len(theirs) or not theirs.is_continued_by(ours):
        return None
    return _of_items(row, known, ours, theirs)


def _of_items(row: Row, known: Known, ours: Items, theirs: Items) -> Cut | None:
    cut = _cut(known.tokens.kinds[ours.starts[len(theirs)] :], known)
    num_video = num_lost_placeholders(row)
    if theirs.ids[-1] == VIDEO and num_video > 0 and cut is not None:
        return Cut(CutPart.VIDEO, {str(RegionKind.VIDEO): num_video, **cut.lost})
    return cut


def _of_own_words(row: Row, known: Known) -> Cut | None:
    """Say what a bound took of a row in other words than ours: its last turn is not closed, or is not there."""
    turns = row.reading.marked
    written = [turn for turn in turns if turn.role is Role.ASSISTANT and turn.content < turn.end]
    if not turns or (turns[-1].is_closed and len(written) >= len(known.answers)):
        return None
    last = turns[-1]
    if last.role is not Role.ASSISTANT or last.content >= last.end:
        return None if len(written) >= len(known.answers) else Cut(CutPart.ANSWER, {})
    if _is_closed_otherwise(row, last):
        return None
    text, scene = row.chat.decode(row.ids[last.content : last.end]), known.scene
    is_whole = text == known.answers[-1]
    if scene is not None and not is_whole:
        read = read_answer(text, duration=scene.duration, fps=scene.fps)
        is_whole = any(candidate.distance(scene.windows) < 1.0 for candidate in read.candidates)
    part = CutPart.END_OF_TURN if is_whole else CutPart.ANSWER
    return Cut(part, {str(RegionKind.END_OF_TURN): 1}, left=text)


def _is_closed_otherwise(row: Row, turn: Turn) -> bool:
    """Say whether a turn without the end of turn ends with another control token."""
    written = row.ids[turn.content : turn.end]
    others = other_controls(written, row.chat)
    return len(others) > 0 and not row.chat.decode(written[others[-1] + 1 :]).strip()


def _cut(kinds: np.ndarray, known: Known, *, is_left: bool = False) -> Cut | None:
    counts = np.bincount(kinds, minlength=len(KINDS))
    lost = {KINDS[i]: int(count) for i, count in enumerate(counts) if count}
    lost.pop(RegionKind.CHAT, None)  # white space behind the end of turn is no loss
    prompt = (RegionKind.SYSTEM, RegionKind.INSTRUCTION, RegionKind.QUERY, RegionKind.ROLE_HEADER)
    for part, of_part in (
        (CutPart.VIDEO, VIDEO_KINDS),
        (CutPart.PROMPT, prompt if is_left else ()),
        (CutPart.ANSWER, (RegionKind.ANSWER,)),
        (CutPart.END_OF_TURN, (RegionKind.END_OF_TURN,)),
    ):
        if any(kind in lost for kind in of_part):
            return Cut(part, {str(kind): count for kind, count in lost.items()}, is_left)
    return None


def _of_saved(row: Row) -> Cut | None:
    chat, turns = row.chat, row.reading.marked
    is_longest = len(row.own_ids) == len(row)
    if not turns or chat.end_of_turn is None or not (is_longest or len(row.own_ids) == row.max_length):
        return None
    last = turns[-1]
    if last.is_closed or last.role is None:
        return None
    num_video = num_lost_placeholders(row)
    if num_video > 0 and int(row.own_ids[-1]) in chat.media_ids | chat.marker_ids:
        return Cut(CutPart.VIDEO, {str(RegionKind.VIDEO): num_video})
    written = row.ids[last.content : last.end]
    if last.role is Role.ASSISTANT and len(written):
        if _is_closed_otherwise(row, last):
            return None
        return Cut(CutPart.END_OF_TURN, {str(RegionKind.END_OF_TURN): 1})
    is_answered = any(t.role is Role.ASSISTANT and t.is_closed and t.content < t.end for t in turns)
    return None if is_answered else Cut(CutPart.ANSWER, {})
