"""An image that was found and not yet read."""

import errno
import os
from dataclasses import dataclass
from typing import Final, Protocol

from digits_client.errors import InvalidImageError


class Item(Protocol):
    """An image, identified by the path that its row shows."""

    @property
    def path(self) -> str:
        """The path by which the image was found; ``item`` finds it again by the same path."""

    def read(self, limit_bytes: int) -> bytes:
        """Return the content of the image file.

        May be called from any thread, and more than once.

        Raises:
            InvalidImageError: The file cannot be read, is not a regular file, or has more
                bytes than the limit. The message is meant to follow the path.
        """


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """A path that is known to be unreadable since it was found."""

    path: str
    reason: str

    def read(self, limit_bytes: int) -> bytes:
        """Raise the reason.

        Raises:
            InvalidImageError: Always.
        """
        raise InvalidImageError(self.reason)


class TooLargeError(InvalidImageError):
    """The file has more bytes than the server accepts."""


class EmptyFileError(InvalidImageError):
    """The file has no content."""


class NotAnImageError(InvalidImageError):
    """A file that was found in a folder or an archive is not an image, so it can be skipped."""

    def __init__(self, kind: str | None = None) -> None:
        """Describe the file.

        Args:
            kind: ``HEIC``, ``PDF`` or ``SVG`` for an image or a document that is not read; None
                for any other file.
        """
        super().__init__(f"is a {kind} file, which is not read" if kind else "is not an image")
        self.kind = kind


NOT_A_FILE: Final = "is not a regular file"
# Drivers of remote stores raise these errors with the path as their only text.
_ERRNO_BY_TYPE: Final = {FileNotFoundError: errno.ENOENT, IsADirectoryError: errno.EISDIR}


def read_error(error: Exception) -> InvalidImageError:
    """Return the error of an item that the system could not read."""
    return InvalidImageError(f"cannot be read: {short_reason(error)}")


def short_reason(error: Exception) -> str:
    """Return the reason of an error as one line, without the path, which precedes it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    for kind, code in _ERRNO_BY_TYPE.items():
        if isinstance(error, kind):
            return os.strerror(code)
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def check_size(size_bytes: int, limit_bytes: int) -> None:
    """Reject an image that the server would reject for its size.

    Raises:
        TooLargeError: The image has more bytes than the limit.
    """
    if size_bytes > limit_bytes:
        raise TooLargeError(f"has {size_bytes} bytes; the server accepts at most {limit_bytes}")


def check_content(content: bytes, limit_bytes: int) -> bytes:
    """Return the content if it is not empty and within the limit.

    Args:
        content: What was read, at most one byte more than the limit.
        limit_bytes: The most that the server accepts.

    Raises:
        TooLargeError: The file has more bytes than the limit, and more than its size.
        EmptyFileError: The file is empty.
    """
    if not content:
        raise EmptyFileError("is an empty file")
    if len(content) > limit_bytes:
        raise TooLargeError(f"has more than the {limit_bytes} bytes that the server accepts")
    return content
