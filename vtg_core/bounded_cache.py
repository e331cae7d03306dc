"""What was computed before, kept within a bound: the values that were used last, or as long as their owner lives."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

K = TypeVar("K")
T = TypeVar("T")


class BoundedCache(Generic[T]):
    """Values by key; the ones used longest ago are dropped as soon as all weigh more than ``capacity``.

    Args:
        capacity: the most that all values may weigh together.
        weigh: the weight of a value, at least 1; each weighs 1 unless given. A heavier one than ``capacity`` is
            not kept.
    """

    def __init__(self, capacity: int, *, weigh: Callable[[T], int] = lambda value: 1) -> None:
        self._capacity, self._weigh = capacity, weigh
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the value of ``key``, computed where it is not kept; an error in ``compute`` is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = compute()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._weight += self._weigh(value)
            while self._weight > self._capacity:
                _, dropped = self._values.popitem(last=False)
                self._weight -= self._weigh(dropped)
        return value

    def __len__(self) -> int:
        return len(self._values)


def kept_with(function: Callable[[K], T]) -> Callable[[K], T]:
    """Decorate a function of one object that can be referred to weakly: each result is kept as long as its object."""
    kept: WeakKeyDictionary[K, T] = WeakKeyDictionary()

    @wraps(function)
    def once(owner: K) -> T:
        if owner not in kept:
            kept[owner] = function(owner)
        return kept[owner]

    return once
