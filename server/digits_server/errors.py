"""What can go wrong in the server.

    ServerError
    ├── InvalidArgumentError   the caller's request is at fault: INVALID_ARGUMENT
    ├── NotFoundError          there is no such model or version: NOT_FOUND
    ├── OverloadedError        a limit is reached: RESOURCE_EXHAUSTED, with RetryInfo
    ├── ExpiredError           the deadline passed first: DEADLINE_EXCEEDED
    ├── CredentialsError       a certificate or token file is no good: it does not start
    ├── BindError              an address cannot be listened on: the server does not start
    ├── ModelError             a model folder cannot be served: the server does not start
    └── TransportError         the transport is not installed: the server does not start

The message of an error that has a code is for the caller: it holds nothing internal.
Only ``status.py`` turns errors into statuses.
"""

from typing import ClassVar


class ServerError(Exception):
    """The root of the tree."""

    code: ClassVar[str] = "INTERNAL"
    """The name of its gRPC status: a supervisor has errors too, and does without gRPC."""


class InvalidArgumentError(ServerError):
    """A field of the request breaks its rule."""

    code = "INVALID_ARGUMENT"

    def __init__(self, field: str, reason: str) -> None:
        """Name the field as the request spells it, and what is wrong with it."""
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class NotFoundError(ServerError):
    """The caller names something that is not here."""

    code = "NOT_FOUND"


class OverloadedError(ServerError):
    """The server has as much in hand as it accepts."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, reason: str, retry_after_seconds: float) -> None:
        """Tell what is full, and when to try again."""
        super().__init__(f"{reason}; try again in {retry_after_seconds:g} s")
        self.retry_after_seconds = retry_after_seconds


class ExpiredError(ServerError):
    """The caller's deadline passed before the work was begun."""

    code = "DEADLINE_EXCEEDED"


class BindError(ServerError):
    """An address cannot be listened on."""


class CredentialsError(ServerError):
    """A certificate, key or file of tokens cannot be used."""


class ModelError(ServerError):
    """A model folder is missing, incomplete, altered, or not for this server."""


class TransportError(ServerError):
    """The transport that is asked for is not installed."""
