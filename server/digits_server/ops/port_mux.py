"""One port for two protocols: a connection is handed on by its first bytes.

One that begins like HTTP/2 goes to a gRPC server, any other to an HTTP server; both listen on
loopback ports of their own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from digits_server.errors import BindError

LOOPBACK: Final = "127.0.0.1"
FIRST_BYTES_SECONDS: Final = 10.0
_HTTP2_BEGINNING: Final = b"PRI "
_MOST_CONNECTIONS: Final = 64
_PIECE_BYTES: Final = 2**16

PortNow = Callable[[], int | None]
"""Tells a loopback port for a connection that has come, in a thread; None for nowhere."""


@contextlib.asynccontextmanager
async def switched_port(
    host: str, port: int, grpc_port: PortNow, http_port: int
) -> AsyncIterator[str]:
    """Serve the port for as long as the context lasts.

    Args:
        host: To listen on.
        port: 0 takes a free one.
        grpc_port: Where connections that speak HTTP/2 go.
        http_port: Where others go.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not ours.
    """
    switch = _Switch(grpc_port, http_port)
    try:
        listening = await asyncio.start_server(switch.connected, host, port)
    except OSError as error:
        raise BindError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        async with listening:
            yield "{}:{}".format(*listening.sockets[0].getsockname()[:2])
    finally:
        switch.close()


class _Switch:
    """Hands connections on, by their first bytes."""

    def __init__(self, grpc_port: PortNow, http_port: int) -> None:
        self._grpc_port = grpc_port
        self._http_port = http_port
        self._connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MOST_CONNECTIONS:
            writer.close()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def close(self) -> None:
        for task in self._connections:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The other end may go at any time, and it is of no interest how.
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(FIRST_BYTES_SECONDS):
                first = await reader.readexactly(len(_HTTP2_BEGINNING))
            port: int | None = self._http_port
            if first == _HTTP2_BEGINNING:
                port = await asyncio.to_thread(self._grpc_port)
            if port is None:
                return
            behind_reader, behind_writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.closing(behind_writer):
                behind_writer.write(first)
                await asyncio.gather(
                    _pass_on(reader, behind_writer), _pass_on(behind_reader, writer)
                )


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
