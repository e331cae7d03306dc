"""Any view with a hostile text in each of its fields, made from the view's own declaration."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import cycle, islice
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from tests.hostile_strings import HOSTILE
from vtg_core.views.audit import AuditView, StripView
from vtg_core.views.audit_file import FileView
from vtg_core.views.comparison import ComparisonView
from vtg_core.views.comparison_file import FileComparisonView
from vtg_core.views.loss import CostView, LossView, PrecisionsView
from vtg_core.views.probes import AnswerView, ControlsView, OverfitView
from vtg_core.views.recipes import PairView, RecipesView
from vtg_core.views.samples import PromptView

OF_SCRIPT: dict[str, Any] = {
    "audit": AuditView, "audit_strip": StripView, "file_findings": FileView, "recipes": RecipesView,
    "prompt_cards": list[PromptView], "prompt_pair": PairView, "loss": LossView, "loss_cost": CostView,
    "loss_precisions": PrecisionsView, "compare": ComparisonView, "compare_file": FileComparisonView,
    "probe_controls": ControlsView, "probe_answer": AnswerView, "probe_overfit": OverfitView,
}  # fmt: skip
"""What each script that draws a view is sent."""

_OWN = {
    "severity": "error", "state": "done", "kind": "query", "mode": "standard", "group": "part", "metric": "mean",
    "problem": "", "note": "", "frames": "", "control": "real", "fault": "leak", "sample": 0, "samples": 0, "cause_codes": 0, "cause_at": 0, "video_at": 0, "template_at": 0, "num_scored": 1, "num_all": 9, "num_rows": 3,
}  # fmt: skip
"""Choices and pictures that are the page's own, by the names of their fields: nobody else writes them."""
NUM_OF_EACH = 2


def hostile_values(script: str) -> list[str]:
    """Return values for a script, as JSON, so many that every hostile text stands in one of its fields."""
    kind, wanted = OF_SCRIPT[script], len(HOSTILE)
    texts = cycle(HOSTILE)
    values = [json.dumps(_make(kind, texts)) for _ in range(12)]
    while wanted > 0 and len(values) < 2 * len(HOSTILE):
        given = list[str]()
        values.append(json.dumps(_make(kind, _listed(texts, given))))
        wanted -= len(given)
    return values


def _listed(texts: Iterator[str], given: list[str]) -> Iterator[str]:
    for text in texts:
        given.append(text)
        yield text


def _make(kind: Any, texts: Iterator[str], name: str = "") -> Any:
    """Return a plain value of a type; ``name`` is the field's."""
    if kind in (str, int) and isinstance(own := _OWN.get(name), kind):
        return own
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return {field.name: _make(hints[field.name], texts, field.name) for field in fields(kind)}
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _make(next(arg for arg in args if arg is not NoneType), texts, name)
    if origin is tuple and args[-1] is not ...:
        return [_make(arg, texts) for arg in args]
    if origin in (list, tuple):
        return [_make(args[0], texts, name) for _ in range(NUM_OF_EACH)]
    if origin is dict:
        return {key: _make(args[1], texts) for key in _keys(args[0], texts)}
    return _plain(kind, texts)


def _keys(kind: Any, texts: Iterator[str]) -> list[str]:
    return ["mean", *islice(texts, 1)] if kind is str else [str(next(iter(kind)))]


def _plain(kind: Any, texts: Iterator[str]) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    if kind is str:
        return next(texts)
    return {int: 2, float: 1.5, bool: True}[kind]


def every_text_in(values: list[str]) -> bool:
    """Say whether the corpus is in ``values``, whole."""
    joined = "\n".join(values)
    return all(json.dumps(text)[1:-1] in joined for text in HOSTILE)
