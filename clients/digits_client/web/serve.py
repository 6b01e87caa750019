"""One gateway process: an HTTP server on a bound socket, which drains when asked to stop."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

import uvicorn

from digits.credential_files import CredentialsError
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import CredentialFileError

from .app import Application
from .credentials import Credentials
from .http_protocol import BoundedHeadProtocol
from .settings import Settings

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
        early_signals: Sequence[int],
        *,
        is_worker: bool,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._notify = notify
        self._early_signals = early_signals
        self._is_worker = is_worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and report it; then obey the signals that have come before."""
        await super().startup(sockets)
        self._notify()
        for number in self._early_signals:
            self.handle_exit(number, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, and end at once at the second."""
        if self._is_worker and sig == signal.SIGINT:
            return  # Ctrl-C, of which the supervisor tells
        if self._app.is_draining:
            # Where the whole group is signaled, a worker gets SIGTERM from its supervisor too.
            if not self._is_worker:
                self.should_exit = self.force_exit = True
            return
        self._app.is_draining = True
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def serve(
    settings: Settings,
    server: ServerOptions,
    listener: socket.socket,
    notify: Callable[[], None],
    *,
    is_worker: bool = False,
) -> bool:
    """Serve until SIGTERM, or SIGINT, and return whether the gateway could start.

    Args:
        settings: All settings of the gateway.
        server: The digits server.
        listener: The socket to accept connections from.
        notify: Called once the gateway is ready.
        is_worker: Whether a supervisor handles SIGINT.
    """
    try:
        _serve(settings, server, listener, notify, is_worker=is_worker)
    except (CredentialsError, CredentialFileError) as error:
        print(f"digits-web: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return False
    return True


def _serve(
    settings: Settings,
    server: ServerOptions,
    listener: socket.socket,
    notify: Callable[[], None],
    *,
    is_worker: bool,
) -> None:
    # Signals before uvicorn handles them. Those after it has stopped have no effect.
    early_signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: early_signals.append(number))
    credentials = Credentials.load(settings)
    tls = credentials.tls
    app = Application(settings, server, credentials.tokens)
    config = uvicorn.Config(
        app,
        http=BoundedHeadProtocol,
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
        ssl_context_factory=None if tls is None else lambda *_: tls.context,
    )
    gateway = GatewayServer(
        config, app, settings.drain_seconds, notify, early_signals, is_worker=is_worker
    )
    with credentials.reloading():
        gateway.run([listener])
