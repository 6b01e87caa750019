"""An image in a local file."""

import os
import stat
from typing import Final, NamedTuple

from digits_client.errors import InvalidImageError
from digits_client.special_file import binary_flags

from .items import NOT_A_FILE, check_content, check_size, read_error

_READ_FLAGS: Final = os.O_RDONLY | binary_flags()


class File(NamedTuple):
    """A file, which need not exist."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        try:
            size_bytes = stat_regular_file(self.path).st_size
            check_size(size_bytes, limit_bytes)
            # Without the buffer of ``open``, a small file takes half the time.
            file = os.open(self.path, _READ_FLAGS)
            try:
                content = os.read(file, size_bytes + 1)
            finally:
                os.close(file)
            if len(content) != size_bytes:  # it changes, or its file system reports no sizes
                with open(self.path, "rb") as whole:  # noqa: PTH123 - paths stay strings
                    content = whole.read(limit_bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a path that contains NUL
            raise read_error(error) from None
        return check_content(content, limit_bytes)


def stat_regular_file(path: str) -> os.stat_result:
    """Return the status of a file that is safe to open: a pipe or a device could block forever.

    Raises:
        InvalidImageError: The path is not a regular file.
        OSError: The path does not exist or cannot be accessed.
        ValueError: The path is not valid on this system.
    """
    status = os.stat(path)  # noqa: PTH116 - paths stay strings: there may be many
    if not stat.S_ISREG(status.st_mode):
        raise InvalidImageError(NOT_A_FILE)
    return status


def fingerprint(path: str) -> tuple[int, ...]:
    """Return a value that changes when a regular file is changed or replaced.

    Raises:
        InvalidImageError: The path is not a regular file.
        OSError: The path does not exist or cannot be accessed.
        ValueError: The path is not valid on this system.
    """
    status = stat_regular_file(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
