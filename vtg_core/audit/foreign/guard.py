"""A guard around foreign code: its prints go to the standard error, and what it raises is told."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from threading import RLock
from typing import TextIO, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Raised:
    error: BaseException


def guarded(call: Callable[[], T]) -> T | Raised:
    """Return what ``call`` returns, or the error that it raises, whatever that is; an interrupt passes through."""
    with _stdout_to_stderr():
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit, and panics of libraries in Rust, are no Exception
            return Raised(error)


_RUNNING = RLock()
"""Foreign code runs one call at a time: it may not be safe otherwise, and standard output is everyone's."""


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send what Python code, C code and child processes print to stderr: stdout may be our JSON."""
    with _RUNNING, _own_stderr() as stderr, redirect_stdout(stderr):
        try:
            _flush()
            kept = os.dup(1)
        except (OSError, ValueError):  # there is none, or it is closed
            yield
            return
        try:
            os.dup2(stderr.fileno(), 1)
            yield
        finally:
            with suppress(OSError, ValueError):
                _flush()
            os.dup2(kept, 1)
            os.close(kept)


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """Open standard error once more, for foreign code to close; what is printed is lost where there is none."""
    try:
        number = os.dup(2)
    except OSError:
        number = os.open(os.devnull, os.O_WRONLY)
    with open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace") as stderr:
        yield stderr


def _flush() -> None:
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
