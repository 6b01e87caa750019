"""A plaintext port for probes and Prometheus: gRPC health and HTTP behind one number.

    gRPC   grpc.health.v1.Health        as on the main port
    GET    /metrics                     Prometheus, in the format that the caller accepts
    GET    /livez                       200 while the process answers
    GET    /readyz                      200 or 503, with the model versions as JSON

A connection that begins like HTTP/2 is handed to a gRPC server, any other to a WSGI server;
both listen on loopback ports of their own.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import grpc
from grpc_health.v1 import health_pb2_grpc
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from .errors import BindError
from .health import HealthServicer
from .metrics import Metrics

_HTTP2_BEGINNING: Final = b"PRI "
_FIRST_BYTES_SECONDS: Final = 10.0
_MOST_CONNECTIONS: Final = 64
_PIECE_BYTES: Final = 2**16
_LOOPBACK: Final = "127.0.0.1"

Details = Callable[[], dict[str, Any]]


@contextlib.asynccontextmanager
async def admin_port(
    host: str, port: int, health: HealthServicer, metrics: Metrics, details: Details
) -> AsyncIterator[str]:
    """Serve the port for as long as the context lasts.

    Args:
        host: To listen on.
        port: 0 takes a free one.
        health: What gRPC answers by, and /readyz.
        metrics: What /metrics shows.
        details: Makes what /readyz says of the models; called in another thread.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not ours.
    """
    grpc_server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health, grpc_server)
    grpc_port = grpc_server.add_insecure_port(f"{_LOOPBACK}:0")
    await grpc_server.start()
    http_server = make_server(
        _LOOPBACK, 0, _wsgi(health, metrics, details), ThreadingWSGIServer, _Quiet
    )
    thread = threading.Thread(target=http_server.serve_forever, name="admin http", daemon=True)
    thread.start()
    switch = _Switch(grpc_port, http_server.server_port)
    try:
        try:
            listening = await asyncio.start_server(switch.connected, host, port)
        except OSError as error:
            raise BindError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        async with listening:
            yield "{}:{}".format(*listening.sockets[0].getsockname()[:2])
    finally:
        switch.close()
        await grpc_server.stop(0)
        await asyncio.to_thread(http_server.shutdown)
        http_server.server_close()


class _Switch:
    """Hands connections on, by their first bytes."""

    def __init__(self, grpc_port: int, http_port: int) -> None:
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
            async with asyncio.timeout(_FIRST_BYTES_SECONDS):
                first = await reader.readexactly(len(_HTTP2_BEGINNING))
            port = self._grpc_port if first == _HTTP2_BEGINNING else self._http_port
            behind_reader, behind_writer = await asyncio.open_connection(_LOOPBACK, port)
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


class _Quiet(WSGIRequestHandler):
    """Logs no request: probes come every few seconds."""

    timeout = _FIRST_BYTES_SECONDS

    def log_message(self, *_: object) -> None:
        pass


def _wsgi(health: HealthServicer, metrics: Metrics, details: Details) -> Any:
    show_metrics = make_wsgi_app(metrics.registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text(start_response, "405 Method Not Allowed", "only GET is answered\n")
        match environ["PATH_INFO"]:
            case "/metrics":
                shown: Iterable[bytes] = show_metrics(environ, start_response)
                return shown
            case "/livez":
                return _text(start_response, "200 OK", "alive\n")
            case "/readyz":
                status = "SERVING" if health.is_ready else "NOT_SERVING"
                content = json.dumps({"status": status, **details()}, indent=2) + "\n"
                line = "200 OK" if health.is_ready else "503 Service Unavailable"
                return _text(start_response, line, content, "application/json")
            case _:
                return _text(start_response, "404 Not Found", "/metrics, /livez, /readyz\n")

    return answer


def _text(
    start_response: Callable[..., Any], line: str, content: str, kind: str = "text/plain"
) -> Iterable[bytes]:
    body = content.encode()
    headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(line, headers)
    return [body]
