"""What the admin port answers over HTTP.

GET    /metrics    Prometheus, in the format that the caller accepts
GET    /livez      200 while it is alive, else 503
GET    /readyz     200 or 503, with what there is to tell as JSON
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

from .port_mux import FIRST_BYTES_SECONDS, LOOPBACK


@dataclass(frozen=True)
class Readiness:
    """Whether calls are welcome, and what else /readyz tells."""

    is_ready: bool
    details: dict[str, Any]

    @property
    def status(self) -> str:
        """The word of gRPC's health service for it."""
        return "SERVING" if self.is_ready else "NOT_SERVING"


@contextlib.asynccontextmanager
async def http_pages(
    registry: CollectorRegistry,
    readiness: Callable[[], Readiness],
    is_alive: Callable[[], bool] = lambda: True,
) -> AsyncIterator[int]:
    """Answer on a free loopback port, in threads, for as long as the context lasts.

    Args:
        registry: What /metrics shows.
        readiness: What /readyz shows.
        is_alive: What /livez says.

    Yields:
        The port.
    """
    pages = _wsgi(registry, readiness, is_alive)
    server = make_server(LOOPBACK, 0, pages, ThreadingWSGIServer, _Quiet)
    thread = threading.Thread(target=server.serve_forever, name="admin http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """Logs no request: probes come every few seconds."""

    timeout = FIRST_BYTES_SECONDS

    def log_message(self, *_: object) -> None:
        pass


def _wsgi(
    registry: CollectorRegistry,
    readiness: Callable[[], Readiness],
    is_alive: Callable[[], bool],
) -> Any:
    show_metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text(start_response, "405 Method Not Allowed", "only GET is answered\n")
        match environ["PATH_INFO"]:
            case "/metrics":
                shown: Iterable[bytes] = show_metrics(environ, start_response)
                return shown
            case "/livez":
                if is_alive():
                    return _text(start_response, "200 OK", "alive\n")
                return _text(start_response, "503 Service Unavailable", "not alive\n")
            case "/readyz":
                now = readiness()
                content = json.dumps({"status": now.status, **now.details}, indent=2) + "\n"
                line = "200 OK" if now.is_ready else "503 Service Unavailable"
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
