"""Workers on a Ray cluster, or on a Ray of this machine's own: an actor each, and all else as with processes."""

import os
from typing import TYPE_CHECKING, Any

from vtg_core.errors import VTGError, first_line

if TYPE_CHECKING:
    from vtg_core.audit.shards.crews import Doer, Work
    from vtg_core.audit.shards.worker import Result, Task


class RayCrew:
    """Actors, each with a CPU of the cluster that ``RAY_ADDRESS`` names, or of one that is begun here.

    Rows and shards travel through Ray, so that only the videos and the checkpoint must be where the actors are. Nothing is
    asked of Ray that outlasts the run: which shards are there says what is done.

    Raises:
        VTGError: Ray is not installed.
    """

    def __init__(self, setup: "Work", num_workers: int) -> None:
        try:
            import ray
        except ImportError:
            raise VTGError(
                '--engine ray needs Ray, which is not installed: pip install "vtg-lens[ray]", or leave --engine out'
            ) from None
        self.num_workers = num_workers
        self._ray, self._setup = ray, setup
        self._was_running = ray.is_initialized()
        self._idle: list[Any] = []
        self._busy: dict[Any, Any] = {}

    def __enter__(self) -> "RayCrew":
        if not self._was_running:
            own = {} if os.environ.get("RAY_ADDRESS") else {
                "address": "local", "num_cpus": self.num_workers, "include_dashboard": False,
            }  # fmt: skip
            self._ray.init(log_to_driver=False, **own)
        actor = self._ray.remote(num_cpus=1)(RayWorker)
        self._idle = [actor.remote(self._setup) for _ in range(self.num_workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for actor in [*self._idle, *self._busy.values()]:
            self._ray.kill(actor)
        if not self._was_running:
            self._ray.shutdown()

    def send(self, task: "Task") -> None:
        actor = self._idle.pop()
        self._busy[actor.do.remote(task)] = actor

    def received(self) -> "list[Result]":
        done, _ = self._ray.wait(list(self._busy), num_returns=1)
        results = []
        for reference in done:
            try:
                result = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                raise VTGError(
                    f"a worker must live until its rows are audited, and one of Ray's ended ({first_line(error)}); "
                    "what is done is kept: go on with --resume"
                ) from None
            self._idle.append(self._busy.pop(reference))
            if isinstance(result, Exception):
                raise result
            results.append(result)
        return results


class RayWorker:
    """A worker as an actor of Ray's; an error is what it returns."""

    def __init__(self, setup: "Work") -> None:
        from vtg_core.audit.shards.crews import as_told
        from vtg_core.audit.shards.worker import alone

        alone()
        self._worker: Doer | VTGError
        try:
            self._worker = setup.begin()
        except Exception as error:
            self._worker = as_told(error)

    def do(self, task: "Task") -> "Result | VTGError":
        """Do a task; return an error as a value, with its message alone."""
        from vtg_core.audit.shards.crews import as_told

        if isinstance(self._worker, VTGError):
            return self._worker
        try:
            return self._worker.do(task)
        except Exception as error:
            return as_told(error)
