"""A stranger's chat template, rendered in a process of its own, which is ended where it takes too long or too much.

A chat template is a program of the checkpoint's author. Jinja's sandbox keeps it from files and from Python, and lets
it loop and grow for as long as it likes. The process is a fork of this one, and so has the processor already; it
renders one conversation after the other. Where there is no fork (Windows, macOS), templates are rendered here.
"""

import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Lock
from typing import TYPE_CHECKING, Any

from vtg_core.errors import MaskingError, first_line
from vtg_core.video.isolation.confinement import limit_memory

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

MAX_SECONDS = 5.0
"""For one conversation; real templates take milliseconds."""

MAX_BYTES = 500_000_000
"""What rendering may take beside what was there before it."""

MAX_CHARS = 20_000_000
MAX_RENDERERS = 4

Render = Callable[..., str]


@contextmanager
def bounded_templates() -> Iterator[None]:
    """Render what is not trusted in processes of its own for as long as the context lasts."""
    _BOUNDED.append(True)
    try:
        yield
    finally:
        _BOUNDED.pop()
        if not _BOUNDED:
            _forget_all()


def trust_template(key: str) -> None:
    """Say that a template is one of our own: it is rendered here."""
    _TRUSTED.add(key)


def rendered(key: str, render: Render, **given: Any) -> str:
    """Return ``render(**given)``, bounded where templates are and this one is not trusted.

    Args:
        key: the template; the same one is rendered with the ``render`` that was given first.
        render: renders a conversation; raises whatever it likes.
        given: can be pickled.

    Raises:
        MaskingError: it took more than ``MAX_SECONDS`` or ``MAX_BYTES``, now or before, or failed in its process.
    """
    if not _BOUNDED or key in _TRUSTED or not _can_fork():
        return render(**given)
    owned = os.getpid(), key  # a fork of ours must not ask through the same pipe
    with _LOCK:
        renderer = _RENDERERS.get(owned)
        if renderer is None:
            renderer = _RENDERERS[owned] = _Renderer(render)
        _RENDERERS.move_to_end(owned)
        while len(_RENDERERS) > MAX_RENDERERS:
            _RENDERERS.popitem(last=False)[1].end()
    return renderer.render(given)


def _can_fork() -> bool:
    import multiprocessing

    return (
        sys.platform == "linux" and not multiprocessing.current_process().daemon
    )  # a DataLoader's worker is one


def _forget_all() -> None:
    with _LOCK:
        while _RENDERERS:
            _RENDERERS.popitem()[1].end()


class _Renderer:
    """The process of one template: begun when it is needed, and never again once it was ended for what it took."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._lock = Lock()
        self._owner = os.getpid()
        self._process: ForkProcess | None = None
        self._pipe: Connection | None = None
        self._refused = ""

    def render(self, given: dict[str, Any]) -> str:
        with self._lock:
            if self._refused:
                raise MaskingError(self._refused)
            pipe = self._pipe or self._begin()
            try:
                pipe.send(given)
                if not pipe.poll(MAX_SECONDS):
                    raise self._refuse(f"took longer than {MAX_SECONDS:g} s")
                is_text, reply = pipe.recv()
            except (EOFError, OSError):
                raise self._refuse("its process died") from None
        if is_text:
            return str(reply)
        raise MaskingError(reply)

    def end(self) -> None:
        """End the process, whatever it is at."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.kill()
            process.join()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _begin(self) -> Connection:
        from multiprocessing import get_context

        context = get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._render), name="chat template", daemon=True
        )
        self._process.start()
        theirs.close()
        return self._pipe

    def _refuse(self, what: str) -> MaskingError:
        self.end()
        self._refused = _BOUNDS + what
        return MaskingError(self._refused)


_BOUNDS = (
    f"the checkpoint's chat template must render a conversation within {MAX_SECONDS:g} s, {MAX_BYTES // 1_000_000} MB and "
    f"{MAX_CHARS // 1_000_000} million characters, and does not; take a checkpoint whose template you trust: "
)


def _serve(pipe: Connection, render: Render) -> None:
    """Answer each conversation with (True, its text) or (False, a sentence), until whoever asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.closerange(3, pipe.fileno())  # the sockets of a page: its port must be free when it is gone
    os.closerange(pipe.fileno() + 1, 65_536)
    limit_memory(MAX_BYTES)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            pipe.send(_answer(render, pipe.recv()))
    os._exit(0)


def _answer(render: Render, given: dict[str, Any]) -> tuple[bool, str]:
    try:
        text = render(**given)
    except MaskingError as error:
        return False, str(error)
    except MemoryError:
        return False, f"{_BOUNDS}took more memory"
    except Exception as error:
        return False, first_line(error)
    if len(text) > MAX_CHARS:
        return False, f"{_BOUNDS}wrote {len(text):,} characters"
    return True, text


_BOUNDED: list[bool] = []
_TRUSTED: set[str] = set()
_RENDERERS: OrderedDict[tuple[int, str], _Renderer] = OrderedDict()
_LOCK = Lock()
