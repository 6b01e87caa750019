"""Stopping the native transport, and calls that are cancelled as they arrive."""

import asyncio
from typing import Any

import grpc
import pytest
from pygrpc_native import EVENT_CALL, EVENT_CANCEL

from digits_server.api import native


@pytest.mark.parametrize(
    ("grace", "expected"), [(1.0, ["wait", "close"]), (0.0, ["close"]), (None, ["close"])]
)
async def test_connections_are_closed_after_a_delay_if_there_is_a_grace_period(
    grace: float | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    class RecordingFront:
        """The native transport with its ``close`` recorded."""

        def __init__(self, front: Any) -> None:
            self._front = front

        def __getattr__(self, name: str) -> Any:
            return getattr(self._front, name)

        def close(self) -> None:
            steps.append("close")
            self._front.close()

    server = native.NativeServer()
    server.add_insecure_port("127.0.0.1:0")
    server._front = RecordingFront(server._front)
    monkeypatch.setattr("digits_server.api.native.time.sleep", lambda _: steps.append("wait"))
    await server.start()
    await server.stop(grace)
    assert steps[: len(expected)] == expected


async def test_a_call_that_is_cancelled_in_the_batch_in_which_it_arrives_is_released() -> None:
    started = asyncio.Event()

    async def method(request: bytes, context: Any) -> bytes:
        started.set()
        await asyncio.Event().wait()
        return b""

    server = native.NativeServer()
    server.add_insecure_port("127.0.0.1:0")
    server.add_registered_method_handlers(
        "test.Service", {"Method": grpc.unary_unary_rpc_method_handler(method)}
    )
    await server.start()
    arrival = (EVENT_CALL, 1, 0, b"", None, ((), "peer", None))
    server._on_events([arrival, (EVENT_CANCEL, 1, None, None, None, None)])
    [call] = server._calls.values()
    assert call.task is not None
    await asyncio.wait([call.task])
    assert started.is_set()
    assert not server._calls
    await server.stop(None)
