"""Rendering of many conversations of a few forms: what surrounds their texts is labelled once for each form."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat.character_regions import Piece, label_piece, merge
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Message, VideoPart, read_messages
from vtg_core.chat.markup import apply_chat_template
from vtg_core.chat.rendering import RenderedChat, literals_of, render, structural_tokens
from vtg_core.chat.skeleton import as_chat, form_of, glue_of, join, text_parts
from vtg_core.regions import Region

if TYPE_CHECKING:
    from transformers import ProcessorMixin


class ChatRenderer:
    """:func:`render` for many conversations of a few forms: what the template writes around texts is labelled once.

    The form of a conversation is its roles and the kinds of its parts. The template still renders every
    conversation, and its text must be the learnt one around these texts, character for character; where it is not,
    and for the first one of each form, :func:`render` does all of it. Where in what stands between two texts a
    generation prompt ends is taken from that first one.

    Args:
        processor: as for ``render``; it must not be changed as long as this renders for it.
    """

    def __init__(self, processor: "ProcessorMixin") -> None:
        self.controls = control_tokens(processor.tokenizer)
        self._processor = processor
        self.structural_tokens = structural_tokens(processor, self.controls)
        self._frames: BoundedCache[_LearntForm] = BoundedCache(256)

    def render(
        self, messages: Sequence[Mapping[str, Any]], *, template_tokens: Collection[str] = ()
    ) -> RenderedChat:
        """Return :func:`render` of a conversation; the same errors."""
        conversation = read_messages(messages)
        whole: list[RenderedChat] = []

        def learn() -> _LearntForm:
            whole.append(self._render_whole(messages, template_tokens))
            return _LearntForm.of(conversation, whole[0], glue=glue_of(conversation, self._processor))

        frame = self._frames.get(form_of(conversation), learn)
        if whole:
            return whole[0]
        filled = self._fill(frame, conversation, template_tokens)
        return filled or self._render_whole(messages, template_tokens)

    def _render_whole(
        self, messages: Sequence[Mapping[str, Any]], template_tokens: Collection[str]
    ) -> RenderedChat:
        return render(messages, self._processor, template_tokens=template_tokens, controls=self.controls)

    def _fill(
        self, frame: "_LearntForm", conversation: Sequence[Message], template_tokens: Collection[str]
    ) -> RenderedChat | None:
        text, pieces = join(frame.glue, text_parts(conversation))
        if frame.starts is None or text != apply_chat_template(self._processor, as_chat(conversation)):
            return None
        literals = tuple(
            literals_of(
                conversation,
                pieces,
                text=text,
                controls=self.controls,
                structural=self.structural_tokens,
                template_tokens=template_tokens,
            )
        )
        sources = tuple(part.source for m in conversation for part in m.parts if isinstance(part, VideoPart))
        return RenderedChat(
            text, frame.regions(conversation, pieces), frame.answer_starts(pieces), literals, sources
        )


@dataclass(frozen=True)
class _LearntForm:
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
    def of(
        cls, conversation: Sequence[Message], chat: RenderedChat, *, glue: tuple[str, ...]
    ) -> "_LearntForm":
        parts = text_parts(conversation)
        text, pieces = join(glue, parts)
        if text != chat.text:
            text, pieces = join(glue, [(turn, index, part.stripped()) for turn, index, part in parts])
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
