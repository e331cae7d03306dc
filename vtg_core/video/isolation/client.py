"""Has a job done on a video file by a process of its own, and says in a sentence what became of one that died."""

import atexit
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.spawn import get_executable
from pathlib import Path
from typing import Any

import vtg_core
from vtg_core.errors import VideoError

MAX_ANSWER_BYTES = 1 << 28

WALL_FACTOR = 10
"""By how much more time may pass than the processor is used: others use it too, and disks and networks are slow."""

KEPT_VARIABLES = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
"""Of the environment: what else stands there, such as tokens, is nothing that decoding needs."""

_READ, _REFUSED, _TOO_LARGE, _FAILED, _DIED = b"=", b"!", b"m", b"?", b"x"
_START = "import sys; sys.path[:] = sys.argv[1:]; from vtg_core.video.isolation.server import main; main()"


class DecoderDiedError(VideoError):
    """The process that decoded a video ended before it was done."""


@contextmanager
def isolated_decoding() -> Iterator[None]:
    """Decode each video in a process of its own for as long as the context lasts: where files may be a stranger's.

    Forks of this process, such as the workers of a data loader, do so too. On Windows and macOS it changes nothing.
    """
    isolate()
    try:
        yield
    finally:
        _ISOLATED.pop()


def isolate() -> None:
    """Decode each video in a process of its own from now on, as within :func:`isolated_decoding`."""
    _ISOLATED.append(True)


def is_isolated() -> bool:
    """Say whether videos are decoded in processes of their own."""
    return bool(_ISOLATED) and can_isolate()


def can_isolate() -> bool:
    """Say whether this system lets a process be confined."""
    return sys.platform == "linux"


def have_done(
    job: str, path: Path, *, name: str, cpu_seconds: int, memory: int | None = None, **given: Any
) -> bytes:
    """Return what a process of its own answers.

    Args:
        job: ``timeline``, ``decode`` or ``compare``.
        path: the one file that it may read.
        name: what that is called in a message.
        cpu_seconds: so long it may use the processor.
        memory: a descriptor of what it shares with this process.
        given: what else the job needs; can be pickled.

    Raises:
        DecoderDiedError: it ended before it was done: it crashed, or took too long.
        VideoError: it says what is wrong with the file.
    """
    seconds = WALL_FACTOR * cpu_seconds
    asked = pickle.dumps(given | {"path": path.absolute(), "cpu_seconds": cpu_seconds, "seconds": seconds})
    for _ in range(2):  # whoever serves may have been killed: then another one does
        ours, theirs = socket.socketpair()
        server = _server()
        with Connection(ours.detach()) as pipe:
            server.send(job, theirs, memory)
            with suppress(EOFError, OSError):
                pipe.send_bytes(asked)
                if not pipe.poll(seconds + 10):
                    raise DecoderDiedError(_died(name, signal.SIGALRM, cpu_seconds))
                return _meaning(pipe.recv_bytes(MAX_ANSWER_BYTES), name, cpu_seconds=cpu_seconds)
        _forget(server)
    raise VideoError(
        f"{name} must be decoded in a process of its own, and none can be begun here: see whether this machine has memory "
        "and processes left"
    )


def _meaning(answer: bytes, name: str, *, cpu_seconds: int) -> bytes:
    kind, said = answer[:1], answer[1:]
    if kind == _READ:
        return said
    if kind == _DIED:
        raise DecoderDiedError(_died(name, int(said) if said.isdigit() else 0, cpu_seconds))
    if kind == _TOO_LARGE:
        raise VideoError(
            f"{name} takes more memory to decode than a video may; convert it to MP4, or make it smaller"
        )
    text = said[:2_000].decode("utf-8", "replace")
    if kind == _REFUSED:
        raise VideoError(text)
    raise VideoError(f"{name} must be decoded or refused, and the decoder failed; please report it: {text}")


def _died(name: str, number: int, cpu_seconds: int) -> str:
    if number in (signal.SIGXCPU, signal.SIGALRM):
        return (
            f"{name} takes more than {cpu_seconds:,} s to decode, which is longer than a video of its length may; "
            "convert it to MP4"
        )
    if number == signal.SIGKILL:
        return (
            f"{name} was being decoded by a process that the system killed, as it does where memory runs out; take fewer "
            "or smaller frames"
        )
    how = signal.Signals(number).name if number in list(signal.Signals) else "no reason given"
    return (
        f"{name} made the process that decoded it crash ({how}): it is damaged, or was made to do harm; "
        "leave it out, or convert it to MP4"
    )


class _Server:
    """The process that serves this one and its forks."""

    def __init__(self) -> None:
        root = str(Path(vtg_core.__file__).parents[1])
        paths = [path for path in sys.path if os.path.isabs(path) and path != root]
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        python = os.fsdecode(get_executable())
        utf8 = f"utf8={sys.flags.utf8_mode}"
        with theirs:
            self._process = os.posix_spawn(
                python,
                [python, "-I", "-S", "-X", utf8, "-c", _START, *paths, root],
                {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
                | {"OPENBLAS_NUM_THREADS": "1"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsigmask=(),  # of a thread that blocks signals
            )

    def send(self, job: str, theirs: socket.socket, memory: int | None) -> None:
        """Send a job with what it needs; one that no one is there to do ends at once."""
        with theirs, suppress(OSError):
            shared = [] if memory is None else [memory]
            socket.send_fds(self._control, [job.encode()], [theirs.fileno(), *shared])

    def end(self) -> None:
        """End the process, and with it what it is at; forks of this one begin another when they need it."""
        self._control.close()
        if self._owner == os.getpid():
            with suppress(ChildProcessError):
                if os.waitpid(self._process, os.WNOHANG) == (0, 0):
                    os.kill(self._process, signal.SIGKILL)
                    os.waitpid(self._process, 0)


def _server() -> _Server:
    with _LOCK:
        if not _SERVERS:
            _SERVERS.append(_Server())
        return _SERVERS[0]


def _forget(server: _Server) -> None:
    with _LOCK:
        if server in _SERVERS:
            _SERVERS.remove(server)
            server.end()


def _forget_all() -> None:
    for server in tuple(_SERVERS):
        _forget(server)


def _renew_lock() -> None:
    global _LOCK
    _LOCK = threading.Lock()  # a thread may have held it that is not there in a fork


_ISOLATED: list[bool] = []
_SERVERS: list[_Server] = []
_LOCK = threading.Lock()
atexit.register(_forget_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
