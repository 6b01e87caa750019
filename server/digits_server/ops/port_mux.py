"""One port for gRPC and HTTP: each connection is forwarded by its first bytes.

A connection that starts like HTTP/2 goes to a gRPC server, any other to an HTTP server once its
request is complete. Both servers listen on loopback ports. One that starts like TLS gets an error
at once, in plain text, from which its client concludes that this port has no TLS.

Connections that send nothing, or send slowly, keep nobody out: they reach no server, and if there
are too many, a new one closes the one that has been inactive for longest.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final

from digits.address import join_address

from .listening import bind_error, bound_sockets

LOOPBACK: Final = "127.0.0.1"
REQUEST_SECONDS: Final = 10.0
"""Time for the start of a connection: the whole request of HTTP, the first bytes of gRPC."""
_RESPONSE_SECONDS: Final = 30.0
_HTTP2_START: Final = b"PRI "  # of the connection preface, RFC 9113
_TLS_START: Final = b"\x16\x03"  # of a record, RFC 8446; the version's end and the length follow
_TLS_RESPONSE: Final = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis port has no TLS.\n"
)
_HTTP_END: Final = b"\r\n\r\n"  # of a request without a body
_MAX_HTTP_BYTES: Final = 2**14
# Above the backlog: a new connection is read at least once before others can close it.
MAX_CONNECTIONS: Final = 128
_BACKLOG: Final = 64
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
    with contextlib.ExitStack() as stack:
        stack.callback(mux.close)
        try:
            listeners = bound_sockets(host, port, stack)
            for listener in listeners:
                server = await asyncio.start_server(
                    mux.accept, sock=listener, limit=_MAX_HTTP_BYTES, backlog=_BACKLOG
                )
                stack.callback(server.close)
        except OSError as error:
            raise bind_error(join_address(host, port), error) from error
        yield join_address(host, listeners[0].getsockname()[1])


class _PortMux:
    """Forwards connections by their first bytes, a limited number at once."""

    def __init__(self, get_grpc_port: GetPort, http_port: int) -> None:
        self._get_grpc_port = get_grpc_port
        self._http_port = http_port
        # The longest inactive connection is the first.
        self._connections: OrderedDict[asyncio.StreamWriter, asyncio.Task[None]] = OrderedDict()
        # Those whose HTTP request is complete.
        self._responding: set[asyncio.StreamWriter] = set()
        self._lookup: asyncio.Future[int | None] | None = None

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            idle = (other for other in self._connections if other not in self._responding)
            inactive = next(idle, next(iter(self._connections)))
            _close(inactive, self._connections.pop(inactive))
        task = asyncio.ensure_future(self._forward(reader, writer))
        self._connections[writer] = task
        task.add_done_callback(lambda _: self._connections.pop(writer, None))

    def close(self) -> None:
        for writer, task in self._connections.items():
            _close(writer, task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client may disconnect at any time, in any way, or send a request that is too long.
        ends = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError)
        try:
            with contextlib.suppress(*ends):
                async with asyncio.timeout(REQUEST_SECONDS):
                    start = await reader.readexactly(len(_HTTP2_START))
                    is_tls = start.startswith(_TLS_START)
                    if is_tls:  # read to its end: unread bytes would reset the connection
                        length = start[3:] + await reader.readexactly(1)
                        await reader.readexactly(int.from_bytes(length, "big"))
                    elif start != _HTTP2_START:
                        start += await reader.readuntil(_HTTP_END)
                self._mark_active(writer)
                if is_tls:
                    writer.write(_TLS_RESPONSE)
                elif start == _HTTP2_START:
                    await self._forward_grpc(start, reader, writer)
                else:
                    await self._forward_http(start, writer)
                # A client that does not read must not keep its connection for ever.
                async with asyncio.timeout(_RESPONSE_SECONDS):
                    writer.close()
                    await writer.wait_closed()
        finally:
            self._responding.discard(writer)
            writer.transport.abort()

    async def _forward_grpc(
        self, start: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Connections that arrive together share a lookup, which may query every worker.
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.ensure_future(asyncio.to_thread(self._get_grpc_port))
        port = await asyncio.shield(self._lookup)
        if port is None:
            return
        server_reader, server_writer = await asyncio.open_connection(LOOPBACK, port)
        with contextlib.closing(server_writer):
            server_writer.write(start)
            await asyncio.gather(
                self._copy(reader, server_writer, writer), self._copy(server_reader, writer, writer)
            )

    async def _forward_http(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        self._responding.add(writer)
        async with asyncio.timeout(_RESPONSE_SECONDS):
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self._http_port)
            with contextlib.closing(server_writer):
                server_writer.write(request)
                await self._copy(server_reader, writer, writer)

    async def _copy(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        while chunk := await source.read(_CHUNK_BYTES):
            self._mark_active(client)
            target.write(chunk)
            await target.drain()
        target.write_eof()

    def _mark_active(self, client: asyncio.StreamWriter) -> None:
        if client in self._connections:  # else it is being closed
            self._connections.move_to_end(client)


def _close(writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
    # Both: a task that has not started never closes its writer.
    task.cancel()
    writer.transport.abort()
