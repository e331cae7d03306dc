"""Who does the work: this process alone, several of this machine, or those of a Ray cluster."""

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Any, Protocol

from vtg_core.errors import VTGError, first_line

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from vtg_core.audit.shards.schedule import Crew
    from vtg_core.audit.shards.worker import Result, Task


class Doer(Protocol):
    """Who does tasks, one after the other."""

    def do(self, task: "Task") -> "Result":
        """Do a task."""


class Work(Protocol):
    """What is done with rows; it can be sent to another process."""

    @property
    def probes(self) -> bool:
        """Whether the videos of rows are probed before them."""

    def begin(self) -> Doer:
        """Return who does it, in whichever process this is.

        Raises:
            VTGError: what it needs cannot be loaded.
        """


class Engine(StrEnum):
    """Who runs the processes."""

    LOCAL = "local"
    RAY = "ray"


@contextmanager
def crew_of(engine: Engine, setup: "Work", *, num_workers: int) -> Iterator["Crew"]:
    """Begin a crew, and end it with the block; what it was about then is lost, and nothing else.

    Raises:
        VTGError: Ray is not installed, or one of the crew cannot begin.
    """
    if engine is Engine.RAY:
        from vtg_core.audit.shards.ray_crew import RayCrew

        with RayCrew(setup, num_workers) as rays:
            yield rays
    elif num_workers == 1:
        yield Alone(setup)
    else:
        with Processes(setup, num_workers) as processes:
            yield processes


class Alone:
    """This process, which does a task when it is given one."""

    num_workers = 1

    def __init__(self, setup: "Work") -> None:
        self._worker = setup.begin()
        self._done: list[Result] = []

    def send(self, task: "Task") -> None:
        self._done.append(self._worker.do(task))

    def received(self) -> "list[Result]":
        done, self._done = self._done, []
        return done


class Processes:
    """Several processes, each with its own pipe: one whose other end is gone ends by itself."""

    def __init__(self, setup: "Work", num_workers: int) -> None:
        self.num_workers = num_workers
        self._setup, self._spawn = setup, get_context("spawn")
        self._pipes: dict[Connection[Any, Any], BaseProcess] = {}
        self._idle: list[Connection[Any, Any]] = []

    def __enter__(self) -> "Processes":
        with (
            _interrupts_ignored()
        ):  # Ctrl-C goes to all of a terminal's processes, and is the first one's business
            for _ in range(self.num_workers):
                ours, theirs = self._spawn.Pipe()
                process = self._spawn.Process(target=serve, args=(theirs, self._setup), daemon=True)
                process.start()
                theirs.close()
                self._pipes[ours] = process
        self._idle = list(self._pipes)
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in self._pipes.items():
            pipe.close()
            process.terminate()
        for process in self._pipes.values():
            process.join()

    def send(self, task: "Task") -> None:
        pipe = self._idle.pop()
        with suppress(BrokenPipeError):  # whoever is gone is told of when something is received
            pipe.send(task)

    def received(self) -> "list[Result]":
        results: list[Result] = []
        busy: list[Any] = [pipe for pipe in self._pipes if pipe not in self._idle]
        for pipe in map(self._ours, connection.wait(busy)):
            try:
                result = pipe.recv()
            except (EOFError, OSError):
                process = self._pipes[pipe]
                process.join()
                raise VTGError(
                    f"a worker must live until its rows are audited, and one ended ({_ended(process.exitcode)}); "
                    "what is done is kept: go on with --resume, with fewer --workers if memory ran out"
                ) from None
            if isinstance(result, Exception):
                raise result
            self._idle.append(pipe)
            results.append(result)
        return results

    def _ours(self, ready: object) -> "Connection[Any, Any]":
        return next(pipe for pipe in self._pipes if pipe is ready)


def serve(pipe: "Connection[Any, Any]", setup: "Work") -> None:
    """Do the tasks that come out of a pipe, until its other end is closed or gone."""
    from vtg_core.audit.shards.worker import alone

    alone()
    with suppress(EOFError, OSError):
        try:
            worker = setup.begin()
            while True:
                pipe.send(worker.do(pipe.recv()))
        except (EOFError, OSError):
            raise
        except Exception as error:
            pipe.send(as_told(error))


def as_told(error: Exception) -> VTGError:
    """Return an error of a worker as its message: a bug of ours with its place, as another process cannot show it."""
    if isinstance(error, VTGError):
        return VTGError(str(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno}"
    return VTGError(
        f"a worker must not fail, and one did; please report it: {type(error).__name__} at {where}: {first_line(error)}"
    )


def _ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # no main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
