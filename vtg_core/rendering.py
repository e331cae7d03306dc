"""Chat template → text, and which characters of it are what.

Each text of the conversation is replaced by a nonce, the chat template is rendered, and the nonces are found
again: what stands between them is the template's own. The real texts are then put in their places, and the
result must equal, character for character, what the template renders for the real conversation. A template
that rewrites, drops or repeats a message fails that comparison, and no mask is built on it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.chat_template import apply_chat_template, learn_markup, num_shared
from vtg_core.control_tokens import ControlTokens, control_tokens
from vtg_core.conversation import Message, Role, TextPart, VideoPart, read_messages
from vtg_core.errors import MaskingError
from vtg_core.labelling import Piece, label_characters
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
    regions = label_characters(conversation, pieces, text, answer_starts, processor)
    controls = control_tokens(processor.tokenizer)
    literals = tuple(
        _literals(conversation, pieces, text, controls, _structural(processor), set(template_tokens))
    )
    sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
    return RenderedChat(text, regions, tuple(answer_starts.values()), literals, sources)


def _fill_skeleton(
    conversation: Sequence[Message], processor: "ProcessorMixin"
) -> tuple[str, tuple[Piece, ...]]:
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
    pieces: Sequence[Piece],
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
    piece: Piece,
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
