"""A connection that sends no request is closed."""

import asyncio

import pytest
import uvicorn

from digits_client.web import http_protocol
from digits_client.web.http_protocol import BoundedHeadProtocol


async def respond(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no request is complete")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost"])
async def test_a_connection_without_the_head_of_a_request_is_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "MAX_HEAD_SECONDS", 0.05)
    config = uvicorn.Config(respond, http=BoundedHeadProtocol, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: BoundedHeadProtocol(config, state, {}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert not state.connections
