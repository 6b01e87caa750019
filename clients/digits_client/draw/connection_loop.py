"""Connects to a server, and reconnects when the connection is lost. Does not use Tk."""

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Final, NoReturn

from digits_client.aio import AsyncClient
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.diagnose import diagnose
from digits_client.embedded import async_embedded_server
from digits_client.errors import DeadlineError, DigitsError, UnavailableError

from .events import Connected, Connecting, Deliver, Disconnected, StartingServer
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

    After a failure it retries with exponential backoff. Where no server is named and none is
    running at the default address, it starts a private one and connects to that from then on; it
    starts another one if that is lost, and on request.

    Not thread-safe: call it from one event loop only.
    """

    def __init__(
        self, options: ServerOptions | None, mailbox: Mailbox[PendingImage], deliver: Deliver
    ) -> None:
        """Set up without connecting.

        Args:
            options: The server's address and credentials; None for the default address, and for a
                private server if none is running there.
            mailbox: Holds the image to recognize next.
            deliver: Receives each event; it must not block.
        """
        self._options = options or ServerOptions()
        self._may_start_server = options is None
        self._is_private = False
        self._models: Path | None = None
        self._served_models: Path | None = None
        self._mailbox = mailbox
        self._deliver = deliver
        self._wake = asyncio.Event()
        self._restart = False
        self._stream: asyncio.Task[NoReturn] | None = None

    def retry_now(self) -> None:
        """End a backoff that is in progress."""
        self._wake.set()

    def start_server(self, models: Path | None = None) -> None:
        """Start a private server, in place of an earlier one, and connect to it.

        Args:
            models: The folder of the model folders; None for the model of the installation.
        """
        self._deliver(StartingServer())
        self._models = models
        self._restart = True
        self._wake.set()
        if self._stream is not None:
            self._stream.cancel()

    async def run(self) -> NoReturn:
        """Connect again and again, until the task is cancelled."""
        async with contextlib.AsyncExitStack() as servers:
            self._deliver(Connecting(self._options.address))
            backoff = MIN_BACKOFF_SECONDS
            was_connected = False
            short_count = 0
            while True:
                error, connected_seconds = await self._run_connection(servers)
                if error is None:
                    continue
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
    ) -> tuple[DigitsError | None, float | None]:
        """Connect, and recognize images until the connection is lost.

        Returns:
            The error that ended the attempt, or None to connect at once to a private server; and
            how long it was connected, in seconds, or None if it never was.
        """
        loop = asyncio.get_running_loop()
        connected_at = None
        self._wake.clear()
        if self._restart:
            try:
                await self._start_server(servers)
            except DigitsError as error:
                return error, None
        try:
            async with self._options.client() as client:
                model = await client.model(timeout_seconds=CONNECT_TIMEOUT_SECONDS)
                connected_at = loop.time()
                self._may_start_server = False
                # A server that was requested during the attempt is needed for other models only.
                self._restart = self._restart and self._models != self._served_models
                self._deliver(Connected(self._options.address, model, self._is_private))
                await self._run_stream(client)
                return None, None  # another server was requested
        except UnavailableError as error:
            if not (self._may_start_server or self._is_private):
                return error, None if connected_at is None else loop.time() - connected_at
            self._restart = True
            self._deliver(StartingServer(None if self._is_private else self._options.address))
            return None, None
        except DigitsError as error:
            return error, None if connected_at is None else loop.time() - connected_at

    async def _run_stream(self, client: AsyncClient) -> None:
        """Recognize images until the connection is lost or another server is requested.

        Raises:
            DigitsError: The reason for which the connection was lost.
        """
        if self._restart:
            return
        loop = StreamLoop(client, self._options.address, self._mailbox, self._deliver)
        self._stream = asyncio.ensure_future(loop.run())
        try:
            await asyncio.wait([self._stream])
            if not self._stream.cancelled():
                self._stream.result()
        finally:
            self._stream.cancel()
            await asyncio.wait([self._stream])
            self._stream = None

    async def _start_server(self, servers: contextlib.AsyncExitStack) -> None:
        """Start a private server, in place of an earlier one.

        Raises:
            UnavailableError: It does not start.
        """
        self._restart = False
        await servers.aclose()
        models = self._models  # another request may come while the server starts
        options = () if models is None else ("--models-dir", str(models))
        address = await servers.enter_async_context(async_embedded_server(*options))
        self._is_private, self._served_models = True, models
        self._options = ServerOptions(address)
        self._deliver(Connecting(address))
