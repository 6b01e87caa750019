"""What can go wrong for a caller.

    DigitsError
    ├── InvalidImageError    this image cannot be recognized; asking again is no use
    ├── UnavailableError     no server answers, or it is going away; try again later
    ├── OverloadedError      the server has too much to do; try again after a while
    ├── DeadlineError        no answer in time
    ├── AccessError          the server denies access: a token is missing or wrong
    │   └── CredentialFileError   a certificate, key or token file here cannot be used
    └── ServerFailureError   anything else, with the status code

Only this module turns statuses into errors.
"""

from collections.abc import Iterable
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY: Final = "grpc-status-details-bin"


class DigitsError(Exception):
    """The root of the tree."""


class InvalidImageError(DigitsError):
    """The image is not one, breaks a limit of the server, or cannot be read."""


class UnavailableError(DigitsError):
    """No server could be reached, also after the retries."""


class OverloadedError(DigitsError):
    """The server turned the request away because it has too much to do, or a limit was passed."""

    retry_after_seconds: float | None = None
    """When the server would be asked again; None when asking again is no use."""


class DeadlineError(DigitsError):
    """The deadline passed before the answer came."""


class AccessError(DigitsError):
    """The server denies access to this caller."""


class CredentialFileError(AccessError):
    """A certificate, key or token file cannot be read, or does not hold what it should."""


class ServerFailureError(DigitsError):
    """The server ended the call with a status that has no error of its own."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    """That status."""


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
    """Return the error that a status within a response stands for."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    kind = _KINDS.get(code, ServerFailureError)
    if kind is ServerFailureError:
        failure = ServerFailureError(f"{code.name}: {status.message}")
        failure.code = code
        return failure
    error = kind(status.message)
    if isinstance(error, OverloadedError):
        error.retry_after_seconds = _retry_after_seconds(status)
    return error


def from_rpc_error(error: grpc.RpcError) -> DigitsError:
    """Return the error that an ended call stands for."""
    code = error.code()
    status = status_pb2.Status(code=code.value[0])
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]  # the stub has it as one pair
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.MergeFromString(value)
    status.code = code.value[0]
    status.message = error.details() or code.name
    return from_status(status)


def _retry_after_seconds(status: status_pb2.Status) -> float | None:
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            milliseconds: int = info.retry_delay.ToMilliseconds()
            return milliseconds / 1000
    return None
