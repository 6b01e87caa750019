"""Files that commands write: complete or not at all, and nothing but a file is replaced.

A reader never sees half of a regular file: it is written under another name in the same folder
and renamed at the end, which replaces an earlier file in one step. Of a symbolic link, the target
is replaced, and the link stays. While the file is unfinished, it is locked, so that two runs
never write the same file; on Windows there is no lock.

A special file, such as a pipe, is never replaced: it is opened and written.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from .special_file import binary_flags, is_special, named_file, open_special

try:
    import fcntl
except ImportError:  # Windows, which also neither renames nor removes an open file
    fcntl = None  # type: ignore[assignment]

# O_NONBLOCK: a pipe of that name must not wait for a reader; it has no effect on files.
_PART_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | binary_flags("O_NOFOLLOW", "O_NONBLOCK")
)


def destination(path: Path) -> Path:
    """Return the regular file that a path stands for: the target, if it is a symbolic link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def part_path(path: Path) -> Path:
    """Return where a file is written until it is complete: ``<name>.part`` in its folder."""
    final = destination(path)
    return final.with_name(final.name + ".part")


def open_part(part: Path) -> BinaryIO:
    """Open an unfinished file, to append to it, and lock it until it is closed.

    A system or a file system without locks is used without a lock.

    Raises:
        BlockingIOError: Another process is writing to the file.
        OSError: The file cannot be opened, or is not a regular file.
    """
    while True:
        file = named_file(os.open(part, _PART_FLAGS, 0o666), part)
        try:
            _lock(file.fileno(), part)
            if _is_open_file(file.fileno(), part):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # another process has completed or removed it: start again


def before_rename(file: IO[Any]) -> None:
    """Close a file that is to be renamed or removed, on Windows, which refuses if it is open.

    Elsewhere it stays open until then, because its lock ends when it is closed.
    """
    if fcntl is None:
        file.close()


class AtomicFile:
    """A file that gets its name with ``commit``; a special file is written at once."""

    def __init__(self, path: Path, *, part: Path | None = None) -> None:
        """Open the file.

        Args:
            path: The file to create or replace, or a special file.
            part: The path to write to until then, on the same file system; ``part_path(path)``
                by default. Not used for a special file.

        Raises:
            BlockingIOError: Another process is writing to the file.
            OSError: The file cannot be written.
        """
        self._path = path
        self._part = None if is_special(path) else part or part_path(path)
        if self._part is None:
            self.file = open_special(path)
        else:
            self.file = open_part(self._part)
            self.file.truncate(0)  # what a process that was killed has left

    def commit(self) -> None:
        """Close the complete file and give it its name. It is not synced to the disk.

        Raises:
            OSError: The file cannot be written or renamed.
        """
        self.file.flush()
        if self._part is not None:
            before_rename(self.file)
            self._part.replace(destination(self._path))  # before the lock is released
            self._part = None
        self.file.close()

    def discard(self) -> None:
        """Remove the file if it is not complete; ``path`` then stays as it was."""
        if fcntl is None:
            self._close_quietly()
        if self._part is not None:
            self._part.unlink(missing_ok=True)  # before the lock is released
            self._part = None
        self._close_quietly()

    def _close_quietly(self) -> None:
        with contextlib.suppress(OSError):  # what is still buffered is not needed
            self.file.close()


@contextlib.contextmanager
def atomic_write(path: Path, *, part: Path | None = None) -> Iterator[BinaryIO]:
    """Yield the file to write to, which is complete when the block ends; see ``AtomicFile``.

    If the block raises, the unfinished file is removed and ``path`` stays as it was.

    Raises:
        OSError: The file cannot be written; its ``filename`` is the file.
    """
    atomic = AtomicFile(path, part=part)
    try:
        yield atomic.file
        atomic.commit()
    finally:
        atomic.discard()


def _lock(descriptor: int, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another process is writing to it", str(path)) from None
    except OSError:
        pass  # a network file system without locks


def _is_open_file(descriptor: int, path: Path) -> bool:
    """Return whether a path still leads to an open file.

    Raises:
        OSError: It leads to something that is not a regular file.
    """
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    if fcntl is None:
        return True
    try:
        return os.path.samestat(opened, os.lstat(path))
    except FileNotFoundError:
        return False
