"""Errors and retries when the server is slow, overloaded, unavailable or failing."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from digits_client import (
    AccessError,
    AsyncClient,
    Client,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)

from .conftest import retry_info

if TYPE_CHECKING:
    from tests.integration.clients.conftest import AnyClient, FakeRecognizer

Call = Callable[..., Coroutine[Any, Any, Any]]
CALLS: dict[str, Call] = {
    "recognize": lambda client, **options: client.recognize(b"1", **options),
    "recognize_batch": lambda client, **options: client.recognize_batch([b"1"], **options),
    "recognize_stream": lambda client, **options: client.recognize_stream([b"1"], **options),
    "model": lambda client, **options: client.model(**options),
}
MAX_ATTEMPTS = 4


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    """Each method of the clients."""
    return CALLS[request.param]


@pytest.fixture
def address_without_listener() -> Iterator[str]:
    """An address that is bound, so that nothing else uses it, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_call_that_fails_twice_as_unavailable_is_retried_and_succeeds(
    client: "AnyClient", server: "FakeRecognizer", call: Call, code: grpc.StatusCode
) -> None:
    server.fail(code, count=2)
    assert await call(client)
    assert server.attempt_count == 3


async def test_a_call_to_a_server_that_stays_unavailable_is_attempted_four_times(
    client: "AnyClient", server: "FakeRecognizer", call: Call
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, count=None)
    with pytest.raises(UnavailableError, match=r"is unavailable: configured failure$"):
        await call(client)
    assert server.attempt_count == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidImageError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, OverloadedError),
        (grpc.StatusCode.INTERNAL, ServerFailureError),
        (grpc.StatusCode.PERMISSION_DENIED, AccessError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_any_other_status_is_not_retried(
    client: "AnyClient",
    server: "FakeRecognizer",
    call: Call,
    code: grpc.StatusCode,
    kind: type[DigitsError],
) -> None:
    server.fail(code)
    with pytest.raises(kind, match=r"configured failure$") as raised:
        await call(client)
    assert server.attempt_count == 1
    assert isinstance(raised.value.__cause__, grpc.RpcError)
    if isinstance(raised.value, ServerFailureError):
        assert raised.value.code is code


async def test_the_error_of_a_rejected_call_has_the_retry_delay(
    client: "AnyClient", server: "FakeRecognizer", call: Call
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, details=retry_info(100))
    with pytest.raises(OverloadedError) as raised:
        await call(client)
    assert raised.value.retry_after_seconds == 0.1


async def test_a_stream_that_is_rejected_while_images_are_sent_has_the_status_of_the_server(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, count=None)
    for _ in range(50):
        with pytest.raises(OverloadedError, match=r"configured failure$"):
            await client.recognize_stream([b"1"] * 20)


async def test_a_server_that_does_not_respond_in_time_is_a_deadline_error(
    client: "AnyClient", server: "FakeRecognizer", call: Call
) -> None:
    server.go_on.clear()
    with pytest.raises(DeadlineError):
        await call(client, timeout_seconds=0.2)


@pytest.mark.parametrize("name", ["recognize", "recognize_batch", "model"])
async def test_a_timeout_of_zero_is_a_deadline_error_and_not_replaced_by_the_default(
    client: "AnyClient", server: "FakeRecognizer", name: str
) -> None:
    server.go_on.clear()
    with pytest.raises(DeadlineError):
        await CALLS[name](client, timeout_seconds=0)
    # gRPC does not define whether such a call reaches the server.
    assert all(seconds < 1 for seconds in server.seconds_left)


async def test_the_default_deadline_of_the_client_applies_to_calls_without_one(
    server: "FakeRecognizer",
) -> None:
    server.go_on.clear()
    with Client(server.address, timeout_seconds=0.2) as blocking, pytest.raises(DeadlineError):
        await asyncio.to_thread(blocking.recognize, b"1")
    async with AsyncClient(server.address, timeout_seconds=0.2) as client:
        with pytest.raises(DeadlineError):
            await client.model()


async def test_an_address_without_listener_is_unavailable(address_without_listener: str) -> None:
    with Client(address_without_listener) as blocking, pytest.raises(UnavailableError):
        await asyncio.to_thread(blocking.model)
    async with AsyncClient(address_without_listener) as client:
        with pytest.raises(UnavailableError):
            await client.recognize_batch([b"1"])


async def test_a_client_can_be_used_after_an_error(
    client: "AnyClient", server: "FakeRecognizer"
) -> None:
    server.fail(grpc.StatusCode.INTERNAL)
    with pytest.raises(ServerFailureError):
        await client.recognize(b"1")
    assert (await client.recognize(b"1")).digit == 1


async def test_a_server_without_the_method_is_reported_as_another_server(
    client: "AnyClient", server: "FakeRecognizer", call: Call
) -> None:
    server.fail(grpc.StatusCode.UNIMPLEMENTED)
    with pytest.raises(ServerFailureError, match="is not a digits server") as raised:
        await call(client)
    assert raised.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert server.attempt_count == 1
