"""The rules by which other people's code decides which tokens are trained, each over the same encoded sample."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.chat.control_tokens import control_tokens, encode_as_text
from vtg_core.chat.conversation import Role, VideoPart, read_messages
from vtg_core.chat.markup import learn_markup
from vtg_core.chat.rendering import RenderedChat
from vtg_core.errors import first_line
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.literals import with_stand_ins
from vtg_core.masking.processor_call import adds_special_tokens, call_processor
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin


class Recipe(StrEnum):
    """A way to decide which tokens are trained."""

    TEXT_PREFIX = "text-prefix"
    PROCESSOR_PREFIX = "processor-prefix"
    ROLE_MARKERS = "role-markers"
    BARE_ASSISTANT = "bare-assistant"
    GENERATION_TAGS = "generation-tags"
    PAD_ONLY = "pad-only"
    ALL_TOKENS = "all-tokens"


@dataclass(frozen=True, eq=False)
class Given:
    """What a recipe may ask for."""

    encoded: EncodedSample
    processor: "ProcessorMixin"
    messages: tuple[Mapping[str, Any], ...]
    videos: tuple[SampledVideo, ...]

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        return self.processor.tokenizer

    @property
    def ids(self) -> np.ndarray:
        return self.encoded.input_ids.numpy()

    @property
    def prompt(self) -> str:
        """The text before the last answer, every video still one placeholder."""
        return self.encoded.chat.text[: self.encoded.chat.answer_starts[-1]]

    def after(self, num_masked: int) -> np.ndarray:
        return np.arange(len(self.encoded)) >= num_masked


def _text_prefix(given: Given) -> np.ndarray:
    return given.after(_num_text_tokens(given.encoded.chat, given.prompt, given.tokenizer))


def _processor_prefix(given: Given) -> np.ndarray | str:
    chat = given.encoded.chat
    if len(given.videos) != len(chat.video_sources):
        return "the prompt's videos are not at hand, and it is measured with them"
    literals = tuple(literal for literal in chat.literals if literal[1] <= len(given.prompt))
    harmless = with_stand_ins(
        replace(chat, text=given.prompt, literals=literals), control_tokens(given.tokenizer)
    )
    outputs = call_processor(given.processor, harmless, given.videos)
    num_inserted = outputs["input_ids"].shape[1] - _num_text_tokens(
        chat, harmless, given.tokenizer, literals=()
    )
    return given.after(_num_text_tokens(chat, given.prompt, given.tokenizer) + num_inserted)


def _role_markers(given: Given) -> np.ndarray | str:
    markup, controls = learn_markup(given.processor), control_tokens(given.tokenizer)
    opening, closing = markup.opening[Role.ASSISTANT], markup.closing[Role.ASSISTANT]
    first, closed = next(controls.find(opening), None), controls.first_in(closing)
    if first is None or closed is None:
        return "the chat template opens or closes the assistant's turn without a control token"
    header = given.tokenizer.encode(opening[first[0] :], add_special_tokens=False)
    end_of_turn = controls.ids[closing[:closed].strip()]
    ids, supervised, at = given.ids.tolist(), np.zeros(len(given.encoded), dtype=bool), 0
    while at < len(ids):
        if ids[at : at + len(header)] != header:
            at += 1
            continue
        start = at + len(header)
        at = ids.index(end_of_turn, start) + 1 if end_of_turn in ids[start:] else len(ids)
        supervised[start:at] = True
    return supervised


def _bare_assistant(given: Given) -> np.ndarray | str:
    """Imitate the search for one id, the header's newline taken for granted, the turn's own newline trained."""
    word = given.tokenizer.encode("assistant", add_special_tokens=False)
    closing = learn_markup(given.processor).closing[Role.ASSISTANT]
    controls = control_tokens(given.tokenizer)
    closed = controls.first_in(closing)
    if len(word) != 1 or closed is None:
        return "the checkpoint has no one token that reads 'assistant', or no token that closes its turn"
    end_of_turn = controls.ids[closing[:closed].strip()]
    ids, supervised, at = given.ids.tolist(), np.zeros(len(given.encoded), dtype=bool), 0
    while at < len(ids):
        if ids[at] == word[0] and end_of_turn in ids[at + 2 :]:
            end = ids.index(end_of_turn, at + 2)
            supervised[at + 2 : end + 2] = True
            at = end
        at += 1
    return supervised


def _generation_tags(given: Given) -> np.ndarray | str:
    template = given.processor.chat_template or given.tokenizer.chat_template
    if not isinstance(template, str) or not _GENERATION.search(template):
        return "the checkpoint's chat template has no {% generation %} tags"
    conversation = read_messages(given.messages)
    if len(given.videos) != sum(isinstance(part, VideoPart) for m in conversation for part in m.parts):
        return "the conversation's videos are not at hand, and it is tokenised with them"
    remaining = iter(given.videos)
    chat = [message.with_texts([part.text for part in message.texts]) for message in conversation]
    for part in (
        part for message in chat if not isinstance(message["content"], str) for part in message["content"]
    ):
        if part["type"] == "video":
            part["video"] = next(remaining).frames
    options = {
        "video_metadata": [[video.metadata for video in given.videos]],
        "input_data_format": "channels_last",
    }
    try:
        outputs = given.processor.apply_chat_template(
            chat,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            processor_kwargs=options | {"do_sample_frames": False} if given.videos else {},
        )
    except (
        Exception
    ) as error:  # a template and a processor are other projects' code and may refuse in any way
        return f"transformers refuses to mark the assistant's tokens: {first_line(error)}"
    if not np.array_equal(np.asarray(outputs["input_ids"])[0], given.ids):
        return "transformers' own ids differ: a person's text holds control tokens"
    trained: np.ndarray = np.asarray(outputs["assistant_masks"])[0].astype(bool)
    return trained


_GENERATION = re.compile(r"\{%-?\s*generation\b")


def _pad_only(given: Given) -> np.ndarray:
    placeholder = control_tokens(given.tokenizer).ids.get(getattr(given.processor, "video_token", ""), -1)
    trained: np.ndarray = given.ids != placeholder
    return trained


def _all_tokens(given: Given) -> np.ndarray:
    return given.after(0)


def _num_text_tokens(
    chat: RenderedChat,
    text: str,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    literals: Sequence[tuple[int, int]] | None = None,
) -> int:
    """Count the tokens of a prompt's unexpanded text, with the control tokens in a person's words as plain text."""
    literals = chat.literals if literals is None else literals
    borders = [span for span in control_tokens(tokenizer).find(text) if span not in set(literals)]
    count = tokenizer.num_special_tokens_to_add() if adds_special_tokens(tokenizer, text) else 0
    last = 0
    for start, end in [*borders, (len(text), len(text))]:
        stretch = text[last:start]
        is_literal = any(last <= a and b <= start for a, b in literals)
        ids = (
            encode_as_text(tokenizer, stretch)[0]
            if is_literal
            else tokenizer.encode(stretch, add_special_tokens=False)
        )
        count, last = count + len(ids) + (start < end), end
    return count


RULES: Mapping[Recipe, Callable[[Given], np.ndarray | str]] = {
    Recipe.TEXT_PREFIX: _text_prefix,
    Recipe.PROCESSOR_PREFIX: _processor_prefix,
    Recipe.ROLE_MARKERS: _role_markers,
    Recipe.BARE_ASSISTANT: _bare_assistant,
    Recipe.GENERATION_TAGS: _generation_tags,
    Recipe.PAD_ONLY: _pad_only,
    Recipe.ALL_TOKENS: _all_tokens,
}
