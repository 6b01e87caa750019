"""Connects to a server, and reconnects when the connection is lost. Does not use Tk."""

import asyncio
import contextlib
import random
from typing import Final, NoReturn

from digits_client.cli.server_options import ServerOptions
from digits_client.draw.diagnose import diagnose
from digits_client.embedded import async_embedded_server
from digits_client.errors import DeadlineError, DigitsError, UnavailableError

from .events import Connected, Connecting, Deliver, Disconnected
from .mailbox import Mailbox
from .stream_loop import PendingImage, StreamLoop

CONNECT_TIMEOUT_SECONDS: Final = 5.0
"""Longest wait for the first response of a server."""

MIN_BACKOFF_SECONDS: Final = 0.5
MAX_BACKOFF_SECONDS: Final = 4.0

# In a rolling restart, the server that replaces another one is soon replaced too.
MAX_SHORT_CONNECTIONS: Final = 3


class ConnectionLoop:
    """Keeps a connection open, and runs a stream loop on it.

    After a failure it retries with exponential backoff. On request it starts a private server
    and connects to that one from then on.

    Not thread-safe: call it from one event loop only.
    """

    def __init__(
        self, options: ServerOptions, mailbox: Mailbox[PendingImage], deliver: Deliver
    ) -> None:
        """Set up without connecting.

        Args:
            options: The server's address and credentials.
            mailbox: Holds the image to recognize next.
            deliver: Receives each event; it must not block.
        """
        self._options = options
        self._mailbox = mailbox
        self._deliver = deliver
        self._wake = asyncio.Event()
        self._server_requested = False

    def retry_now(self) -> None:
        """End a backoff that is in progress."""
        self._wake.set()

    def start_server(self) -> None:
        """Start a private server at the next attempt, and make that attempt now."""
        self._server_requested = True
        self._wake.set()

    async def run(self) -> NoReturn:
        """Connect again and again, until the task is cancelled."""
        async with contextlib.AsyncExitStack() as servers:
            self._deliver(Connecting(self._options.address))
            backoff = MIN_BACKOFF_SECONDS
            was_connected = False
            short_count = 0
            while True:
                error, connected_seconds = await self._run_connection(servers)
                is_connected = connected_seconds is not None
                was_there, was_connected = was_connected or is_connected, is_connected
                was_stable = (connected_seconds or 0.0) > MAX_BACKOFF_SECONDS
                short_count = 0 if was_stable else short_count + 1
                if is_connected and self._may_reconnect(error, short_count):
                    # Reconnect at once: the server may only have been replaced.
                    backoff = MIN_BACKOFF_SECONDS
                    continue
                wait = backoff * random.uniform(0.8, 1.2)  # noqa: S311 - spreads clients in time
                reason = diagnose(error, self._options.address, was_there=was_there)
                self._deliver(Disconnected(reason, wait))
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    @staticmethod
    def _may_reconnect(error: DigitsError, short_count: int) -> bool:
        """Return whether to reconnect at once after the end of a connection.

        Args:
            error: The error that ended the connection.
            short_count: Number of short connections in a row.
        """
        if short_count:
            return isinstance(error, UnavailableError) and short_count <= MAX_SHORT_CONNECTIONS
        return not isinstance(error, DeadlineError)

    async def _run_connection(
        self, servers: contextlib.AsyncExitStack
    ) -> tuple[DigitsError, float | None]:
        """Connect, and recognize images until the connection is lost.

        Returns:
            The error that ended the attempt, and how long it was connected, in seconds; None
            if it never was.
        """
        loop = asyncio.get_running_loop()
        connected_at = None
        self._wake.clear()
        try:
            if self._server_requested:
                await self._start_server(servers)
            async with self._options.client() as client:
                model = await client.model(timeout_seconds=CONNECT_TIMEOUT_SECONDS)
                connected_at = loop.time()
                self._deliver(Connected(self._options.address, model))
                # A server that was requested during the attempt is no longer needed.
                self._server_requested = False
                self._wake.clear()
                stream = StreamLoop(client, self._options.address, self._mailbox, self._deliver)
                await stream.run()
        except DigitsError as error:
            return error, None if connected_at is None else loop.time() - connected_at

    async def _start_server(self, servers: contextlib.AsyncExitStack) -> None:
        self._server_requested = False
        address = await servers.enter_async_context(async_embedded_server())
        self._options = ServerOptions(address)
        self._deliver(Connecting(address))
