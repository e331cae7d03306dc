"""The conversation that a chat template wrote into a row, read back by what it writes around texts of that form.

Where no control token opens a turn, or a template writes words of its own around a video, markers do not tell where
a text begins. The template does: for roles in that order, with videos at those places, it always writes the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.learnt.frame_texts import FrameTexts, frame_texts
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Role, read_messages
from vtg_core.chat.markup import learn_markup
from vtg_core.chat.rendering import structural_tokens
from vtg_core.chat.skeleton import glue_of
from vtg_core.errors import MaskingError, VTGError
from vtg_core.masking.labelled_tokens import runs_of


@dataclass(frozen=True)
class ReadConversation:
    """What was read back.

    Attributes:
        messages: in chat form.
        expansions: what stands in the place of each video's placeholder, in order.
        controls: the control tokens in the texts of users.
    """

    messages: list[dict[str, Any]]
    expansions: list[str]
    controls: frozenset[str]


def read_conversations(ids: np.ndarray, chat: ChatIds) -> Iterator[ReadConversation]:
    """Yield the conversations that a row can have been made of; each must still be proved by writing it anew.

    Args:
        ids: int64, shape (L,), without padding.
        chat: what they mean.
    """
    spelling = _Spelling.of(chat)
    row = spelling.of_ids(ids)
    for form in _forms(row, spelling):
        try:
            glue = glue_of(read_messages(form), chat.processor)
        except VTGError:  # no such conversation with this template
            continue
        match = _pattern(glue, form, spelling).match(row)
        if match and spelling.is_nobodys(row[match.end() :]):
            yield _read(form, match, spelling)


def _forms(row: str, spelling: "_Spelling") -> Iterator[list[dict[str, Any]]]:
    """Yield conversations without words: turns as often as the assistant's is opened, videos where they stand."""
    opening = spelling.of_text(spelling.opening).strip()
    answers = [match.start() for match in re.finditer(re.escape(opening), row)] if opening else []
    videos = [match.span() for match in re.finditer(spelling.video, row)]
    for num_answers in dict.fromkeys((len(answers), 1)):
        if not num_answers:
            continue
        borders = [0, *answers[: num_answers - 1], len(row)]
        shown = [sum(start <= at < end for at, _ in videos) for start, end in pairwise(borders)]
        for has_system, is_shown_first in ((False, True), (True, True), (False, False), (True, False)):
            opened = [_turn(Role.SYSTEM)] if has_system else []
            yield [*opened, *_turns(shown, is_shown_first=is_shown_first)]


def _turns(shown: Sequence[int], *, is_shown_first: bool) -> Iterator[dict[str, Any]]:
    for num_videos in shown:
        turn = _turn(Role.USER, num_videos)
        yield turn if is_shown_first else {**turn, "content": turn["content"][::-1]}
        yield _turn(Role.ASSISTANT)


def _turn(role: Role, num_videos: int = 0) -> dict[str, Any]:
    videos = [{"type": "video", "video": "saved"}] * num_videos
    return {"role": str(role), "content": [*videos, {"type": "text", "text": "?"}]}


def _pattern(
    glue: Sequence[str], form: Sequence[Mapping[str, Any]], spelling: "_Spelling"
) -> re.Pattern[str]:
    """Return what matches a row of a form: its texts as groups, its videos as groups too, in order."""
    written = [spelling.with_videos(part) for part in (*glue[:-1], glue[-1].rstrip())]
    text = f"([^{spelling.structural}]*)"
    return re.compile(text.join(written))


def _read(form: Sequence[Mapping[str, Any]], match: re.Match[str], spelling: "_Spelling") -> ReadConversation:
    groups = iter(match.groups())
    messages, expansions, controls = [], [], set[str]()
    for turn in form:
        parts: list[dict[str, Any]] = []
        for part in turn["content"]:
            found = next(groups)
            if part["type"] == "video":
                parts.append(part)
                expansions.append(spelling.plain(found))
                continue
            written: dict[str, Any] = {"type": "text", "text": spelling.plain(found)}
            if turn["role"] == str(Role.USER) and (held := spelling.controls_in(found)):
                written["query"] = spelling.typed(found)
                controls |= held
            parts.append(written)
        messages.append({**turn, "content": parts})
    return ReadConversation(messages, expansions, frozenset(controls))


@dataclass(frozen=True, eq=False)
class _Spelling:
    """A row as text in which each control token is one character of its own, so that nobody can have typed it.

    Attributes:
        chat: whose control tokens they are.
        characters: from control token to its character.
        tokens: the way back.
        structural: the characters that no message may write, as a set of a regular expression.
        texts: the words around the frames of a video.
    """

    chat: ChatIds
    characters: Mapping[str, str]
    tokens: Mapping[str, str]
    structural: str
    texts: FrameTexts

    @classmethod
    def of(cls, chat: ChatIds) -> "_Spelling":
        controls, texts = control_tokens(chat.tokenizer), frame_texts(chat)
        if len(controls.ids) > _MAX_CONTROLS:
            raise MaskingError(f"a tokenizer may have {_MAX_CONTROLS:,} control tokens at most")
        characters = {token: chr(_FIRST + index) for index, token in enumerate(controls.ids)}
        structural = {*structural_tokens(chat.processor, controls), *texts.controls} & characters.keys()
        return cls(
            chat=chat,
            characters=characters,
            tokens={character: token for token, character in characters.items()},
            structural="".join(sorted(characters[token] for token in structural)) or _NOTHING,
            texts=texts,
        )

    @property
    def opening(self) -> str:
        """How the assistant's turn opens behind the user's."""
        markup = learn_markup(self.chat.processor)
        return markup.closing[Role.USER] + markup.opening[Role.ASSISTANT]

    @property
    def video(self) -> str:
        """A pattern for what a processor writes for a video; the placeholder alone where it could not be asked."""
        named = [self.characters[token] for token in self.texts.controls if token in self.characters]
        placeholder = getattr(self.chat.processor, "video_token", None) or ""
        marks = f"[{''.join(named) or self.characters.get(placeholder, _NOTHING)}]++"
        between = f"(?:{'|'.join(self.texts.between)})++" if self.texts.between else "(?!)"
        return f"{self.texts.head}{marks}(?:{between}{marks})*(?:{between})?{self.texts.tail}"

    def of_ids(self, ids: np.ndarray) -> str:
        """Spell a row."""
        named = control_tokens(self.chat.tokenizer).ids
        by_id = {token_id: self.characters[token] for token, token_id in named.items()}
        written, last = [], 0
        for start, end in runs_of(np.isin(ids, self.chat.control_ids)):
            written.append(self.chat.decode(ids[last:start]))
            written += [by_id[token_id] for token_id in ids[start:end].tolist()]
            last = end
        return "".join((*written, self.chat.decode(ids[last:])))

    def of_text(self, text: str) -> str:
        """Spell what a template wrote; its control tokens are real."""
        return control_tokens(self.chat.tokenizer).pattern.sub(lambda match: self.characters[match[0]], text)

    def with_videos(self, glue: str) -> str:
        """Return a pattern for what a template wrote, each placeholder of a video as what the processor wrote for it."""
        placeholder = getattr(self.chat.processor, "video_token", None)
        parts = glue.split(placeholder) if placeholder else [glue]
        return f"({self.video})".join(re.escape(self.of_text(part)) for part in parts)

    def is_nobodys(self, behind: str) -> bool:
        """Say whether what stands behind the last answer is no turn: text, or a generation prompt."""
        opening = self.of_text(learn_markup(self.chat.processor).opening[Role.ASSISTANT]).strip()
        rest = behind.strip().removeprefix(opening) if opening else behind
        return not any(character in self.structural for character in rest)

    def plain(self, spelt: str) -> str:
        """Return the text that was spelt."""
        return "".join(self.tokens.get(character, character) for character in spelt)

    def controls_in(self, spelt: str) -> set[str]:
        """Return the control tokens in what was spelt."""
        return {self.tokens[character] for character in spelt if character in self.tokens}

    def typed(self, spelt: str) -> list[int]:
        """Return the characters of the plain text that must have been typed: they look like control tokens and are none."""
        found, length = [], 0
        for part in re.split(f"([{_FIRST_CHARACTER}-{_LAST_CHARACTER}])", spelt):
            text = self.plain(part)
            if part not in self.tokens:
                places = control_tokens(self.chat.tokenizer).find(text)
                found += [(length + start, length + end) for start, end in places]
            length += len(text)
        return [found[0][0], found[-1][1]] if found else [0, 0]


_FIRST, _LAST = 0x100000, 0x10FFFD
"""Unicode's last plane is for private use."""
_FIRST_CHARACTER, _LAST_CHARACTER = chr(_FIRST), chr(_LAST)
_MAX_CONTROLS = _LAST - _FIRST
_NOTHING = chr(_LAST)
