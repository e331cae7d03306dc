"""The audit catches what is wrong under its own name, and is silent where nothing is."""

import pytest

from tests.audit.corpus.all_entries import ENTRIES
from tests.audit.corpus.world import judge


def _cases():
    for entry in ENTRIES:
        marks = [pytest.mark.xfail(reason=entry.known_miss, strict=True)] if entry.known_miss else []
        yield pytest.param(entry, id=entry.name, marks=marks)


@pytest.mark.parametrize("entry", _cases())
def test_the_audit_says_of_each_entry_what_is_true(entry, user_cache):
    verdict = judge(entry)
    assert verdict.is_right, f"{verdict.outcome}: {entry.situation}: {verdict.shown}"
