"""Which templates are asked for: by the form that answers are written in, and by name; and which is the baseline."""

from collections.abc import Callable, Iterable, Sequence

from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.languages import ENGLISH
from vtg_core.templates import PromptTemplate, templates_for, told_apart

BOTH = "both"
ALL = "all"


def templates_of(answer: str, name: str, languages: Iterable[str] = (ENGLISH.code,)) -> list[PromptTemplate]:
    """Return the templates that ask for answers in a form; a form without its own has one, made of its words.

    Args:
        answer: what ``--answer`` says.
        name: the template's name, or ``all``; it plays no part where there is only one.
        languages: their codes; with several, each name says which.
    """
    forms = list(AnswerMode) if answer == BOTH else [answer]
    found = [own for form in forms for code in languages for own in _named(templates_for(form, code), name)]
    return told_apart(found)


def templates_of_all(
    answers: Sequence[str], names: Sequence[str], languages: Sequence[str] = (ENGLISH.code,)
) -> list[PromptTemplate]:
    """Return the templates of several forms, each once: the forms as they come, and each form's in the table's order.

    Args:
        answers: what ``--answer`` says.
        names: the templates' names; they play no part in a form that has only one.
        languages: their codes; with several, each name says which.
    """
    named = {
        template for answer in answers for name in names for template in templates_of(answer, name, languages)
    }
    found = dict.fromkeys(template for answer in answers for template in templates_of(answer, ALL, languages))
    return [template for template in found if template in named]


def _named(templates: Sequence[PromptTemplate], name: str) -> Iterable[PromptTemplate]:
    return templates if len(templates) == 1 else (one for one in templates if name in (ALL, one.name))


def is_baseline(name: str | None) -> Callable[[PromptTemplate], bool]:
    """Return what says whether a template is the one that is called ``name``, or ``mode/name``."""
    return lambda template: name in (template.name, f"{template.mode}/{template.name}")


def baselines_first(templates: Sequence[PromptTemplate], name: str | None) -> list[PromptTemplate]:
    """Return the templates, those called ``name`` first: a mode's first is what its others are held against."""
    return sorted(templates, key=lambda template: not is_baseline(name)(template))
