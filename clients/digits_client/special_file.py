"""Special files: what a command writes to without ever replacing it.

A special file is a device, a pipe, a socket, or a descriptor such as ``/dev/stdout``. Renaming a
file to its path would replace it: as root, even ``/dev/null``.
"""

import io
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# The second one is that of macOS; on Linux it leads to the first.
_OWN_DESCRIPTORS: Final = ("/proc/self/fd", "/dev/fd")
_MAX_LINKS: Final = 40  # as many as Linux follows


def binary_flags(*names: str) -> int:
    """Return flags of ``os.open`` for bytes, with those of the named ones that a system has."""
    return sum(getattr(os, name, 0) for name in ("O_BINARY", *names))


def is_special(path: Path) -> bool:
    """Return whether a path exists and is not a regular file, so that it must not be replaced.

    Raises:
        OSError: The path cannot be examined, for instance because its links form a loop.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) or _descriptor(path) is not None


def open_special(path: Path) -> BinaryIO:
    """Open a special file for writing; a pipe waits for its reader.

    Raises:
        OSError: It cannot be opened, for instance because it is a folder.
    """
    descriptor = _descriptor(path)
    if descriptor is not None:
        # Opening it by name would truncate a regular file, and is not possible for a socket.
        return named_file(os.dup(descriptor), path)
    if path.is_socket():
        return named_file(_connect(path), path)
    return named_file(os.open(path, os.O_WRONLY | binary_flags("O_NOCTTY")), path)


def named_file(descriptor: int, path: Path) -> BinaryIO:
    """Return a buffered file whose errors of writing have its name, as those of opening have."""
    return cast(BinaryIO, io.BufferedWriter(_NamedFile(descriptor, path)))


class _NamedFile(io.FileIO):
    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(descriptor, "wb")
        self._path = path

    def write(self, content: "ReadableBuffer", /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            error.filename = str(self._path)
            raise


def _connect(path: Path) -> int:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.fsencode(path))
    except OSError as error:
        connection.close()
        error.filename = str(path)
        raise
    return connection.detach()


def _descriptor(path: Path) -> int | None:
    """Return the open descriptor that a path such as ``/dev/stdout`` leads to, or None."""
    own_descriptors = [os.path.realpath(folder) for folder in _OWN_DESCRIPTORS]
    name = os.fspath(path)
    for _ in range(_MAX_LINKS):
        folder, last = os.path.split(name)
        if last.isdecimal() and os.path.realpath(folder) in own_descriptors:
            return int(last)
        if not os.path.islink(name):  # noqa: PTH114
            return None
        name = os.path.join(folder, os.readlink(name))  # noqa: PTH115, PTH118
    return None
