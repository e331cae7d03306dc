"""A checkpoint's chat template: rendering it, and learning what it writes around each role.

Nothing here knows a marker by name. A probe conversation is rendered, and what surrounds its texts is the
template's markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vtg_core.chat.bounded_rendering import rendered
from vtg_core.chat.conversation import Role
from vtg_core.errors import MaskingError, first_line

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class Markup:
    """What a chat template writes around the turns of each role, and for a video; empty where unknown.

    Attributes:
        opening: role header, such as ``<|im_start|>user\\n``.
        closing: end of the turn and what follows it, such as ``<|im_end|>\\n``.
        video: the placeholder with its markers.
        other_openings: further role headers, of a turn that shows a video or that a generation prompt opens otherwise.
    """

    opening: Mapping[Role, str]
    closing: Mapping[Role, str]
    video: str
    other_openings: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)


def apply_chat_template(
    processor: "ProcessorMixin", messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool = False
) -> str:
    """Render messages in chat form to text.

    Raises:
        MaskingError: the template fails, it is a program of the checkpoint's author and may raise anything; or it takes
            too long or too much memory, where that is bounded (:mod:`vtg_core.chat.bounded_rendering`).
    """

    def render(messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool) -> str:
        try:
            text: str = processor.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        except MemoryError:
            raise
        except Exception as error:
            raise MaskingError(
                f"the checkpoint's chat template must render this conversation, and fails: {first_line(error)}"
            ) from error
        return text

    return rendered(
        template_key(processor), render, messages=messages, add_generation_prompt=add_generation_prompt
    )


_MARKUP: dict[str, Markup] = {}
"""From a template, and the special tokens that it may write by name, to its markup."""


def template_key(processor: "ProcessorMixin") -> str:
    """Return what a rendered conversation depends on beside its messages."""
    template = processor.chat_template or processor.tokenizer.chat_template
    return f"{template}\0{processor.tokenizer.special_tokens_map}"


def learn_markup(processor: "ProcessorMixin") -> Markup:
    """Learn a template's markup from probe conversations; once per template."""
    key = template_key(processor)
    if key not in _MARKUP:
        _MARKUP[key] = _learn(processor)
    return _MARKUP[key]


def _learn(processor: "ProcessorMixin") -> Markup:
    def between(*messages: dict[str, Any], prompted: bool = False) -> list[str]:
        """Return what stands before, between and after the probe's texts."""
        try:
            return apply_chat_template(processor, messages, add_generation_prompt=prompted).split(_PROBE)
        except MaskingError:
            return []

    asked, prompted = between(_say(Role.USER)), between(_say(Role.USER), prompted=True)
    dialogue = between(_say(Role.USER), _say(Role.ASSISTANT), _say(Role.USER), _say(Role.ASSISTANT))
    system = between(_say(Role.SYSTEM), _say(Role.USER))
    shown = between(_say(Role.USER, {"type": "video"}, _TEXT))
    opening, closing = dict.fromkeys(Role, ""), dict.fromkeys(Role, "")
    if len(asked) == len(prompted) == 2:
        closing[Role.USER] = asked[1]
        opening[Role.ASSISTANT] = prompted[1].removeprefix(asked[1])
    if len(dialogue) == 5:
        closing[Role.ASSISTANT] = dialogue[4]
        opening[Role.USER] = dialogue[2].removeprefix(dialogue[4])
    if len(system) == 3 and opening[Role.USER]:
        opening[Role.SYSTEM] = system[0]
        closing[Role.SYSTEM] = system[1].removesuffix(opening[Role.USER])
    others = {
        Role.USER: _others(opening[Role.USER], shown[:1], before=""),
        Role.ASSISTANT: _others(opening[Role.ASSISTANT], dialogue[1:4:2], before=closing[Role.USER]),
    }
    return Markup(opening, closing, _inserted(_PROBE.join(asked), _PROBE.join(shown)), others)


def _others(opening: str, written: Sequence[str], *, before: str) -> tuple[str, ...]:
    """Return what stands in the place of a role's header where the template does not write ``opening``.

    Args:
        opening: the header.
        written: what the template writes before texts of that role.
        before: what closes the turn before.
    """
    found: dict[str, None] = {}
    for text in written:
        header = text.removeprefix(before)
        if opening.strip() and not before and opening not in header:
            at = header.rfind(opening.strip())
            header = header[at : at + num_shared(header[at:], opening)] if at >= 0 else ""
        if header.strip() and header != opening and (before or opening not in text):
            found[header] = None
    return tuple(found)


def _inserted(before: str, after: str) -> str:
    """Return what stands in ``after`` and not in ``before``, if that is one stretch."""
    start = num_shared(before, after)
    tail = min(num_shared(before[::-1], after[::-1]), len(before) - start)
    return after[start : len(after) - tail] if start + tail == len(before) else ""


def num_shared(a: str, b: str) -> int:
    """Return how many characters both texts begin with."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


_PROBE = "q7ZkProbeXw9v"
_TEXT = {"type": "text", "text": _PROBE}


def _say(role: Role, *parts: dict[str, str]) -> dict[str, Any]:
    return {"role": str(role), "content": list(parts or (_TEXT,))}
