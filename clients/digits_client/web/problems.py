"""Errors as responses: the one place where a failure becomes an HTTP status and a body.

The body is ``application/problem+json`` (RFC 9457); below ``/v2`` it is the ``{"error": ...}`` of
the Open Inference Protocol. Details are meant for callers: they name no address and no setting.
"""

import http
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc
from google.rpc import error_details_pb2, status_pb2
from starlette.exceptions import HTTPException
from starlette.responses import Response

from digits_client.errors import DETAILS_KEY

Code = grpc.StatusCode

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 1.0
_GRPC_CODES: Final = {code.value[0]: code for code in Code}
# As google.rpc maps them, except for failures of the digits server, which are those of a gateway.
_STATUSES: Final[dict[grpc.StatusCode, int]] = {
    Code.INVALID_ARGUMENT: 400,
    Code.OUT_OF_RANGE: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.NOT_FOUND: 404,
    Code.RESOURCE_EXHAUSTED: 413,  # 429 if it says when to retry
    Code.UNAVAILABLE: 503,
    Code.CANCELLED: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_CODES: Final = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.RESOURCE_EXHAUSTED,
    429: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.INTERNAL,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
    507: Code.RESOURCE_EXHAUSTED,
}
# What callers read instead of texts that are for the operator.
_DETAILS: Final = {
    Code.UNAVAILABLE: "the digits server is not available; retry later",
    Code.CANCELLED: "the digits server is not available; retry later",
    Code.DEADLINE_EXCEEDED: "the digits server did not respond in time",
}
_BAD_GATEWAY: Final = "the digits server failed; the log of digits-web has the reason"


class ProblemError(Exception):
    """A request cannot be served; ``str(problem)`` is a sentence for its caller."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: grpc.StatusCode | None = None,
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a problem.

        Args:
            status: The HTTP status, 400 to 599.
            detail: What is wrong, and what to do.
            code: The gRPC code; None for the usual one of the status.
            retry_after_seconds: The delay after which to retry, in seconds; None if a retry
                does not help.
            headers: Further headers of the response.
        """
        super().__init__(detail)
        self.status = status
        self.code = code or _CODES.get(status, Code.INVALID_ARGUMENT)
        self.retry_after_seconds = retry_after_seconds
        self.headers = dict(headers or {})

    def to_status(self) -> status_pb2.Status:
        """Return the problem as the error in a response of a stream."""
        return status_pb2.Status(code=self.code.value[0], message=str(self))


def from_http_exception(error: HTTPException) -> ProblemError:
    """Return an error of the framework as a problem: no such path, wrong method."""
    detail = {
        404: "there is nothing at this path; /docs lists the paths",
        405: "this path does not have this method; /docs lists the methods",
    }.get(error.status_code, error.detail)
    return ProblemError(error.status_code, detail, headers=error.headers)


def from_rpc_error(error: grpc.RpcError) -> ProblemError:
    """Return the problem for a call to the digits server that failed."""
    status = status_pb2.Status(code=error.code().value[0], message=error.details() or "")
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]  # the stub declares a single pair
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.MergeFromString(value)
    return from_code(error.code(), status)


def from_status(status: status_pb2.Status) -> ProblemError:
    """Return the problem for the error of one image in a response."""
    return from_code(_GRPC_CODES.get(status.code, Code.UNKNOWN), status)


def from_code(code: grpc.StatusCode, status: status_pb2.Status) -> ProblemError:
    """Return the problem for a status of the digits server."""
    http_status = _STATUSES.get(code)
    if http_status is None:
        return ProblemError(502, _BAD_GATEWAY, code=code)
    retry_after_seconds = _retry_after_seconds(status)
    if code is Code.RESOURCE_EXHAUSTED and retry_after_seconds is not None:
        http_status = 429
    elif http_status == 503 and retry_after_seconds is None:
        retry_after_seconds = _RETRY_SECONDS
    detail = _DETAILS.get(code, status.message)
    return ProblemError(http_status, detail, code=code, retry_after_seconds=retry_after_seconds)


def overloaded(detail: str, *, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem of a gateway at one of its limits; see ``ProblemError``."""
    return ProblemError(
        429,
        detail,
        code=Code.RESOURCE_EXHAUSTED,
        retry_after_seconds=_RETRY_SECONDS,
        headers=headers,
    )


def to_response(problem: ProblemError, path: str, request_id: str) -> Response:
    """Return the response of a problem.

    Args:
        problem: The problem.
        path: The path of the request, which decides the form of the body.
        request_id: The id of the request.
    """
    headers = dict(problem.headers)
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(problem.retry_after_seconds)))
    body: dict[str, Any]
    if path == "/v2" or path.startswith("/v2/"):
        body, media_type = {"error": str(problem)}, "application/json"
    else:
        media_type = MEDIA_TYPE
        body = {
            "type": "about:blank",
            "title": http.HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": str(problem),
            "code": problem.code.name,
            "requestId": request_id,
        }
    return Response(json.dumps(body), problem.status, headers, media_type)


def _retry_after_seconds(status: status_pb2.Status) -> float | None:
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            milliseconds: int = info.retry_delay.ToMilliseconds()
            return milliseconds / 1000
    return None
