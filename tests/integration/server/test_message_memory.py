"""A stream that is ended because messages take too much memory, while a response is sent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from digits_server.api import message_reader
from digits_server.api.message_reader import MessageReader
from digits_server.api.methods import Methods
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.ops.metrics import Metrics

SERVICE, METHOD = "tests.Service", "Stream"
# So large that flow control keeps most of it at the server until the client reads.
RESPONSE = bytes(2**24)
LIMIT_BYTES = 1000
CHECK_COUNT = 10
PATIENCE_SECONDS = 30


class Memory:
    """Stands for the memory of the process, in which one stream would not be noticed."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self.look_count = 0

    def resident_bytes(self) -> int:
        """Return the memory."""
        self.look_count += 1
        return self.held_bytes


async def test_a_stream_that_is_ended_while_its_first_response_is_sent_gets_its_status(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory, is_responding = Memory(), asyncio.Event()
    monkeypatch.setattr(message_reader, "resident_bytes", memory.resident_bytes)

    async def respond(requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
        following = asyncio.ensure_future(anext(requests))  # as latest_requests reads ahead
        is_responding.set()
        yield RESPONSE
        await following

    metrics = Metrics()
    reader = MessageReader(LIMIT_BYTES, metrics)
    methods = Methods(metrics, Admission(AdmissionLimits(1, 1, 1, 1), metrics), reader)
    handler: Any = grpc.stream_stream_rpc_method_handler(respond)
    methods.add_registered_method_handlers(SERVICE, {METHOD: handler})
    server = grpc.aio.server(handlers=[methods], options=[("grpc.max_send_message_length", -1)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    watching = asyncio.create_task(reader.watch())
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        stream: Any = channel.stream_stream(f"/{SERVICE}/{METHOD}")
        call = stream(timeout=PATIENCE_SECONDS)
        await is_responding.wait()
        memory.held_bytes = LIMIT_BYTES + 1
        end_count = memory.look_count + CHECK_COUNT
        while memory.look_count < end_count:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)
        assert await call.read() == RESPONSE
        assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    watching.cancel()
    await server.stop(0)
    assert not caplog.records
