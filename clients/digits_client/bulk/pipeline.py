"""Recognize items: read ahead, many images per message, several messages in flight."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Final, Self

from digits_client.errors import InvalidImageError
from digits_client.images import MAX_BATCH_BYTES, MAX_BATCH_IMAGES
from digits_client.results import FileResult, Limits
from digits_client.sources import Item

from .prefetch import Prefetcher
from .retry import GIVE_UP_SECONDS, BatchClient, RetryingClient

# Enough to keep the server busy while results are written and files are read.
MESSAGES_IN_FLIGHT: Final = 4
# More than that, so that several threads read at the same time if reading is slow.
GROUPS_AHEAD: Final = 8
# The bytes of a message that are not image content.
_OVERHEAD_BYTES: Final = 2**12


async def recognize_items(
    client: BatchClient,
    items: Iterable[Item],
    *,
    give_up_seconds: float = GIVE_UP_SECONDS,
    stopping: asyncio.Event | None = None,
) -> AsyncGenerator[list[FileResult], None]:
    """Yield the result of each item, several at a time, in the order of the items.

    Only the images in flight are in memory, however many items there are.

    Args:
        client: The client that sends the images.
        items: The items, iterated in a thread.
        give_up_seconds: The longest time without a response, once the server was reached.
        stopping: Once set, no more items are taken; those in flight are still recognized.

    Raises:
        DigitsError: The server is unreachable, sent no response for ``give_up_seconds``, or
            denied access. The results until then have been yielded.
    """
    limits = MessageLimits.within((await client.model()).limits)
    recognizer = _GroupRecognizer(RetryingClient(client, give_up_seconds), limits)
    groups = Prefetcher(items, limits.image_count)
    stop = asyncio.ensure_future((stopping or asyncio.Event()).wait())
    next_group: asyncio.Task[list[Item]] | None = None
    in_flight: deque[asyncio.Task[list[FileResult]]] = deque()
    has_more = True
    try:
        while has_more or in_flight:
            if has_more and next_group is None and len(in_flight) < GROUPS_AHEAD:
                next_group = asyncio.create_task(groups.next())
            await asyncio.wait(
                {
                    task
                    for task in (has_more and stop, next_group, *itertools.islice(in_flight, 1))
                    if task
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
            if has_more and next_group is not None and next_group.done():
                group = next_group.result()
                next_group = None
                has_more = bool(group)
                if group:
                    in_flight.append(asyncio.create_task(recognizer.recognize(group)))
            has_more = has_more and not stop.done()
            if in_flight and in_flight[0].done():
                yield in_flight.popleft().result()
    finally:
        groups.close()
        tasks = [stop, *in_flight, *filter(None, (next_group,))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class MessageLimits:
    """The limits of one message."""

    image_count: int
    byte_count: int
    image_bytes: int
    """The limit of one image; one that exceeds ``byte_count`` has a message to itself."""

    @classmethod
    def within(cls, limits: Limits) -> Self:
        """Return the limits that respect those of a server."""
        return cls(
            image_count=min(MAX_BATCH_IMAGES, limits.max_batch_images),
            byte_count=min(MAX_BATCH_BYTES, limits.max_message_bytes - _OVERHEAD_BYTES),
            image_bytes=limits.max_image_bytes,
        )


class _GroupRecognizer:
    """Reads groups of items and recognizes them, with a few messages in flight."""

    def __init__(self, client: RetryingClient, limits: MessageLimits) -> None:
        self._client = client
        self._limits = limits
        self._slots = asyncio.Semaphore(MESSAGES_IN_FLIGHT)

    async def recognize(self, group: list[Item]) -> list[FileResult]:
        """Return the results of a group. Only as much of it is read as one message carries."""
        results: list[FileResult] = []
        while len(results) < len(group):
            contents = await asyncio.to_thread(self._read, group[len(results) :])
            images = [content for content in contents if isinstance(content, bytes)]
            async with self._slots:
                recognized = iter(await self._client.recognize(images))
            results += [
                FileResult(item.path, next(recognized) if isinstance(content, bytes) else content)
                for item, content in zip(group[len(results) :], contents, strict=False)
            ]
        return results

    def _read(self, items: list[Item]) -> list[bytes | InvalidImageError]:
        """Return the contents of the first items, as many as fit into one message."""
        contents: list[bytes | InvalidImageError] = []
        byte_count = 0
        for item in items:
            try:
                content = item.read(self._limits.image_bytes)
            except InvalidImageError as error:
                contents.append(error)
                continue
            byte_count += len(content)
            if byte_count > self._limits.byte_count and len(content) < byte_count:
                break  # the next message reads this item again
            contents.append(content)
        return contents
