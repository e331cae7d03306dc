"""A machine that lends its GPU for a call at a time, as a Space of Hugging Face may; anywhere else nothing of it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, tell_nobody
from vtg_core.errors import VTGError

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W")

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


def is_lent() -> bool:
    """Return whether this machine lends its GPU, as the package ``spaces`` asks it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def prepare() -> None:
    """Say before the page is served that it has calls that hold a GPU: a machine that lends one wants to know."""
    if is_lent():
        _lent(_run_alone), _lent(_stream_alone)


def run_on_gpu(
    work: Callable[[Settings, W, Tell, Callable[[], bool]], T],
    settings: Settings,
    wanted: W,
    tell: Tell,
    is_stopped: Callable[[], bool],
) -> T:
    """Run a task of the page, on the GPU that is lent for it where one is.

    There it runs in a process of its own: it cannot say how far it is, nor be cancelled, and ends with its turn.

    Args:
        work: a function of a module, or a ``partial`` of one.
        settings, wanted, tell, is_stopped: what it is given.

    Raises:
        VTGError: what ``work`` raises.
    """
    if not is_lent():
        return work(settings, wanted, tell, is_stopped)
    tell(0.0, "Running on a GPU that is lent for it")
    result = on_gpu(_run_alone)(work, settings, wanted)
    if isinstance(result, _Failed):
        raise result.error
    answered: T = result
    return answered


def stream_on_gpu(
    work: Callable[[Settings, W, Tell, Callable[[], bool]], Iterator[T]],
    settings: Settings,
    wanted: W,
    tell: Tell,
    is_stopped: Callable[[], bool],
) -> Iterator[T]:
    """Yield what a task comes to; the rest is as in :func:`run_on_gpu`."""
    if not is_lent():
        yield from work(settings, wanted, tell, is_stopped)
        return
    tell(0.0, "Running on a GPU that is lent for it")
    for known in on_gpu(_stream_alone)(work, settings, wanted):
        if isinstance(known, _Failed):
            raise known.error
        yield known


@dataclass(frozen=True)
class _Failed:
    """What a person can mend, on its way from the process that found it."""

    error: VTGError


def _run_alone(work: Callable[..., Any], settings: Settings, wanted: object) -> Any:
    try:
        return work(settings, wanted, tell_nobody, _never)
    except VTGError as error:
        return _Failed(error)


def _stream_alone(work: Callable[..., Iterator[Any]], settings: Settings, wanted: object) -> Iterator[Any]:
    try:
        yield from work(settings, wanted, tell_nobody, _never)
    except VTGError as error:
        yield _Failed(error)


def _never() -> bool:
    return False


@cache
def _lent(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run`` as the package ``spaces`` wraps it, which does nothing where no GPU is lent."""
    try:
        spaces = import_module("spaces")
    except ImportError:
        return run
    wrapped: Callable[..., Any] = spaces.GPU(duration=SECONDS)(run)
    return wrapped
