"""What a person adds to a checkpoint's chat template: values for its own variables, and an end for its answers.

Both are written into the template's text, in memory: whatever renders it afterwards, here or in a training script that
is given the processor, writes the same.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class TemplateChange:
    """What is added to a chat template; nothing unless given.

    Attributes:
        arguments: variables of the template, each ``NAME=VALUE``: a JSON value, or else a text as it stands.
        end_of_turn: a token at which the checkpoint stops, written behind the last answer: for a template that closes
            no turn, where the next turn's opening ends an answer. Empty for none.
    """

    arguments: tuple[str, ...] = ()
    end_of_turn: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """The arguments by name, each a JSON value or a text: what a server is asked to give its chat template."""
        pairs = (argument.partition("=") for argument in self.arguments)
        return {name: _value(value) for name, _, value in pairs}

    def __bool__(self) -> bool:
        return bool(self.arguments or self.end_of_turn)

    def __str__(self) -> str:
        ended = (f"end of turn {self.end_of_turn}",) if self.end_of_turn else ()
        return ", ".join((*self.arguments, *ended))


def change_template(processor: "ProcessorMixin", change: TemplateChange, *, stop_ids: Iterable[int]) -> None:
    """Write a change into a processor's chat template.

    Args:
        processor: is changed.
        change: what a person asked for.
        stop_ids: where the checkpoint's generation stops.

    Raises:
        CheckpointError: the template has no such variable, or the checkpoint does not stop at that token; or it has
            several templates.
    """
    if not change:
        return
    template = processor.chat_template or processor.tokenizer.chat_template
    if not isinstance(template, str):
        raise CheckpointError(
            f"a checkpoint must have one chat template for {change} to be written into it, got "
            f"{'none' if template is None else f'{len(template)} by name'}"
        )
    written = "".join(_assignment(argument, template) for argument in change.arguments)
    end = _end(change.end_of_turn, processor, stop_ids) if change.end_of_turn else ""
    processor.chat_template = written + template + end


def _assignment(argument: str, template: str) -> str:
    """Return a statement that gives a variable of a template its value."""
    name, equals, value = argument.partition("=")
    if not equals or not name.isidentifier():
        raise CheckpointError(
            f"an argument of a chat template must be NAME=VALUE, such as enable_thinking=false, got {argument!r:.80}"
        )
    known = _variables(template)
    if name not in known:
        raise CheckpointError(
            f"{name!r:.80} must be a variable of the checkpoint's chat template; it has {', '.join(known) or 'none'}"
        )
    return (
        f"{{% set {name} = {_literal(value)} %}}{{{{ '' }}}}"  # or the block would take a newline behind it
    )


def _literal(value: str) -> str:
    """Return a value as Jinja writes it: JSON's words, numbers and quoted texts are its own; nothing is evaluated."""
    parsed = _value(value)
    return "none" if parsed is None else json.dumps(parsed)


def _value(value: str) -> bool | int | float | str | None:
    """Return a JSON value, or the text as it stands where it is none, or a list, a mapping, or no finite number."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    is_plain = isinstance(parsed, bool | int | float | str | None)
    is_finite = parsed not in (math.inf, -math.inf) and parsed == parsed
    return parsed if is_plain and is_finite else value


def _variables(template: str) -> list[str]:
    """Return the variables that a template reads and whoever renders it does not always give."""
    from jinja2 import Environment, TemplateSyntaxError
    from jinja2.meta import find_undeclared_variables

    environment = Environment(extensions=["jinja2.ext.loopcontrols"])
    try:
        found = find_undeclared_variables(
            environment.parse(re.sub(r"{%-?\s*(end)?generation\s*-?%}", "", template))
        )
    except TemplateSyntaxError as error:
        raise CheckpointError(f"the checkpoint's chat template must be Jinja, and is not: {error}") from error
    return sorted(found - _GIVEN)


_GIVEN = frozenset(
    [
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "raise_exception",
        "strftime_now",
        "bos_token",
        "eos_token",
        "pad_token",
        "unk_token",
        "image_token",
        "video_token",
        "audio_token",
    ]
)


def _end(token: str, processor: "ProcessorMixin", stop_ids: Iterable[int]) -> str:
    """Return a statement that writes a token behind the last answer."""
    tokenizer = processor.tokenizer
    stops = {str(tokenizer.convert_ids_to_tokens(stop)) for stop in stop_ids}
    if token not in stops:
        raise CheckpointError(
            f"the end of a turn must be a token at which the checkpoint stops ({', '.join(sorted(stops)) or 'none'}), "
            f"got {token!r:.80}"
        )
    asked = "messages and messages[-1].role == 'assistant' and not add_generation_prompt"
    return f"{{%- if {asked} -%}}{{{{- {json.dumps(token)} -}}}}{{%- endif -%}}"
