"""What else looks like a code's cause is written down, and where nothing tells two causes apart a finding says both."""

from dataclasses import replace

import pytest

from tests.audit.corpus.all_entries import ENTRIES
from tests.audit.corpus.entries import Setting
from tests.audit.corpus.world import findings_of
from vtg_core.audit.codes import CODES

RIVALS = [(code.name, rival) for code in CODES.values() for rival in code.rivals]
UNDECIDED = {
    ("mask.left-padding-ignored", "mask.off-by-one"): ("left padding forgotten", "or it begins too early"),
    ("mask.nothing-trained", "mask.control-tokens-masked"): ("added tokens masked", "are control tokens"),
    ("stop.not-trained", "mask.control-tokens-masked"): ("end masked", "may be masked by value"),
    ("stop.masked-as-padding", "stop.not-trained"): ("padding masked by value", "the mask ends a token early"),
    ("parity.turns-do-not-alternate", "Several samples are packed into the row."): ("user's turn split", "packed"),
    ("time.fps-assumed", "time.only-first-part"): ("rate of another file, smaller frames", "only the first part"),
    ("time.only-first-part", "time.fps-assumed"): ("first half, smaller frames", "frames per second instead of"),
}  # fmt: skip
"""An entry of the corpus in which both are possible, and what its finding says of the other."""
SETTINGS = {"left padding forgotten": Setting(rows="a token longer")}


@pytest.mark.parametrize(("code", "rival"), RIVALS)
def test_a_rival_is_another_code_or_a_sentence(code, rival):
    is_sentence = rival.cause[0].isupper() and rival.cause.endswith(".") and " " in rival.cause
    assert (rival.cause in CODES and rival.cause != code) or is_sentence
    assert not rival.apart.endswith(".")
    assert "\n" not in rival.apart


def test_of_every_code_that_advises_it_is_said_what_looks_like_it():
    assert all(isinstance(code.rivals, tuple) for code in CODES.values() if code.fix)
    assert sum(bool(code.rivals) for code in CODES.values()) > len(CODES) / 2


def test_every_pair_that_nothing_tells_apart_is_tried():
    assert {(code, rival.cause) for code, rival in RIVALS if not rival.apart} == set(UNDECIDED)


@pytest.mark.parametrize("pair", UNDECIDED, ids=" or ".join)
def test_a_finding_says_both_causes_where_nothing_tells_them_apart(pair, user_cache):
    name, words = UNDECIDED[pair]
    entry = next(entry for entry in ENTRIES if entry.name == name)
    entry = replace(entry, setting=SETTINGS.get(name, entry.setting))
    found = [finding for finding in findings_of(entry) if finding.code == pair[0]]
    assert found
    assert any(words in finding.message + finding.fix for finding in found)
