"""A lock of a file against other processes, which ends with the process that holds it."""

from typing import IO, Any

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ModuleNotFoundError:  # on Windows
    from msvcrt import LK_NBLCK, locking  # type: ignore[attr-defined]  # known on Windows only

    def _lock(file: IO[Any]) -> None:
        locking(file.fileno(), LK_NBLCK, 1)
else:

    def _lock(file: IO[Any]) -> None:
        flock(file, LOCK_EX | LOCK_NB)


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it."""
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):
        return False
    return True
