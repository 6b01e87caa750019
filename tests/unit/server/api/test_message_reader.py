"""Messages are read within a limit on memory. Here they arrive when the test says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
import pytest

from digits_server.api import message_reader
from digits_server.api.message_reader import FRESH_COUNT, KEPT_COUNT, MessageReader
from digits_server.ops.metrics import Metrics

LIMIT_BYTES = 1000


class Call:
    """The context of a call. Its message, None at its end, arrives on demand."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Any] = asyncio.Queue()
        self.is_read = False
        self.status: Any = None

    async def read(self) -> Any:
        self.is_read = True
        content = await self.arrived.get()
        if self.status is not None:
            raise grpc.aio.AbortError
        return content

    async def abort(self, status: Any, details: str, trailers: Any) -> NoReturn:
        self.status = status
        self.details = details
        self.trailers = dict(trailers)
        self.arrived.put_nowait(grpc.aio.EOF)  # as gRPC does
        raise grpc.aio.AbortError

    def invocation_metadata(self) -> Any:
        return (("x-request-id", "mine-7"),)


class Memory:
    """Stands for the memory of the process, which does not change when messages arrive here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held_bytes = 0
        self.look_count = 0
        self.return_count = 0
        self.was_returned = asyncio.Event()
        monkeypatch.setattr(message_reader, "resident_bytes", self._resident_bytes)
        loop = asyncio.get_running_loop()

        def return_free_memory() -> None:
            self.return_count += 1
            loop.call_soon_threadsafe(self.was_returned.set)

        monkeypatch.setattr(message_reader, "return_free_memory", return_free_memory)

    async def until_looked(self, count: int = 10) -> None:
        """Wait until the reader has looked at the memory so often."""
        end_count = self.look_count + count
        while self.look_count < end_count:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)

    def _resident_bytes(self) -> int:
        self.look_count += 1
        return 5000 + self.held_bytes


@pytest.fixture
async def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    return Memory(monkeypatch)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def reader(memory: Memory, metrics: Metrics) -> AsyncIterator[MessageReader]:
    reader = MessageReader(LIMIT_BYTES, metrics)
    watching = asyncio.create_task(reader.watch())
    await asyncio.sleep(0)
    yield reader
    watching.cancel()


async def until_read(*calls: Call) -> None:
    while not all(call.is_read for call in calls):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.001)


def start(reader: MessageReader, count: int) -> tuple[list[Call], list["asyncio.Task[Any]"]]:
    calls = [Call() for _ in range(count)]
    return calls, [asyncio.create_task(reader.read(call)) for call in calls]  # type: ignore[arg-type]


async def read_one(reader: MessageReader) -> Any:
    call = Call()
    call.arrived.put_nowait(b"message")
    return await reader.read(call)  # type: ignore[arg-type]


async def test_a_message_that_has_arrived_is_returned(reader: MessageReader) -> None:
    assert await read_one(reader) == b"message"


async def test_an_idle_server_does_not_look_at_its_memory(
    reader: MessageReader, memory: Memory
) -> None:
    await read_one(reader)
    await asyncio.sleep(5 * message_reader.CHECK_SECONDS)
    count = memory.look_count
    await asyncio.sleep(5 * message_reader.CHECK_SECONDS)
    assert memory.look_count == count


async def test_messages_that_are_slow_do_not_keep_others_from_being_read(
    reader: MessageReader,
) -> None:
    calls, reading = start(reader, 3 * FRESH_COUNT)
    await until_read(*calls)
    for call in calls:
        call.arrived.put_nowait(b"late")
    assert await asyncio.gather(*reading) == [b"late"] * len(calls)


async def test_only_a_few_messages_are_read_while_nobody_knows_whether_they_are_slow(
    metrics: Metrics,
) -> None:
    reader = MessageReader(LIMIT_BYTES, metrics)  # not watched, as when the event loop is held up
    calls, reading = start(reader, FRESH_COUNT + 1)
    await until_read(*calls[:FRESH_COUNT])
    await asyncio.sleep(0)
    assert not calls[-1].is_read
    calls[0].arrived.put_nowait(b"first")
    await until_read(calls[-1])
    for call in calls[1:]:
        call.arrived.put_nowait(b"x")
    assert await asyncio.gather(*reading) == [b"first", *[b"x"] * FRESH_COUNT]


async def test_above_the_limit_only_the_oldest_slow_messages_go_on(
    reader: MessageReader, memory: Memory, metrics: Metrics
) -> None:
    calls, reading = start(reader, KEPT_COUNT + 3)
    await until_read(*calls)
    memory.held_bytes = LIMIT_BYTES + 1
    ended = await asyncio.gather(*reading[KEPT_COUNT:], return_exceptions=True)
    assert [type(error) for error in ended] == [grpc.aio.AbortError] * 3
    for call in calls[KEPT_COUNT:]:
        assert call.status == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call.details.startswith("the messages in flight take more memory")
        assert call.trailers["x-request-id"] == "mine-7"
        assert int(call.trailers["grpc-retry-pushback-ms"]) > 0
    for call in calls[:KEPT_COUNT]:
        call.arrived.put_nowait(b"kept")
    assert await asyncio.gather(*reading[:KEPT_COUNT]) == [b"kept"] * KEPT_COUNT
    rejected = {"limit": "bytes"}
    assert metrics.registry.get_sample_value("digits_shed_requests_total", rejected) == 3


async def test_streams_are_ended_if_no_message_is_slow(
    reader: MessageReader, memory: Memory
) -> None:
    call = Call()
    call.arrived.put_nowait(b"first")
    messages = reader.messages(call)  # type: ignore[arg-type]
    assert await anext(messages) == b"first"
    idle = asyncio.ensure_future(anext(messages))
    memory.held_bytes = LIMIT_BYTES + 1
    with pytest.raises(grpc.aio.AbortError):
        await idle
    assert call.status == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_stream_is_not_ended_while_a_response_is_sent(
    reader: MessageReader, memory: Memory
) -> None:
    call: Any = Call()
    reading = asyncio.ensure_future(anext(reader.messages(call)))
    await until_read(call)
    memory.held_bytes = LIMIT_BYTES + 1
    with reader.sending(call):
        await memory.until_looked()
        assert call.status is None
    with pytest.raises(grpc.aio.AbortError):
        await reading
    assert call.status == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_message_that_arrives_just_before_its_call_would_be_ended_is_returned(
    memory: Memory, metrics: Metrics
) -> None:
    call: Any = Call()
    reader = MessageReader(LIMIT_BYTES, metrics)
    reading = asyncio.ensure_future(anext(reader.messages(call)))
    await until_read(call)
    call.arrived.put_nowait(b"message")
    reader._end_slow()
    assert await reading == b"message"
    assert call.status is None


async def test_a_stream_ends_with_its_messages(reader: MessageReader) -> None:
    call = Call()
    for message in (b"one", b"two", grpc.aio.EOF):
        call.arrived.put_nowait(message)
    assert [content async for content in reader.messages(call)] == [b"one", b"two"]  # type: ignore[arg-type]


async def test_free_memory_is_returned_before_the_limit_is_reached(
    reader: MessageReader, memory: Memory
) -> None:
    memory.held_bytes = LIMIT_BYTES // 2 + 1
    await read_one(reader)
    await memory.was_returned.wait()


async def test_memory_that_cannot_be_freed_is_not_freed_again_while_a_stream_is_open(
    reader: MessageReader, memory: Memory
) -> None:
    call: Any = Call()
    idle = asyncio.ensure_future(anext(reader.messages(call)))
    memory.held_bytes = LIMIT_BYTES // 2 + 1
    await memory.was_returned.wait()
    await memory.until_looked(20)
    assert memory.return_count == 1
    idle.cancel()


async def test_memory_that_a_new_model_takes_ends_no_call(
    reader: MessageReader, memory: Memory
) -> None:
    call: Any = Call()
    idle = asyncio.ensure_future(anext(reader.messages(call)))
    await memory.until_looked()
    with reader.rest_changing():
        memory.held_bytes = 10 * LIMIT_BYTES
        calls, reading = start(reader, FRESH_COUNT + KEPT_COUNT + 1)
        await until_read(*calls)  # so the first have been found slow
    await memory.until_looked()
    assert not any(task.done() for task in (idle, *reading))
    memory.held_bytes += LIMIT_BYTES + 1
    with pytest.raises(grpc.aio.AbortError):
        await reading[-1]
    for each in (call, *calls):
        each.arrived.put_nowait(b"")
    await asyncio.gather(idle, *reading, return_exceptions=True)


@pytest.mark.parametrize("held_bytes", [LIMIT_BYTES // 2 + 1, 10 * LIMIT_BYTES])
async def test_memory_that_stays_in_use_without_messages_counts_as_rest(
    reader: MessageReader,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    held_bytes: int,
) -> None:
    monkeypatch.setattr(message_reader, "_REST_CHECKS", 0)
    memory.held_bytes = held_bytes
    await read_one(reader)
    while not caplog.records:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.01)
    assert "the memory without messages has grown" in caplog.text
    calls, reading = start(reader, KEPT_COUNT + 1)
    await until_read(*calls)
    await asyncio.sleep(5 * message_reader.CHECK_SECONDS)
    assert not any(task.done() for task in reading)
    for call in calls:
        call.arrived.put_nowait(b"")
    await asyncio.gather(*reading)


async def test_memory_that_stays_in_use_while_all_streams_are_ended_counts_as_rest(
    reader: MessageReader,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(message_reader, "_REST_CHECKS", 2)
    memory.held_bytes = 10 * LIMIT_BYTES
    while not caplog.records:
        call: Any = Call()
        with pytest.raises(grpc.aio.AbortError):
            await anext(reader.messages(call))
    last: Any = Call()
    idle = asyncio.ensure_future(anext(reader.messages(last)))
    await memory.until_looked()
    assert not idle.done()
    idle.cancel()
