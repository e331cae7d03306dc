"""How answers are written: the option ``--answer``."""

import argparse

from vtg_core.data.answers import AnswerMode
from vtg_core.errors import AnswerError
from vtg_core.views.results.chosen import BOTH


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
