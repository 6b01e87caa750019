"""Reading the files of a model folder, which may hold anything."""

import os
import stat
from pathlib import Path

from digits_server.errors import ModelError


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file.

    Never waits: a FIFO, a device, and a link to one are errors.

    Args:
        path: Path of the file. The file itself must not be a link.
        max_bytes: Maximum size, checked before and while the file is read.

    Raises:
        ModelError: The file is missing, unreadable, not a regular file, or too large.
    """
    try:
        if path.is_symlink():
            raise ModelError(f"{path} is a link; copy the file in its place")
        with open(path, "rb", opener=_open) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{path} is not a regular file")
            # Some file systems give 0 as the size, and a file may grow.
            content = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
            if max(status.st_size, len(content)) > max_bytes:
                raise ModelError(f"{path} is larger than {max_bytes / 2**20:g} MiB")
            return content
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _open(path: str, flags: int) -> int:
    # Without O_NONBLOCK, a FIFO would be opened when another process writes to it. Windows has
    # neither flag, nor FIFOs among its files.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags)
