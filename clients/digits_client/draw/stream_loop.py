"""Recognizes the newest image over one connection, one image at a time. Does not use Tk."""

import asyncio
import contextlib
import dataclasses
import io
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from PIL import Image

from digits_client.aio import AsyncClient
from digits_client.draw.diagnose import diagnose
from digits_client.errors import (
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.results import Box, Number, StreamResult

from .events import Deliver, Failed, Recognized
from .mailbox import Mailbox

RESPONSE_TIMEOUT_SECONDS: Final = 5.0
"""Longest wait for the response to an image; then the connection counts as lost."""

# The server scales each image to 28 pixels, so the millions of pixels of a photo are not needed.
_MAX_SIDE: Final = 1600


@dataclass(frozen=True)
class PendingImage:
    """An image to recognize."""

    revision: int
    """Copied into the event that the image leads to."""
    image: Image.Image
    live: bool
    """True to send it over the stream, False to send it in a unary call."""


class StreamLoop:
    """Takes images from a mailbox and delivers an event for each.

    Not thread-safe: call it from one event loop only.
    """

    def __init__(
        self,
        client: AsyncClient,
        address: str,
        mailbox: Mailbox[PendingImage],
        deliver: Deliver,
    ) -> None:
        """Set up without sending anything.

        Args:
            client: A client of the server, open while the loop runs.
            address: The server's address, for the reasons of failures.
            mailbox: Holds the image to recognize next.
            deliver: Receives each event; it must not block.
        """
        self._client = client
        self._address = address
        self._mailbox = mailbox
        self._deliver = deliver
        self._outgoing = asyncio.Queue[bytes | None]()

    async def run(self) -> NoReturn:
        """Recognize one image after the other, until the connection is lost.

        An image that was in flight when the connection was lost goes back into the mailbox.

        Raises:
            DigitsError: The reason for which the connection was lost.
        """
        stream = self._client.recognize_number_stream(
            _until_none(self._outgoing), include_frame=True
        )
        async with contextlib.aclosing(stream):
            # The stream is read at all times, so that a lost connection is noticed at once.
            result = asyncio.ensure_future(_next_result(stream))
            try:
                while True:
                    pending = await self._next_image(result)
                    await self._recognize(pending, result)
                    if pending.live:
                        result = asyncio.ensure_future(_next_result(stream))
            finally:
                self._outgoing.put_nowait(None)  # ends gRPC's task that reads the queue
                result.cancel()
                await asyncio.wait([result])

    async def _next_image(self, result: asyncio.Future[StreamResult]) -> PendingImage:
        """Wait for an image, or for the end of the stream.

        Raises:
            DigitsError: The stream ended.
        """
        taking = asyncio.ensure_future(self._mailbox.take())
        try:
            either: list[asyncio.Future[Any]] = [taking, result]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                return taking.result()
            result.result()  # raises, because no image is in flight
            raise ServerFailureError("the server sent a response without a request")
        finally:
            taking.cancel()

    async def _recognize(self, pending: PendingImage, result: asyncio.Future[StreamResult]) -> None:
        """Recognize an image and deliver its event.

        Args:
            pending: The image.
            result: The next result of the stream.

        Raises:
            DigitsError: The connection was lost.
        """
        loop = asyncio.get_running_loop()
        encoded, scale = _encode(pending.image)
        started = loop.time()
        try:
            if pending.live:
                self._outgoing.put_nowait(encoded)
                outcome = await _with_timeout(result)
            else:
                outcome = await self._recognize_unary(encoded)
        except (InvalidImageError, OverloadedError) as error:
            # This image ended the stream. It is not retried, since it would end the next one too.
            self._report(pending.revision, StreamResult(0, error=error), 0, scale)
            raise
        except DigitsError:
            self._mailbox.put_back(pending)
            raise
        self._report(pending.revision, outcome, loop.time() - started, scale)

    async def _recognize_unary(self, image: bytes) -> StreamResult:
        """Recognize an image in a unary call."""
        try:
            number = await self._client.recognize_number(
                image, include_frame=True, timeout_seconds=RESPONSE_TIMEOUT_SECONDS
            )
        except (InvalidImageError, OverloadedError) as error:
            return StreamResult(0, error=error)  # concerns this image, not the connection
        return StreamResult(0, number=number)

    def _report(self, revision: int, result: StreamResult, seconds: float, scale: float) -> None:
        if result.number is not None:
            self._deliver(Recognized(revision, _scaled(result.number, scale), seconds))
        elif result.error is not None:
            self._deliver(Failed(revision, diagnose(result.error, self._address)))
        # A superseded image has no event: a newer one follows.


async def _until_none(queue: asyncio.Queue[bytes | None]) -> AsyncGenerator[bytes, None]:
    while (image := await queue.get()) is not None:
        yield image


async def _next_result(stream: AsyncIterator[StreamResult]) -> StreamResult:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        raise UnavailableError("the server ended the stream") from None


async def _with_timeout(result: asyncio.Future[StreamResult]) -> StreamResult:
    try:
        return await asyncio.wait_for(result, RESPONSE_TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise DeadlineError("the response did not arrive in time") from error


def _encode(image: Image.Image) -> tuple[bytes, float]:
    """Return an image as PNG, which takes 3 kB instead of 160 kB for a sheet.

    A large one is scaled down; the second value is how many times smaller it is.
    """
    width = image.width
    if max(image.size) > _MAX_SIDE:
        image = image.copy()
        image.thumbnail((_MAX_SIDE, _MAX_SIDE))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue(), width / image.width


def _scaled(number: Number, factor: float) -> Number:
    """Return a number whose boxes are in pixels of an image so many times as large."""
    if factor == 1:
        return number
    digits = tuple(
        dataclasses.replace(digit, box=_scaled_box(digit.box, factor)) for digit in number.digits
    )
    return dataclasses.replace(number, digits=digits, box=_scaled_box(number.box, factor))


def _scaled_box(box: Box | None, factor: float) -> Box | None:
    return box and Box(*(round(value * factor) for value in box))
