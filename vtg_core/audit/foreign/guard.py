"""A guard around foreign code: its prints go to the standard error, and what it raises is told."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import BufferedWriter, FileIO, TextIOWrapper
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
    with _RUNNING, redirect_stdout(_own_stderr()) as stderr:
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
                stderr.flush()
            os.dup2(kept, 1)
            os.close(kept)


_STREAMS: list[TextIO] = []
"""The stream that foreign code prints to. It outlives each call: a handler of ``logging`` may be bound to it."""


def _own_stderr() -> TextIO:
    """Return a stream onto standard error, wherever that leads when it is written to, for foreign code to close.

    What is printed is lost where there is no standard error.
    """
    if not _STREAMS or _STREAMS[0].closed:
        try:
            raw = FileIO(2, "w", closefd=False)
        except OSError:
            raw = FileIO(os.devnull, "w")
        stderr = TextIOWrapper(
            BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        _STREAMS[:] = [stderr]
    return _STREAMS[0]


def _flush() -> None:
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
