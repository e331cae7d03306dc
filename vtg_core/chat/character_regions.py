"""Which characters of a rendered conversation are what: regions from the messages and the learnt markup."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.chat.control_tokens import ControlTokens
from vtg_core.chat.conversation import Message, Role
from vtg_core.chat.markup import Markup, learn_markup
from vtg_core.errors import MaskingError
from vtg_core.regions import Region, RegionKind, check_partition

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class Piece:
    """A text of a conversation: part ``index`` of message ``turn``, at ``[start, end)`` of the rendered text."""

    turn: int
    index: int
    start: int
    end: int
    query: tuple[int, int] | None


def label_characters(
    conversation: Sequence[Message],
    pieces: Sequence[Piece],
    *,
    text: str,
    answer_starts: Mapping[int, int],
    processor: "ProcessorMixin",
    controls: ControlTokens,
) -> tuple[Region, ...]:
    """Say which characters of a rendered conversation are what.

    Args:
        conversation: its messages.
        pieces: where their texts stand in ``text``, in order.
        text: what the chat template wrote.
        answer_starts: from each assistant turn to the character at which the model begins to write.
        processor: its chat template's markup is learnt.
        controls: the control tokens of its tokenizer.

    Returns:
        A partition of the characters of ``text``: the messages' own texts, and between them what the template wrote.

    Raises:
        MaskingError: an assistant's turn is written in several pieces, or not closed by a control token.
    """
    markup, media = learn_markup(processor), getattr(processor, "video_token", None)
    video = re.compile("|".join(re.escape(name) for name in (markup.video, media) if name) or "(?!)")
    glue = _GlueLabeller(conversation, text, markup, video, controls, answer_starts)
    regions = tuple(merge(_label(conversation, pieces, glue=glue)))
    check_partition(regions, len(text))
    return regions


def _label(
    conversation: Sequence[Message], pieces: Sequence[Piece], *, glue: "_GlueLabeller"
) -> Iterator[Region]:
    before = None
    for piece in pieces:
        yield from glue.label(before, piece)
        yield from label_piece(conversation[piece.turn].role, piece)
        before = piece
    yield from glue.label(before, None)


def label_piece(role: Role, piece: Piece) -> Iterator[Region]:
    """Yield the regions of a message's own text."""
    if role is Role.USER:
        start, end = piece.query or (0, 0)
        yield from _region(RegionKind.INSTRUCTION, piece.start, piece.start + start, piece.turn)
        yield from _region(RegionKind.QUERY, piece.start + start, piece.start + end, piece.turn)
        yield from _region(RegionKind.INSTRUCTION, piece.start + end, piece.end, piece.turn)
    else:
        kind = RegionKind.ANSWER if role is Role.ASSISTANT else RegionKind.SYSTEM
        yield from _region(kind, piece.start, piece.end, piece.turn)


def _region(kind: RegionKind, start: int, end: int, turn: int | None = None) -> Iterator[Region]:
    if start < end:
        yield Region(kind, start, end, turn)


def merge(regions: Iterable[Region]) -> Iterator[Region]:
    """Join neighbours of one kind and turn."""
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

    def label(self, before: Piece | None, after: Piece | None) -> Iterator[Region]:
        start = before.end if before is not None else 0
        end = after.start if after is not None else len(self.text)
        if before is not None and after is not None and before.turn == after.turn:
            if before.turn in self.answer_starts and start < end:
                if before.index != after.index:
                    raise MaskingError(
                        f"messages[{before.turn}] must be written in one piece, and the template splits it"
                    )
                yield Region(RegionKind.ANSWER, start, end, before.turn)  # between a thought and its answer
                return
            yield from self._walk(start, end, expected=iter(()), turn=before.turn)
            return
        if before is not None and before.turn in self.answer_starts:
            own_end = self._opening_of_next(start, end, turn=before.turn)
            closed = self._end_of_turn(start, own_end, turn=before.turn)
            yield Region(RegionKind.END_OF_TURN, start, closed, before.turn)
            start = own_end - len(self.text[closed:own_end].lstrip())
            yield from _region(RegionKind.CHAT, closed, start, before.turn)
        answer_start = self.answer_starts.get(after.turn, end) if after is not None else end
        turn = before.turn if before is not None else None
        yield from self._walk(start, answer_start, expected=self._expected(before, after), turn=turn)
        is_space = not self.text[answer_start:end].strip()  # the first thing that is written in answer
        kind = RegionKind.ANSWER if is_space else RegionKind.THINKING
        yield from _region(kind, answer_start, end, after.turn if after is not None else None)

    def _opening_of_next(self, start: int, end: int, *, turn: int) -> int:
        """Return where the turn after ``turn`` is opened: what opens it does not close this one."""
        if turn + 1 == len(self.conversation):
            return end
        opening = self.markup.opening[self.conversation[turn + 1].role]
        at = self.text.find(opening, start, end) if opening else -1
        return at if at >= 0 else end

    def _end_of_turn(self, start: int, end: int, *, turn: int) -> int:
        length = self.controls.first_in(self.text[start:end])
        if (
            length is None
            or self.text[start : start + length].strip() not in self.markup.closing[Role.ASSISTANT]
        ):
            raise MaskingError(
                f"the template must close messages[{turn}] with a control token, got {self.text[start:end][:40]!r}; "
                "without one a model is never taught to stop: name a token at which the checkpoint stops with "
                "--end-of-turn"
            )
        return start + length

    def _expected(
        self, before: Piece | None, after: Piece | None
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

    def _has_default_system(self, after: Piece | None) -> bool:
        """Say whether the template wrote a system turn that the conversation does not have."""
        system, user = self.markup.opening[Role.SYSTEM], self.markup.opening[Role.USER]
        if self.conversation[0].role is Role.SYSTEM or not system or not user:
            return False
        end = after.start if after is not None else len(self.text)
        at = self.text.find(system, 0, end)
        behind = at + len(system)
        is_empty = self.text.startswith(
            user, behind
        )  # a start token alone, where a system turn has no header
        return at >= 0 and behind <= self.text.rfind(user, 0, end) and not is_empty

    def _walk(
        self,
        start: int,
        end: int,
        *,
        expected: Iterator[tuple[str, RegionKind, int | None]],
        turn: int | None,
    ) -> Iterator[Region]:
        """Yield the regions of ``[start, end)``; between what is expected stand videos, and what is not explained."""
        in_default_system = False
        for markup, kind, of_turn in expected:
            at = self.text.find(markup, start, end) if markup else -1
            if at < 0:
                continue
            yield from self._unexplained(start, at, turn=turn, in_default_system=in_default_system)
            yield from _region(kind, at, at + len(markup), of_turn)
            start = at + len(markup)
            in_default_system = kind is RegionKind.ROLE_HEADER and of_turn is None
            turn = of_turn
        yield from self._unexplained(start, end, turn=turn, in_default_system=in_default_system)

    def _unexplained(
        self, start: int, end: int, *, turn: int | None, in_default_system: bool
    ) -> Iterator[Region]:
        if in_default_system:
            yield from _region(RegionKind.SYSTEM, start, end)
            return
        for match in self.video.finditer(self.text, start, end):
            yield from _region(RegionKind.CHAT, start, match.start())
            yield from _region(RegionKind.VIDEO, *match.span(), turn)
            start = match.end()
        yield from _region(RegionKind.CHAT, start, end)
