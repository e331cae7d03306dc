"""The audit catches what is wrong under its own name, and is silent where nothing is."""

from collections import Counter

import pytest

from tests.audit.corpus.all_entries import ENTRIES
from tests.audit.corpus.entries import Entry, Outcome, honest, verdict_of
from tests.audit.corpus.world import judge
from vtg_core.audit.codes import CODES

CANNOT_BE_PROVOKED = {
    "mask.oracles-disagree",  # says that the audit cannot tell
    "mask.one-reading",  # the same
    "length.videos-too-few",  # rows of a file show one video
    "time.window-after-last-frame",  # our frames reach the end
    "row.mask-unproved",  # of a checkpoint, not of a collator, as the next three are: tests/tiny_families has them
    "parity.header-differs",
    "parity.prompt-joined",
    "time.none-told",
    "time.clock-repeats",  # of a file, whoever takes its frames: tests/audit/row/test_clock.py has one
    "parity.served-prompt-differs",  # of a server: tests/audit/test_serving.py has one
    "ours.paths-differ",
    "ours.check-failed",
    "collator.not-found",
}


def _cases():
    for entry in ENTRIES:
        marks = [pytest.mark.xfail(reason=entry.known_miss, strict=True)] if entry.known_miss else []
        yield pytest.param(entry, id=entry.name, marks=marks)


@pytest.mark.parametrize("entry", _cases())
def test_the_audit_says_of_each_entry_what_is_true(entry, user_cache):
    verdict = judge(entry)
    assert verdict.is_right, f"{verdict.outcome}: {entry.situation}: {verdict.shown}"


def test_each_code_that_can_be_provoked_is_provoked_twice():
    provoked = Counter(entry.code for entry in ENTRIES if not entry.is_honest)
    grave = {name for name, code in CODES.items() if code.severity in ("error", "warning")}
    assert {name for name in grave if provoked[name] < 2} == CANNOT_BE_PROVOKED


def test_the_corpus_is_as_large_as_its_figures_need_and_each_name_is_of_one_entry():
    num_honest = sum(entry.is_honest for entry in ENTRIES)
    assert num_honest >= 40
    assert len(ENTRIES) - num_honest >= 80
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize(
    ("entry", "found", "outcome"),
    [
        (honest("a", "", None), {("a.b", "policy"): 1}, Outcome.CLEAN),
        (honest("a", "", None), {("a.b", "warning"): 1}, Outcome.FALSE),
        (honest("a", "", None, code="a.b"), {}, Outcome.MISSED),
        (Entry("a", "", None, "a.b"), {}, Outcome.MISSED),
        (Entry("a", "", None, "a.b"), {("a.b", "error"): 2}, Outcome.CAUGHT),
        (Entry("a", "", None, "a.b"), {("a.b", "error"): 2, ("a.c", "error"): 1}, Outcome.MISNAMED),
        (Entry("a", "", None, "a.b", ("a.c",)), {("a.b", "error"): 2, ("a.c", "error"): 1}, Outcome.CAUGHT),
        (Entry("a", "", None, "a.b"), {("a.c", "error"): 1}, Outcome.MISNAMED),
    ],
)
def test_a_verdict_needs_the_right_code_and_no_other(entry, found, outcome):
    assert verdict_of(entry, found).outcome == outcome
