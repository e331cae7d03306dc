"""Whose turn it is where several workers run tests: a test marked ``serial`` runs while no other does."""

import fcntl
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, is_alone: bool):
    """Wait until a test may run, and hold that right meanwhile.

    Everybody passes a door before they enter the room. Who must be alone waits in the door for the room to empty, so
    that those who share it cannot keep it for ever by entering by turns.

    Args:
        folder: the same one for every worker of a run.
        is_alone: whether nobody else may be in the room.
    """
    with open(folder / "door.lock", "w") as door, open(folder / "room.lock", "w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
