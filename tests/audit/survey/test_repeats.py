"""Queries that a file asks twice."""

from vtg_core.audit.survey.repeats import Repeats, words_of


def found(*rows):
    repeats = Repeats()
    for number, (video, query, windows) in enumerate(rows, 1):
        repeats.add(video, query, windows, number)
    return {count.name: count.rows for count in repeats.done() if count.count}


def test_the_same_row_again_is_a_repetition():
    row = ("a.mp4", "a dog runs", [(1.0, 2.0)])
    assert found(row, ("b.mp4", *row[1:]), row, row) == {"repeated": (3, 4)}


def test_the_same_query_with_other_windows_is_a_conflict():
    rows = [("a.mp4", "a dog runs", [(1.0, 2.0)]), ("a.mp4", "a dog runs", [(5.0, 6.0)])]
    assert found(*rows) == {"conflicting": (2,)}


def test_the_same_words_otherwise_put_are_nearly_a_repetition():
    rows = [("a.mp4", "A dog runs.", [(1.0, 2.0)]), ("a.mp4", "the dogs run", [(1.0, 2.0)])]
    assert found(*rows) == {"nearly_repeated": (2,)}


def test_each_row_is_told_with_the_earlier_one():
    repeats = Repeats()
    for number in (3, 9):
        repeats.add("a.mp4", "a dog runs", [(1.0, 2.0)], number)
    assert repeats.done()[0].examples == ("row 9 and row 3",)


def test_words_are_compared_without_endings_and_little_words():
    assert (
        words_of("The person is opening doors")
        == words_of("person opens a door")
        == {"person", "open", "door"}
    )
    assert words_of(" ... ") == {"..."}
