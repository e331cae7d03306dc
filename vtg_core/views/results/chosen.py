"""Which templates are asked for: by the form that answers are written in, and by name; and which is the baseline."""

from collections.abc import Callable, Sequence

from vtg_core.templates import TEMPLATES, PromptTemplate, templates_for

BOTH = "both"
ALL = "all"


def templates_of(answer: str, name: str) -> list[PromptTemplate]:
    """Return the templates that ask for answers in a form; a form without its own has one, made of its words.

    Args:
        answer: what ``--answer`` says.
        name: the template's name, or ``all``; it plays no part where there is only one.
    """
    if answer == BOTH:
        return [template for template in TEMPLATES if name in (ALL, template.name)]
    templates = list(templates_for(answer))
    return templates if len(templates) == 1 else [t for t in templates if name in (ALL, t.name)]


def templates_of_all(answers: Sequence[str], names: Sequence[str]) -> list[PromptTemplate]:
    """Return the templates of several forms, each once: the forms as they come, and each form's in the table's order.

    Args:
        answers: what ``--answer`` says.
        names: the templates' names; they play no part in a form that has only one.
    """
    named = {template for answer in answers for name in names for template in templates_of(answer, name)}
    found = dict.fromkeys(template for answer in answers for template in templates_of(answer, ALL))
    return [template for template in found if template in named]


def is_baseline(name: str | None) -> Callable[[PromptTemplate], bool]:
    """Return what says whether a template is the one that is called ``name``, or ``mode/name``."""
    return lambda template: name in (template.name, f"{template.mode}/{template.name}")


def baselines_first(templates: Sequence[PromptTemplate], name: str | None) -> list[PromptTemplate]:
    """Return the templates, those called ``name`` first: a mode's first is what its others are held against."""
    return sorted(templates, key=lambda template: not is_baseline(name)(template))
