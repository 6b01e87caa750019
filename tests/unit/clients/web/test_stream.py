"""What a WebSocket holds while nobody draws."""

import asyncio
import json
from typing import Any

import pytest
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocketState

from digits_client.cli.server_options import ServerOptions
from digits_client.web import stream
from digits_client.web.stream import DrawingSocket
from digits_client.web.upstream import Upstream
from tests.integration.clients.conftest import FakeRecognizer, serving
from tests.processes import wait_until


class Socket:
    """A WebSocket whose browser is the test."""

    query_params = QueryParams("layout=digit")
    application_state = WebSocketState.CONNECTED

    def __init__(self) -> None:
        self._events = asyncio.Queue[dict[str, Any]]()
        self.sent = asyncio.Queue[str]()

    def draw(self, sequence: int) -> None:
        content = sequence.to_bytes(4, "big") + b"image 7"
        self._events.put_nowait({"type": "websocket.receive", "bytes": content})

    def close(self) -> None:
        self._events.put_nowait({"type": "websocket.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self._events.get()

    async def send_text(self, text: str) -> None:
        self.sent.put_nowait(text)


async def test_an_idle_socket_holds_no_call_and_the_next_drawing_starts_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "IDLE_SECONDS", 0.05)
    server = FakeRecognizer()
    with serving(server):
        upstream = Upstream(ServerOptions(server.address), 5.0)
        socket: Any = Socket()
        drawings = DrawingSocket(socket, upstream)
        running = asyncio.create_task(drawings.serve())
        for count in (1, 2):
            socket.draw(count)
            assert json.loads(await socket.sent.get())["predictions"][0]["digit"] == 7
            assert server.attempt_count == count
            await asyncio.to_thread(wait_until, lambda: not drawings.has_call)
        socket.close()
        await running
        await upstream.close()
