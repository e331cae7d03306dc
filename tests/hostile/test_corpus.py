"""Whatever file it is, it is read or refused in a sentence: no crash, no hang, no traceback, bounded memory."""

import re

import pytest

from tests.hostile.batches import RAN, write_batches
from tests.hostile.rows import write_rows
from tests.hostile.run import MAX_PEAK_MB, MAX_SECONDS, read_all, write_corpus
from tests.hostile.templates import write_templates
from tests.hostile.videos import FILLS, NOT_VIDEOS, write_few

FAST = {
    "video": (
        "joined.ts",
        "grows.ts",
        "still.mkv",
        "drawn_8k.gif",
        "clip_8k.mp4",
        "list.mp4",
        "deep.mp4",
    ),
    "batch": ("pickle.pt", "zip_pickle.pt", "bomb.pt", "lies.safetensors"),
    "template": ("nested.jinja", "doubling.jinja", "constant.jinja", "cycler.jinja"),
}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A few files of each kind, and all the rows."""
    folder = tmp_path_factory.mktemp("few")
    batches = [path for path in write_batches(folder) if path.name in FAST["batch"]]
    templates = [path for path in write_templates(folder) if path.name in FAST["template"]]
    videos = list(write_few(folder, FAST["video"]))
    return {"video": videos, "rows": list(write_rows(folder)), "batch": batches, "template": templates}


@pytest.fixture(scope="module")
def outcomes(few, user_cache):
    return list(read_all(few))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("hostile"))


def expect_no_fault(outcomes):
    faults = {
        outcome.path.name: (outcome.fault, outcome.said[-900:]) for outcome in outcomes if outcome.fault
    }
    assert faults == {}


def expect_bounded(outcomes):
    large = {o.path.name: round(o.peak_mb) for o in outcomes if o.peak_mb > MAX_PEAK_MB}
    slow = {o.path.name: o.seconds for o in outcomes if o.seconds > MAX_SECONDS}
    assert (large, slow) == ({}, {})


def expect_every_row(outcomes):
    """The name of a file of rows ends with their number."""
    for outcome in outcomes:
        if outcome.kind == "rows" and (named := re.search(r"_(\d+)\.jsonl?$", outcome.path.name)):
            read, unread = map(int, re.findall(r"\d+", outcome.said))
            assert read + unread >= int(named[1]), outcome.said


def test_a_few_of_each_kind_are_read_or_refused_in_a_sentence(outcomes):
    expect_no_fault(outcomes)
    expect_bounded(outcomes)
    expect_every_row(outcomes)


def test_no_code_of_theirs_ran(outcomes, few):
    assert outcomes
    assert not (few["batch"][0].parent / RAN).exists()


@pytest.mark.slow
@pytest.mark.serial
def test_the_whole_corpus_is_read_or_refused_in_a_sentence(corpus, user_cache):
    assert len(corpus["video"]) >= 218
    assert {path.name for path in corpus["video"]} >= {*FILLS, *NOT_VIDEOS}
    outcomes = list(read_all(corpus))
    expect_no_fault(outcomes)
    expect_bounded(outcomes)
    expect_every_row(outcomes)
