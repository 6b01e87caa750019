"""What can go wrong in the server.

    ServerError
    ├── InvalidArgumentError   the caller's request is at fault: INVALID_ARGUMENT
    ├── OverloadedError        the queue is full: RESOURCE_EXHAUSTED, with RetryInfo
    └── ModelError             a model folder cannot be served: the server does not start

The message of an error that has a code is for the caller: it holds nothing internal.
Only ``status.py`` turns errors into statuses.
"""

from typing import ClassVar

import grpc


class ServerError(Exception):
    """The root of the tree."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL


class InvalidArgumentError(ServerError):
    """A field of the request breaks its rule."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, field: str, reason: str) -> None:
        """Name the field as the request spells it, and what is wrong with it."""
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class OverloadedError(ServerError):
    """The server has as much work waiting as it accepts."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, waiting_count: int, limit_count: int, retry_after_seconds: float) -> None:
        """Tell how many images wait, how many may, and when to try again."""
        super().__init__(f"{waiting_count} images wait and at most {limit_count} may; try again")
        self.retry_after_seconds = retry_after_seconds


class ModelError(ServerError):
    """A model folder is missing, incomplete, altered, or not for this server."""
