"""One port for gRPC and HTTP: each connection is forwarded by its first bytes.

A connection that starts like HTTP/2 goes to a gRPC server, any other to an HTTP server. Both
servers listen on loopback ports.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from digits_server.errors import BindError

LOOPBACK: Final = "127.0.0.1"
FIRST_BYTES_TIMEOUT_SECONDS: Final = 10.0
_HTTP2_START: Final = b"PRI "  # of the connection preface, RFC 9113
_MAX_CONNECTIONS: Final = 64
_CHUNK_BYTES: Final = 2**16

GetPort = Callable[[], int | None]
"""Returns the loopback port for a new connection, or None to close it; called in a thread."""


@contextlib.asynccontextmanager
async def multiplexed_port(
    host: str, port: int, get_grpc_port: GetPort, http_port: int
) -> AsyncIterator[str]:
    """Forward the connections of a port for as long as the context lasts.

    Args:
        host: Host to listen on.
        port: Port to listen on; 0 for a free one.
        get_grpc_port: Returns the port to which HTTP/2 connections are forwarded.
        http_port: Port to which all other connections are forwarded.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not an address of this machine.
    """
    mux = _PortMux(get_grpc_port, http_port)
    try:
        server = await asyncio.start_server(mux.accept, host, port)
    except OSError as error:
        raise BindError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        async with server:
            yield "{}:{}".format(*server.sockets[0].getsockname()[:2])
    finally:
        mux.close()


class _PortMux:
    """Forwards connections by their first bytes, a limited number at once."""

    def __init__(self, get_grpc_port: GetPort, http_port: int) -> None:
        self._get_grpc_port = get_grpc_port
        self._http_port = http_port
        self._connections: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.close()
            return
        task = asyncio.ensure_future(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def close(self) -> None:
        for task in self._connections:
            task.cancel()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client may disconnect at any time, in any way.
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(FIRST_BYTES_TIMEOUT_SECONDS):
                first_bytes = await reader.readexactly(len(_HTTP2_START))
            port: int | None = self._http_port
            if first_bytes == _HTTP2_START:
                port = await asyncio.to_thread(self._get_grpc_port)
            if port is None:
                return
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.closing(server_writer):
                server_writer.write(first_bytes)
                await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
