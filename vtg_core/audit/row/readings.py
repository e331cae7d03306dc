"""Independent opinions on which tokens should be trained, and what they agree on.

Three ways that share no step: *character regions* (our own pipeline: characters of the rendered text, carried to
tokens by offsets), *generation prompt* (the prompt alone through the processor: the answer begins where it ends),
and *role markers* (a state machine over the final ids, its markers learnt from the chat template). A verdict needs
two that agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF, NO_TURN, LabelledTokens, runs_of
from vtg_core.regions import VIDEO_KINDS, RegionKind


class Reader(StrEnum):
    """Who says which tokens should be trained."""

    CHARACTER_REGIONS = "character regions"
    GENERATION_PROMPT = "generation prompt"
    ROLE_MARKERS = "role markers"


@dataclass(frozen=True)
class Turn:
    """A turn as the role markers show it, in positions of the row.

    Attributes:
        role: whose it is; None where a turn opens with a header that no role of ours has.
        start: of its header.
        content: where its content begins.
        end: where its content ends: at its closing token, or without one before the white space at the turn's end.
        is_closed: whether a closing token stands at ``end``.
    """

    role: Role | None
    start: int
    content: int
    end: int
    is_closed: bool


@dataclass(frozen=True, eq=False)
class Reading:
    """What the readings say of a row of L tokens, padding included.

    Attributes:
        kinds: int8, shape (L,): region kinds, as indices into ``KINDS``.
        turns: int16, shape (L,): messages, ``NO_TURN`` outside every message.
        marked: the turns that the role markers show; empty where the template has none.
        opinions: for each reader that could say, where a token should be trained; bool, shape (L,).
        silent: for each reader that could not, why.
        verdict: what at least two readings agree on; bool, shape (L,); None without such two.
    """

    kinds: np.ndarray
    turns: np.ndarray
    marked: tuple[Turn, ...]
    opinions: Mapping[Reader, np.ndarray]
    silent: Mapping[Reader, str]
    verdict: np.ndarray | None

    @property
    def dissenting(self) -> tuple[Reader, ...]:
        """The readings that say something else than the verdict; all of them where there is none."""
        return tuple(
            reader
            for reader, opinion in self.opinions.items()
            if opinion is not self.verdict
            and (self.verdict is None or not np.array_equal(opinion, self.verdict))
        )


def read_row(
    ids: np.ndarray,
    is_padding: np.ndarray,
    chat: ChatIds,
    tokens: LabelledTokens | None = None,
    prompts: Sequence[np.ndarray] = (),
) -> Reading:
    """Ask every reader that can be asked.

    Args:
        ids: int64, shape (L,).
        is_padding: bool, shape (L,).
        chat: what the ids mean.
        tokens: the sample as our own pipeline encodes it, for the character regions.
        prompts: for each assistant turn the ids of its generation prompt.
    """
    positions = np.flatnonzero(~is_padding) if is_padding.any() else None
    own = ids if positions is None else ids[positions]
    marked = find_turns(own, chat)
    kinds, turns = align(own, tokens) if tokens is not None else _kinds_of_markers(own, chat, marked)
    by_markers = _by_markers(own, chat, marked)
    if isinstance(by_markers, str) and not len(prompts) and tokens is not None:
        prompts = _proved_prompts(own, tokens)
    thinking = kinds == CODE_OF[RegionKind.THINKING]  # trained or not by choice
    thinks = bool(thinking.any())
    opinions: dict[Reader, np.ndarray] = {}
    silent: dict[Reader, str] = {}
    for reader, opinion in (
        (
            Reader.CHARACTER_REGIONS,
            _by_regions(kinds) if tokens is not None else "the messages are not known",
        ),
        (Reader.GENERATION_PROMPT, _by_prompts(own, chat, prompts)),
        (Reader.ROLE_MARKERS, by_markers),
    ):
        if isinstance(opinion, str):
            silent[reader] = opinion
        else:
            if thinks:
                opinion = opinion & ~thinking
            opinions[reader] = _spread(opinion, positions, len(ids), fill=False)
    return Reading(
        kinds=_spread(kinds, positions, len(ids), fill=CODE_OF[RegionKind.PADDING]),
        turns=_spread(turns, positions, len(ids), fill=NO_TURN),
        marked=tuple(_moved(turn, positions) for turn in marked),
        opinions=opinions,
        silent=silent,
        verdict=_agreed(list(opinions.values())),
    )


def find_turns(ids: np.ndarray, chat: ChatIds) -> tuple[Turn, ...]:
    """Return the turns that the learnt markers show in ``ids``, int64, shape (L,), without padding."""
    starts = np.flatnonzero(chat.is_opening(ids)).tolist()
    closings = np.flatnonzero(chat.is_closing(ids)).tolist()
    turns = []
    for start, following in zip(starts, [*starts, len(ids)][1:], strict=True):
        role, content = _header_at(ids, start, chat)
        content = min(content, following)
        closing = next((c for c in closings if content <= c < following), None)
        end = _without_trailing_space(ids, content, following, chat) if closing is None else closing
        turns.append(Turn(role, start, content, end, closing is not None))
    return tuple(turns)


def has_generation_prompt_behind(turns: Sequence[Turn]) -> bool:
    """Say whether behind the last answer another assistant's turn opens and says nothing: a generation prompt."""
    if len(turns) < 2:
        return False
    answer, last = turns[-2:]
    is_empty = last.role is Role.ASSISTANT and not last.is_closed and last.content >= last.end
    return is_empty and answer.role is Role.ASSISTANT and answer.is_closed


def assistant_turns(reading: Reading) -> list[Turn]:
    """Return the assistant's turns: as the role markers show them, or without markers as the regions do.

    A generation prompt behind the last answer opens none.
    """
    marked = [turn for turn in reading.marked if turn.role is Role.ASSISTANT]
    if has_generation_prompt_behind(reading.marked):
        marked = marked[:-1]
    if marked:
        return marked
    written = (CODE_OF[RegionKind.THINKING], CODE_OF[RegionKind.ANSWER])
    is_end = reading.kinds == CODE_OF[RegionKind.END_OF_TURN]
    turns = []
    for number in np.unique(reading.turns[np.isin(reading.kinds, written)]).tolist():
        content = np.flatnonzero(np.isin(reading.kinds, written) & (reading.turns == number))
        ends = np.flatnonzero(is_end & (reading.turns == number))
        end = int(ends[-1]) if len(ends) else int(content[-1]) + 1
        turns.append(Turn(Role.ASSISTANT, int(content[0]), int(content[0]), end, bool(len(ends))))
    return turns


def align(ids: np.ndarray, tokens: LabelledTokens) -> tuple[np.ndarray, np.ndarray]:
    """Carry kinds and turns of a sample to ids that may differ from its own.

    Runs of one id are aligned as one, and a run that replaces one takes its kind; of the video's placeholders whatever
    their number. What is new before an end of turn is answer; any other new stretch takes the kind around it where
    both sides agree, and is ``chat`` otherwise.

    Returns:
        Kinds, int8, and turns, int16, of shape (len(ids),).
    """
    if ids is tokens.input_ids or np.array_equal(ids, tokens.input_ids):
        return tokens.kinds, tokens.turns
    kinds = np.full(len(ids), -1, dtype=np.int8)
    turns = np.full(len(ids), NO_TURN, dtype=np.int16)
    ours, theirs = _run_borders(tokens.input_ids), _run_borders(ids)
    matcher = SequenceMatcher(
        None, tokens.input_ids[ours[:-1]].tolist(), ids[theirs[:-1]].tolist(), autojunk=False
    )
    for _, a, a_end, b, b_end in matcher.get_opcodes():
        if a_end - a == b_end - b:  # equal, or one replaced by one
            for i in range(a_end - a):
                begin, end, source = theirs[b + i], theirs[b + i + 1], ours[a + i]
                if tokens.kinds[source] not in _OF_ANY_LENGTH:
                    end = min(end, begin + ours[a + i + 1] - source)
                kinds[begin:end], turns[begin:end] = tokens.kinds[source], tokens.turns[source]
    return _filled(kinds, turns)


def _by_regions(kinds: np.ndarray) -> np.ndarray:
    trained: np.ndarray = (kinds == CODE_OF[RegionKind.ANSWER]) | (kinds == CODE_OF[RegionKind.END_OF_TURN])
    return trained


def _by_prompts(ids: np.ndarray, chat: ChatIds, prompts: Sequence[np.ndarray]) -> np.ndarray | str:
    if not prompts:
        return "no generation prompt is known for it"
    if chat.end_of_turn is None:
        return "no control token closes an assistant's turn"
    opinion = np.zeros(len(ids), dtype=bool)
    ends = np.flatnonzero(ids == chat.end_of_turn)
    for prompt in prompts:
        shared = min(len(prompt), len(ids))
        if not np.array_equal(ids[:shared], prompt[:shared]):
            differs = int(np.argmax(ids[:shared] != prompt[:shared]))
            return f"the row is no continuation of it: they differ at token {differs}"
        after = ends[ends >= len(prompt)]
        cut = _without_trailing_space(ids, shared, len(ids), chat) if not len(after) else int(after[0]) + 1
        opinion[len(prompt) : cut] = True
    return opinion


def _proved_prompts(ids: np.ndarray, tokens: LabelledTokens) -> list[np.ndarray]:
    """Return the generation prompts of a row that our own pipeline encoded: each was proved against the template's."""
    if not np.array_equal(ids, tokens.input_ids):
        return []
    return [ids[:start] for start in tokens.answer_starts]


def _without_trailing_space(ids: np.ndarray, start: int, end: int, chat: ChatIds) -> int:
    while end > start and chat.is_space(int(ids[end - 1])):
        end -= 1
    return end


def _by_markers(ids: np.ndarray, chat: ChatIds, marked: Sequence[Turn]) -> np.ndarray | str:
    if not chat.openings.get(Role.ASSISTANT) or chat.end_of_turn is None:
        return "the chat template opens or closes the assistant's turn without a control token"
    opinion = np.zeros(len(ids), dtype=bool)
    for turn in marked:
        if turn.role is Role.ASSISTANT:
            opinion[turn.content : turn.end + turn.is_closed] = True
    return opinion


def _agreed(opinions: list[np.ndarray]) -> np.ndarray | None:
    """Return the opinion that most hold, if at least two do."""
    best, votes = None, 1
    for opinion in opinions:
        same = sum(opinion is other or np.array_equal(opinion, other) for other in opinions)
        if same > votes:
            best, votes = opinion, same
        if votes == len(opinions):
            break
    return best


def _header_at(ids: np.ndarray, start: int, chat: ChatIds) -> tuple[Role | None, int]:
    """Return whose header stands at ``start``, and where it ends."""
    known = (*chat.openings.items(), *chat.other_openings)
    longest_first = sorted(known, key=lambda item: -len(item[1]))
    for role, opening in longest_first:
        if opening and np.array_equal(ids[start : start + len(opening)], opening):
            return role, start + len(opening)
    return None, start + 1


def _kinds_of_markers(
    ids: np.ndarray, chat: ChatIds, marked: Sequence[Turn]
) -> tuple[np.ndarray, np.ndarray]:
    """Say what each token is from the markers alone; a user's text is all instruction."""
    kinds = np.full(len(ids), CODE_OF[RegionKind.CHAT], dtype=np.int8)
    turns = np.full(len(ids), NO_TURN, dtype=np.int16)
    contents = {
        Role.SYSTEM: RegionKind.SYSTEM,
        Role.USER: RegionKind.INSTRUCTION,
        Role.ASSISTANT: RegionKind.ANSWER,
    }
    for number, turn in enumerate(marked):
        turns[turn.start : turn.end + turn.is_closed] = number
        kinds[turn.start : turn.content] = CODE_OF[RegionKind.ROLE_HEADER]
        if turn.role is not None:
            kinds[turn.content : turn.end] = CODE_OF[contents[turn.role]]
        if turn.role is Role.ASSISTANT and turn.is_closed:
            kinds[turn.end] = CODE_OF[RegionKind.END_OF_TURN]
    return _with_videos(ids, kinds, turns, chat)


def _with_videos(
    ids: np.ndarray, kinds: np.ndarray, turns: np.ndarray, chat: ChatIds
) -> tuple[np.ndarray, np.ndarray]:
    """Mark the placeholders, the markers around them, and what stands between the frames of one video."""
    is_media = np.isin(ids, [*chat.media_ids, *chat.marker_ids])
    for turn in set(turns[is_media].tolist()):
        inside = np.flatnonzero(is_media & (turns == turn))
        gaps = np.flatnonzero(np.diff(inside) > 1)
        for left, right in zip(inside[gaps].tolist(), inside[gaps + 1].tolist(), strict=True):
            if right - left <= MAX_STAMP_TOKENS:
                kinds[left + 1 : right] = CODE_OF[RegionKind.TIMESTAMP]
    kinds[is_media] = CODE_OF[RegionKind.VIDEO]
    return kinds, turns


MAX_STAMP_TOKENS = 24
"""A time stamp between two frames is shorter than this; longer text between two videos is a person's."""


_OF_ANY_LENGTH = frozenset(CODE_OF[kind] for kind in VIDEO_KINDS)


def _filled(kinds: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say what each unknown stretch is, by what stands around it."""
    for start, end in runs_of(kinds < 0):
        left = (int(kinds[start - 1]), int(turns[start - 1])) if start else None
        right = (int(kinds[end]), int(turns[end])) if end < len(kinds) else None
        kind, turn = CODE_OF[RegionKind.CHAT], NO_TURN
        if right is not None and right[0] == CODE_OF[RegionKind.END_OF_TURN]:
            kind, turn = CODE_OF[RegionKind.ANSWER], right[1]
        elif left is not None and left == right:
            kind, turn = left
        kinds[start:end], turns[start:end] = kind, turn
    return kinds, turns


def _run_borders(ids: np.ndarray) -> np.ndarray:
    """Return where runs of one id begin, and the length at the end."""
    inner = np.flatnonzero(np.diff(ids)) + 1
    return np.concatenate([[0], inner, [len(ids)]]) if len(ids) else np.array([0])


def _spread(values: np.ndarray, positions: np.ndarray | None, length: int, *, fill: int) -> np.ndarray:
    """Put values of the row's own tokens where they stand; everywhere where ``positions`` is None."""
    if positions is None:
        return values
    spread = np.full(length, fill, dtype=values.dtype)
    spread[positions] = values
    return spread


def _moved(turn: Turn, positions: np.ndarray | None) -> Turn:
    if positions is None:
        return turn
    at = [*positions.tolist(), int(positions[-1]) + 1 if len(positions) else 0]
    return Turn(turn.role, at[turn.start], at[turn.content], at[turn.end], turn.is_closed)
