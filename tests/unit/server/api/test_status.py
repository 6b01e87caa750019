"""Statuses of errors: code, message and typed details."""

import grpc
import pytest
from google.rpc import error_details_pb2

from digits_server.api.status import to_status
from digits_server.errors import (
    InvalidArgumentError,
    ModelError,
    OverloadedError,
    ServerError,
)


def test_an_invalid_argument_names_its_field_in_the_message_and_in_the_details() -> None:
    status = to_status(InvalidArgumentError("image.raw.width", "is 0; at least 1 is required"))
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert status.message == "image.raw.width is 0; at least 1 is required"
    [detail] = status.details
    bad_request = error_details_pb2.BadRequest()
    assert detail.Unpack(bad_request)
    [violation] = bad_request.field_violations
    assert violation.field == "image.raw.width"
    assert violation.description == "is 0; at least 1 is required"


def test_an_overload_states_when_to_retry() -> None:
    status = to_status(OverloadedError("too many images", 1.25))
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert status.message == "too many images; retry in 1.25 s"
    [detail] = status.details
    retry = error_details_pb2.RetryInfo()
    assert detail.Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1250


@pytest.mark.parametrize("error", [ServerError("a fault"), ModelError("no model")])
def test_an_error_without_a_code_is_internal_and_has_no_details(error: ServerError) -> None:
    status = to_status(error)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert not status.details
