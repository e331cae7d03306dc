"""How answers are written and in which language they are asked for: ``--answer``, ``--language`` and ``--task``."""

import argparse

from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.languages import ENGLISH, LANGUAGES
from vtg_core.data.wording.selection import language_weights
from vtg_core.data.wording.tasks import AUTO, task_templates
from vtg_core.errors import AnswerError, TemplateError
from vtg_core.templates import PromptTemplate, Task, TemplateSelector
from vtg_core.views.results.chosen import ALL, BOTH, templates_of


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


def add_language_option(command: argparse.ArgumentParser, *, is_mixed: bool) -> None:
    """Let a command take ``--language``: one code, or several with weights where ``is_mixed``."""
    codes = ", ".join(LANGUAGES)
    several = (
        "; or several, mixed over the rows by weight, such as en=3,zh=1"
        if is_mixed
        else "; or several side by side, such as en,zh"
    )
    command.add_argument(
        "--language", type=languages, default={ENGLISH.code: 1.0}, metavar="CODE",
        help=f"language of the built-in templates: {codes}{several} (default: en)",
    )  # fmt: skip


def add_one_language_option(command: argparse.ArgumentParser) -> None:
    """Let a command take ``--language``: the code of one."""
    command.add_argument(
        "--language", choices=list(LANGUAGES), default=ENGLISH.code,
        help=f"language of the built-in templates (default: {ENGLISH.code})",
    )  # fmt: skip


def add_task_option(command: argparse.ArgumentParser, *, has_rows: bool = True) -> None:
    """Let a command take ``--task``: what is asked of the sample, or of rows, which may choose it themselves."""
    auto = "; auto lets each row's own windows choose among absent, moment and several" if has_rows else ""
    command.add_argument(
        "--task", choices=[*map(str, Task), *([AUTO] if has_rows else [])], default=str(Task.MOMENT),
        help="what is asked: the window of one moment, as the sixteen templates do, or a set of docs/templates.md"
        f"{auto} (default: moment)",
    )  # fmt: skip


def templates_asked(options: argparse.Namespace) -> list[PromptTemplate]:
    """Return the templates that ``--answer``, ``--template``, ``--language`` and ``--task`` name together.

    Raises:
        TemplateError: the answer form cannot answer the task.
    """
    if options.task == Task.MOMENT:
        return templates_of(options.answer, options.template, options.language)
    asked = task_templates(Task(options.task), None if options.answer == BOTH else options.answer)
    return [own for own in asked if options.template in (ALL, own.name)] or list(asked)


def may_be_absent(options: argparse.Namespace) -> bool:
    """Say whether rows may have no window at all."""
    return options.task in (Task.ABSENT, AUTO)


def selector_of(options: argparse.Namespace, name: str = ALL) -> TemplateSelector:
    """Return what chooses the template of each row, by ``--answer``, ``--language`` and ``--task``.

    Args:
        options: of the command.
        name: of the one template that is wanted, or ``all``.
    """
    if options.task == AUTO:
        return TemplateSelector(seed=0, answer_form=options.answer, language=options.language, task=AUTO)
    if options.task == Task.MOMENT:
        templates = [own for code in options.language for own in templates_of(options.answer, name, [code])]
        return TemplateSelector(seed=0, templates=templates, language=options.language)
    asked = task_templates(Task(options.task), None if options.answer == STANDARD else options.answer)
    named = [own for own in asked if name in (ALL, own.name)]
    return TemplateSelector(seed=0, templates=named or asked)


def languages(text: str) -> dict[str, float]:
    """Return what ``--language`` says: from each built-in language to its weight."""
    try:
        weights = language_weights(text)
    except TemplateError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if unknown := [code for code in weights if code not in LANGUAGES]:
        raise argparse.ArgumentTypeError(f"must be among {', '.join(LANGUAGES)}, got {unknown[0]!r:.40}")
    return weights


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
