"""What a process may take that runs what a stranger made: memory, time, files. The kernel holds it, for good."""

import os
import signal
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

MAX_FILES = 64
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3


def is_confined() -> bool:
    """Say whether this process is one of those: decoders ask that are let nowhere else."""
    return bool(_CONFINED)


def confine() -> None:
    """Say that this process, and all forks of it, are."""
    _CONFINED.append(True)


def limit_memory(num_bytes: int) -> None:
    """Let this process take so many bytes beside what it holds already, and leave no picture of itself behind."""
    import resource

    status = Path("/proc/self/status").read_bytes()
    held = int(status.partition(b"VmData:")[2].split(maxsplit=1)[0]) * 1024
    _limit(resource.RLIMIT_DATA, held + num_bytes)
    _limit(resource.RLIMIT_CORE, 0)


def limit_time(cpu_seconds: int, *, seconds: int) -> None:
    """End this process after so many seconds of processor time (``SIGXCPU``), or by the clock (``SIGALRM``)."""
    import resource

    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit(resource.RLIMIT_CPU, cpu_seconds, hard=cpu_seconds + 1)
    signal.alarm(seconds)


def limit_files(path: Path, libraries: Sequence[Path]) -> bool:
    """Let this process read ``path``, and what lies under ``libraries``, and nothing else.

    There is no other file then, no program to start, no TCP, and no other process to signal.

    Returns:
        Whether the kernel has what that takes (Landlock, from Linux 5.13 on); where it has not, only writing is denied.

    Raises:
        OSError: there is no such file.

    Source: docs.kernel.org, userspace-api/landlock.rst; include/uapi/linux/landlock.h in torvalds/linux.
    """
    import resource

    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_FILES)
    version = _syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    all_rights = (1 << (13 if version == 1 else 14 if version == 2 else 15 if version < 5 else 16)) - 1
    wanted = struct.pack("=QQQ", all_rights, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = _syscall(_CREATE_RULESET, wanted, len(wanted), 0)
    if rules < 0:
        return False
    for rights, one in ((_READ_FILE, path), *((_READ_FILE | _READ_DIR, library) for library in libraries)):
        file = os.open(one, os.O_PATH | os.O_CLOEXEC)
        _syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, file), 0)
        os.close(file)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    is_held = _syscall(_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return is_held


def die_with_parent(parent: int) -> None:
    """End this process when ``parent``, which began it from its main thread, ends; at once where it has."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


_CONFINED: list[bool] = []


def _limit(what: int, most: int, *, hard: int | None = None) -> None:
    import resource

    allowed = resource.getrlimit(what)[1]
    hard = most if hard is None else hard
    if allowed != resource.RLIM_INFINITY:
        most, hard = min(most, allowed), min(hard, allowed)
    resource.setrlimit(what, (most, hard))


@cache
def libc() -> Any:
    """Return what asks the kernel; loaded while libraries still can be."""
    import ctypes

    return ctypes.CDLL(None)


def _syscall(number: int, *given: int | bytes | None) -> int:
    import ctypes

    passed = (ctypes.c_long(one) if isinstance(one, int) else one for one in given)
    return int(libc().syscall(ctypes.c_long(number), *passed))


def _prctl(what: int, value: int) -> None:
    import ctypes

    libc().prctl(what, ctypes.c_ulong(value), 0, 0, 0)
