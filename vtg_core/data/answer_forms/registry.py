"""Every answer form by its name: ``standard``, ``temporal_tokens``, and each way to write a time in each shape."""

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache

from vtg_core.data.answer_forms import shapes
from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.frames import FrameCode
from vtg_core.data.answer_forms.points import POINT, PointCode
from vtg_core.data.answer_forms.shapes import Shape, Written
from vtg_core.data.answer_forms.times import BinCode, ClockCode, PartCode, SecondsCode, TimeCode
from vtg_core.data.answers import ANSWER_FORMATS, TEMPLATE_TOKENS, AnswerFormat, AnswerMode
from vtg_core.errors import AnswerError

THOUGHTS = "_thinking"
"""The end of a name whose answer stands in ``<answer>``, after a place to think."""

POINTS = "seconds_1_point"
"""The form of points in time; the table does not hold it, as it cannot write every window."""

_NUMBERS: tuple[TimeCode, ...] = (
    SecondsCode("seconds_0", 0),
    SecondsCode("seconds_1", 1),
    SecondsCode("seconds_2", 2),
    ClockCode("clock"),
    ClockCode("clock_hours", 1, has_hours=True),
    PartCode("percent", whole=100, sign="%"),
    PartCode("percent_number", whole=100),
    PartCode("fraction_2", 2),
    PartCode("fraction_3", 3),
    FrameCode("frames"),
)
_NUMBER_SHAPES = (shapes.BRACKETS, shapes.PAIRS, shapes.SENTENCE, shapes.RANGE, shapes.OBJECTS)

TOKEN_SPELLINGS = {"bins": "<{}>", "t": "<t{}>", "timestep": "<timestep_{}>", "temp": "<TEMP-{:03d}>"}
"""From the first part of a name to how a bin's token is spelled; the number of bins comes after it."""

_TOKEN_SHAPES = (shapes.BOX, shapes.TOKENS, shapes.SENTENCE)
_BINS = ("bins_1000", "bins_300", "bins_100", "t_100", "timestep_1000", "temp_300")
_BUILT_IN = {"seconds_1_brackets": AnswerMode.STANDARD, "bins_1000_box": AnswerMode.TEMPORAL_TOKENS}


def form_named(name: str) -> AnswerForm:
    """Return the form of a name.

    Names of the table may end in ``_thinking``; tokens may have any number of bins, as in ``bins_300_tokens``; and
    ``seconds_1_point`` writes a point in time.

    Raises:
        AnswerError: there is none of that name.
    """
    base = name.removesuffix(THOUGHTS)
    form = KNOWN_FORMS.get(base) or _counted(base)
    if form is None:
        known = [*KNOWN_FORMS, *_BUILT_IN]
        close = get_close_matches(base[:100], known, n=1) or [str(AnswerMode.STANDARD)]
        raise AnswerError(
            f"answer form must be one of the table in docs/templates.md, got {name[:100]!r}; did you mean {close[0]!r}?"
        )
    return replace(form, name=name, has_thoughts=True) if base != name else form


def format_named(name: str) -> AnswerFormat:
    """Return how the answers of a mode or of a form are written: one of the two built-in formats, or a form.

    Raises:
        AnswerError: there is none of that name.
    """
    return ANSWER_FORMATS[AnswerMode(name)] if name in tuple(AnswerMode) else form_named(name)


def template_tokens(mode: object) -> frozenset[str]:
    """Return the control tokens that the words of a prompt template may hold: those of the answers it asks for.

    Args:
        mode: of the template. Where it is no name of a mode or a form, as in messages that somebody else wrote, the
            words may hold those of both built-in formats.
    """
    return _tokens_of(mode) if isinstance(mode, str) else TEMPLATE_TOKENS


@lru_cache(maxsize=64)
def _tokens_of(mode: str) -> frozenset[str]:
    try:
        return frozenset(format_named(mode).tokens)
    except AnswerError:
        return TEMPLATE_TOKENS


def _counted(name: str) -> AnswerForm | None:
    """Return a form that the table holds under another name or not at all: tokens with a number of bins of their own."""
    if name in _BUILT_IN:
        return KNOWN_FORMS[_BUILT_IN[name]]
    if name == POINTS:
        return AnswerForm(POINTS, PointCode(POINTS.removesuffix("_point")), POINT)
    found = re.fullmatch(r"([a-z]+)_([1-9][0-9]{0,3}|10000)_([a-z]+)", name)
    if found is None or found[1] not in TOKEN_SPELLINGS:
        return None
    named = {shape.name: shape for shape in _TOKEN_SHAPES}
    return AnswerForm(name, _bins(f"{found[1]}_{found[2]}"), named[found[3]]) if found[3] in named else None


def _forms() -> Iterator[AnswerForm]:
    for code in _NUMBERS:
        for shape in _NUMBER_SHAPES:
            yield _form(code, shape)
    yield _form(PartCode("fraction_2", 2), shapes.BOX_NUMBERS)
    for name in _BINS:
        for shape in _TOKEN_SHAPES[0 if name == "bins_1000" else 1 :]:
            yield _form(_bins(name), shape)


def _form(code: TimeCode, shape: Shape | Written) -> AnswerForm:
    name = f"{code.name}_{shape.name}"
    return AnswerForm(str(_BUILT_IN.get(name, name)), code, shape)


def _bins(name: str) -> BinCode:
    spelling, _, count = name.rpartition("_")
    return BinCode(name, count=int(count), spelling=TOKEN_SPELLINGS[spelling])


KNOWN_FORMS: dict[str, AnswerForm] = {
    form.name: form for form in sorted(_forms(), key=lambda form: form.name not in tuple(AnswerMode))
}
"""The forms of the table by name: the two built-in ones first."""
