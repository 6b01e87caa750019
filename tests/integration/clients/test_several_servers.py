"""Several servers in one address: calls go to all, and go on when one is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from digits_client import AsyncClient, Client

from .conftest import AsyncFace, BlockingFace, Face, FakeRecognizer, serving

# A connection takes milliseconds; until both are there, calls go to the one that is.
MOST_CALLS_UNTIL_BOTH = 1000


@contextlib.asynccontextmanager
async def asking(kind: str, address: str, **options: Any) -> AsyncIterator[Face]:
    if kind == "Client":
        with Client(address, **options) as blocking:
            yield BlockingFace(blocking)
    else:
        async with AsyncClient(address, **options) as client:
            yield AsyncFace(client)


async def ask_until_both_have_been(client: Face, *fakes: FakeRecognizer) -> None:
    before = [fake.attempt_count for fake in fakes]
    for _ in range(MOST_CALLS_UNTIL_BOTH):
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
async def test_calls_go_to_both_in_turn_and_on_when_one_is_gone_and_to_it_when_it_is_back(
    kind: str, second: FakeRecognizer
) -> None:
    first = FakeRecognizer()
    ended = contextlib.ExitStack()
    ended.enter_context(serving(first))
    with ended:
        async with asking(kind, f"{first.address},{second.address}") as client:
            await ask_until_both_have_been(client, first, second)
            counts = first.attempt_count, second.attempt_count
            for _ in range(20):
                await client.recognize(b"7")
            assert (first.attempt_count, second.attempt_count) == (counts[0] + 10, counts[1] + 10)

            ended.close()
            count = second.attempt_count
            for _ in range(50):
                assert (await client.recognize(b"7")).digit == 7
            assert second.attempt_count == count + 50
            assert len(await client.recognize_stream([b"1", b"2"])) == 2

            back = FakeRecognizer()
            with serving(back, port=int(first.address.rpartition(":")[2])):
                async with asyncio.timeout(20):  # it is looked for once a second
                    while not back.attempt_count:
                        await client.recognize(b"7")


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_who_is_gone_from_the_start_is_not_missed(kind: str, second: FakeRecognizer) -> None:
    async with asking(kind, f"127.0.0.1:1,{second.address}") as client:
        for _ in range(10):
            assert (await client.recognize(b"7")).digit == 7


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
async def test_by_tls_both_are_asked_and_each_has_to_show_a_certificate_for_the_host(
    kind: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def credentials(name: str) -> grpc.ServerCredentials:
        issued = authority.issue_cert(name)
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        return grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])

    first, other, stranger = FakeRecognizer(), FakeRecognizer(), FakeRecognizer()
    with (
        serving(first, credentials=credentials("127.0.0.1")),
        serving(other, credentials=credentials("127.0.0.1")),
        serving(stranger, credentials=credentials("elsewhere.example")),
    ):
        address = f"{first.address},{other.address},{stranger.address}"
        async with asking(kind, address, tls_ca=tmp_path / "ca.pem") as client:
            await ask_until_both_have_been(client, first, other)
            assert stranger.attempt_count == 0


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_list_with_names_is_refused_at_once(kind: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(ValueError, match="a name stands alone"):
        kind("localhost:1,localhost:2")
