import pytest
import torch

from vtg_core.errors import MaskingError
from vtg_core.regions import (
    IGNORE_INDEX,
    MaskPolicy,
    Region,
    RegionKind,
    check_partition,
    labels_from_regions,
    supervised_regions,
)

K = RegionKind
TWO_TURNS = (
    Region(K.ROLE_HEADER, 0, 1, 0),
    Region(K.QUERY, 1, 2, 0),
    Region(K.ROLE_HEADER, 2, 3, 1),
    Region(K.ANSWER, 3, 5, 1),
    Region(K.END_OF_TURN, 5, 6, 1),
    Region(K.CHAT, 6, 7, 1),
    Region(K.QUERY, 7, 8, 2),
    Region(K.THINKING, 8, 9, 3),
    Region(K.ANSWER, 9, 10, 3),
    Region(K.END_OF_TURN, 10, 11, 3),
    Region(K.CHAT, 11, 12, 3),
)
IDS = torch.arange(100, 112)


def supervised(**policy):
    """The positions that carry a label under a policy."""
    labels = labels_from_regions(IDS, TWO_TURNS, MaskPolicy(**policy))
    assert all(labels[i] in (IDS[i], IGNORE_INDEX) for i in range(12))
    return (labels != IGNORE_INDEX).nonzero()[:, 0].tolist()


def test_answers_and_their_ends_of_turn_are_supervised_by_default():
    assert supervised() == [3, 4, 5, 9, 10]


def test_the_last_turn_alone_can_be_supervised():
    assert supervised(turns="last") == [9, 10]


def test_the_end_of_turn_can_be_left_out():
    assert supervised(end_of_turn=False) == [3, 4, 9]


def test_the_newline_after_the_end_of_turn_can_be_taken_in():
    assert supervised(newline=True) == [3, 4, 5, 6, 9, 10, 11]


def test_thinking_can_be_taken_in():
    assert supervised(thinking=True) == [3, 4, 5, 8, 9, 10]


def test_the_last_turn_with_everything_is_the_last_turn_only():
    assert supervised(turns="last", newline=True, thinking=True) == [8, 9, 10, 11]


def test_the_newline_and_the_end_of_turn_are_chosen_each_for_itself():
    assert supervised(newline=True, end_of_turn=False) == [3, 4, 6, 9, 11]


def test_labels_are_int64_and_aligned_with_the_ids():
    labels = labels_from_regions(IDS, TWO_TURNS, MaskPolicy())
    assert labels.dtype == torch.int64
    assert labels[3:6].tolist() == [103, 104, 105]
    assert labels[:3].tolist() == [IGNORE_INDEX] * 3


def test_an_unknown_policy_for_turns_is_refused():
    with pytest.raises(ValueError, match="first"):
        MaskPolicy(turns="first")


def test_a_prompt_without_an_answer_has_nothing_to_train():
    with pytest.raises(MaskingError, match="at least one token must be supervised, got none in 3 tokens"):
        labels_from_regions(IDS[:3], TWO_TURNS[:3], MaskPolicy())


def test_a_first_token_alone_is_predicted_by_nothing_and_so_trains_nothing():
    regions = (Region(K.ANSWER, 0, 1, 0), Region(K.CHAT, 1, 3))
    with pytest.raises(MaskingError, match="at least one token must be supervised"):
        labels_from_regions(IDS[:3], regions, MaskPolicy())


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (
            [Region(K.CHAT, 0, 2), Region(K.ANSWER, 3, 5)],
            "without gap or overlap, got answer at 3 after .* ends at 2",
        ),
        ([Region(K.CHAT, 0, 3), Region(K.ANSWER, 2, 5)], "without gap or overlap, got answer at 2"),
        ([Region(K.CHAT, 0, 4)], "must cover all 5 positions, got 4"),
        ([Region(K.CHAT, 0, 6)], "must cover all 5 positions, got 6"),
        ([], "must cover all 5 positions, got 0"),
    ],
)
def test_regions_that_are_no_partition_are_refused(regions, message):
    with pytest.raises(MaskingError, match=message):
        check_partition(regions, 5)
    with pytest.raises(MaskingError, match=message):
        labels_from_regions(IDS[:5], regions, MaskPolicy())


def test_a_partition_is_accepted():
    check_partition(TWO_TURNS, 12)
    check_partition([], 0)


@pytest.mark.parametrize(("start", "end"), [(2, 2), (3, 2), (-1, 2)])
def test_an_empty_or_reversed_region_is_refused(start, end):
    with pytest.raises(MaskingError, match="0 <= start < end, got query"):
        Region(K.QUERY, start, end)


def test_a_region_is_as_long_as_its_interval():
    assert len(Region(K.QUERY, 3, 8)) == 5


def test_the_supervised_regions_come_in_order():
    chosen = list(supervised_regions(TWO_TURNS, MaskPolicy()))
    assert [(r.kind, r.start) for r in chosen] == [
        ("answer", 3),
        ("end_of_turn", 5),
        ("answer", 9),
        ("end_of_turn", 10),
    ]


def test_a_newline_is_of_an_end_of_turn_only_where_it_follows_it_at_once():
    apart = (TWO_TURNS[4], Region(K.CHAT, 9, 10, 1), Region(K.CHAT, 10, 11, 1))
    assert list(supervised_regions(apart, MaskPolicy(newline=True))) == [TWO_TURNS[4]]
