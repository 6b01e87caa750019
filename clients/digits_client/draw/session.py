"""The window's conversation with a server, in a thread of its own. Knows no window.

The newest drawing wins: one image is on its way at a time, and at most one waits. Whatever
the server does, the caller waits for nothing: images go in and events come out.
"""

import asyncio
import contextlib
import io
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from PIL import Image

from digits_client.aio import AsyncClient
from digits_client.cli.diagnose import diagnose
from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import (
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.results import StreamResult

from .events import Answered, Connected, Connecting, Disconnected, Event, Failed
from .mailbox import Mailbox

ANSWER_SECONDS: Final = 5.0
"""After which a server that has not answered an image counts as gone."""

CONNECT_SECONDS: Final = 5.0
FIRST_BACKOFF_SECONDS: Final = 0.5
LAST_BACKOFF_SECONDS: Final = 4.0

# The server makes a frame of 28 pixels out of it; a photo's millions are of no use.
_LONGEST_SIDE: Final = 1600


@dataclass(frozen=True)
class _Request:
    ticket: int
    image: Image.Image
    live: bool


class Session:
    """Talks to one server until it is closed, through every loss of the connection.

    Example:
        session = Session(ServerOptions(), events.put)
        session.send(1, image)  # and Connected, Answered ... are put into events
        session.close()
    """

    def __init__(self, connection: ServerOptions, deliver: Callable[[Event], None]) -> None:
        """Begin to connect.

        Args:
            connection: The server.
            deliver: Given each event, in the session's thread; may not block.
        """
        self._connection = connection
        self._deliver = deliver
        self._started = threading.Event()
        self._embed = False
        self._thread = threading.Thread(target=self._run, name="digits session")
        self._thread.start()
        self._started.wait()

    def send(self, ticket: int, image: Image.Image, *, live: bool = True) -> None:
        """Ask about an image, in place of one that has not left yet. Does not wait.

        Args:
            ticket: Comes back with the answer.
            image: Not changed any more by the caller.
            live: Whether over the stream, or in a call of its own.
        """
        self._call(lambda: self._mailbox.put(_Request(ticket, image, live)))

    def start_server(self) -> None:
        """Start a private server and talk to that one from now on. Does not wait."""
        self._call(self._try_with_own_server)

    def try_again(self) -> None:
        """Try a lost connection now and not after the backoff. Does not wait."""
        self._call(self._try_again)

    def close(self) -> None:
        """End the conversation, the thread, and the server that was started. Waits for them."""
        self._call(self._end)
        self._thread.join()

    def _call(self, what: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: so was the session
            self._loop.call_soon_threadsafe(what)

    # From here on in the session's thread.

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._mailbox = Mailbox[_Request]()
        self._wake = asyncio.Event()
        self._talking = asyncio.ensure_future(self._talk())
        self._started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._talking

    def _end(self) -> None:
        self._talking.cancel()

    def _try_again(self) -> None:
        self._wake.set()

    def _try_with_own_server(self) -> None:
        self._embed = True
        self._wake.set()

    async def _talk(self) -> None:
        with contextlib.ExitStack() as server:
            backoff = FIRST_BACKOFF_SECONDS
            self._deliver(Connecting(self._connection.address))
            while True:
                connected = None
                self._wake.clear()
                try:
                    if self._embed:
                        await self._start_server(server)
                    async with self._connection.client() as client:
                        model = await client.model(timeout_seconds=CONNECT_SECONDS)
                        self._deliver(Connected(self._connection.address, model))
                        connected = self._loop.time()
                        self._embed = False  # a wish that came meanwhile is met by this one
                        self._wake.clear()
                        await self._converse(client)
                except DigitsError as error:
                    well = self._loop.time() - connected if connected else 0
                    if well > LAST_BACKOFF_SECONDS and not isinstance(error, DeadlineError):
                        # It was well for a while, as when a server is replaced by another.
                        backoff = FIRST_BACKOFF_SECONDS
                        continue
                    wait = backoff * random.uniform(0.8, 1.2)  # noqa: S311 - not all at once
                    reason = diagnose(error, self._connection.address, was_there=bool(connected))
                    self._deliver(Disconnected(reason, wait))
                backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    async def _start_server(self, server: contextlib.ExitStack) -> None:
        self._embed = False
        starting = asyncio.ensure_future(asyncio.to_thread(server.enter_context, embedded_server()))
        try:
            address = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Closed meanwhile: it has to be there before it can be ended.
            with contextlib.suppress(DigitsError):
                await starting
            raise
        self._connection = ServerOptions(address)
        self._deliver(Connecting(address))

    async def _converse(self, client: AsyncClient) -> NoReturn:
        """Ask about one image after the other, until the connection is lost.

        Raises:
            DigitsError: How it was lost.
        """
        outgoing = asyncio.Queue[bytes | None]()
        stream = client.recognize_stream(_taken_from(outgoing), include_frame=True)
        async with contextlib.aclosing(stream):
            # Read at all times, so that a server that goes is noticed at once.
            reading = asyncio.ensure_future(_next(stream))
            try:
                while True:
                    request = await self._next_request(reading)
                    try:
                        if request.live:
                            outgoing.put_nowait(_encoded(request.image))
                            began = self._loop.time()
                            answer = await _within(ANSWER_SECONDS, reading)
                            reading = asyncio.ensure_future(_next(stream))
                        else:
                            began = self._loop.time()
                            answer = await _recognized(client, _encoded(request.image))
                    except (InvalidImageError, OverloadedError) as error:
                        # The end of the stream, and of this image: asked again, it would
                        # end the next one too.
                        self._tell(request.ticket, StreamResult(0, error=error), 0)
                        raise
                    except DigitsError:
                        self._mailbox.put_back(request)
                        raise
                    self._tell(request.ticket, answer, self._loop.time() - began)
            finally:
                outgoing.put_nowait(None)  # gRPC's task that takes from it ends too
                reading.cancel()
                await asyncio.wait([reading])

    async def _next_request(self, reading: asyncio.Future[StreamResult]) -> _Request:
        taking = asyncio.ensure_future(self._mailbox.take())
        try:
            either: list[asyncio.Future[Any]] = [taking, reading]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                return taking.result()
            reading.result()  # raises: nothing was asked, so this is the end
            raise ServerFailureError("an answer came that nobody had asked for")
        finally:
            taking.cancel()

    def _tell(self, ticket: int, answer: StreamResult, seconds: float) -> None:
        if answer.prediction is not None:
            self._deliver(Answered(ticket, answer.prediction, seconds))
        elif answer.error is not None:
            self._deliver(Failed(ticket, diagnose(answer.error, self._connection.address)))
        # One that was overtaken has a newer one behind it.


async def _taken_from(queue: asyncio.Queue[bytes | None]) -> AsyncGenerator[bytes, None]:
    while (image := await queue.get()) is not None:
        yield image


async def _next(stream: AsyncIterator[StreamResult]) -> StreamResult:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise UnavailableError("the server ended the stream") from None


async def _within(seconds: float, answer: asyncio.Future[StreamResult]) -> StreamResult:
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError as error:
        raise DeadlineError("no answer in time") from error


async def _recognized(client: AsyncClient, image: bytes) -> StreamResult:
    try:
        prediction = await client.recognize(
            image, include_frame=True, timeout_seconds=ANSWER_SECONDS
        )
    except (InvalidImageError, OverloadedError) as error:
        return StreamResult(0, error=error)  # of this image, and not of the connection
    return StreamResult(0, prediction=prediction)


def _encoded(image: Image.Image) -> bytes:
    """Return an image as PNG: a sheet is some 3 kB then, and not 160."""
    if max(image.size) > _LONGEST_SIDE:
        image = image.copy()
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
