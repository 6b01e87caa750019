"""The HTTP pages of the admin port.

GET    /metrics    Prometheus metrics, in the format that the client accepts
GET    /livez      200 while the server is alive, else 503
GET    /readyz     200 while the server is ready, else 503; details as JSON
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from .port_mux import LOOPBACK, MAX_CONNECTIONS, REQUEST_SECONDS


@dataclass(frozen=True)
class Readiness:
    """The content of /readyz."""

    is_ready: bool
    details: dict[str, Any]

    @property
    def status(self) -> str:
        """The readiness as a status name of gRPC's health service."""
        return "SERVING" if self.is_ready else "NOT_SERVING"


@contextlib.asynccontextmanager
async def http_pages(
    registry: CollectorRegistry,
    get_readiness: Callable[[], Readiness],
    is_alive: Callable[[], bool] = lambda: True,
) -> AsyncIterator[int]:
    """Serve the pages on a free loopback port for as long as the context lasts.

    Args:
        registry: Metrics for /metrics.
        get_readiness: Returns the content of /readyz; called in another thread, as is_alive.
        is_alive: Returns whether /livez reports 200.

    Yields:
        The port.
    """
    app = _wsgi_app(registry, get_readiness, is_alive)
    server = make_server(LOOPBACK, 0, app, _PageServer, _QuietRequestHandler)
    thread = threading.Thread(target=server.serve_forever, name="admin http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _PageServer(ThreadingWSGIServer):
    """Has a thread per request, at most as many as the port has connections."""

    request_queue_size = MAX_CONNECTIONS


class _QuietRequestHandler(WSGIRequestHandler):
    """Logs no requests, because probes come every few seconds."""

    timeout = REQUEST_SECONDS

    def log_message(self, *_: object) -> None:
        pass


def _wsgi_app(
    registry: CollectorRegistry,
    get_readiness: Callable[[], Readiness],
    is_alive: Callable[[], bool],
) -> Any:
    metrics_app = make_wsgi_app(registry)
    # Many metrics pages at once would take the processor from the probes, and from the calls.
    metrics_lock = threading.Lock()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _respond(start_response, "405 Method Not Allowed", "only GET is supported\n")
        match environ["PATH_INFO"]:
            case "/metrics":
                with metrics_lock:
                    page: Iterable[bytes] = metrics_app(environ, start_response)
                return page
            case "/livez":
                if is_alive():
                    return _respond(start_response, "200 OK", "alive\n")
                return _respond(start_response, "503 Service Unavailable", "not alive\n")
            case "/readyz":
                readiness = get_readiness()
                fields = {"status": readiness.status, **readiness.details}
                status = "200 OK" if readiness.is_ready else "503 Service Unavailable"
                content = json.dumps(fields, indent=2) + "\n"
                return _respond(start_response, status, content, "application/json")
            case _:
                return _respond(start_response, "404 Not Found", "/metrics, /livez, /readyz\n")

    return app


def _respond(
    start_response: Callable[..., Any], status: str, content: str, media_type: str = "text/plain"
) -> Iterable[bytes]:
    body = content.encode()
    headers = [
        ("Content-Type", f"{media_type}; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    start_response(status, headers)
    return [body]
