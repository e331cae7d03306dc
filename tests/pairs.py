"""Every combination of what a test varies, or every pair: the whole is slow, and pairs notice nearly all that it does."""

from collections.abc import Sequence
from itertools import product

import pytest

from vtg_core.templates import TEMPLATES

DEMOS = ["demo", "demo-qwen2.5-vl"]


def every_case(queries: Sequence, shapes: Sequence) -> list[tuple]:
    """Every query in a conversation of every shape, as (query, shape)."""
    return list(product(queries, shapes))


def every_pair(queries: Sequence, shapes: Sequence, number: int) -> list[tuple]:
    """Every query once: over as many templates as there are shapes, by their ``number``, it meets each of them."""
    return [(query, shapes[(i + number) % len(shapes)]) for i, query in enumerate(queries)]


def in_turns(many: Sequence, few: Sequence) -> list:
    """Every one of the many with one of the few, in turns, and with the others, which is slow, as (one, other)."""
    return [
        pytest.param(one, other, marks=[pytest.mark.slow] * bool((i + j) % len(few)))
        for (i, one), (j, other) in product(enumerate(many), enumerate(few))
    ]


def families() -> list:
    """Every checkpoint and template in pairs, and whole, which is slow, as (name, template, whether it is whole)."""
    return list(_families())


def _families():
    for name, template in product(DEMOS, TEMPLATES):
        called = f"{name}-{template.mode}-{template.name}"
        yield pytest.param((name, template, False), id=f"{called}-pairs")
        yield pytest.param((name, template, True), id=called, marks=pytest.mark.slow)
