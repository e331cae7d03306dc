import numpy as np
import pytest

from vtg_core.audit.row.readings import Reader, align, find_turns, read_row
from vtg_core.chat.conversation import Role
from vtg_core.masking.labelled_tokens import CODE_OF
from vtg_core.regions import RegionKind


def test_three_readings_agree_on_every_good_row(every_good):
    for row in every_good.rows():
        assert set(row.reading.opinions) == set(Reader)
        assert row.reading.dissenting == ()
        assert np.array_equal(row.reading.verdict, row.supervised)


def test_the_role_markers_alone_find_the_turns_of_a_saved_row(every_good):
    for row in every_good.rows(saved=True):
        roles = [turn.role for turn in row.reading.marked]
        assert roles[-2:] == [Role.USER, Role.ASSISTANT]
        assert set(row.reading.opinions) == {Reader.ROLE_MARKERS}
        assert np.array_equal(row.reading.opinions[Reader.ROLE_MARKERS], row.supervised)
        assert row.reading.verdict is None


def test_a_prompt_that_is_not_the_rows_own_makes_that_reading_silent(good):
    known = good.known[0]
    ids = known.tokens.input_ids
    other = [np.concatenate([[5], known.prompts[0]])]
    reading = read_row(ids, np.zeros(len(ids), dtype=bool), good.chat, known.tokens, other)
    assert "they differ at token 0" in reading.silent[Reader.GENERATION_PROMPT]
    assert reading.verdict is not None


def test_two_readings_that_differ_give_no_verdict(good):
    known, chat = good.known[0], good.chat
    ids = known.tokens.input_ids.copy()
    query = np.flatnonzero(known.tokens.is_kind(RegionKind.QUERY))
    forged = [chat.end_of_turn, *chat.openings[Role.ASSISTANT]]
    ids[query[: len(forged)]] = forged
    reading = read_row(ids, np.zeros(len(ids), dtype=bool), chat, known.tokens)
    assert reading.verdict is None
    assert set(reading.dissenting) == {Reader.CHARACTER_REGIONS, Reader.ROLE_MARKERS}


def test_an_unknown_header_is_a_turn_of_nobody(good):
    ids = good.known[0].tokens.input_ids.copy()
    header = good.chat.openings[Role.ASSISTANT]
    ids[good.known[0].tokens.answer_starts[0] - len(header) + 1] = 5
    assert find_turns(ids, good.chat)[-1].role is None


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_row_that_was_cut_keeps_the_kinds_of_what_is_left(good, cut):
    tokens = good.known[0].tokens
    kinds, turns = align(tokens.input_ids[:-cut], tokens)
    assert np.array_equal(kinds, tokens.kinds[:-cut])
    assert np.array_equal(turns, tokens.turns[:-cut])


def test_another_number_of_placeholders_is_still_video(good):
    tokens = good.known[0].tokens
    where = np.flatnonzero(np.isin(tokens.input_ids, list(good.chat.media_ids)))
    ids = np.insert(tokens.input_ids, int(where[0]), [tokens.input_ids[where[0]]] * 7)
    kinds, _ = align(ids, tokens)
    assert (kinds == CODE_OF[RegionKind.VIDEO]).sum() == (tokens.kinds == CODE_OF[RegionKind.VIDEO]).sum() + 7


def test_what_is_new_before_an_end_of_turn_is_answer(good):
    tokens = good.known[0].tokens
    end = int(np.flatnonzero(tokens.is_kind(RegionKind.END_OF_TURN))[0])
    kinds, turns = align(np.insert(tokens.input_ids, end, [5, 6]), tokens)
    assert set(kinds[end : end + 2].tolist()) == {CODE_OF[RegionKind.ANSWER]}
    assert set(turns[end : end + 2].tolist()) == {1}
