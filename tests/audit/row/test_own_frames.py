"""Collators that sample frames of their own: a row is read from its own ids, live as from a saved batch."""

from dataclasses import replace

import numpy as np
import pytest

from tests.audit.checks.test_answer import reworded
from tests.audit.conftest import build_batch, sample_of
from vtg_core.audit.checks.families import audit_row
from vtg_core.audit.row.videos import video_ids
from vtg_core.audit.run import recovered_row
from vtg_core.regions import RegionKind
from vtg_core.video.sampling import FramePolicy, sample_frames

NAMES = ("demo", "demo-qwen2.5-vl")


@pytest.fixture(scope="session")
def dense(user_cache, video):
    """Twelve frames of the clip of which ``video`` has four."""
    return sample_frames(video.info.path, FramePolicy(num_frames=12))


@pytest.fixture(scope="session")
def by_name(processors_by_name, video, dense):
    built = {}
    for name in NAMES:
        processor = processors_by_name[name]
        theirs, ours = (build_batch(processor, [sample_of(frames)]) for frames in (dense, video))
        built[name] = (theirs.known[0].tokens, replace(theirs, known=ours.known))
    return built


@pytest.fixture(params=NAMES)
def other(by_name, request):
    """A row of twelve frames, right in all else, its own tokens, and what is known of it with four frames."""
    tokens, good = by_name[request.param]
    return tokens, good.copy()


def judged(good):
    """Return the codes of the live row and of the saved one, without those of the times; they must be the same."""
    live, saved = good.rows()[0], recovered_row(good.rows(saved=True)[0])
    found = [
        [(f.code, f.message) for f in audit_row(row) if f.code.startswith(("mask", "stop", "parity"))]
        for row in (live, saved)
    ]
    found = [[each for each in one if "nests" not in each[0]] for one in found]
    assert found[0] == found[1]
    return found[0]


def with_behind(good, text):
    """The row with more tokens at its end, all of them in the loss."""
    ids, labels = (good.batch[name][0].numpy() for name in ("input_ids", "labels"))
    more = good.processor.tokenizer.encode(text, add_special_tokens=False)
    longer = good.of_ids([*ids, *more])
    return replace(longer, batch={**longer.batch, "labels": np.array([[*labels, *more]])})


def test_a_right_row_is_clean(other):
    assert judged(other[1]) == []


def test_a_prefix_counted_before_expansion_has_the_rows_own_counts(other):
    tokens, good = other
    start = tokens.answer_starts[0]
    first = start - tokens.num_inserted
    good.batch["labels"][0, first:start] = good.batch["input_ids"][0, first:start]
    [(code, message)] = judged(good)
    assert code == "mask.counted-before-expansion"
    assert f"video {int(tokens.is_kind(RegionKind.VIDEO)[first:start].sum()):,}," in message
    assert f"expanding the video inserted {tokens.num_inserted:,}" in message


def test_a_generation_prompt_behind_the_answer_has_a_name_and_its_leak_too(other):
    found = judged(with_behind(other[1], "<|im_start|>assistant\n"))
    assert [code for code, _ in found] == [
        "mask.behind-last-answer-trained",
        "parity.generation-prompt-behind",
    ]


def test_a_generation_prompt_behind_the_answer_that_is_masked_is_told_of_alone(other):
    longer = with_behind(other[1], "<|im_start|>assistant\n")
    longer.batch["labels"][0, -3:] = -100
    assert [code for code, _ in judged(longer)] == ["parity.generation-prompt-behind"]


def test_an_answer_with_control_tokens_of_its_own_is_judged(other):
    tokens, good = other
    theirs = replace(good, known=[replace(good.known[0], tokens=tokens)])
    own = reworded(theirs, "When? a red circle appears", "<|box_start|><0.25><0.60>")
    row = replace(own, known=good.known).rows()[0]
    assert row.text(row.reading.verdict) == "<|box_start|><0.25><0.60><|im_end|>"
    saved = recovered_row(own.rows(saved=True)[0])
    assert np.array_equal(saved.reading.verdict, row.reading.verdict)


def test_a_row_without_the_white_space_at_its_end_is_right(other):
    tokens, good = other
    cut = good.of_ids(tokens.input_ids[:-1])
    labels = good.batch["labels"][:, :-1]
    assert judged(replace(cut, batch={**cut.batch, "labels": labels})) == []


def test_frames_with_markers_of_their_own_are_one_video_with_one_clock(by_name):
    tokens, good = by_name["demo"]
    ids, around = tokens.input_ids, video_ids(good.chat)
    markers = np.flatnonzero(np.isin(ids, list(around.opening | around.closing)))
    framed = np.delete(ids, [markers[0], markers[-1]])
    own = good.copy().of_ids(framed)
    start = tokens.answer_starts[0] - 2
    first = start - (tokens.num_inserted - 2)
    own.batch["labels"] = np.where(np.arange(len(framed)) >= first, framed, -100)[None]
    found = judged(own)
    assert "mask.counted-before-expansion" in [code for code, _ in found]
    assert "parity.video-repeated" not in [code for code, _ in found]
    stamps = tokens.is_kind(RegionKind.TIMESTAMP).sum()
    assert f"expanding the video inserted {tokens.num_inserted - 2:,}" in str(found)
    assert own.rows()[0].count_by_kind(np.ones(len(framed), dtype=bool))["timestamp"] == stamps
