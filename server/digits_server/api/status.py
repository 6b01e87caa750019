"""The only place where an error becomes a ``google.rpc.Status``."""

from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError

INTERNAL_MESSAGE: Final = "internal error; see the server's log under this request id"
DETAILS_KEY: Final = "grpc-status-details-bin"


def to_status(error: ServerError) -> status_pb2.Status:
    """Return the status of an error, with typed details.

    An InvalidArgumentError has ``google.rpc.BadRequest``, an OverloadedError
    ``google.rpc.RetryInfo``.
    """
    code: int = grpc.StatusCode[error.code].value[0]
    status = status_pb2.Status(code=code, message=str(error))
    if isinstance(error, InvalidArgumentError):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.reason
        )
        status.details.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    elif isinstance(error, OverloadedError):
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_seconds * 1000))
        status.details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status


def _pack(detail: error_details_pb2.BadRequest | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
