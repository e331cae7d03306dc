from dataclasses import replace

import numpy as np
import pytest

from tests.audit.conftest import sample_of
from vtg_core.audit.checks import stop
from vtg_core.audit.checks.length import Budget, budget, check
from vtg_core.masking.processor_call import call_processor
from vtg_core.regions import RegionKind


def codes(good, *, saved=False, row=0, max_length=None):
    found = good.codes(check, saved=saved, row=row, max_length=max_length)
    return [code for code in found if code != "length.budget"]


def where(good, *kinds):
    """Where the tokens of some kinds stand in the first sample."""
    return np.flatnonzero(good.known[0].tokens.is_kind(*kinds))


@pytest.mark.parametrize("saved", [False, True])
def test_a_good_row_is_not_cut_and_says_nothing(every_good, saved):
    for row in range(2):
        assert every_good.codes(check, saved=saved, row=row) == []


@pytest.mark.parametrize("saved", [False, True])
def test_lost_placeholders_are_counted_against_the_grid(every_good, saved):
    ids, pads = every_good.known[0].tokens.input_ids, list(every_good.chat.media_ids)
    lost = np.flatnonzero(np.isin(ids, pads))[-5:]
    (finding,) = check(every_good.of_ids(np.delete(ids, lost)).rows(saved=saved)[0])
    assert finding.code == "length.placeholders-differ"
    assert finding.evidence["expected"] - finding.evidence["placeholders"] == 5


def test_a_grid_that_is_another_rows_is_an_error(good):
    ids = good.known[0].tokens.input_ids
    (finding,) = check(good.of_ids(ids, video_grid_thw=good.batch["video_grid_thw"][1:]).rows()[0])
    assert finding.code == "length.placeholders-differ"
    assert (finding.evidence["expected"], finding.evidence["placeholders"]) == (180, 120)


def test_a_cut_answer_is_named_with_what_it_lost(every_good):
    ids, answer = every_good.known[0].tokens.input_ids, where(every_good, RegionKind.ANSWER)
    cut = every_good.of_ids(ids[: answer[2]])
    first, second = check(cut.rows()[0])
    assert (first.code, second.code) == ("length.answer-cut", "length.budget")
    assert first.evidence["lost"] == {"answer": len(answer) - 2, "end_of_turn": 1}
    assert second.evidence["smallest_max_length"] == len(ids)


def test_a_row_that_ends_before_its_answer_is_cut_for_every_reader(every_good):
    ids, start = every_good.known[0].tokens.input_ids, every_good.known[0].tokens.answer_starts[0]
    for end in (start, start - 8):
        cut = every_good.of_ids(ids[:end])
        assert codes(cut) == codes(cut, saved=True) == ["length.answer-cut"]


@pytest.mark.parametrize("saved", [False, True])
def test_a_cut_end_of_turn_is_named(every_good, saved):
    ids, end = every_good.known[0].tokens.input_ids, where(every_good, RegionKind.END_OF_TURN)[0]
    found = every_good.of_ids(ids[:end]).codes(check, saved=saved, max_length=end)
    assert found == ["length.end-of-turn-cut", "length.budget"]
    assert codes(every_good.of_ids(ids[: end + 1]), saved=saved) == []  # white space behind it is no loss


@pytest.mark.parametrize("max_length", [None, 10_000])
@pytest.mark.parametrize("saved", [False, True])
def test_an_end_of_turn_that_no_bound_took_was_never_written(every_good, saved, max_length):
    ids, end = every_good.known[0].tokens.input_ids, where(every_good, RegionKind.END_OF_TURN)[0]
    unended = every_good.of_ids(ids[:end])
    assert "length.end-of-turn-cut" not in unended.codes(check, saved=saved, max_length=max_length)
    assert unended.codes(stop.check, saved=saved, max_length=max_length) == ["stop.missing"]


def test_a_length_that_rows_of_other_samples_share_is_the_sign_of_a_bound(every_good):
    end = where(every_good, RegionKind.END_OF_TURN)[0]
    rows = np.stack([known.tokens.input_ids[:end] for known in every_good.known])
    cut = replace(every_good, batch={"input_ids": rows, "labels": rows})
    assert cut.codes(check)[0] == "length.end-of-turn-cut"


def test_an_end_of_turn_pasted_onto_a_cut_answer_hides_nothing(every_good):
    ids, answer = every_good.known[0].tokens.input_ids, where(every_good, RegionKind.ANSWER)
    assert codes(every_good.of_ids([*ids[: answer[2]], every_good.chat.end_of_turn])) == ["length.answer-cut"]


@pytest.mark.parametrize("saved", [False, True])
def test_a_cut_video_is_named_once(every_good, saved):
    ids = every_good.known[0].tokens.input_ids
    pads = np.flatnonzero(np.isin(ids, list(every_good.chat.media_ids)))
    cut = every_good.of_ids(ids[: pads[-9]])
    (finding, _) = check(cut.rows(saved=saved)[0])
    assert finding.code == "length.video-cut"
    assert finding.evidence["lost"]["video"] >= 9


def test_a_beginning_that_was_cut_is_named(good_qwen2_5):
    ids, first = good_qwen2_5.known[0].tokens.input_ids, where(good_qwen2_5, RegionKind.VIDEO)[0]
    assert codes(good_qwen2_5.of_ids(ids[4:])) == ["length.prompt-cut"]
    assert codes(good_qwen2_5.of_ids(ids[first + 50 :])) == ["length.video-cut"]


def test_a_cut_row_with_other_frames_than_ours_is_still_cut(good, other_video):
    text = good.processor.apply_chat_template(sample_of(other_video).messages, tokenize=False)
    foreign = call_processor(good.processor, text, [other_video])
    ids, grid = foreign["input_ids"][0].numpy(), foreign["video_grid_thw"]
    assert codes(good.of_ids(ids, video_grid_thw=grid)) == []
    assert codes(good.of_ids(ids[:-6], video_grid_thw=grid)) == ["length.answer-cut"]
    assert codes(good.of_ids(ids[:-90], video_grid_thw=grid)) == ["length.video-cut"]


def test_an_unclosed_shorter_row_of_a_saved_batch_was_not_cut_by_a_bound(good):
    ends = [int(np.flatnonzero(row.numpy() == good.chat.end_of_turn)[-1]) for row in good.batch["input_ids"]]
    good.batch["attention_mask"][0, ends[0] :] = 0
    good.batch["input_ids"][0, ends[0] :] = good.chat.pad_id
    assert codes(good, saved=True) == []
    assert codes(good, saved=True, max_length=ends[0]) == ["length.end-of-turn-cut"]


def test_a_turn_closed_by_another_token_was_not_cut(every_good):
    ids, end = every_good.known[0].tokens.input_ids.copy(), where(every_good, RegionKind.END_OF_TURN)[0]
    ids[end] = every_good.chat.pad_id
    assert codes(every_good.of_ids(ids)) == codes(every_good.of_ids(ids), saved=True) == []


@pytest.mark.parametrize("saved", [False, True])
def test_a_row_over_max_length_says_what_would_be_lost(good, saved):
    end = len(good.known[0].tokens)
    assert codes(good, saved=saved, max_length=end) == codes(good, saved=saved, max_length=end - 1) == []
    (over, _) = check(good.rows(saved=saved, max_length=end - 4)[0])
    assert over.code == "length.over-max-length"
    assert over.evidence["would_lose"] == {"answer": 2, "end_of_turn": 1}


@pytest.mark.parametrize("saved", [False, True])
def test_the_budget_is_shown_where_there_is_a_bound(good, saved):
    (finding,) = check(good.rows(saved=saved, max_length=1_000)[0])
    assert (finding.code, finding.severity) == ("length.budget", "info")
    assert finding.evidence == {
        "text": 51,
        "video": 139,
        "answer": 12,
        "max_length": 1_000,
        "smallest_max_length": 202,
    }


def test_the_budget_of_tokens_adds_up(every_good):
    for known in every_good.known:
        spent = budget(known.tokens)
        total = spent.num_text + spent.num_video + spent.num_answer
        assert total == spent.smallest_max_length == len(known.tokens)


def test_the_budget_of_the_demo_is_as_counted_by_hand(good):
    assert budget(good.known[0].tokens) == Budget(51, 139, 12, 202)


@pytest.mark.parametrize("saved", [False, True])
def test_a_row_whose_answer_is_there_is_not_cut_before_it(every_good, saved):
    ids = every_good.known[0].tokens.input_ids
    for role in ("assistant", "user"):
        assert codes(every_good.of_ids([*ids, *every_good.chat.openings[role]]), saved=saved) == []
