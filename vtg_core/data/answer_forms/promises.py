"""Whether the words of a prompt promise the form that its answer is written in."""

import re
from collections.abc import Mapping

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import KNOWN_FORMS
from vtg_core.data.answer_forms.times import TimeUnit

UNIT_MARKS: Mapping[TimeUnit, str] = {
    TimeUnit.SECONDS: r"\bsec(?:ond)?s?\b",
    TimeUnit.CLOCK: r"\bm{1,2}:ss|\bminutes?\b",
    TimeUnit.PERCENT: r"%|\bper ?cent|_percent\b",
    TimeUnit.FRACTION: r"\bfractions?\b|_fraction\b|\b(?:between|from) 0 (?:and|to) 1\b",
    TimeUnit.FRAMES: r"\bframe (?:numbers?|ind(?:ex|exes|ices))\b|\b(?:in|as) frames\b|_frame\b",
    TimeUnit.BINS: r"\b(?:temporal|time) tokens?\b|\bbins?\b|<start>",
}
"""What in a prompt's words, in small letters, asks for a unit."""


def contradiction(words: str, form: AnswerForm) -> str | None:
    """Say how a prompt asks for another answer than its form gives; None where nothing in its words does.

    Words that ask for several units, or for none, are taken to mean the form's own.

    Args:
        words: the prompt without its query.
        form: how the answer is written.
    """
    units = units_in(words)
    if units and form.unit not in units:
        return f"its words ask for {' and '.join(units)}, and {form.name} counts {form.unit}"
    shapes = [name for name, mark in _SHAPE_MARKS.items() if re.search(mark, words.lower())]
    if shapes and form.shape.name not in shapes:
        return f"its words show the form {shapes[0]!r}, and {form.name} writes {form.example}"
    return None


def units_in(words: str) -> list[TimeUnit]:
    """Return the units that words name."""
    return [unit for unit, mark in UNIT_MARKS.items() if re.search(mark, words.lower())]


_SHAPE_MARKS = {form.shape.name: form.shape.mark for form in KNOWN_FORMS.values() if form.shape.mark}
