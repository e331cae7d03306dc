"""The process that decodes: small, without PyTorch, and warm. For each job it forks, and the fork is confined.

It never looks into a file itself. Who wants one decoded sends the name of a job with one end of a pair of sockets, over
which that job is told what to do, and answers: bytes that are no program, whatever came over the decoder meanwhile.
"""

import gc
import io
import json
import os
import pickle
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from vtg_core.errors import VideoError, first_line
from vtg_core.video import decoders
from vtg_core.video.isolation.confinement import (
    confine,
    die_with_parent,
    libc,
    limit_files,
    limit_memory,
    limit_time,
)
from vtg_core.video.packed_timeline import pack
from vtg_core.video.plan import VideoBackend
from vtg_core.video.timeline import read_here, shown_name

_TINY_GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"

CONTROL = 0
"""The descriptor over which jobs come; it ends when nobody is left who could send one."""

MAX_BYTES = 1_500_000_000
"""What decoding a video may take, beside the frames that it gives."""

READ, REFUSED, TOO_LARGE, FAILED, DIED = b"=", b"!", b"m", b"?", b"x"
"""What the first byte of an answer says."""


def main() -> None:
    """Serve until whoever began this process, and all forks of it, are gone."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2:
            with suppress(OSError):  # that of the folder itself
                os.close(descriptor)
    confine()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of whoever waits for a job
    _Server(socket.socket(fileno=CONTROL)).serve()
    os._exit(0)


class _Server:
    """Begins a process for each job, tells of the death of one that did not answer, and ends one that nobody waits for."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._jobs: dict[int, socket.socket] = {}  # by the process
        self._ends: tuple[int, ...] = ()

    def serve(self) -> None:
        ended, end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(ended, select.POLLIN)
        self._ends = ended, end
        while True:
            for ready, _ in self._poll.poll():
                if ready == ended:
                    os.read(ended, 4_096)
                    self._bury()
                elif ready != self._control.fileno():
                    self._end_job(ready)
                elif not self._begin_job():
                    return

    def _begin_job(self) -> bool:
        name, given, _, _ = socket.recv_fds(self._control, 16, 2)
        if not name:
            return False
        _load_for(name)
        job = socket.socket(fileno=given[0])
        server = os.getpid()
        process = os.fork()
        if not process:
            try:
                die_with_parent(server)
                self._leave()
                _work(name, given)
            finally:
                os._exit(1)
        for memory in given[1:]:
            os.close(memory)
        self._jobs[process] = job
        self._poll.register(job, 0)  # tells only that the other end is gone
        return True

    def _leave(self) -> None:
        """Let go, in a fork, of all that belongs to the server and to other jobs."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (*self._ends, *(job.fileno() for job in self._jobs.values())):
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, CONTROL)
        os.close(nothing)

    def _end_job(self, ready: int) -> None:
        self._poll.unregister(ready)
        for process, job in self._jobs.items():
            if job.fileno() == ready:
                os.kill(process, signal.SIGKILL)

    def _bury(self) -> None:
        with suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    return
                job = self._jobs.pop(process)
                with suppress(KeyError):
                    self._poll.unregister(job)
                pipe = Connection(job.detach())
                if status:
                    code = os.waitstatus_to_exitcode(status)
                    with suppress(OSError):
                        pipe.send_bytes(DIED + b"%d" % max(0, -code))
                pipe.close()


@cache
def _load_for(name: bytes) -> None:
    """Import what forks need, once for all of them."""
    import resource  # noqa: F401

    import av

    with av.open(io.BytesIO(_TINY_GIF), "r") as container:  # PyAV imports some when it first opens a file
        next(container.decode(video=0)).reformat(format="rgb24").to_ndarray()
    libc()
    gc.freeze()  # pages that nobody writes to are not copied
    if name != b"timeline":
        for backend in VideoBackend:
            decoders.is_installed(backend)
    _libraries()


def _work(name: bytes, given: list[int]) -> None:
    """Do one job, whose sockets and memory are ``given``, and answer."""
    pipe = Connection(given[0])
    asked = pickle.loads(pipe.recv_bytes())
    pipe.send_bytes(_answer(name, *given[1:], **asked))
    os._exit(0)


def _answer(name: bytes, *memory: int, path: Path, cpu_seconds: int, seconds: int, **given: Any) -> bytes:
    try:
        limit_memory(MAX_BYTES)
        limit_time(cpu_seconds, seconds=seconds)
        _limit_files(path)
        return READ + _JOBS[name](*memory, path=path, **given)
    except VideoError as error:
        return REFUSED + str(error).encode("utf-8", "backslashreplace")
    except MemoryError:
        return TOO_LARGE
    except Exception as error:
        return FAILED + f"{type(error).__name__}: {first_line(error)}".encode("utf-8", "backslashreplace")


def _limit_files(path: Path) -> None:
    try:
        limit_files(path, _libraries())
    except OSError as error:
        raise VideoError(f"{shown_name(path)} cannot be opened ({error.strerror}); check the path") from None


@cache
def _libraries() -> list[Path]:
    """Return where the code lies that a decoder may load while it runs."""
    homes = (
        sys.modules.get(name) for name in ("os", "vtg_core", "numpy", "av", "decord", "torchcodec", "torch")
    )
    found = (Path(home.__file__).parent for home in homes if home is not None and home.__file__)
    return [folder for folder in found if folder.is_dir()]


def _timeline(*, path: Path) -> bytes:
    return pack(read_here(path))


def _decode(memory: int, *, path: Path, shape: tuple[int, int, int, int], **asked: Any) -> bytes:
    del path  # the timeline knows it
    return decoders.decode_here(out=_shared(memory, shape), **asked).encode()


def _compare(memory: int, *, path: Path, shape: tuple[int, int, int, int], **asked: Any) -> bytes:
    del path
    difference = decoders.compare_here(frames=_shared(memory, shape), **asked)
    return json.dumps(None if difference is None else asdict(difference)).encode()


def _shared(memory: int, shape: tuple[int, int, int, int]) -> np.ndarray:
    import mmap

    return np.frombuffer(mmap.mmap(memory, 0), dtype=np.uint8).reshape(shape)


_JOBS: dict[bytes, Callable[..., bytes]] = {b"timeline": _timeline, b"decode": _decode, b"compare": _compare}
