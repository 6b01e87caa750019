"""Recognize items: read ahead, many images per message, several messages in flight."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from digits_client.errors import InvalidImageError
from digits_client.images import MAX_BATCH_BYTES
from digits_client.results import Limits
from digits_client.sources import Item

from .group_size import GroupSize
from .prefetch import Prefetcher
from .retry import GIVE_UP_SECONDS, RetryingClient
from .sender import BatchResult, BatchSender

PathAndResult = tuple[str, BatchResult]

# Enough to keep the server busy while results are written and files are read.
MESSAGES_IN_FLIGHT: Final = 4
# More than that, so that several threads read at the same time if reading is slow.
GROUPS_AHEAD: Final = 8
# While nothing is in flight, a group waits no longer than this to be complete, as on a slow pipe.
INCOMPLETE_SECONDS: Final = 0.1
# The bytes of a message that are not image content.
_OVERHEAD_BYTES: Final = 2**12


async def recognize_items(
    sender: BatchSender,
    items: Iterable[Item],
    limits: Limits,
    *,
    give_up_seconds: float = GIVE_UP_SECONDS,
    stopping: asyncio.Event | None = None,
) -> AsyncGenerator[list[PathAndResult], None]:
    """Yield the path and the result of each item, several at a time, in the order of the items.

    Only the images in flight are in memory, however many items there are.

    Args:
        sender: Sends the images.
        items: The items, iterated in a thread.
        limits: The limits of the server.
        give_up_seconds: The longest time without a response, once the server was reached.
        stopping: Once set, no more items are taken; those in flight are still recognized.

    Raises:
        DigitsError: The server is unreachable, sent no response for ``give_up_seconds``, or
            denied access. The results until then have been yielded.
        Exception: The iterator of the items raised it. The results of all items that came before
            have been yielded.
    """
    recognizer = _GroupRecognizer(RetryingClient(sender, give_up_seconds), limits)
    groups = Prefetcher(items)
    stop = asyncio.ensure_future((stopping or asyncio.Event()).wait())
    next_group: asyncio.Task[list[Item]] | None = None
    in_flight: deque[asyncio.Task[list[PathAndResult]]] = deque()
    has_more = True
    failure: BaseException | None = None
    try:
        while has_more or in_flight:
            if has_more and next_group is None and len(in_flight) < GROUPS_AHEAD:
                next_group = asyncio.create_task(groups.next(recognizer.group_size.value))
            sources = (stop, next_group) if has_more else ()
            awaited = {task for task in (*sources, *itertools.islice(in_flight, 1)) if task}
            done, _ = await asyncio.wait(
                awaited,
                timeout=None if in_flight else INCOMPLETE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                groups.hurry()
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if has_more and next_group is not None and next_group.done():
                failure = next_group.exception()
                group = [] if failure else next_group.result()
                next_group = None
                has_more = bool(group)
                if group:
                    in_flight.append(asyncio.create_task(recognizer.recognize(group)))
            has_more = has_more and not stop.done()
            if in_flight and in_flight[0].done():
                yield in_flight.popleft().result()
        if failure:
            raise failure
    finally:
        groups.close()
        tasks = [stop, *in_flight, *filter(None, (next_group,))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _GroupRecognizer:
    """Reads groups of items and recognizes them, with a few messages in flight."""

    def __init__(self, client: RetryingClient, limits: Limits) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(MESSAGES_IN_FLIGHT)
        self._image_bytes = limits.max_image_bytes
        # An image that is larger than this has a message to itself.
        self._message_bytes = min(MAX_BATCH_BYTES, limits.max_message_bytes - _OVERHEAD_BYTES)
        self.group_size = GroupSize(limits.max_batch_images)

    async def recognize(self, group: list[Item]) -> list[PathAndResult]:
        """Return the results of a group. Only as much of it is read as one message carries."""
        start = time.monotonic()
        has_queued = False
        results: list[PathAndResult] = []
        while len(results) < len(group):
            items = group[len(results) :]
            contents = await asyncio.to_thread(self._read, items)
            images = [content for content in contents if isinstance(content, bytes)]
            has_queued = has_queued or self._slots.locked()
            async with self._slots:
                recognized = iter(await self._client.recognize(images))
            results += [
                (item.path, next(recognized) if isinstance(content, bytes) else content)
                for item, content in zip(items, contents, strict=False)
            ]
        self.group_size.adapt(time.monotonic() - start, has_queued=has_queued)
        return results

    def _read(self, items: list[Item]) -> list[bytes | InvalidImageError]:
        """Return the contents of the first items, as many as fit into one message."""
        contents: list[bytes | InvalidImageError] = []
        byte_count = 0
        for item in items:
            try:
                content = item.read(self._image_bytes)
            except InvalidImageError as error:
                contents.append(error)
                continue
            byte_count += len(content)
            if byte_count > self._message_bytes and len(content) < byte_count:
                break  # the next message reads this item again
            contents.append(content)
        return contents
