"""The batch tool's pipeline: from paths to rows, with several messages in flight."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from digits_client import (
    AsyncClient,
    DigitsError,
    OverloadedError,
    Prediction,
    ServerFailureError,
)
from digits_client.batch import pipeline
from digits_client.batch.pipeline import rows

if TYPE_CHECKING:
    from tests.integration.clients.conftest import FakeRecognizer


def written(folder: Path, count: int) -> list[str]:
    """Write numbered files and return their paths."""
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(str(number).encode())
    return list(map(str, paths))


def odd_files(folder: Path) -> tuple[str, str]:
    """Return a file that is larger than the server accepts, and a pipe."""
    large, pipe = folder / "large.png", folder / "pipe"
    large.write_bytes(bytes(1001))
    os.mkfifo(pipe)
    return str(large), str(pipe)


def retry_info(milliseconds: int) -> bytes:
    info = any_pb2.Any()
    delay = duration_pb2.Duration(nanos=milliseconds * 1_000_000)
    info.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return bytes(status_pb2.Status(details=[info]).SerializeToString())


@pytest.fixture
async def asking(server: "FakeRecognizer") -> AsyncIterator[AsyncClient]:
    """A client of the server."""
    async with AsyncClient(server.address) as client:
        yield client


async def test_rows_come_in_the_order_of_the_paths_however_many_messages_are_in_flight(
    asking: AsyncClient, tmp_path: Path
) -> None:
    paths = written(tmp_path, 500)
    answered = [row async for row in rows(asking, paths)]
    assert [row.path for row in answered] == paths
    assert [
        row.answer.digit if isinstance(row.answer, Prediction) else None for row in answered
    ] == [number % 10 for number in range(500)]


async def test_no_paths_give_no_rows(asking: AsyncClient) -> None:
    assert [row async for row in rows(asking, [])] == []


async def test_what_cannot_be_read_has_its_row_and_is_not_sent(
    asking: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    [good] = written(tmp_path, 1)
    large, pipe = odd_files(tmp_path)
    paths = [good, "missing.png", str(tmp_path), large, pipe, "a\0b"]
    answered = [str(row.answer) async for row in rows(asking, paths)]
    assert answered[1:] == [
        "cannot be read: No such file or directory",
        "is not a regular file",
        "has 1001 bytes; the server accepts at most 1000",
        "is not a regular file",
        "cannot be read: embedded null byte",
    ]
    assert [len(request.images) for request in server.requests] == [1]


async def test_a_run_of_nothing_but_unreadable_files_asks_the_server_about_none(
    asking: AsyncClient, server: "FakeRecognizer"
) -> None:
    answered = [row async for row in rows(asking, ["missing.png"] * 3)]
    assert all(isinstance(row.answer, DigitsError) for row in answered)
    assert server.requests == []


async def test_an_overloaded_server_is_asked_again_when_it_says(
    asking: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, count=2, after=1, details=retry_info(1))
    answered = [row async for row in rows(asking, written(tmp_path, 3))]
    assert [isinstance(row.answer, Prediction) for row in answered] == [True] * 3
    assert server.attempt_count == 1 + 2 + 1


async def test_a_server_that_stays_overloaded_is_given_up(
    asking: AsyncClient,
    server: "FakeRecognizer",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "OVERLOADED_WAIT_SECONDS", 0)
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, None, after=1, details=retry_info(1))
    with pytest.raises(OverloadedError):
        [row async for row in rows(asking, written(tmp_path, 3))]
    assert server.attempt_count == 1 + pipeline.OVERLOADED_TRIES


async def test_a_message_that_is_too_large_is_not_sent_again(
    asking: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    server.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, None, after=1)
    with pytest.raises(OverloadedError):
        [row async for row in rows(asking, written(tmp_path, 3))]
    assert server.attempt_count == 1 + 1


async def test_a_server_that_gives_up_ends_the_run_with_its_error(
    asking: AsyncClient, server: "FakeRecognizer", tmp_path: Path
) -> None:
    paths = written(tmp_path, 300)
    answered: list[str] = []

    async def run() -> None:
        async for row in rows(asking, paths):
            answered.append(row.path)
            server.fail(grpc.StatusCode.INTERNAL, count=None)

    with pytest.raises(ServerFailureError):
        await run()
    assert answered == paths[: len(answered)]
    assert 64 <= len(answered) < 300
