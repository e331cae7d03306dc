"""Where the page keeps what people upload: a folder of each server's own, which goes with it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "vtg-lens-page-"
_LOCK = ".server"
_VARIABLE = "GRADIO_TEMP_DIR"
_YOUNG_SECONDS = 60
"""A folder that has no lock yet is being made; an older one was left behind."""


@contextmanager
def upload_folder() -> Iterator[Path]:
    """Give Gradio a folder of this server's own, and take it away with all that is in it when the server stops.

    What servers left that were killed is taken away at the beginning. It lies where Gradio would put uploads: under
    ``GRADIO_TEMP_DIR``, or in the system's folder for temporary files.
    """
    given = os.environ.get(_VARIABLE)
    base = Path(given or tempfile.gettempdir())
    base.mkdir(parents=True, exist_ok=True)
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    with (folder / _LOCK).open("w") as lock:
        _hold(lock.fileno())
        os.environ[_VARIABLE] = str(folder)
        try:
            yield folder
        finally:
            if given is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = given
            shutil.rmtree(folder, ignore_errors=True)


def sweep(base: Path) -> list[Path]:
    """Take away what servers left in ``base`` that no longer run; return those folders. Other users' stay."""
    left = []
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            if (
                found.st_uid == os.getuid()
                and folder.is_dir()
                and not folder.is_symlink()
                and _is_left(folder)
            ):
                shutil.rmtree(folder, ignore_errors=True)
                left.append(folder)
    return left


def _is_left(folder: Path) -> bool:
    """Say whether nobody holds a folder: the system lets go of the lock of a process that has died in any way."""
    try:
        with (folder / _LOCK).open("r+") as lock:
            return _hold(lock.fileno())
    except FileNotFoundError:
        return time.time() - folder.lstat().st_mtime > _YOUNG_SECONDS


def _hold(file: int) -> bool:
    """Lock a file for as long as it is open; say whether nobody else holds it. Windows has no such lock."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
