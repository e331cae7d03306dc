"""The sixteen prompt templates, one table, and the rule that chooses one for a sample; in other languages too."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.files import load_templates
from vtg_core.data.wording.languages import ENGLISH, LANGUAGES
from vtg_core.data.wording.prompt import MAX_TEMPLATE_CHARS, PLACEHOLDER, Prompt, PromptTemplate, Task
from vtg_core.data.wording.selection import Languages, choose_language, language_weights
from vtg_core.data.wording.tasks import AUTO, task_of, task_templates
from vtg_core.errors import TemplateError

__all__ = [
    "FORM_TEMPLATE", "MAX_TEMPLATE_CHARS", "PLACEHOLDER", "STANDARD_TEMPLATES", "TEMPLATES", "TEMPLATE_NAMES",
    "TEMPORAL_TOKEN_TEMPLATES", "Prompt", "PromptTemplate", "Task", "TemplateSelector", "load_templates", "templates_for",
    "told_apart",
]  # fmt: skip

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


_STYLES = {name: style for name, style, _ in _STANDARD}


def templates_for(
    mode: AnswerMode | str, language: str = ENGLISH.code, task: Task | str = Task.MOMENT
) -> tuple[PromptTemplate, ...]:
    """Return the built-in templates whose words promise ``mode``, in the table's order.

    For another answer form there is one, made of the form's own words.

    Args:
        mode: a mode, or the name of an answer form.
        language: the code of one in which they are built in.
        task: what they ask: the window of a moment, as the sixteen do, or one of :class:`Task`, in English.

    Raises:
        AnswerError: there is no answer form of that name.
        TemplateError: there are no built-in templates in that language, or no such task, or the form cannot answer it.
    """
    if (asked := task_named(task)) is not Task.MOMENT:
        if language != ENGLISH.code:
            raise TemplateError(
                f"the templates of task '{asked}' must be in English, got language {language!r:.40}; bring your own for others"
            )
        return task_templates(asked, str(mode))
    if language not in LANGUAGES:
        raise TemplateError(
            f"built-in templates must be in one of {', '.join(LANGUAGES)}, got {language!r:.40}; bring your own for others"
        )
    if mode not in tuple(AnswerMode):
        return (_template_of(str(mode), language),)
    if language == ENGLISH.code:
        return tuple(template for template in TEMPLATES if template.mode == mode)
    own = LANGUAGES[language]
    words = own.standard if mode == AnswerMode.STANDARD else own.temporal_tokens
    return tuple(
        PromptTemplate(name, _STYLES[name], AnswerMode(mode), text, language) for name, text in words.items()
    )


FORM_TEMPLATE = "concise"
"""The name of the one template of a form that is not built in."""


def _template_of(name: str, language: str) -> PromptTemplate:
    form = form_named(name)
    words = LANGUAGES[language].any_form.replace("{format}", form.example)
    return PromptTemplate(FORM_TEMPLATE, "concise", form.name, words, language)


def task_named(name: Task | str) -> Task:
    """Return the task of a name.

    Raises:
        TemplateError: there is none of that name.
    """
    try:
        return Task(name)
    except ValueError:
        raise TemplateError(f"task must be one of {', '.join(Task)}, got {name!r:.40}") from None


def told_apart(templates: Iterable[PromptTemplate]) -> list[PromptTemplate]:
    """Return templates that are shown side by side, with the language in each name where there are several."""
    listed = list(templates)
    if len({template.language for template in listed}) < 2:
        return listed
    return [replace(template, name=f"{template.name}_{template.language}") for template in listed]


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
        language: the code of the language, several, or from each to its weight, such as ``{"en": 3, "zh": 1}``: one
            is chosen for each sample. English unless given; of ``templates`` every language.
        answer_form: choose among the templates of this form, in place of ``use_temporal_tokens``.
        task: what is asked (:class:`Task`); ``auto`` lets the number of a row's windows choose: ``absent`` for none,
            ``several`` for more than one, and the sixteen for one.

    Attributes:
        templates: all that are chosen among, language by language.
        languages: from each language to its weight; they sum to 1.

    Raises:
        TemplateError: ``templates`` is empty, or there are none in a language.
    """

    def __init__(
        self,
        use_temporal_tokens: bool = False,
        random_selection: bool = True,
        seed: int | None = None,
        *,
        templates: Sequence[PromptTemplate] | None = None,
        language: Languages | None = None,
        answer_form: str | None = None,
        task: Task | str = Task.MOMENT,
    ) -> None:
        mode = answer_form or (AnswerMode.TEMPORAL_TOKENS if use_temporal_tokens else AnswerMode.STANDARD)
        self.mode, self.task = str(mode), AUTO if task == AUTO else task_named(task)
        if templates is not None and self.task != Task.MOMENT:
            raise TemplateError("templates of one's own say each what they ask (field task); leave task out")
        if templates is not None and language is None:
            self._choices = {"": tuple(templates)}  # whatever their languages are
            self.languages = {"": 1.0}
        else:
            self.languages = language_weights(ENGLISH.code if language is None else language)
            self._choices = {
                code: _in_language(code, templates)
                or templates_for(mode, code, Task.MOMENT if task == AUTO else self.task)
                for code in self.languages
            }
        self.templates = tuple(template for choices in self._choices.values() for template in choices)
        if not self.templates:
            raise TemplateError("a selector needs at least one template, got none")
        self.random_selection = random_selection
        self.seed = seed

    def select(self, sample_idx: int = 0, num_windows: int = 1) -> PromptTemplate:
        """Return the template for the sample at ``sample_idx``, of which ``auto`` must know how many windows it has.

        Raises:
            TemplateError: the answer form cannot say what the row says.
        """
        chosen = task_of(num_windows) if self.task == AUTO else Task.MOMENT
        by_row = task_templates(chosen, self.mode) if chosen is not Task.MOMENT else ()
        if not self.random_selection:
            return (by_row or self.templates)[0]
        choices = by_row or self._choices[choose_language(self.languages, self.seed, sample_idx)]
        if self.seed is None:
            return random.choice(choices)
        digest = hashlib.sha256(f"{self.seed}:{sample_idx}".encode()).digest()
        return choices[int.from_bytes(digest[:8], "big") % len(choices)]

    def get_template(self, sample_idx: int = 0) -> str:
        """Return the words of the template for the sample at ``sample_idx``."""
        return self.select(sample_idx).text

    def format(self, query: str, sample_idx: int = 0) -> str:
        """Return the prompt that asks for ``query`` with the template for the sample at ``sample_idx``."""
        return self.select(sample_idx).format(query).text


def _in_language(code: str, templates: Sequence[PromptTemplate] | None) -> tuple[PromptTemplate, ...]:
    """Return those of ``templates`` that are in a language; none where built-in ones are asked for."""
    if templates is None:
        return ()
    own = tuple(template for template in templates if template.language == code)
    if not own:
        known = ", ".join(sorted({template.language for template in templates})) or "none"
        raise TemplateError(f"templates must hold one in language {code!r:.40}, got those in {known}")
    return own
