"""Latest wins: of the waiting requests of a stream, only the newest is kept and computed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from digits.v1 import recognizer_pb2 as pb

# Requests of a stream that may overtake each other before a response. Beyond these, flow control
# holds the caller back.
READ_AHEAD_COUNT: Final = 16


class _Latest:
    """The newest request, and the sequence numbers of those that it has overtaken."""

    def __init__(self) -> None:
        self._newest: pb.StreamingRecognizeRequest | None = None
        self._superseded: list[int] = []
        self._has_ended = False
        self._changed = asyncio.Condition()

    async def put(self, request: pb.StreamingRecognizeRequest) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._superseded) < READ_AHEAD_COUNT - 1)
            if self._newest is not None:
                self._superseded.append(self._newest.sequence)
            self._newest = request
            self._changed.notify_all()

    async def end(self) -> None:
        async with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    async def take(self) -> tuple[list[int], pb.StreamingRecognizeRequest] | None:
        """Wait for a request, and return it and what it has overtaken; None at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._newest is not None or self._has_ended)
            newest, superseded = self._newest, self._superseded
            self._newest, self._superseded = None, []
            self._changed.notify_all()
            return None if newest is None else (superseded, newest)


async def latest_requests(
    requests: AsyncIterator[pb.StreamingRecognizeRequest],
) -> AsyncGenerator[tuple[list[int], pb.StreamingRecognizeRequest], None]:
    """Yield the newest request received so far, whenever the consumer is ready for one.

    A task reads ahead; it ends with this generator.

    Args:
        requests: The requests of one stream. An error that ends them is raised after the
            requests before it were yielded.

    Yields:
        The sequence numbers of the superseded requests, oldest first, and the newest request.
    """
    latest = _Latest()

    async def read() -> None:
        try:
            async for request in requests:
                await latest.put(request)
                del request  # or it would stay until the next one
        finally:
            await latest.end()

    reader = asyncio.create_task(read())
    try:
        while (taken := await latest.take()) is not None:
            yield taken
        await reader
    finally:
        reader.cancel()
