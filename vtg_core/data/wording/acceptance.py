"""Whether a text from elsewhere may be a template, and how alike templates are."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.promises import contradiction, units_in
from vtg_core.data.wording.languages import LANGUAGES, language_of
from vtg_core.data.wording.prompt import PLACEHOLDER, PromptTemplate
from vtg_core.errors import TemplateError

MAX_SIMILARITY = 0.7
"""From this share of character trigrams in common on, two templates are near-duplicates."""


class Rejection(StrEnum):
    """Why a text is no template."""

    PLACEHOLDER = "placeholder"
    FORM = "form"
    UNIT = "unit"
    CONTROL_TOKEN = "control_token"
    LANGUAGE = "language"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Rejected:
    """A text that is no template.

    Attributes:
        text: as it came.
        reason: which rule it breaks, the first of them.
        message: the same in a sentence.
        source: where it came from.
    """

    text: str
    reason: Rejection
    message: str
    source: str = ""


def judge(text: str, form: AnswerForm, language: str, others: Iterable[str]) -> tuple[Rejection, str] | None:
    """Say which rule a text breaks, the first of them, and how; None where it may be a template.

    Args:
        text: what may be one.
        form: the answer form that its words must show, with its unit.
        language: the code of the one that its words must be in; of one that we do not know, nothing is said.
        others: the words of the templates that it must not be like.
    """
    try:
        PromptTemplate("new", "new", form.name, text)
    except TemplateError as error:
        return Rejection.PLACEHOLDER, str(error).removeprefix("template 'new' ")
    words = text.replace(PLACEHOLDER, "")
    if form.example not in text:
        return Rejection.FORM, f"must show the answer's form {form.example}, and does not"
    if wrong := contradiction(words, form):
        return Rejection.FORM, f"must ask for its answer alone, and {wrong}"
    if form.unit not in units_in(words):
        return Rejection.UNIT, f"must say that the answer counts {form.unit}, and does not"
    if found := _CONTROL.search(words.replace(form.example, " ")):
        return Rejection.CONTROL_TOKEN, f"must hold no control token, and holds {found[0]!r:.60}"
    spoken = language_of(words.replace(form.example, " "))
    if language in LANGUAGES and spoken is not LANGUAGES[language]:
        came = spoken.name if spoken is not None else "no language that is known"
        return Rejection.LANGUAGE, f"must be in {LANGUAGES[language].name}, and is in {came}"
    for other in others:
        if (alike := similarity(text, other, form)) >= MAX_SIMILARITY:
            return Rejection.DUPLICATE, (
                f"must share less than {MAX_SIMILARITY:.0%} of its character trigrams with every other, and shares {alike:.0%} "
                f"with {other[:60]!r}"
            )
    return None


_CONTROL = re.compile(r"<[^<>\s]{1,60}>|<\|[^|\n]{1,60}\|>|\[/?INST\]|\[(?:CLS|SEP|PAD|MASK|BOS|EOS|UNK)\]|▁")


def similarity(one: str, other: str, form: AnswerForm) -> float:
    """Return which share of the character trigrams of two templates both have (Jaccard), from 0 to 1.

    Case, white space, the query and the answer form's own words play no part.
    """
    first, second = _trigrams(one.replace(form.example, " ")), _trigrams(other.replace(form.example, " "))
    return len(first & second) / len(first | second) if first | second else 1.0


@lru_cache(maxsize=1024)
def _trigrams(text: str) -> frozenset[str]:
    words = re.sub(r"[^\w\s]", " ", text.replace(PLACEHOLDER, " ").casefold()).split()
    plain = f" {' '.join(words)} "
    return frozenset(plain[i : i + 3] for i in range(len(plain) - 2))


def words_in(text: str) -> Sequence[str]:
    """Return the words of a template without its query: letters between spaces, each by itself where none part words."""
    return _WORDS.findall(text.replace(PLACEHOLDER, " ").casefold())


_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
