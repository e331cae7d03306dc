from weakref import ref

import pytest

from vtg_core.bounded_cache import BoundedCache, kept_with


def test_a_value_is_computed_once():
    cache = BoundedCache(3)
    computed = []
    values = [cache.get("a", lambda: computed.append(1) or "value") for _ in range(3)]
    assert (values, computed) == (["value"] * 3, [1])


def test_the_value_that_was_used_longest_ago_goes_first():
    cache = BoundedCache(2)
    for key in "abac":
        cache.get(key, lambda key=key: key)
    assert cache.get("a", lambda: "computed again") == "a"
    assert cache.get("b", lambda: "computed again") == "computed again"


def test_values_are_kept_up_to_their_weight():
    cache = BoundedCache(10, weigh=len)
    for word in ("four", "five", "nine"):
        cache.get(word, lambda word=word: word)
    assert len(cache) == 2


def test_a_value_too_heavy_to_keep_is_returned_all_the_same():
    cache = BoundedCache(3, weigh=len)
    assert cache.get("a", lambda: "too heavy") == "too heavy"
    assert len(cache) == 0


def test_an_error_is_not_kept():
    cache = BoundedCache(3)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: "value") == "value"


class Owner:
    pass


def test_a_result_is_kept_as_long_as_its_owner():
    asked = []
    length = kept_with(lambda owner: asked.append(owner) or len(asked))
    first, second = Owner(), Owner()
    assert [length(first), length(second), length(first)] == [1, 2, 1]
    owner = ref(second)
    del second, asked[:]
    assert owner() is None
