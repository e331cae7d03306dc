"""Chat template → text, and which characters of it are what.

Each text of the conversation is replaced by a nonce, the chat template is rendered, and the nonces are found
again: what stands between them is the template's own. The real texts are then put in their places, and the
result must equal, character for character, what the template renders for the real conversation. A template
that rewrites, drops or repeats a message fails that comparison, and no mask is built on it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vtg_core.chat_template import Markup, apply_chat_template, learn_markup, num_shared
from vtg_core.control_tokens import ControlTokens, control_tokens
from vtg_core.conversation import Message, Role, TextPart, VideoPart, read_messages
from vtg_core.errors import MaskingError
from vtg_core.regions import Region, RegionKind, check_partition

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class RenderedChat:
    """A conversation as the chat template writes it, every video still one placeholder.

    Attributes:
        text: what the processor is given.
        regions: a partition of the characters of ``text``.
        answer_starts: for each assistant turn, the character at which the model begins to write: the length
            of the generation prompt that the template renders for the turns before it.
        literals: half-open ranges of characters that look like control tokens and came from a person or a
            file; they must reach the model as plain text.
        video_sources: what the messages named as videos, in order.
    """

    text: str
    regions: tuple[Region, ...]
    answer_starts: tuple[int, ...]
    literals: tuple[tuple[int, int], ...]
    video_sources: tuple[Any, ...]


def render(
    messages: Sequence[Mapping[str, Any]], processor: "ProcessorMixin", *, template_tokens: Sequence[str] = ()
) -> RenderedChat:
    """Render a conversation and say which characters are what.

    Args:
        messages: in chat form (:mod:`vtg_core.conversation`); the last one may be the user's.
        processor: its chat template is rendered and its tokenizer says what a control token is.
        template_tokens: control tokens that a prompt template's own words may hold, such as those of an answer
            format. A person's words never hold one.

    Raises:
        ConversationError: the messages are not in chat form.
        MaskingError: the template rewrites a message, writes a turn without a control token at its end, or
            writes before an answer something else than its own generation prompt.
    """
    conversation = read_messages(messages)
    text, pieces = _fill_skeleton(conversation, processor)
    answer_starts = _answer_starts(conversation, pieces, text, processor)
    controls = control_tokens(processor.tokenizer)
    markup = learn_markup(processor)
    video = re.compile(
        "|".join(map(re.escape, filter(None, (markup.video, getattr(processor, "video_token", None)))))
        or "(?!)"
    )
    labeller = _GlueLabeller(conversation, text, markup, video, controls, answer_starts)
    regions = tuple(_merge(_label(conversation, pieces, text, labeller)))
    check_partition(regions, len(text))
    literals = tuple(
        _literals(conversation, pieces, text, controls, _structural(processor), set(template_tokens))
    )
    sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
    return RenderedChat(text, regions, tuple(answer_starts.values()), literals, sources)


@dataclass(frozen=True)
class _Piece:
    """A text of the conversation: part ``index`` of message ``turn``, at ``[start, end)`` of the rendered text."""

    turn: int
    index: int
    start: int
    end: int
    query: tuple[int, int] | None


def _fill_skeleton(
    conversation: Sequence[Message], processor: "ProcessorMixin"
) -> tuple[str, tuple[_Piece, ...]]:
    parts = [
        (turn, index, part)
        for turn, message in enumerate(conversation)
        for index, part in enumerate(message.parts)
        if isinstance(part, TextPart)
    ]
    nonces = iter(_nonce(i) for i in range(len(parts)))
    skeleton = apply_chat_template(
        processor, [m.with_texts([next(nonces) for _ in m.texts]) for m in conversation]
    )
    found = [int(match) for match in _NONCE.findall(skeleton)]
    if found != list(range(len(parts))):
        raise MaskingError(
            f"the chat template must write each of the conversation's {len(parts)} texts once and in order, "
            f"got them as {found}; a template that drops or repeats a message cannot be masked"
        )
    glue = _NONCE.split(skeleton)[::2]
    real = apply_chat_template(processor, _as_chat(conversation))
    text, pieces = _join(glue, parts)
    if text != real:  # many templates trim what they are given
        text, pieces = _join(glue, [(turn, index, part.stripped()) for turn, index, part in parts])
    if text != real:
        raise MaskingError(
            "the chat template must write each message as it is, or trimmed, and rewrites one of them "
            f"({_first_difference(text, real)}); write that message the way the template does"
        )
    return text, pieces


def _nonce(index: int) -> str:
    return f"q7Zk{index:06d}Xw9v"


_NONCE = re.compile(r"q7Zk(\d{6})Xw9v")


def _as_chat(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.with_texts([part.text for part in message.texts]) for message in conversation]


def _join(glue: Sequence[str], parts: Sequence[tuple[int, int, TextPart]]) -> tuple[str, tuple[_Piece, ...]]:
    written, pieces, length = [glue[0]], [], len(glue[0])
    for (turn, index, part), after in zip(parts, glue[1:], strict=True):
        pieces.append(_Piece(turn, index, length, length + len(part.text), part.query))
        written += [part.text, after]
        length += len(part.text) + len(after)
    return "".join(written), tuple(pieces)


def _first_difference(ours: str, theirs: str) -> str:
    at = num_shared(ours, theirs)
    return f"{ours[at : at + 40]!r} became {theirs[at : at + 40]!r} at character {at}"


def _answer_starts(
    conversation: Sequence[Message], pieces: Sequence[_Piece], text: str, processor: "ProcessorMixin"
) -> dict[int, int]:
    """Return, for each assistant turn, the length of the template's own generation prompt for it."""
    starts = {}
    for turn, message in enumerate(conversation):
        if message.role is not Role.ASSISTANT:
            continue
        before = _as_chat(conversation[:turn])
        prompt = apply_chat_template(processor, before, add_generation_prompt=True)
        if prompt == apply_chat_template(processor, before):
            raise MaskingError(
                "the chat template must open the assistant's turn where add_generation_prompt asks for it, and "
                "writes nothing; where an answer begins cannot be proved with it"
            )
        content_start = next(piece.start for piece in pieces if piece.turn == turn)
        if not text.startswith(prompt) or len(prompt) > content_start:
            raise MaskingError(
                f"what stands before the answer in messages[{turn}] must be the template's own generation prompt, "
                f"and is not ({_first_difference(prompt, text)}); train one turn at a time with this template"
            )
        starts[turn] = len(prompt)
    return starts


def _label(
    conversation: Sequence[Message], pieces: Sequence[_Piece], text: str, labeller: "_GlueLabeller"
) -> Iterator[Region]:
    """Yield regions in order: the messages' own texts, and between them what the template wrote."""
    for before, piece in pairwise((None, *pieces)):
        assert piece is not None
        yield from labeller.label(before, piece)
        role = conversation[piece.turn].role
        if role is Role.USER:
            start, end = piece.query or (0, 0)
            yield from _region(RegionKind.INSTRUCTION, piece.start, piece.start + start, piece.turn)
            yield from _region(RegionKind.QUERY, piece.start + start, piece.start + end, piece.turn)
            yield from _region(RegionKind.INSTRUCTION, piece.start + end, piece.end, piece.turn)
        else:
            kind = RegionKind.ANSWER if role is Role.ASSISTANT else RegionKind.SYSTEM
            yield from _region(kind, piece.start, piece.end, piece.turn)
    yield from labeller.label(pieces[-1] if pieces else None, None)


def _region(kind: RegionKind, start: int, end: int, turn: int | None = None) -> Iterator[Region]:
    if start < end:
        yield Region(kind, start, end, turn)


def _merge(regions: Iterator[Region]) -> Iterator[Region]:
    last: Region | None = None
    for region in regions:
        if last is not None and (last.kind, last.turn) == (region.kind, region.turn):
            last = Region(last.kind, last.start, region.end, last.turn)
            continue
        if last is not None:
            yield last
        last = region
    if last is not None:
        yield last


@dataclass(frozen=True)
class _GlueLabeller:
    """Says what the template wrote between two texts.

    Only the end of an assistant's turn is ever trained, so only that must be found or raise; the rest is masked
    whatever it is called, and is called ``chat`` where the learnt markup does not explain it.
    """

    conversation: Sequence[Message]
    text: str
    markup: Markup
    video: re.Pattern[str]
    controls: ControlTokens
    answer_starts: Mapping[int, int]

    def label(self, before: _Piece | None, after: _Piece | None) -> Iterator[Region]:
        start = before.end if before is not None else 0
        end = after.start if after is not None else len(self.text)
        if before is not None and after is not None and before.turn == after.turn:
            if before.turn in self.answer_starts and start < end:
                raise MaskingError(
                    f"messages[{before.turn}] must be written in one piece, and the template splits it"
                )
            yield from self._walk(start, end, iter(()), before.turn)
            return
        if before is not None and before.turn in self.answer_starts:
            own_end = self._opening_of_next(start, end, before.turn)
            closed = self._end_of_turn(start, own_end, before.turn)
            yield Region(RegionKind.END_OF_TURN, start, closed, before.turn)
            start = own_end - len(self.text[closed:own_end].lstrip())
            yield from _region(RegionKind.CHAT, closed, start, before.turn)
        answer_start = self.answer_starts.get(after.turn, end) if after is not None else end
        turn = before.turn if before is not None else None
        yield from self._walk(start, answer_start, self._expected(before, after), turn)
        yield from _region(RegionKind.THINKING, answer_start, end, after.turn if after is not None else None)

    def _opening_of_next(self, start: int, end: int, turn: int) -> int:
        """Return where the turn after ``turn`` is opened: what opens it does not close this one."""
        if turn + 1 == len(self.conversation):
            return end
        opening = self.markup.opening[self.conversation[turn + 1].role]
        at = self.text.find(opening, start, end) if opening else -1
        return at if at >= 0 else end

    def _end_of_turn(self, start: int, end: int, turn: int) -> int:
        length = self.controls.first_in(self.text[start:end])
        if (
            length is None
            or self.text[start : start + length].strip() not in self.markup.closing[Role.ASSISTANT]
        ):
            raise MaskingError(
                f"the template must close messages[{turn}] with a control token, got {self.text[start:end][:40]!r}; "
                "without one a model is never taught to stop"
            )
        return start + length

    def _expected(
        self, before: _Piece | None, after: _Piece | None
    ) -> Iterator[tuple[str, RegionKind, int | None]]:
        """Yield (markup, kind, turn) of what the template is known to write between two texts, in order."""
        first = before.turn if before is not None else 0
        last = after.turn if after is not None else len(self.conversation) - 1
        if before is None and self._has_default_system(after):
            yield self.markup.opening[Role.SYSTEM], RegionKind.ROLE_HEADER, None
            yield self.markup.closing[Role.SYSTEM], RegionKind.CHAT, None
        for turn in range(first, last + 1):
            message = self.conversation[turn]
            if before is None or turn > first:
                yield self.markup.opening[message.role], RegionKind.ROLE_HEADER, turn
            if (after is None or turn < after.turn) and message.role is not Role.ASSISTANT:
                yield self.markup.closing[message.role], RegionKind.CHAT, turn

    def _has_default_system(self, after: _Piece | None) -> bool:
        """Say whether the template wrote a system turn that the conversation does not have."""
        system, user = self.markup.opening[Role.SYSTEM], self.markup.opening[Role.USER]
        if self.conversation[0].role is Role.SYSTEM or not system or not user:
            return False
        end = after.start if after is not None else len(self.text)
        at = self.text.find(system, 0, end)
        return at >= 0 and at + len(system) <= self.text.rfind(user, 0, end)

    def _walk(
        self, start: int, end: int, expected: Iterator[tuple[str, RegionKind, int | None]], turn: int | None
    ) -> Iterator[Region]:
        """Yield the regions of ``[start, end)``; between what is expected stand videos, and what is not explained."""
        in_default_system = False
        for markup, kind, of_turn in expected:
            at = self.text.find(markup, start, end) if markup else -1
            if at < 0:
                continue
            yield from self._unexplained(start, at, turn, in_default_system)
            yield from _region(kind, at, at + len(markup), of_turn)
            start = at + len(markup)
            in_default_system = kind is RegionKind.ROLE_HEADER and of_turn is None
            turn = of_turn
        yield from self._unexplained(start, end, turn, in_default_system)

    def _unexplained(
        self, start: int, end: int, turn: int | None, in_default_system: bool
    ) -> Iterator[Region]:
        if in_default_system:
            yield from _region(RegionKind.SYSTEM, start, end)
            return
        for match in self.video.finditer(self.text, start, end):
            yield from _region(RegionKind.CHAT, start, match.start())
            yield from _region(RegionKind.VIDEO, *match.span(), turn)
            start = match.end()
        yield from _region(RegionKind.CHAT, start, end)


def _structural(processor: "ProcessorMixin") -> set[str]:
    """Return the control tokens that give a sequence its structure; no message may write one."""
    markup, tokenizer = learn_markup(processor), processor.tokenizer
    written = "\0".join((*markup.opening.values(), *markup.closing.values(), markup.video))
    controls = control_tokens(tokenizer)
    named = [getattr(processor, f"{medium}_token", None) for medium in ("image", "video", "audio")]
    named += [tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token]
    return {written[start:end] for start, end in controls.find(written)} | {name for name in named if name}


def _literals(
    conversation: Sequence[Message],
    pieces: Sequence[_Piece],
    text: str,
    controls: ControlTokens,
    structural: set[str],
    template_tokens: set[str],
) -> Iterator[tuple[int, int]]:
    """Yield the control tokens in ``text`` that no one was entitled to write."""
    for start, end in controls.find(text):
        touched = [piece for piece in pieces if piece.start < end and start < piece.end]
        if touched and not _may_write(
            conversation, touched[0], start, end, text[start:end], structural, template_tokens
        ):
            yield start, end


def _may_write(
    conversation: Sequence[Message],
    piece: _Piece,
    start: int,
    end: int,
    token: str,
    structural: set[str],
    template_tokens: set[str],
) -> bool:
    if not piece.start <= start < end <= piece.end:
        return False
    if conversation[piece.turn].role is Role.ASSISTANT:
        return token not in structural
    if piece.query is None:
        return False
    outside_query = end <= piece.start + piece.query[0] or start >= piece.start + piece.query[1]
    return outside_query and token in template_tokens
