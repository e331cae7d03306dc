"""Whether the words of a prompt promise the form that its answer is written in."""

import re
from collections.abc import Mapping

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import KNOWN_FORMS
from vtg_core.data.answer_forms.times import TimeUnit

UNIT_MARKS: Mapping[TimeUnit, str] = {
    TimeUnit.SECONDS: r"\bsec(?:ond)?s?\b"
    r"|秒|(?<!최)(?<!기)초(?:\s?단위|부터|까지|로\b)|\bsegundos\b|\bsekunden?\b|\bsecondes\b|بالثواني|ثوان|सेकंड",
    TimeUnit.CLOCK: r"\bm{1,2}:ss|\bminutes?\b|分钟|分鐘|分単位|분 ?단위|\bminutos?\b|\bminuten?\b|بالدقائق|دقيقة|मिनट",
    TimeUnit.PERCENT: r"%|\bper ?cent|_percent\b|百分比|パーセント|퍼센트|백분율|\bpor ?ciento|\bporcentaje"
    r"|\bprozent|\bpour ?cent|بالمئة|مئوية|प्रतिशत",
    TimeUnit.FRACTION: r"\bfractions?\b|_fraction\b|\b(?:between|from) 0 (?:and|to) 1\b|0\s?(?:到|から|에서)\s?1"
    r"|\b(?:entre|zwischen|de) 0 (?:y|et|und|a|à) 1\b|بين 0 و\s?1|0 और 1 के बीच",
    TimeUnit.FRAMES: r"\bframe (?:numbers?|ind(?:ex|exes|ices))\b|\b(?:in|as) frames\b|_frame\b|帧号|帧编号|フレーム番号"
    r"|프레임 번호|\bnúmeros? de fotogramas?|\bframenummern?|\bbildnummern?|\bnuméros? d'images?|أرقام الإطارات|رقم الإطار"
    r"|फ़्रेम (?:संख्या|क्रमांक)",
    TimeUnit.BINS: r"\b(?:temporal|time) tokens?\b|\bbins?\b|<start>|时间标记|時間トークン|시간 토큰|\btokens? temporal(?:es)?\b"
    r"|\bzeit-?token|\bjetons? temporels?\b|رموز (?:ال)?زمنية|الرموز الزمنية|समय टोकन",
}
"""What in a prompt's words, in small letters, asks for a unit, in the languages of the built-in templates."""


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
