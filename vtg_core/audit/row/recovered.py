"""Batches from files: nothing but tensors, so what a row was made from is recovered from its ids."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from vtg_core.audit.row.answers import other_controls
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import as_written
from vtg_core.audit.row.learnt.conversation import ReadConversation, read_conversations
from vtg_core.audit.row.readings import (
    Reading,
    Turn,
    find_turns,
    has_generation_prompt_behind,
    read_row,
)
from vtg_core.audit.row.row import Known
from vtg_core.audit.row.videos import find_blocks
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Role, VideoPart, read_messages
from vtg_core.chat.markup import apply_chat_template, learn_markup
from vtg_core.chat.rendering import RenderedChat, render
from vtg_core.errors import MaskingError, VTGError
from vtg_core.masking.labelled_tokens import CODE_OF, NO_TURN, LabelledTokens, runs_of
from vtg_core.masking.pixel_free import encode_text
from vtg_core.regions import Region, RegionKind


@dataclass(frozen=True, eq=False)
class Recovered:
    """What a row's ids tell of the sample it was made from.

    Attributes:
        known: it; None where re-rendering it does not give the row's ids back.
        reason: why there is none; empty where there is.
    """

    known: Known | None
    reason: str = ""


def known_of_row(
    ids: np.ndarray,
    is_padding: np.ndarray,
    chat: ChatIds,
    grid: np.ndarray | None = None,
    *,
    may_be_cut: bool = False,
) -> Recovered:
    """Recover the conversation behind a row, and prove it: rendered again, it must give the same ids.

    The turns are found by the learnt markers, and each video's placeholders are carried over as they are. The chat
    template then writes the conversation anew, and the regions come from its characters, as for a sample of ours.

    Args:
        ids: int64, shape (L,).
        is_padding: bool, shape (L,).
        chat: what the ids mean.
        grid: the row's ``video_grid_thw``, int64, shape (N, 3), if the batch holds it.
        may_be_cut: a row is proved too that ends within its last answer.
    """
    own = np.asarray(ids[~is_padding], dtype=np.int64)
    if not len(own) or own.min() < 0 or own.max() >= chat.vocab_size:
        return Recovered(None, "the row is empty, or holds ids outside the vocabulary")
    try:
        return Recovered(_prove(own, chat, grid, may_be_cut=may_be_cut))
    except VTGError as error:
        return Recovered(None, str(error))


def read_known_row(
    ids: np.ndarray, is_padding: np.ndarray, chat: ChatIds, known: Known, grid: np.ndarray | None = None
) -> tuple[Reading, LabelledTokens | None]:
    """Ask every reader of a row whose sample is known: of its own ids first, as of a saved batch.

    A collator that takes other frames or other words than ours writes another row, and where its answer stands is told
    by that row. What ours has is carried over only where the row's own turns prove nothing, or are not the sample's:
    more answers than it has may be forged by a text.

    Returns:
        What the readings say, and the row's own tokens as they are proved; None where they are not.
    """
    own = ids[~is_padding]
    if np.array_equal(own, known.tokens.input_ids):
        return read_row(ids, is_padding, chat, known.tokens, known.prompts), known.tokens
    found = known_of_row(ids, is_padding, chat, grid, may_be_cut=True).known
    if found is None or len(found.answers) != len(known.answers):
        return read_row(ids, is_padding, chat, known.tokens, known.prompts), None
    return read_row(ids, is_padding, chat, found.tokens, found.prompts), found.tokens


def _prove(own: np.ndarray, chat: ChatIds, grid: np.ndarray | None, *, may_be_cut: bool) -> Known:
    """Write the conversation anew: as the markers show it, or else as the template writes one of its form."""
    failures: list[VTGError] = []
    for read in _readings(own, chat, failures):
        try:
            return _proved(own, read, chat, grid, may_be_cut=may_be_cut)
        except VTGError as error:
            failures.append(error)
    raise failures[0]


def _readings(own: np.ndarray, chat: ChatIds, failures: list[VTGError]) -> Iterator[ReadConversation]:
    """Yield what the conversation behind a row can have been; why the markers do not tell becomes a failure."""
    try:
        yield from _by_markers(own, chat)
    except VTGError as error:
        failures.append(error)
    try:
        yield from read_conversations(own, chat)
    except VTGError as error:
        failures.append(error)


def _by_markers(own: np.ndarray, chat: ChatIds) -> Iterator[ReadConversation]:
    """Yield what the turns say; and, where that fails, without what the template may have written of its own accord."""
    turns = _without_generation_prompt(find_turns(own, chat))
    if not turns:
        raise MaskingError(
            "the turns of a row are found by the control tokens that open them, and "
            + ("none stands in this row" if len(chat.opening_starts) else "this chat template writes none")
        )
    messages: list[dict[str, Any]] = []
    expansions: list[str] = []
    written: set[str] = set()
    for turn in turns:
        message, of_turn, controls = _message_of(own, turn, chat)
        messages.append(message)
        expansions += of_turn
        written |= controls
    for guess in _guesses(messages, chat):
        yield ReadConversation(guess, expansions, frozenset(written))


def _proved(
    own: np.ndarray, read: ReadConversation, chat: ChatIds, grid: np.ndarray | None, *, may_be_cut: bool
) -> Known:
    messages, expansions = read.messages, read.expansions
    rendered = render(messages, chat.processor, template_tokens=sorted(read.controls))
    tokens = encode_text(rendered, chat.processor, expansions)
    tokens = _fitted(_by_grids(tokens, chat, len(expansions), grid), own, chat, may_be_cut=may_be_cut)
    conversation = read_messages(messages)
    answers = tuple("".join(p.text for p in m.texts) for m in conversation if m.role is Role.ASSISTANT)
    prompts = list(_prompts(messages, rendered, expansions, chat))
    if len(prompts) == len(tokens.answer_starts):
        prompts = list(as_written(prompts, tokens, chat.processor))
    return Known(tokens=tokens, answers=answers, prompts=tuple(prompts), grid=grid)


def _without_generation_prompt(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Return the turns without one that a generation prompt opened behind the last answer, and nobody wrote."""
    return turns[:-1] if has_generation_prompt_behind(turns) else turns


def _by_grids(
    tokens: LabelledTokens, chat: ChatIds, num_found: int, grid: np.ndarray | None
) -> LabelledTokens:
    """Read frames with markers of their own and no pair around them as the one video that the grids say they are.

    What stands between two frames is then a time stamp and no text, and all of it came from one placeholder.
    """
    if grid is None or num_found <= len(grid):
        return tokens
    blocks = find_blocks(tokens.input_ids, chat)
    if len(blocks) != len(grid):
        return tokens
    kinds = tokens.kinds.copy()
    for block in blocks:
        inside = slice(block.start, block.end)
        is_video = np.isin(tokens.input_ids[inside], [*chat.media_ids, *chat.marker_ids])
        kinds[inside] = np.where(is_video, CODE_OF[RegionKind.VIDEO], CODE_OF[RegionKind.TIMESTAMP])
    written = chat.tokenizer.encode(learn_markup(chat.processor).video, add_special_tokens=False)
    inserted = sum(block.end - block.start for block in blocks) - len(written) * len(blocks)
    return replace(tokens, kinds=kinds, num_inserted=inserted)


def _fitted(tokens: LabelledTokens, own: np.ndarray, chat: ChatIds, *, may_be_cut: bool) -> LabelledTokens:
    """Return the tokens that the template writes as they stand in a row, which may end before or behind them.

    A row without the white space behind the last end of turn is whole, and what stands behind that end is no part of
    the conversation. A row that may be cut may also end before that end.

    Raises:
        MaskingError: they differ in anything else.
    """
    shared = min(len(own), len(tokens))
    differs = np.flatnonzero(own[:shared] != tokens.input_ids[:shared])
    is_end = tokens.kinds == CODE_OF[RegionKind.END_OF_TURN]
    last_end = int(np.flatnonzero(is_end)[-1]) + 1 if is_end.any() else len(tokens)
    at = int(differs[0]) if len(differs) else shared
    is_whole = at >= last_end and not chat.decode(tokens.input_ids[at:]).strip()
    is_cut = may_be_cut and at == last_end - 1 and is_end[at] and not chat.decode(own[at:]).strip()
    if at < len(tokens) and not is_whole and not is_cut:
        raise MaskingError(
            "the chat template, given the conversation that the row's markers show, must write the row again, and "
            f"differs at token {at}: {chat.decode(tokens.input_ids[at : at + 8])!r} is "
            f"{chat.decode(own[at : at + 8])!r} here"
        )
    if at == len(tokens) == len(own):
        return tokens
    behind = len(own) - at
    return replace(
        tokens,
        input_ids=own,
        kinds=np.concatenate([tokens.kinds[:at], np.full(behind, CODE_OF[RegionKind.CHAT], dtype=np.int8)]),
        turns=np.concatenate([tokens.turns[:at], np.full(behind, NO_TURN, dtype=np.int16)]),
    )


def _guesses(messages: list[dict[str, Any]], chat: ChatIds) -> Iterator[list[dict[str, Any]]]:
    """Yield what the messages behind a row can have been: as it reads, and without what a template may add itself.

    Templates write a system turn, an empty thinking block before an answer, or white space before the end of a turn.
    """
    yield messages
    if len(messages) > 1 and messages[0]["role"] == str(Role.SYSTEM):
        yield messages[1:]
    behind_thinking = [
        _with_last_text(message, lambda text: _behind_control(text, chat))
        if message["role"] == str(Role.ASSISTANT)
        else message
        for message in messages
    ]
    if behind_thinking != messages:
        yield behind_thinking
    trimmed = [_with_last_text(message, str.rstrip) for message in messages]
    if trimmed != messages:
        yield trimmed


def _with_last_text(message: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    *before, last = message["content"]
    return {
        **message,
        "content": [*before, {**last, "text": change(last["text"])} if "text" in last else last],
    }


def _behind_control(text: str, chat: ChatIds) -> str:
    """Return what stands behind the last control token that can close a thinking block."""
    ids = np.array(chat.tokenizer.encode(text, add_special_tokens=False), dtype=np.int64)
    foreign = other_controls(ids, chat)
    return chat.decode(ids[foreign[-1] + 1 :]).lstrip("\n") if len(foreign) else text


def _message_of(own: np.ndarray, turn: Turn, chat: ChatIds) -> tuple[dict[str, Any], list[str], set[str]]:
    """Return a turn in chat form, what stands for each of its videos, and the control tokens in its words."""
    if turn.role is None:
        raise MaskingError(f"the turn at token {turn.start} opens with a header that no role of ours has")
    parts: list[dict[str, Any]] = []
    expansions, written = [], set()
    content = own[turn.content : turn.end]
    for is_video, ids in _pieces(content, chat):
        if is_video:
            parts.append({"type": "video", "video": "saved"})
            expansions.append(_video_text(ids, chat))
            continue
        controls = ids[np.isin(ids, chat.control_ids)]
        if np.isin(controls, [*chat.media_ids, *chat.marker_ids, *chat.opening_starts, *chat.closings]).any():
            raise MaskingError(
                f"the turn at token {turn.start} holds a marker that is no part of a video or a turn"
            )
        part: dict[str, Any] = {"type": "text", "text": chat.decode(ids)}
        if turn.role is Role.USER and len(controls):
            part["query"] = _typed(ids, chat)
            written |= {chat.decode([token_id]) for token_id in set(controls.tolist())}
        parts.append(part)
    return {"role": str(turn.role), "content": parts or [{"type": "text", "text": ""}]}, expansions, written


def _typed(ids: np.ndarray, chat: ChatIds) -> list[int]:
    """Return the characters that must have been typed: those that look like control tokens and are none."""
    controls, length, typed = control_tokens(chat.tokenizer), 0, []
    is_control = np.isin(ids, chat.control_ids)
    for run in np.split(ids, np.flatnonzero(np.diff(is_control)) + 1):
        text = chat.decode(run)
        if run[0] not in chat.control_ids:
            typed += [(length + start, length + end) for start, end in controls.find(text)]
        length += len(text)
    return [typed[0][0], typed[-1][1]] if typed else [0, 0]


def _pieces(content: np.ndarray, chat: ChatIds) -> Iterator[tuple[bool, np.ndarray]]:
    """Yield the texts and the videos of a turn, in order; of a video what stands between the template's markers."""
    placeholder = getattr(chat.processor, "video_token", None) or ""
    before, found, after = learn_markup(chat.processor).video.partition(placeholder)
    opening, closing = (chat.tokenizer.encode(text, add_special_tokens=False) for text in (before, after))
    blocks = _blocks(content, chat, opening, closing) if found and placeholder else []
    last = 0
    for start, end in blocks:
        if start > last:
            yield False, content[last:start]
        yield True, content[start + len(opening) : end - len(closing)]
        last = end
    if last < len(content):
        yield False, content[last:]


def _blocks(
    content: np.ndarray, chat: ChatIds, opening: Sequence[int], closing: Sequence[int]
) -> list[tuple[int, int]]:
    """Return where videos stand, markers included: from a marker that opens to the one that closes it."""
    is_media = np.isin(content, list(chat.media_ids))
    if not opening or not closing:
        return runs_of(is_media)
    opens, closes = content == opening[-1], content == closing[0]
    depth = np.cumsum(
        opens.astype(int) - np.concatenate([[0], closes[:-1]])
    )  # counts a closing marker as inside
    starts = np.flatnonzero(opens & (depth == 1))
    ends = np.flatnonzero(closes & (depth == 1)) + 1
    if len(starts) != len(ends) or (starts >= ends).any() or (depth < 0).any():
        raise MaskingError("the markers around the videos of a turn must come in pairs, and do not")
    return [
        (int(start) - len(opening) + 1, int(end) + len(closing) - 1)
        for start, end in zip(starts, ends, strict=True)
    ]


def _video_text(ids: np.ndarray, chat: ChatIds) -> str:
    """Return the text of a video's tokens; a run of placeholders is decoded once."""
    if not len(ids):
        return ""
    borders = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    written: list[str] = []
    plain: list[int] = []
    for start, end in pairwise(borders):
        if int(ids[start]) in chat.media_ids:
            written += [chat.decode(plain), chat.decode(ids[start : start + 1]) * (end - start)]
            plain = []
        else:
            plain += ids[start:end].tolist()
    return "".join((*written, chat.decode(plain)))


def _prompts(
    messages: Sequence[Mapping[str, Any]], rendered: RenderedChat, expansions: Sequence[str], chat: ChatIds
) -> Iterator[np.ndarray]:
    """Yield the ids of the template's own generation prompt for each assistant turn."""
    conversation = read_messages(messages)
    for turn, message in enumerate(conversation):
        if message.role is not Role.ASSISTANT:
            continue
        before = conversation[:turn]
        written = [m.with_texts([part.text for part in m.texts]) for m in before]
        prompt = apply_chat_template(chat.processor, written, add_generation_prompt=True)
        num_videos = sum(isinstance(part, VideoPart) for m in before for part in m.parts)
        yield encode_text(
            _cut(rendered, prompt, num_videos), chat.processor, expansions[:num_videos]
        ).input_ids


def _cut(rendered: RenderedChat, prompt: str, num_videos: int) -> RenderedChat:
    """Return the part of a rendered chat that a prompt is; :func:`vtg_core.chat.rendering.render` proved that it is one."""
    end = len(prompt)
    return RenderedChat(
        text=prompt,
        regions=tuple(
            Region(r.kind, r.start, min(r.end, end), r.turn) for r in rendered.regions if r.start < end
        ),
        answer_starts=tuple(start for start in rendered.answer_starts if start < end),
        literals=tuple(literal for literal in rendered.literals if literal[1] <= end),
        video_sources=rendered.video_sources[:num_videos],
    )
