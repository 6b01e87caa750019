"""Latest wins: of the waiting requests of a stream, only the newest is computed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from digits.v1 import recognizer_pb2 as pb

# Requests of a stream that are read ahead of the responses, to find the superseded ones.
# Beyond these, flow control holds the caller back.
READ_AHEAD_COUNT: Final = 16


async def latest_requests(
    requests: AsyncIterator[pb.StreamingRecognizeRequest],
) -> AsyncGenerator[tuple[list[int], pb.StreamingRecognizeRequest], None]:
    """Yield the newest request received so far, whenever the consumer is ready for one.

    A task reads up to ``READ_AHEAD_COUNT`` requests ahead; it ends with this generator.

    Args:
        requests: The requests of one stream. An error that ends them is raised after the
            requests before it were yielded.

    Yields:
        The sequence numbers of the superseded requests, oldest first, and the newest request.
    """
    received: asyncio.Queue[pb.StreamingRecognizeRequest | None] = asyncio.Queue(READ_AHEAD_COUNT)

    async def read() -> None:
        try:
            async for request in requests:
                await received.put(request)
        except Exception:
            await received.put(None)
            raise
        await received.put(None)

    reader = asyncio.create_task(read())
    try:
        has_ended = False
        while not has_ended and (newest := await received.get()) is not None:
            superseded = []
            while not received.empty():
                newer = received.get_nowait()
                if newer is None:
                    has_ended = True
                    break
                superseded.append(newest.sequence)
                newest = newer
            yield superseded, newest
        await reader
    finally:
        reader.cancel()
