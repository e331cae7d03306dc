"""Where results are written: whole or not at all, and never over what was read.

A file is written beside the old one and then takes its place, so that a full disk or a killed process leaves the old one
as it was. What such a process leaves behind is a file named ``.vtg-lens-….tmp``, swept by a later run.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import combinations
from os import PathLike
from pathlib import Path
from platform import node
from typing import TextIO

from vtg_core.errors import VTGError

OLD_SECONDS = 24 * 3600.0
"""A temporary file of so many seconds is no one's any more, whatever its process is."""


def write_output(option: str, out: str | PathLike[str], text: str) -> None:
    """Write what an option of the command line asks for, as :func:`replace_text` does.

    Raises:
        VTGError: the file cannot be written; the old one is as it was.
    """
    try:
        replace_text(out, text)
    except (OSError, ValueError) as error:
        raise _cannot(option, out, error) from None


def replace_text(path: str | PathLike[str], text: str) -> None:
    """Write a file so that it is the old one or the new one at every moment; UTF-8, line ends as they are.

    Behind a symbolic link the file that it names is replaced, and the link stays. The mode stays too, and owner and
    group where that is permitted; another name of the same file (a hard link) keeps the old text. What is no plain
    file, see :func:`is_stream`, is written to as it is.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    if is_stream(path):
        _write_to_stream(path, text)
        return
    replace_bytes(path, str.encode(text, "utf-8", "backslashreplace"))


def replace_bytes(path: str | PathLike[str], content: bytes) -> None:
    """Write a plain file of any content as :func:`replace_text` does.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    target, old = _target_of(path)
    temporary, number = _create_beside(target, 0o666 if old is None else 0o600)
    try:
        with open(number, "wb") as file:
            if old is not None:
                _keep_access(number, old)
            file.write(content)
            file.flush()
            os.fsync(number)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_output(option: str, out: str | PathLike[str]) -> Iterator[TextIO]:
    """Open a file that an option names and that is not there yet, to be written piece by piece; UTF-8.

    It appears as a whole when the block ends. Where the block fails there is none, and a file that has come to be there
    meanwhile stays as it is.

    Raises:
        VTGError: the file is there already, or cannot be written.
    """
    try:
        if os.path.lexists(out):
            raise FileExistsError(errno.EEXIST, "it is there already, and nothing is overwritten")
        target, _ = _target_of(out)
        temporary, number = _create_beside(target, 0o666)
    except (OSError, ValueError) as error:
        raise _cannot(option, out, error) from None
    try:
        with open(number, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(number)
        _appear(temporary, target)
    except OSError as error:
        raise _cannot(option, out, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def is_stream(path: str | PathLike[str]) -> bool:
    """Say whether a path is a pipe or a device, or the file that our own standard output or standard error goes to."""
    status = _status(path)
    if status is None or stat.S_ISDIR(status.st_mode):
        return False
    return not stat.S_ISREG(status.st_mode) or _own_stream(status) is not None


def check_writable(option: str, out: str) -> None:
    """Check before a long run that its result can be written, and sweep what killed ones left there.

    Nothing is left behind, and the file itself is not touched.

    Raises:
        VTGError: ``out`` is no file that can be written.
    """
    try:
        if is_stream(out):
            _check_permission(out)
            return
        target, _ = _target_of(out)
        _sweep(target.parent)
        temporary, number = _create_beside(target, 0o600)
        os.close(number)
        temporary.unlink()
    except (OSError, ValueError) as error:
        raise _cannot(option, out, error) from None


def shared_output(outs: Mapping[str, str]) -> str | None:
    """Say in a sentence that two outputs are one file; None where each is its own.

    Paths that differ by case alone are one: on some file systems they name one file, and before it is there nothing tells.

    Args:
        outs: option and path, none of them standard output.
    """
    for (option, out), (other_option, other) in combinations(outs.items(), 2):
        is_one_path = os.path.realpath(out).casefold() == os.path.realpath(other).casefold()
        if is_one_path or overwritten({option: out}, [(other_option, other)]):
            named = f"{out!r} for both" if out == other else f"{out!r} and {other!r}"
            return f"{option} and {other_option} must name two files, got {named}"
    return None


def overwritten(outs: Mapping[str, str], inputs: Iterable[tuple[str, str | PathLike[str]]]) -> str | None:
    """Say in a sentence that an output would take the place of an input; None where none does.

    Files are known by what they are and not by their names, so links and another case are seen through.

    Args:
        outs: option and path, none of them standard output.
        inputs: what each is, in words, and its path; looked at only where an output is there already.
    """
    there = {option: status for option, out in outs.items() if (status := _plain_file(out))}
    for what, path in inputs if there else ():
        status = _plain_file(path)
        for option, other in there.items():
            if status and os.path.samestat(status, other):
                return f"{option} must not be a file that is read, and {outs[option]!r} is {what}: name another file"
    return None


_TEMPORARY = re.compile(r"\.vtg-lens-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.tmp")


def _cannot(option: str, out: str | PathLike[str], error: Exception) -> VTGError:
    reason = getattr(error, "strerror", None) or str(error)
    return VTGError(f"{option} must name a file that can be written, and {str(out)!r} cannot: {reason}")


def _target_of(path: str | PathLike[str]) -> tuple[Path, os.stat_result | None]:
    """Return the file behind all links and what it is; None for the latter where it is not there yet.

    Raises:
        OSError: it may not be replaced.
    """
    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    target = Path(os.path.realpath(path))
    if not os.path.basename(path) or target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder, or has no name")
    if old is not None:
        _check_permission(path)  # a folder's permissions alone would let a protected file be replaced
    return target, old


def _check_permission(path: str | PathLike[str]) -> None:
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _create_beside(target: Path, mode: int) -> tuple[Path, int]:
    """Create an empty file in the same folder; return it, and its number as it is open for writing."""
    temporary = target.with_name(f".vtg-lens-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except PermissionError:
        raise PermissionError(
            errno.EACCES,
            "its folder takes no new file, and a result is written to one before it takes the place of the old",
        ) from None


def _appear(temporary: Path, target: Path) -> None:
    """Let a file have its name, unless another has it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "it is there already, and nothing is overwritten") from None
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise
        temporary.rename(target)


def _keep_access(number: int, old: os.stat_result) -> None:
    for owner in (old.st_uid, -1):  # a group of one's own may be given where an owner may not
        with suppress(OSError):
            os.fchown(number, owner, old.st_gid)
            break
    with suppress(OSError):  # a file system without modes; what cannot be opened up stays private
        os.fchmod(number, stat.S_IMODE(old.st_mode))


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that are gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (name := _TEMPORARY.fullmatch(entry.name)) is not None:
                with suppress(OSError):
                    if _is_stray(entry, name):
                        os.unlink(entry.path)


def _is_stray(entry: os.DirEntry[str], name: re.Match[str]) -> bool:
    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
    is_gone = name["machine"] == _machine() and not _is_running(int(name["process"]))
    return entry.is_file(follow_symlinks=False) and (is_gone or age > OLD_SECONDS)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


@cache
def _machine() -> str:
    """Return what tells this machine, and in it this container, from others: elsewhere a number is another process."""
    parts = [node()]
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _write_to_stream(path: str | PathLike[str], text: str) -> None:
    """Write to what is there; what is one of our own streams is gone on with, and not begun anew."""
    number = _own_stream(os.stat(path))
    if number is not None:
        sys.stdout.flush()
    with open(
        path if number is None else os.dup(number),
        "w",
        encoding="utf-8",
        errors="backslashreplace",
        newline="",
    ) as file:
        file.write(text)


def _own_stream(status: os.stat_result) -> int | None:
    for number in (1, 2):
        with suppress(OSError):
            if os.path.samestat(status, os.fstat(number)):
                return number
    return None


def _status(path: str | PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _plain_file(path: str | PathLike[str]) -> os.stat_result | None:
    status = _status(path)
    return status if status is not None and stat.S_ISREG(status.st_mode) else None
