"""The error for each status, and the retry delay in its details."""

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from digits_client import (
    AccessError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.errors import from_status, with_name

ERROR_CLASSES = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidImageError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
}
OTHER_CODES = [code for code in grpc.StatusCode if code not in ERROR_CLASSES]


def status_of(code: grpc.StatusCode, *details: any_pb2.Any) -> status_pb2.Status:
    return status_pb2.Status(code=code.value[0], message="because", details=details)


def pack(detail: error_details_pb2.RetryInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    message = any_pb2.Any()
    message.Pack(detail)
    return message


@pytest.mark.parametrize("code", ERROR_CLASSES, ids=lambda code: code.name)
def test_a_status_with_its_own_error_class_becomes_that_error_with_the_message(
    code: grpc.StatusCode,
) -> None:
    error = from_status(status_of(code))
    assert type(error) is ERROR_CLASSES[code]
    assert str(error) == "because"


def test_an_invalid_image_has_its_reason_without_the_name_of_a_field() -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="image.encoded", description="is empty"
    )
    request = error_details_pb2.BadRequest(field_violations=[violation])
    error = from_status(status_of(grpc.StatusCode.INVALID_ARGUMENT, pack(request)))
    assert isinstance(error, InvalidImageError)
    assert (str(error), error.reason) == ("because", "is empty")
    assert str(with_name(error, "a.png")) == "a.png is empty"
    without = from_status(status_of(grpc.StatusCode.INVALID_ARGUMENT))
    assert str(with_name(without, "a.png")) == "a.png: because"


@pytest.mark.parametrize("code", OTHER_CODES, ids=lambda code: code.name)
def test_any_other_status_becomes_a_server_failure_with_the_code(code: grpc.StatusCode) -> None:
    error = from_status(status_of(code))
    assert isinstance(error, ServerFailureError)
    assert error.code is code
    assert str(error) == f"{code.name}: because"


def test_an_undefined_code_becomes_unknown() -> None:
    error = from_status(status_pb2.Status(code=99, message="because"))
    assert isinstance(error, ServerFailureError)
    assert error.code is grpc.StatusCode.UNKNOWN


def test_the_retry_delay_is_taken_from_retry_info() -> None:
    info = pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=250_000_000)))
    error = from_status(status_of(grpc.StatusCode.RESOURCE_EXHAUSTED, info))
    assert isinstance(error, OverloadedError)
    assert error.retry_after_seconds == 0.25


def test_retry_info_is_found_after_other_details() -> None:
    info = pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=2)))
    other = pack(error_details_pb2.BadRequest())
    error = from_status(status_of(grpc.StatusCode.RESOURCE_EXHAUSTED, other, info))
    assert isinstance(error, OverloadedError)
    assert error.retry_after_seconds == 2


def test_without_retry_info_there_is_no_retry_delay() -> None:
    error = from_status(status_of(grpc.StatusCode.RESOURCE_EXHAUSTED))
    assert isinstance(error, OverloadedError)
    assert error.retry_after_seconds is None


def test_every_error_is_a_digits_error() -> None:
    for kind in (*ERROR_CLASSES.values(), ServerFailureError):
        assert issubclass(kind, DigitsError)
