from itertools import combinations, product

from tests.pairs import every_case, every_pair, families
from vtg_core.templates import TEMPLATES

QUERIES = ["a", "b", "c", "d", "e"]
SHAPES = list(product((1, 3), (False, True)))


def test_pairs_leave_no_pair_out():
    met = {
        (number, query, *shape)
        for number in range(len(TEMPLATES))
        for query, shape in every_pair(QUERIES, SHAPES, number)
    }
    varied = (range(len(TEMPLATES)), QUERIES, (1, 3), (False, True))
    for i, j in combinations(range(4), 2):
        assert {(row[i], row[j]) for row in met} == set(product(varied[i], varied[j]))


def test_pairs_are_cases():
    assert set(every_pair(QUERIES, SHAPES, 3)) < set(every_case(QUERIES, SHAPES))


def test_every_checkpoint_and_template_is_met_in_pairs_always_and_whole_too():
    met = [(params.values[0], bool(params.marks)) for params in families()]
    assert sum(is_whole for (_, _, is_whole), _ in met) == 32
    assert all(is_whole == is_slow for (_, _, is_whole), is_slow in met)
    assert len({(name, template) for (name, template, _), is_slow in met if not is_slow}) == 32
