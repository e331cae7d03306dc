"""How answers are written: the option ``--answer``, and the templates that ask for such answers."""

import argparse
from collections.abc import Sequence

from vtg_core.data.answers import AnswerMode
from vtg_core.errors import AnswerError
from vtg_core.templates import TEMPLATES, PromptTemplate, templates_for

BOTH = "both"
ALL = "all"


def add_answer_option(command: argparse.ArgumentParser, *, default: str, what: str = "answers are") -> None:
    """Let a command take ``--answer``: the name of an answer form, or ``both`` where that is the default."""
    named = "standard, temporal_tokens" + (", both" if default == BOTH else "")
    command.add_argument(
        "--answer", type=_answer if default != BOTH else _answer_or_both, default=default, metavar="FORM",
        help=f"how {what} written: {named}, or another form of docs/templates.md (default: {default})",
    )  # fmt: skip


def add_answers_option(command: argparse.ArgumentParser) -> None:
    """Let a command take ``--answer`` with one answer form or several, ``both`` built-in ones unless given."""
    command.add_argument(
        "--answer", type=_answer_or_both, nargs="+", default=[BOTH], metavar="FORM",
        help="how answers are written, in one form or several: standard, temporal_tokens, both, or other forms of "
        "docs/templates.md (default: both)",
    )  # fmt: skip


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


def _answer_or_both(text: str) -> str:
    return text if text == BOTH else _answer(text)


def _answer(text: str) -> str:
    from vtg_core.data.answer_forms.registry import format_named

    try:
        return str(format_named(text).mode)
    except AnswerError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


STANDARD = str(AnswerMode.STANDARD)
"""What ``--answer`` is unless given, where one form is asked for."""
