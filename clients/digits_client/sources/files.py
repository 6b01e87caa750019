"""An image that is a file here."""

import os
import stat
from dataclasses import dataclass

from digits_client.errors import InvalidImageError

from .items import NOT_A_FILE, check_read, check_size, unreadable


@dataclass(frozen=True, slots=True)
class File:
    """A file, whether or not there is one."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        try:
            size_bytes = regular_file(self.path).st_size
            check_size(size_bytes, limit_bytes)
            with open(self.path, "rb") as file:  # noqa: PTH123 - paths stay strings
                content = file.read(size_bytes + 1)
                if len(content) > size_bytes:  # it grows, or is of a kind that has no size
                    content += file.read(limit_bytes - size_bytes)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
            raise unreadable(error) from None
        return check_read(content, limit_bytes)


def regular_file(path: str) -> os.stat_result:
    """Return the status of a file that may be opened: a pipe or a device could wait for ever.

    Raises:
        InvalidImageError: It is something else.
        OSError: There is none.
        ValueError: There cannot be one.
    """
    status = os.stat(path)  # noqa: PTH116 - paths stay strings: there may be many
    if not stat.S_ISREG(status.st_mode):
        raise InvalidImageError(NOT_A_FILE)
    return status


def version(path: str) -> tuple[int, ...]:
    """Return what tells a regular file from another, or a changed one, at the same path.

    Raises:
        InvalidImageError: It is something else.
        OSError: There is none.
        ValueError: There cannot be one.
    """
    status = regular_file(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
