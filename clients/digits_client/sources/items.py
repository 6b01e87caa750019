"""One image that was found, not read yet."""

import errno
import os
from dataclasses import dataclass
from typing import Final, Protocol

from digits_client.errors import InvalidImageError


class Item(Protocol):
    """An image, by the path that its row shows."""

    @property
    def path(self) -> str:
        """As it was found, and as ``item`` finds it again."""

    def read(self, limit_bytes: int) -> bytes:
        """Return the content of the image file.

        May be called from any thread, once or again.

        Raises:
            InvalidImageError: It cannot be read, is no regular file, or has more bytes than
                the limit; the message fits behind the path.
        """


@dataclass(frozen=True, slots=True)
class Failed:
    """What was found already to be no image that can be read."""

    path: str
    reason: str

    def read(self, limit_bytes: int) -> bytes:
        """Say why it cannot be read.

        Raises:
            InvalidImageError: Always.
        """
        raise InvalidImageError(self.reason)


NOT_A_FILE: Final = "is not a regular file"
# Remote stores raise these with the path alone.
_SAID_BY_KIND: Final = {FileNotFoundError: errno.ENOENT, IsADirectoryError: errno.EISDIR}


def unreadable(error: Exception) -> InvalidImageError:
    """Return the answer of an item whose reading failed for a reason outside of it."""
    return InvalidImageError(f"cannot be read: {plain_reason(error)}")


def plain_reason(error: Exception) -> str:
    """Return what happened in one line, without the path, which stands before it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    for kind, code in _SAID_BY_KIND.items():
        if isinstance(error, kind):
            return os.strerror(code)
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def check_size(size_bytes: int, limit_bytes: int) -> None:
    """Refuse an image that the server would refuse.

    Raises:
        InvalidImageError: It has more bytes than the limit.
    """
    if size_bytes > limit_bytes:
        raise InvalidImageError(f"has {size_bytes} bytes; the server accepts at most {limit_bytes}")


def check_read(content: bytes, limit_bytes: int) -> bytes:
    """Return what was read, at most one byte more than the limit, if it keeps the limit.

    Raises:
        InvalidImageError: There is more than the file itself had said.
    """
    if len(content) > limit_bytes:
        raise InvalidImageError(f"has more than {limit_bytes} bytes; the server accepts no more")
    return content
