"""Several servers in one address: calls go to all, and continue when one stops."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from digits_client import AsyncClient, Client

from .conftest import (
    AnyClient,
    AsyncAdapter,
    BlockingAdapter,
    FakeRecognizer,
    server_credentials,
    serving,
)

# A connection takes milliseconds; until both exist, all calls go to one server.
MAX_CALLS = 1000


@contextlib.asynccontextmanager
async def connect(kind: str, address: str, **options: Any) -> AsyncIterator[AnyClient]:
    if kind == "Client":
        with Client(address, **options) as blocking:
            yield BlockingAdapter(blocking)
    else:
        async with AsyncClient(address, **options) as client:
            yield AsyncAdapter(client)


async def call_until_both_were_reached(client: AnyClient, *fakes: FakeRecognizer) -> None:
    before = [fake.attempt_count for fake in fakes]
    for _ in range(MAX_CALLS):
        await client.recognize(b"7")
        if all(fake.attempt_count > count for fake, count in zip(fakes, before, strict=True)):
            return
    raise AssertionError(f"the calls went to {[fake.attempt_count for fake in fakes]}")


@pytest.fixture
def second() -> Iterator[FakeRecognizer]:
    fake = FakeRecognizer()
    with serving(fake):
        yield fake


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_calls_alternate_and_continue_when_one_server_stops_and_return_when_it_is_back(
    kind: str, second: FakeRecognizer
) -> None:
    first = FakeRecognizer()
    first_running = contextlib.ExitStack()
    first_running.enter_context(serving(first))
    with first_running:
        async with connect(kind, f"{first.address},{second.address}") as client:
            await call_until_both_were_reached(client, first, second)
            counts = first.attempt_count, second.attempt_count
            for _ in range(20):
                await client.recognize(b"7")
            assert (first.attempt_count, second.attempt_count) == (counts[0] + 10, counts[1] + 10)

            first_running.close()
            count = second.attempt_count
            for _ in range(50):
                assert (await client.recognize(b"7")).digit == 7
            assert second.attempt_count == count + 50
            assert len(await client.recognize_stream([b"1", b"2"])) == 2

            restarted = FakeRecognizer()
            with serving(restarted, port=int(first.address.rpartition(":")[2])):
                async with asyncio.timeout(20):  # the client tries to reconnect once per second
                    while not restarted.attempt_count:
                        await client.recognize(b"7")


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_a_server_that_is_unreachable_from_the_start_is_skipped(
    kind: str, second: FakeRecognizer
) -> None:
    async with connect(kind, f"127.0.0.1:1,{second.address}") as client:
        for _ in range(10):
            assert (await client.recognize(b"7")).digit == 7


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_a_server_that_allows_few_pings_costs_a_long_call_a_retry(
    kind: str, server: FakeRecognizer
) -> None:
    server.go_on.clear()  # the fake has gRPC's default limit, a ping in five minutes
    async with connect(kind, f"dns:///{server.address}", timeout_seconds=90) as client:
        call = asyncio.ensure_future(client.recognize(b"7"))
        for _ in range(2):
            assert await asyncio.to_thread(server.arrived.wait, 60)
            server.arrived.clear()
        server.go_on.set()
        assert (await call).digit == 7


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_with_tls_each_server_must_present_a_certificate_for_the_host(
    kind: str, ca: trustme.CA, ca_file: Path
) -> None:
    first, other, stranger = FakeRecognizer(), FakeRecognizer(), FakeRecognizer()
    with (
        serving(first, credentials=server_credentials("127.0.0.1", ca)),
        serving(other, credentials=server_credentials("127.0.0.1", ca)),
        serving(stranger, credentials=server_credentials("elsewhere.example", ca)),
    ):
        address = f"{first.address},{other.address},{stranger.address}"
        async with connect(kind, address, tls_ca=ca_file) as client:
            await call_until_both_were_reached(client, first, other)
            assert stranger.attempt_count == 0


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_list_with_host_names_is_rejected_by_the_constructor(
    kind: type[Client] | type[AsyncClient],
) -> None:
    with pytest.raises(ValueError, match="or a single host name"):
        kind("localhost:1,localhost:2")
