"""Chat template → text, and which characters of it are what.

Each text of the conversation is replaced by a nonce, the chat template is rendered, and the nonces are found
again: what stands between them is the template's own. The real texts are then put in their places, and the
result must equal, character for character, what the template renders for the real conversation. A template
that rewrites, drops or repeats a message fails that comparison, and no mask is built on it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.chat.character_regions import Piece, label_characters
from vtg_core.chat.control_tokens import ControlTokens, control_tokens
from vtg_core.chat.conversation import Message, Role, VideoPart, read_messages
from vtg_core.chat.markup import apply_chat_template, learn_markup
from vtg_core.chat.skeleton import as_chat, fill_skeleton, first_difference, glue_of
from vtg_core.chat.thoughts import fill_with_thoughts, thinks
from vtg_core.errors import MaskingError
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
            of the generation prompt that the template renders for the turns before it; where that ends in other white
            space than the template writes there, the start of the answer's own text.
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
        messages: in chat form (:mod:`vtg_core.chat.conversation`); the last one may be the user's.
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
    text, pieces = _filled(conversation, processor)
    answer_starts = _answer_starts(conversation, pieces, text=text, processor=processor)
    regions = label_characters(
        conversation, pieces, text=text, answer_starts=answer_starts, processor=processor, controls=controls
    )
    literals = tuple(
        literals_of(
            conversation,
            pieces,
            text=text,
            controls=controls,
            structural=structural_tokens(processor, controls),
            template_tokens=template_tokens,
        )
    )
    sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
    return RenderedChat(text, regions, tuple(answer_starts.values()), literals, sources)


def _filled(conversation: Sequence[Message], processor: "ProcessorMixin") -> tuple[str, tuple[Piece, ...]]:
    """Return what the template writes, and where each text stands in it: as it is, or what was thought apart."""
    try:
        return fill_skeleton(conversation, processor)
    except MaskingError:
        with_thoughts = fill_with_thoughts(conversation, processor)
        if with_thoughts is None:
            raise
        return with_thoughts


def _answer_starts(
    conversation: Sequence[Message], pieces: Sequence[Piece], *, text: str, processor: "ProcessorMixin"
) -> dict[int, int]:
    """Return, for each assistant turn, the length of the template's own generation prompt for it."""
    starts = {}
    for turn, message in enumerate(conversation):
        if message.role is not Role.ASSISTANT:
            continue
        before = conversation[:turn]
        prompt = apply_chat_template(processor, as_chat(before), add_generation_prompt=True)
        if not _opens_a_turn(before, prompt, pieces=pieces, processor=processor):
            raise MaskingError(
                "the chat template must open the assistant's turn where add_generation_prompt asks for it, and "
                "writes nothing; where an answer begins cannot be proved with it"
            )
        content_start = next(piece.start for piece in pieces if piece.turn == turn)
        before_content = text[:content_start]
        if before_content.startswith(prompt):
            starts[turn] = len(prompt)
        elif differs_in_space(prompt, before_content):
            starts[turn] = content_start
        else:
            raise MaskingError(
                f"what stands before the answer in messages[{turn}] must be the template's own generation prompt, "
                f"and is not ({first_difference(prompt, text)}); {_advice(conversation, message)}"
            )
    return starts


def _advice(conversation: Sequence[Message], answer: Message) -> str:
    if any(thinks(part.text) for part in answer.texts):
        return _THINKS
    answers = [message for message in conversation if message.role is Role.ASSISTANT]
    return "train one turn at a time with this template" if len(answers) > 1 else _NO_PROMPT


_NO_PROMPT = "correct the chat template, so that training reads what a server writes"
_THINKS = (
    "the answer thinks, and the prompt has closed thinking: serve and train with --template-arg enable_thinking=true, or "
    "take what stands in <think> out of the row"
)


def differs_in_space(prompt: str, written: str) -> bool:
    """Say whether two texts end in other white space, and are the same but for that."""
    return prompt != written and prompt.rstrip() == written.rstrip()


def _opens_a_turn(
    before: Sequence[Message], prompt: str, *, pieces: Sequence[Piece], processor: "ProcessorMixin"
) -> bool:
    """Say whether a generation prompt ends with more than the template writes without being asked for one."""
    last_end = max((piece.end for piece in pieces if piece.turn < len(before)), default=0)
    asked, unasked = (
        glue_of(before, processor, add_generation_prompt=is_asked) for is_asked in (True, False)
    )
    if asked[-1] != unasked[-1] and prompt[last_end:] == asked[-1]:
        return True
    return prompt != apply_chat_template(processor, as_chat(before))


def structural_tokens(processor: "ProcessorMixin", controls: ControlTokens) -> frozenset[str]:
    """Return the control tokens that give a sequence its structure; no message may write one."""

    markup, tokenizer = learn_markup(processor), processor.tokenizer
    written = "\0".join((*markup.opening.values(), *markup.closing.values(), markup.video))
    named = [getattr(processor, f"{medium}_token", None) for medium in ("image", "video", "audio")]
    named += [tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token]
    found = {written[start:end] for start, end in controls.find(written)}
    return frozenset(found.union(name for name in named if name))


def literals_of(
    conversation: Sequence[Message],
    pieces: Sequence[Piece],
    *,
    text: str,
    controls: ControlTokens,
    structural: frozenset[str],
    template_tokens: Collection[str],
) -> Iterator[tuple[int, int]]:
    """Yield what looks like a control token in ``text`` and no one was entitled to write, in order.

    That is a video's placeholder, too, where it is plain text that the processor looks for.
    """
    written = "|".join(re.escape(name) for name in sorted(structural) if name not in controls.ids)
    plain = [match.span() for match in re.finditer(written, text)] if written else []
    for start, end in sorted((*controls.find(text), *plain)):
        touched = [piece for piece in pieces if piece.start < end and start < piece.end]
        if touched and not _may_write(
            text[start:end],
            touched[0],
            start=start,
            role=conversation[touched[0].turn].role,
            structural=structural,
            template_tokens=template_tokens,
        ):
            yield start, end


def _may_write(
    token: str,
    piece: Piece,
    *,
    start: int,
    role: Role,
    structural: frozenset[str],
    template_tokens: Collection[str],
) -> bool:
    """Say whether the one who wrote ``piece`` was entitled to write ``token`` at character ``start``."""
    end = start + len(token)
    if not piece.start <= start < end <= piece.end:
        return False
    if role is Role.ASSISTANT:
        return token not in structural
    if piece.query is None:
        return False
    outside_query = end <= piece.start + piece.query[0] or start >= piece.start + piece.query[1]
    return outside_query and token in template_tokens
