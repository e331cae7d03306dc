"""The sixteen prompt templates, one table, and the rule that chooses one for a sample."""

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.promises import contradiction
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import AnswerError, TemplateError, first_line

PLACEHOLDER = "{query}"
MAX_TEMPLATE_CHARS = 4_000
MAX_TEMPLATE_FILE_BYTES = 1_000_000


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
        name: how people choose it; unique within its mode.
        style: the manner of speaking, for people.
        mode: the answer format that its words promise: one of the two built-in ones, or the name of an answer form.
        text: the words, with ``{query}`` exactly once.

    Raises:
        TemplateError: ``{query}`` is missing or repeated, or there is another placeholder; the message names it.
    """

    name: str
    style: str
    mode: AnswerMode | str
    text: str

    def __post_init__(self) -> None:
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

_STANDARD = (
    (
        "direct",
        "direct instruction",
        "Given the video, please identify the start and end time of the moment described by the following query: "
        '"{query}"\nProvide the answer in the format: [start_time, end_time]',
    ),
    (
        "question",
        "question",
        'During which part of this video does the following happen: "{query}"?\n'
        "Reply with its first and last second as [start_time, end_time].",
    ),
    (
        "task",
        "task description",
        "Task: temporal grounding.\nInput: a video and one sentence.\n"
        "Output: the window in which the sentence is true, in seconds, written [start_time, end_time].\n"
        'Sentence: "{query}"',
    ),
    (
        "natural",
        "natural language",
        'Somewhere in this video you can see this: "{query}". '
        "Tell me from when to when, in seconds, like this: [start_time, end_time].",
    ),
    ("concise", "concise", 'Find when "{query}" occurs in the video.\nAnswer with: [start, end]'),
    (
        "detailed",
        "detailed",
        'Watch the whole video before you answer. Look for the moment that matches "{query}". '
        "Note the time at which it begins and the time at which it is over, both counted in seconds from the first "
        "frame and given with one decimal. Write nothing but these two numbers in square brackets, the earlier one "
        "first: [start_time, end_time]",
    ),
    (
        "academic",
        "academic",
        "Perform moment localization on the given untrimmed video. For the natural language description "
        '"{query}", predict the temporal boundaries of the corresponding segment in seconds, '
        "formatted as [start_time, end_time].",
    ),
    (
        "conversational",
        "conversational",
        'Hey, could you help me with this video? I am looking for the bit where "{query}". '
        "When does it start and when is it over? Just give me the seconds as [start_time, end_time], thanks!",
    ),
)

_TEMPORAL_TOKENS = (
    (
        "direct",
        "direct instruction",
        'Given the video, mark the moment described by the following query with temporal tokens: "{query}"\n'
        "Provide the answer in the format: <|box_start|><start><end><|box_end|>",
    ),
    (
        "question",
        "question",
        'Between which two temporal tokens of this video does the following happen: "{query}"?\n'
        "Reply with <|box_start|><start><end><|box_end|>.",
    ),
    (
        "task",
        "task description",
        "Task: temporal grounding with temporal tokens.\nInput: a video and one sentence.\n"
        "Output: the window in which the sentence is true, written <|box_start|><start><end><|box_end|>.\n"
        'Sentence: "{query}"',
    ),
    (
        "natural",
        "natural language",
        'Somewhere in this video you can see this: "{query}". '
        "Tell me from where to where with temporal tokens, like this: <|box_start|><start><end><|box_end|>.",
    ),
    (
        "concise",
        "concise",
        'Find when "{query}" occurs in the video.\nAnswer with temporal tokens: <|box_start|><start><end><|box_end|>',
    ),
    (
        "detailed",
        "detailed",
        'Watch the whole video before you answer. Look for the moment that matches "{query}". '
        "The video is divided into equal parts, each with its own temporal token. Choose the token of the part in "
        "which the moment begins and the token of the part in which it is over. Write nothing but these two, the "
        "earlier one first, between the box markers: <|box_start|><start><end><|box_end|>",
    ),
    (
        "academic",
        "academic",
        "Perform moment localization on the given untrimmed video. For the natural language description "
        '"{query}", predict the temporal boundaries of the corresponding segment as discrete temporal tokens, '
        "formatted as <|box_start|><start><end><|box_end|>.",
    ),
    (
        "conversational",
        "conversational",
        'Hey, could you help me with this video? I am looking for the bit where "{query}". '
        "Where does it start and where is it over? Just give me the temporal tokens as "
        "<|box_start|><start><end><|box_end|>, thanks!",
    ),
)

TEMPLATES: tuple[PromptTemplate, ...] = tuple(
    PromptTemplate(name, style, mode, text)
    for mode, rows in ((AnswerMode.STANDARD, _STANDARD), (AnswerMode.TEMPORAL_TOKENS, _TEMPORAL_TOKENS))
    for name, style, text in rows
)
"""The built-in templates: those for seconds first, in the same order of styles."""

TEMPLATE_NAMES: tuple[str, ...] = tuple(dict.fromkeys(template.name for template in TEMPLATES))
"""By which a person chooses: each stands for one template of either mode."""


def templates_for(mode: AnswerMode | str) -> tuple[PromptTemplate, ...]:
    """Return the built-in templates whose words promise ``mode``, in the table's order.

    For another answer form there is one, made of the form's own words.

    Raises:
        AnswerError: there is no answer form of that name.
    """
    own = tuple(template for template in TEMPLATES if template.mode == mode)
    return own or (_template_of(form_named(mode)),)


FORM_TEMPLATE = "concise"
"""The name of the one template of a form that is not built in."""


def _template_of(form: AnswerForm) -> PromptTemplate:
    words = f'Find when "{PLACEHOLDER}" occurs in the video.\nAnswer with: {form.example}'
    return PromptTemplate(FORM_TEMPLATE, "concise", form.name, words)


STANDARD_TEMPLATES: list[str] = [template.text for template in templates_for(AnswerMode.STANDARD)]
"""The words of the templates that ask for seconds."""
TEMPORAL_TOKEN_TEMPLATES: list[str] = [
    template.text for template in templates_for(AnswerMode.TEMPORAL_TOKENS)
]
"""The words of those that ask for temporal tokens."""


class TemplateSelector:
    """Choose a template for a sample.

    With a seed the choice depends on (seed, sample index) alone, in every process and on every platform;
    without one it is random; with ``random_selection=False`` it is always the first.

    Args:
        use_temporal_tokens: choose among the templates that promise temporal tokens.
        random_selection: choose at all, or always take the first.
        seed: any integer; None for a choice that differs from call to call.
        templates: choose among these instead of the built-in ones.

    Raises:
        TemplateError: ``templates`` is empty.
    """

    def __init__(
        self,
        use_temporal_tokens: bool = False,
        random_selection: bool = True,
        seed: int | None = None,
        *,
        templates: Sequence[PromptTemplate] | None = None,
    ) -> None:
        mode = AnswerMode.TEMPORAL_TOKENS if use_temporal_tokens else AnswerMode.STANDARD
        self.templates = tuple(templates) if templates is not None else templates_for(mode)
        if not self.templates:
            raise TemplateError("a selector needs at least one template, got none")
        self.random_selection = random_selection
        self.seed = seed

    def select(self, sample_idx: int = 0) -> PromptTemplate:
        """Return the template for the sample at ``sample_idx``."""
        if not self.random_selection:
            return self.templates[0]
        if self.seed is None:
            return random.choice(self.templates)
        digest = hashlib.sha256(f"{self.seed}:{sample_idx}".encode()).digest()
        return self.templates[int.from_bytes(digest[:8], "big") % len(self.templates)]

    def get_template(self, sample_idx: int = 0) -> str:
        """Return the words of the template for the sample at ``sample_idx``."""
        return self.select(sample_idx).text

    def format(self, query: str, sample_idx: int = 0) -> str:
        """Return the prompt that asks for ``query`` with the template for the sample at ``sample_idx``."""
        return self.select(sample_idx).format(query).text


def load_templates(path: Path | str) -> tuple[PromptTemplate, ...]:
    """Read templates of one's own from a YAML or JSON file.

    The file holds a list of ``{"name", "text", "style"?, "mode"?}``, or a mapping from name to text; ``style``
    is ``"custom"`` and ``mode``, the name of an answer form, is ``"standard"`` unless given. ``{format}`` in a text
    stands for the form's own words.

    Raises:
        TemplateError: the file cannot be read, has another form, or holds a template that is not usable, or
            that asks for another answer than its form gives.
    """
    path = Path(path)
    content = _load(path)
    if isinstance(content, _Pairs):
        rows: Any = [{"name": name, "text": text} for name, text in content]
    else:
        rows = content
    if not isinstance(rows, list) or not rows:
        raise TemplateError(
            f"{path.name} must hold a list of {{name, text}} or a mapping from name to text, got {type(content).__name__}"
        )
    templates = tuple(read_template(row, f"{path.name}, template {i}") for i, row in enumerate(rows, 1))
    names = [(template.mode, template.name) for template in templates]
    if duplicates := {name for mode, name in names if names.count((mode, name)) > 1}:
        raise TemplateError(
            f"{path.name} must name each template once, got {sorted(duplicates)[0]!r} more than once"
        )
    return templates


class _Pairs(list[tuple[Any, Any]]):
    """A mapping as its pairs, so that a name that is there twice is seen twice."""


def _load(path: Path) -> Any:
    """Read JSON, or else YAML; the mapping at the top comes as pairs."""
    import json

    try:
        if path.stat().st_size > MAX_TEMPLATE_FILE_BYTES:
            raise TemplateError(
                f"{path.name} must be at most {MAX_TEMPLATE_FILE_BYTES:,} bytes of YAML or JSON"
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TemplateError(f"template file {path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TemplateError(
            f"{path.name} must be YAML or JSON in UTF-8, and byte {error.start} is not"
        ) from None
    try:
        return _plain(json.loads(text, object_pairs_hook=_Pairs))
    except ValueError:
        pass
    except RecursionError:
        raise TemplateError(f"{path.name} must be YAML or JSON, got something nested beyond reason") from None
    return _load_yaml(text, path.name)


def _load_yaml(text: str, name: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads mappings as pairs."""

    def pairs(loader: Any, node: Any) -> _Pairs:
        return _Pairs((loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
                      for key, value in node.value)  # fmt: skip

    Loader.add_constructor("tag:yaml.org,2002:map", pairs)
    try:
        return _plain(yaml.load(text, Loader))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise TemplateError(
            f"{name} must be YAML or JSON in UTF-8, and is not: {first_line(error)}"
        ) from None


def _plain(content: Any) -> Any:
    """Turn the rows of a list into mappings; the last of a repeated field counts, as in JSON."""
    return (
        [dict(row) if isinstance(row, _Pairs) else row for row in content]
        if type(content) is list
        else content
    )


def read_template(row: Any, where: str) -> PromptTemplate:
    """Return the template of one entry of a file, see :func:`load_templates`; ``where`` names it in messages.

    Raises:
        TemplateError: it is not usable, or asks for another answer than its form gives.
    """
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "text")):
        raise TemplateError(
            f"{where} must have a text under 'name' and under 'text', got {type(row).__name__}"
        )
    if unknown := set(row) - {"name", "text", "style", "mode"}:
        raise TemplateError(
            f"{where} must have no field but name, text, style and mode, got {sorted(map(str, unknown))[0]!r}"
        )
    form = _form_of(row, where)
    text = row["text"].replace(FORMAT_WORD, form.example)
    if wrong := contradiction(text.replace(PLACEHOLDER, ""), form):
        raise TemplateError(
            f"{where}: words and answer must agree: {wrong}; write {FORMAT_WORD} for the form's own words"
        )
    mode = AnswerMode(form.name) if form.name in tuple(AnswerMode) else form.name
    return PromptTemplate(row["name"], str(row.get("style", "custom")), mode, text)


FORMAT_WORD = "{format}"
"""What stands in a file's template for the words in which its answer form is promised."""


def _form_of(row: dict[str, Any], where: str) -> AnswerForm:
    try:
        return form_named(str(row.get("mode", AnswerMode.STANDARD)))
    except AnswerError as error:
        raise TemplateError(f"{where}, mode: {error}") from None
