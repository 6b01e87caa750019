"""The errors of the client.

    DigitsError
    ├── InvalidImageError    this image cannot be recognized; do not retry
    ├── UnavailableError     no server is reachable, or it is shutting down; retry later
    ├── OverloadedError      the server rejected the call; retry after a wait
    ├── DeadlineError        no response before the deadline
    ├── AccessError          the server denied access: a token is missing or wrong
    │   └── CredentialFileError   a local certificate, key or token file cannot be used
    └── ServerFailureError   any other status, with its code

Only this module turns gRPC statuses into errors.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from digits.endpoint import Endpoint

DETAILS_KEY: Final = "grpc-status-details-bin"


class DigitsError(Exception):
    """The base class of all errors of the client."""


class InvalidImageError(DigitsError):
    """The image is not a valid image, exceeds a limit of the server, or cannot be read."""

    reason: str | None = None
    """What is wrong with it according to the server, meant to follow the name of the image."""


class UnavailableError(DigitsError):
    """No server could be reached, despite retries."""


class OverloadedError(DigitsError):
    """The server rejected the call because it is overloaded, or a limit was exceeded."""

    retry_after_seconds: float | None = None
    """The delay after which to retry; None if a retry would not help."""


class DeadlineError(DigitsError):
    """The deadline expired before the response came."""


class AccessError(DigitsError):
    """The server denied access to this caller."""


class CredentialFileError(AccessError):
    """A certificate, key or token file cannot be read, or its content is not valid."""


class ServerFailureError(DigitsError):
    """The call ended with a status without a specific error class."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    """The code of the status."""


_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_KINDS: Final[dict[grpc.StatusCode, type[DigitsError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidImageError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
}


def from_status(status: status_pb2.Status) -> DigitsError:
    """Return the error for a status inside a response."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    is_failure = code not in _KINDS
    return _error(code, status, f"{code.name}: {status.message}" if is_failure else status.message)


def from_rpc_error(error: grpc.RpcError, endpoint: Endpoint) -> DigitsError:
    """Return the error for a call that failed.

    Args:
        error: The error of gRPC.
        endpoint: The server, for the message.
    """
    code = error.code()
    status = status_pb2.Status(code=code.value[0])
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]  # the stub declares a single pair
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.MergeFromString(value)
    return _error(code, status, endpoint.describe(code, error.details() or code.name))


def with_name(error: DigitsError, name: str | None) -> DigitsError:
    """Return an error of an image with the name of its file, if it has one."""
    if name is None or type(error) is not InvalidImageError:
        return error
    named = InvalidImageError(f"{name} {error.reason}" if error.reason else f"{name}: {error}")
    named.reason = error.reason
    named.__cause__ = error.__cause__
    return named


@contextlib.contextmanager
def call_errors(endpoint: Endpoint, image_name: str | None = None) -> Iterator[None]:
    """Turn the error of a blocking call into one of this module.

    Args:
        endpoint: The server, for the message.
        image_name: The name of the file whose image is recognized; None without one.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise with_name(from_rpc_error(error, endpoint), image_name) from error


@contextlib.contextmanager
def async_call_errors(endpoint: Endpoint, image_name: str | None = None) -> Iterator[None]:
    """Turn the error of an awaited call into one of this module; see ``call_errors``."""
    try:
        with call_errors(endpoint, image_name):
            yield
    except asyncio.CancelledError as error:
        # ``close`` cancels the calls in flight, and gRPC then raises this in the tasks that
        # await them. It is passed on only if the task itself was cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise closed_error() from error


def closed_error() -> ServerFailureError:
    """Return the error of a call whose client was closed before or during it."""
    error = ServerFailureError("CANCELLED: the client was closed")
    error.code = grpc.StatusCode.CANCELLED
    return error


def _error(code: grpc.StatusCode, status: status_pb2.Status, message: str) -> DigitsError:
    error = _KINDS.get(code, ServerFailureError)(message)
    if isinstance(error, InvalidImageError):
        error.reason = _image_reason(status)
    elif isinstance(error, OverloadedError):
        error.retry_after_seconds = _retry_after_seconds(status)
    elif isinstance(error, ServerFailureError):
        error.code = code
    return error


def _image_reason(status: status_pb2.Status) -> str | None:
    """Return the reason apart from the field of the request, whose name means nothing here."""
    violations = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(violations):
            return "; ".join(each.description for each in violations.field_violations) or None
    return None


def _retry_after_seconds(status: status_pb2.Status) -> float | None:
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            milliseconds: int = info.retry_delay.ToMilliseconds()
            return milliseconds / 1000
    return None
