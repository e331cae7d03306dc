import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtg_core.loss.token_tree import grow_tree


def sequences(*texts):
    return [np.array([ord(c) for c in text], dtype=np.int64) for text in texts]


def drawn(tree):
    return "".join(map(chr, tree.ids)), tree.parents.tolist(), tree.depths.tolist()


def test_what_all_begin_with_is_the_trunk_and_what_some_share_is_there_once():
    tree = grow_tree(sequences("systemABC", "systemABD", "systemXB"))
    assert tree.num_shared == len("system")
    assert drawn(tree) == ("ABCDXB", [-1, 0, 1, 1, -1, 4], [6, 7, 8, 8, 6, 7])
    assert [nodes.tolist() for nodes in tree.nodes] == [[0, 1, 2], [0, 1, 3], [4, 5]]


def test_a_token_sees_its_ancestors_and_itself_and_nothing_else():
    tree = grow_tree(sequences("sABC", "sABD", "sX"))
    expected = ["1....", "11...", "111..", "11.1.", "....1"]
    assert ["".join(".1"[int(seen)] for seen in row) for row in tree.is_ancestor()] == expected


@pytest.mark.parametrize("texts", [("only",), ("same", "same"), ("same", "same", "same")])
def test_equal_sequences_keep_one_token_behind_the_trunk(texts):
    tree = grow_tree(sequences(*texts))
    assert drawn(tree) == (texts[0][-1], [-1], [3])
    assert [nodes.tolist() for nodes in tree.nodes] == [[0]] * len(texts)


def test_a_sequence_that_another_begins_with_keeps_a_token_of_its_own():
    tree = grow_tree(sequences("abc", "abcde"))
    assert (tree.num_shared, drawn(tree)) == (2, ("cde", [-1, 0, 1], [2, 3, 4]))
    assert [nodes.tolist() for nodes in tree.nodes] == [[0], [0, 1, 2]]


def test_sequences_that_differ_at_once_have_no_trunk():
    tree = grow_tree(sequences("ab", "ba"))
    assert (tree.num_shared, drawn(tree)) == (0, ("abba", [-1, 0, -1, 2], [0, 1, 0, 1]))


def test_one_token_is_a_sequence():
    tree = grow_tree(sequences("a", "ab"))
    assert (tree.num_shared, len(tree)) == (0, 2)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=6))
def test_every_sequence_is_its_trunk_and_its_nodes_and_no_beginning_is_there_twice(lists):
    given_ids = [np.array(ids, dtype=np.int64) for ids in lists]
    tree = grow_tree(given_ids)
    seen = tree.is_ancestor()
    for ids, nodes in zip(given_ids, tree.nodes, strict=True):
        trunk = given_ids[0][: tree.num_shared]
        assert [*trunk, *tree.ids[nodes]] == ids.tolist()
        assert tree.depths[nodes].tolist() == list(range(tree.num_shared, len(ids)))
        assert np.flatnonzero(seen[nodes[-1]]).tolist() == nodes.tolist()
    assert all(parent < node for node, parent in enumerate(tree.parents.tolist()))
    beginnings = {tuple(ids[: n + 1]) for ids in lists for n in range(tree.num_shared, len(ids))}
    assert len(tree) == len(beginnings)
