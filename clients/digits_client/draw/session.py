"""The window's connection to a server, in a separate thread. Does not use Tk.

Images go in, and events come out; no method except ``close`` waits. The newest drawing wins:
one image is in flight at a time, and at most one waits.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from digits_client.cli.server_options import ServerOptions

from .connection_loop import ConnectionLoop
from .events import Deliver
from .mailbox import Mailbox
from .stream_loop import PendingImage


class Session:
    """Sends images to one server and reconnects whenever the connection is lost.

    Thread-safe. It runs until it is closed.

    Example:
        session = Session(ServerOptions(), events.put)
        session.send(1, image)  # Connected, Recognized ... are put into events
        session.close()
    """

    def __init__(self, options: ServerOptions | None, deliver: Deliver) -> None:
        """Start to connect.

        Args:
            options: The server's address and credentials; None for the default address, and for a
                private server if none is running there.
            deliver: Receives each event, in the session's thread; it must not block.
        """
        self._mailbox = Mailbox[PendingImage]()
        self._connection = ConnectionLoop(options, self._mailbox, deliver)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._connection.run())
        self._thread = threading.Thread(target=self._run, name="digits session")
        self._thread.start()

    def send(self, revision: int, image: Image.Image, *, live: bool = True) -> None:
        """Send an image to be recognized; it replaces one that has not been sent yet.

        Args:
            revision: The number that the image's event carries.
            image: The image. The caller may not change it afterwards.
            live: True to send it over the stream, False to send it in a unary call.
        """
        self._schedule(lambda: self._mailbox.put(PendingImage(revision, image, live)))

    def start_server(self, models: Path | None = None) -> None:
        """Start a private server and connect to it instead.

        Args:
            models: The folder of the model folders; None for the model of the installation.
        """
        self._schedule(lambda: self._connection.start_server(models))

    def retry_now(self) -> None:
        """Reconnect now instead of after the backoff."""
        self._schedule(self._connection.retry_now)

    def close(self) -> None:
        """Disconnect, and wait for the end of the thread and of a server that was started."""
        self._schedule(self._cancel)
        self._thread.join()

    def _schedule(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the session, and so its loop, is closed
            self._loop.call_soon_threadsafe(callback)

    # The methods below run in the session's thread.

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _cancel(self) -> None:
        self._task.cancel()
