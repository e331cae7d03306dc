"""Chat template → text, and which characters of it are what.

Each text of the conversation is replaced by a nonce, the chat template is rendered, and the nonces are found
again: what stands between them is the template's own. The real texts are then put in their places, and the
result must equal, character for character, what the template renders for the real conversation. A template
that rewrites, drops or repeats a message fails that comparison, and no mask is built on it.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat_template import apply_chat_template, learn_markup, num_shared, template_key
from vtg_core.control_tokens import ControlTokens, control_tokens
from vtg_core.conversation import Message, Role, TextPart, VideoPart, read_messages
from vtg_core.errors import MaskingError
from vtg_core.labelling import Piece, label_characters, label_piece, merge
from vtg_core.regions import Region

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
    messages: Sequence[Mapping[str, Any]],
    processor: "ProcessorMixin",
    *,
    template_tokens: Collection[str] = (),
    controls: ControlTokens | None = None,
) -> RenderedChat:
    """Render a conversation and say which characters are what.

    Args:
        messages: in chat form (:mod:`vtg_core.conversation`); the last one may be the user's.
        processor: its chat template is rendered and its tokenizer says what a control token is.
        template_tokens: control tokens that a prompt template's own words may hold, such as those of an answer
            format. A person's words never hold one.
        controls: the tokenizer's control tokens, where they are known already.

    Raises:
        ConversationError: the messages are not in chat form.
        MaskingError: the template rewrites a message, writes a turn without a control token at its end, or
            writes before an answer something else than its own generation prompt.
    """
    conversation = read_messages(messages)
    controls = controls or control_tokens(processor.tokenizer)
    text, pieces = _fill_skeleton(conversation, processor)
    answer_starts = _answer_starts(conversation, pieces, text, processor)
    regions = label_characters(conversation, pieces, text, answer_starts, processor, controls)
    literals = tuple(
        _literals(conversation, pieces, text, controls, _structural(processor, controls), template_tokens)
    )
    sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
    return RenderedChat(text, regions, tuple(answer_starts.values()), literals, sources)


class ChatRenderer:
    """:func:`render` for many conversations of a few forms: what the template writes around texts is labelled once.

    The form of a conversation is its roles and the kinds of its parts. The template still renders every
    conversation, and its text must be the learnt one around these texts, character for character; where it is not,
    and for the first one of each form, :func:`render` does all of it. Where in what stands between two texts a
    generation prompt ends is taken from that first one.

    Args:
        processor: as for ``render``; it must not be changed as long as this renders for it.
        template_tokens: as for ``render``.
    """

    def __init__(self, processor: "ProcessorMixin", *, template_tokens: Collection[str] = ()) -> None:
        self.controls = control_tokens(processor.tokenizer)
        self._processor, self._template_tokens = processor, template_tokens
        self._structural = _structural(processor, self.controls)
        self._frames: BoundedCache[_Frame] = BoundedCache(256)

    def render(self, messages: Sequence[Mapping[str, Any]]) -> RenderedChat:
        """Return :func:`render` of a conversation; the same errors."""
        conversation = read_messages(messages)
        whole: list[RenderedChat] = []

        def learn() -> _Frame:
            whole.append(self._render_whole(messages))
            return _Frame.of(conversation, whole[0], _glue(conversation, self._processor))

        frame = self._frames.get(_form(conversation), learn)
        return whole[0] if whole else self._fill(frame, conversation) or self._render_whole(messages)

    def _render_whole(self, messages: Sequence[Mapping[str, Any]]) -> RenderedChat:
        return render(
            messages, self._processor, template_tokens=self._template_tokens, controls=self.controls
        )

    def _fill(self, frame: "_Frame", conversation: Sequence[Message]) -> RenderedChat | None:
        text, pieces = _join(frame.glue, _text_parts(conversation))
        if frame.starts is None or text != apply_chat_template(self._processor, _as_chat(conversation)):
            return None
        literals = tuple(
            _literals(conversation, pieces, text, self.controls, self._structural, self._template_tokens)
        )
        sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
        return RenderedChat(
            text, frame.regions(conversation, pieces), frame.answer_starts(pieces), literals, sources
        )


@dataclass(frozen=True)
class _Frame:
    """What a template writes around the texts of a form, labelled.

    Attributes:
        glue: before, between and after the texts.
        labels: for each stretch of ``glue`` its regions, in characters from its own start.
        starts: for each answer the stretch of ``glue`` in which the model begins to write, and the character of
            it; None where the first conversation of this form was not its texts with ``glue`` around them.
    """

    glue: tuple[str, ...]
    labels: tuple[tuple[Region, ...], ...]
    starts: tuple[tuple[int, int], ...] | None

    @classmethod
    def of(cls, conversation: Sequence[Message], chat: RenderedChat, glue: tuple[str, ...]) -> "_Frame":
        parts = _text_parts(conversation)
        text, pieces = _join(glue, parts)
        if text != chat.text:
            text, pieces = _join(glue, [(turn, index, part.stripped()) for turn, index, part in parts])
        if text != chat.text:
            return cls(glue, (), None)
        edges = [0, *(piece.end for piece in pieces)]
        labels = tuple(
            tuple(
                Region(r.kind, max(r.start, edge) - edge, min(r.end, edge + len(written)) - edge, r.turn)
                for r in chat.regions
                if r.start < edge + len(written) and edge < r.end
            )
            for edge, written in zip(edges, glue, strict=True)
        )
        starts = []
        for start in chat.answer_starts:
            at = bisect_right(edges, start) - 1
            starts.append((at, start - edges[at]))
        return cls(glue, labels, tuple(starts))

    def regions(self, conversation: Sequence[Message], pieces: Sequence[Piece]) -> tuple[Region, ...]:
        edges = [0, *(piece.end for piece in pieces)]
        regions: list[Region] = []
        for i, (edge, labels) in enumerate(zip(edges, self.labels, strict=True)):
            regions += [Region(r.kind, edge + r.start, edge + r.end, r.turn) for r in labels]
            if i < len(pieces):
                regions += label_piece(conversation[pieces[i].turn].role, pieces[i])
        return tuple(merge(regions))

    def answer_starts(self, pieces: Sequence[Piece]) -> tuple[int, ...]:
        return tuple((pieces[at - 1].end if at else 0) + offset for at, offset in self.starts or ())


def _fill_skeleton(
    conversation: Sequence[Message], processor: "ProcessorMixin"
) -> tuple[str, tuple[Piece, ...]]:
    parts = _text_parts(conversation)
    real = apply_chat_template(processor, _as_chat(conversation))
    for is_new in (False, True):  # a template may write the date
        glue = _glue(conversation, processor, is_new=is_new)
        text, pieces = _join(glue, parts)
        if text != real:  # many templates trim what they are given
            text, pieces = _join(glue, [(turn, index, part.stripped()) for turn, index, part in parts])
        if text == real:
            return text, pieces
    raise MaskingError(
        "the chat template must write each message as it is, or trimmed, and rewrites one of them "
        f"({_first_difference(text, real)}); write that message the way the template does"
    )


def _text_parts(conversation: Sequence[Message]) -> list[tuple[int, int, TextPart]]:
    """Return the texts of a conversation with the turn and the part that each is."""
    return [
        (turn, index, part)
        for turn, message in enumerate(conversation)
        for index, part in enumerate(message.parts)
        if isinstance(part, TextPart)
    ]


def _form(conversation: Sequence[Message]) -> tuple[Any, ...]:
    """Return what a template sees of a conversation beside its texts."""
    return tuple(
        (message.role, message.is_plain, tuple(isinstance(part, TextPart) for part in message.parts))
        for message in conversation
    )


def _glue(
    conversation: Sequence[Message],
    processor: "ProcessorMixin",
    *,
    is_new: bool = False,
    add_generation_prompt: bool = False,
) -> tuple[str, ...]:
    """Return what the template writes before, between and after the texts of any conversation of this form.

    Raises:
        MaskingError: the template drops or repeats a text.
    """

    def learn() -> tuple[str, ...]:
        nonces = (_nonce(i) for i in range(num_texts))
        skeleton = apply_chat_template(
            processor,
            [message.with_texts([next(nonces) for _ in message.texts]) for message in conversation],
            add_generation_prompt=add_generation_prompt,
        )
        found = [int(match) for match in _NONCE.findall(skeleton)]
        if found != list(range(num_texts)):
            raise MaskingError(
                f"the chat template must write each of the conversation's {num_texts} texts once and in order, "
                f"got them as {found}; a template that drops or repeats a message cannot be masked"
            )
        return tuple(_NONCE.split(skeleton)[::2])

    num_texts = sum(len(message.texts) for message in conversation)
    key = (template_key(processor), _form(conversation), add_generation_prompt)
    return learn() if is_new else _GLUE.get(key, learn)


_GLUE: BoundedCache[tuple[str, ...]] = BoundedCache(1_024)


def _nonce(index: int) -> str:
    return f"q7Zk{index:06d}Xw9v"


_NONCE = re.compile(r"q7Zk(\d{6})Xw9v")


def _as_chat(conversation: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.with_texts([part.text for part in message.texts]) for message in conversation]


def _join(glue: Sequence[str], parts: Sequence[tuple[int, int, TextPart]]) -> tuple[str, tuple[Piece, ...]]:
    written, pieces, length = [glue[0]], [], len(glue[0])
    for (turn, index, part), after in zip(parts, glue[1:], strict=True):
        pieces.append(Piece(turn, index, length, length + len(part.text), part.query))
        written += [part.text, after]
        length += len(part.text) + len(after)
    return "".join(written), tuple(pieces)


def _first_difference(ours: str, theirs: str) -> str:
    at = num_shared(ours, theirs)
    return f"{ours[at : at + 40]!r} became {theirs[at : at + 40]!r} at character {at}"


def _answer_starts(
    conversation: Sequence[Message], pieces: Sequence[Piece], text: str, processor: "ProcessorMixin"
) -> dict[int, int]:
    """Return, for each assistant turn, the length of the template's own generation prompt for it."""
    starts = {}
    for turn, message in enumerate(conversation):
        if message.role is not Role.ASSISTANT:
            continue
        before = conversation[:turn]
        prompt = apply_chat_template(processor, _as_chat(before), add_generation_prompt=True)
        if not _opens_a_turn(before, pieces, prompt, processor):
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


def _opens_a_turn(
    before: Sequence[Message], pieces: Sequence[Piece], prompt: str, processor: "ProcessorMixin"
) -> bool:
    """Say whether a generation prompt ends with more than the template writes without being asked for one."""
    last_end = max((piece.end for piece in pieces if piece.turn < len(before)), default=0)
    asked, unasked = (_glue(before, processor, add_generation_prompt=is_asked) for is_asked in (True, False))
    if asked[-1] != unasked[-1] and prompt[last_end:] == asked[-1]:
        return True
    return prompt != apply_chat_template(processor, _as_chat(before))


def _structural(processor: "ProcessorMixin", controls: ControlTokens) -> frozenset[str]:
    """Return the control tokens that give a sequence its structure; no message may write one."""

    markup, tokenizer = learn_markup(processor), processor.tokenizer
    written = "\0".join((*markup.opening.values(), *markup.closing.values(), markup.video))
    named = [getattr(processor, f"{medium}_token", None) for medium in ("image", "video", "audio")]
    named += [tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token]
    found = {written[start:end] for start, end in controls.find(written)}
    return frozenset(found.union(name for name in named if name))


def _literals(
    conversation: Sequence[Message],
    pieces: Sequence[Piece],
    text: str,
    controls: ControlTokens,
    structural: frozenset[str],
    template_tokens: Collection[str],
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
    piece: Piece,
    start: int,
    end: int,
    token: str,
    structural: frozenset[str],
    template_tokens: Collection[str],
) -> bool:
    if not piece.start <= start < end <= piece.end:
        return False
    if conversation[piece.turn].role is Role.ASSISTANT:
        return token not in structural
    if piece.query is None:
        return False
    outside_query = end <= piece.start + piece.query[0] or start >= piece.start + piece.query[1]
    return outside_query and token in template_tokens
