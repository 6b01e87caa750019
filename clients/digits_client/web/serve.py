"""One gateway process: an HTTP server on a bound socket, which drains when asked to stop."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn

from digits_client.cli.server_options import ServerOptions

from .app import Application
from .settings import Settings

logger = logging.getLogger(__name__)

MAX_DRAWING_BYTES: Final = 4 * 2**20
"""The largest message of a WebSocket."""
_BACKLOG: Final = 2048


class GatewayServer(uvicorn.Server):
    """Uvicorn's server, which reports when it listens and drains before it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: Application,
        drain_seconds: float,
        notify: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._notify = notify

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and report it."""
        await super().startup(sockets)
        self._notify()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, and end at once at the second."""
        if self._app.is_draining:
            self.should_exit = self.force_exit = True
            return
        self._app.is_draining = True
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def bound_socket(host: str, port: int, *, shares_port: bool = False) -> socket.socket:
    """Return a socket that listens on an address.

    Args:
        host: A host name or an address.
        port: The port; 0 for a free one.
        shares_port: Whether other sockets listen on the same port.

    Raises:
        OSError: The port is in use, or the host is not this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def serve(
    settings: Settings, server: ServerOptions, listener: socket.socket, notify: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: All settings of the gateway.
        server: The digits server.
        listener: The socket to accept connections from.
        notify: Called once the gateway is ready.

    Raises:
        CredentialFileError: A file of the credentials for the digits server is not valid.
    """
    # Uvicorn raises the signals that it handled again once it has stopped: they must end nothing.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    app = Application(settings, server)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        ws_max_size=MAX_DRAWING_BYTES,
        ws_max_queue=4,
        ws_per_message_deflate=False,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        ssl_context_factory=_tls_factory(settings),
    )
    GatewayServer(config, app, settings.drain_seconds, notify).run([listener])


def _tls_factory(
    settings: Settings,
) -> Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext] | None:
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        return None

    def make_context(*_: object) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password="")
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return make_context
