"""The server's errors.

    ServerError
    ├── InvalidArgumentError   the request is invalid: INVALID_ARGUMENT
    ├── NotFoundError          the model or version is not served: NOT_FOUND
    ├── OverloadedError        a limit is reached: RESOURCE_EXHAUSTED, with RetryInfo
    ├── ExpiredError           the deadline passed: DEADLINE_EXCEEDED
    ├── StoppingError          the server stops: UNAVAILABLE, for the caller to call again
    ├── BindError              an address cannot be bound
    └── ModelError             a model folder cannot be served

The first five end a call. The others keep the server from starting, as does ``CredentialsError`` of
``digits.credential_files``: a certificate, key or token file is invalid.

Callers see the message of an error that has a code, so it contains nothing internal. Only
``api/status.py`` turns errors into statuses.
"""

from typing import ClassVar, Self


class ServerError(Exception):
    """The base class of all errors."""

    code: ClassVar[str] = "INTERNAL"
    """Name of the gRPC status. A string, because the supervisor does not load gRPC."""


class InvalidArgumentError(ServerError):
    """A field of the request is invalid."""

    code = "INVALID_ARGUMENT"

    def __init__(self, field: str, reason: str) -> None:
        """Describe an invalid field.

        Args:
            field: Path of the field as in the proto, such as ``image.raw.width``.
            reason: The rest of a sentence that starts with the field, such as ``is 0; ...``.
        """
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Return how to unpickle the error: with both arguments, not with the message alone."""
        return type(self), (self.field, self.reason)


class NotFoundError(ServerError):
    """The request names a model or version that is not served."""

    code = "NOT_FOUND"


class OverloadedError(ServerError):
    """The server has as much work in flight as it accepts."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, reason: str, retry_after_seconds: float) -> None:
        """Describe a rejection.

        Args:
            reason: The limit that is reached.
            retry_after_seconds: How long the caller should wait before it retries.
        """
        super().__init__(f"{reason}; retry in {retry_after_seconds:g} s")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[type[Self], tuple[str, float]]:
        """Return how to unpickle the error: with both arguments, not with the message alone."""
        return type(self), (self.reason, self.retry_after_seconds)


class ExpiredError(ServerError):
    """The deadline of the call passed before its work started."""

    code = "DEADLINE_EXCEEDED"


class StoppingError(ServerError):
    """The server stops, and the caller has to make the call again."""

    code = "UNAVAILABLE"


class BindError(ServerError):
    """An address cannot be bound."""


class ModelError(ServerError):
    """A model folder is missing, incomplete, modified, or made for another server."""
