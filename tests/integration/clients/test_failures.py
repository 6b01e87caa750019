"""What a caller sees when the server is slow, busy, gone or at fault."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

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

if TYPE_CHECKING:
    from tests.integration.clients.conftest import Face, FakeRecognizer

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
    """Each method in turn."""
    return CALLS[request.param]


@pytest.fixture
def address_of_nobody() -> Iterator[str]:
    """An address that is taken, so that nobody else listens there, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_server_that_is_unavailable_twice_is_asked_again_and_answers(
    client: "Face", server: "FakeRecognizer", call: Call, code: grpc.StatusCode
) -> None:
    server.fail(code, count=2)
    assert await call(client)
    assert server.attempt_count == 3


async def test_a_server_that_stays_unavailable_is_asked_four_times(
    client: "Face", server: "FakeRecognizer", call: Call
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, count=None)
    with pytest.raises(UnavailableError, match=r"^as it was told$"):
        await call(client)
    assert server.attempt_count == MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidImageError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, OverloadedError),
        (grpc.StatusCode.INTERNAL, ServerFailureError),
        (grpc.StatusCode.UNAUTHENTICATED, AccessError),
        (grpc.StatusCode.PERMISSION_DENIED, AccessError),
        (grpc.StatusCode.UNIMPLEMENTED, ServerFailureError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_any_other_status_is_an_error_at_once(
    client: "Face",
    server: "FakeRecognizer",
    call: Call,
    code: grpc.StatusCode,
    kind: type[DigitsError],
) -> None:
    server.fail(code)
    with pytest.raises(kind, match=r"as it was told$") as raised:
        await call(client)
    assert server.attempt_count == 1
    assert isinstance(raised.value.__cause__, grpc.RpcError)
    if isinstance(raised.value, ServerFailureError):
        assert raised.value.code is code


async def test_an_overloaded_server_says_when_to_ask_again(
    client: "Face", server: "FakeRecognizer", call: Call
) -> None:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=100_000_000)))
    details = status_pb2.Status(details=[info]).SerializeToString()
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, details=details)
    with pytest.raises(OverloadedError) as raised:
        await call(client)
    assert raised.value.retry_after_seconds == 0.1


async def test_a_server_that_does_not_answer_in_time_is_a_deadline_error(
    client: "Face", server: "FakeRecognizer", call: Call
) -> None:
    server.go_on.clear()
    with pytest.raises(DeadlineError):
        await call(client, timeout_seconds=0.2)


@pytest.mark.parametrize("name", ["recognize", "recognize_batch", "model"])
async def test_no_time_left_is_a_deadline_error_and_not_the_default(
    client: "Face", server: "FakeRecognizer", name: str
) -> None:
    server.go_on.clear()
    with pytest.raises(DeadlineError):
        await CALLS[name](client, timeout_seconds=0)
    # Whether such a call still reaches the server is gRPC's affair.
    assert all(seconds < 1 for seconds in server.seconds_left)


async def test_the_clients_own_deadline_holds_where_none_is_given(
    server: "FakeRecognizer",
) -> None:
    server.go_on.clear()
    with Client(server.address, timeout_seconds=0.2) as blocking, pytest.raises(DeadlineError):
        await asyncio.to_thread(blocking.recognize, b"1")
    async with AsyncClient(server.address, timeout_seconds=0.2) as client:
        with pytest.raises(DeadlineError):
            await client.model()


async def test_nobody_listening_is_unavailable(address_of_nobody: str) -> None:
    with Client(address_of_nobody) as blocking, pytest.raises(UnavailableError):
        await asyncio.to_thread(blocking.model)
    async with AsyncClient(address_of_nobody) as client:
        with pytest.raises(UnavailableError):
            await client.recognize_batch([b"1"])


async def test_a_client_goes_on_after_an_error(client: "Face", server: "FakeRecognizer") -> None:
    server.fail(grpc.StatusCode.INTERNAL)
    with pytest.raises(ServerFailureError):
        await client.recognize(b"1")
    assert (await client.recognize(b"1")).digit == 1
