"""A machine that lends its GPU for a call at a time, as a Space of Hugging Face may; anywhere else nothing of it."""

from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 120
"""How long a call may hold a GPU that is lent."""


def on_gpu(run: Callable[P, T]) -> Callable[P, T]:
    """Return a function that holds a lent GPU while ``run`` runs; ``run`` itself where none is lent.

    On such a machine what is given and what comes back travels between processes.
    """

    @wraps(run)
    def held(*args: P.args, **kwargs: P.kwargs) -> T:
        held_run: Callable[P, T] = _lent(run)
        return held_run(*args, **kwargs)

    return held


@cache
def _lent(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run`` as the package ``spaces`` wraps it, which does nothing where no GPU is lent."""
    try:
        spaces = import_module("spaces")
    except ImportError:
        return run
    wrapped: Callable[..., Any] = spaces.GPU(duration=SECONDS)(run)
    return wrapped
