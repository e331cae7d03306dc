"""A prompt template: words with one placeholder, and the prompt that they become."""

import re
from dataclasses import dataclass
from enum import StrEnum

from vtg_core.data.answers import AnswerMode
from vtg_core.errors import TemplateError

PLACEHOLDER = "{query}"
MAX_TEMPLATE_CHARS = 4_000


class Task(StrEnum):
    """What a template asks of a video."""

    MOMENT = "moment"
    SEVERAL = "several"
    ABSENT = "absent"
    FIRST = "first"
    LAST = "last"
    POINT = "point"
    SHORT = "short"
    LONG = "long"
    CAPTION = "caption"


@dataclass(frozen=True)
class Prompt:
    """A template with its query filled in.

    Attributes:
        text: what the user's turn says.
        query_start, query_end: where the query stands in ``text``, in characters, half-open.
    """

    text: str
    query_start: int
    query_end: int


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt with the one placeholder ``{query}``.

    Attributes:
        name: how people choose it; unique within its mode and language.
        style: the manner of speaking, for people.
        mode: the answer format that its words promise: one of the two built-in ones, or the name of an answer form.
        text: the words, with ``{query}`` exactly once.
        language: of the words, as a code such as ``en``.
        task: what it asks; of a caption ``{query}`` stands for the windows, and the answer is the sentence.

    Raises:
        TemplateError: ``{query}`` is missing or repeated, or there is another placeholder; the message names it.
    """

    name: str
    style: str
    mode: AnswerMode | str
    text: str
    language: str = "en"
    task: Task = Task.MOMENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", Task(self.task))
        if not isinstance(self.text, str) or len(self.text) > MAX_TEMPLATE_CHARS:
            raise TemplateError(
                f"template {self.name!r} must be a text of at most {MAX_TEMPLATE_CHARS:,} characters, "
                f"got {type(self.text).__name__} of length {len(str(self.text)):,}"
            )
        others = [found for found in _PLACEHOLDERS.findall(self.text) if found != PLACEHOLDER]
        if others:
            raise TemplateError(
                f"template {self.name!r} must hold no placeholder but {PLACEHOLDER}, got {others[0]!r}; "
                "write braces that are meant as text with a space inside"
            )
        if (count := self.text.count(PLACEHOLDER)) != 1:
            raise TemplateError(
                f"template {self.name!r} must hold {PLACEHOLDER} exactly once, got it {count} times"
            )

    def format(self, query: str) -> Prompt:
        """Insert ``query`` as text: braces, ``$``, quotes and format expressions in it stay what they are."""
        before, _, after = self.text.partition(PLACEHOLDER)
        return Prompt(before + query + after, len(before), len(before) + len(query))


_PLACEHOLDERS = re.compile(r"\{+[^{}\s\"]*\}+")
