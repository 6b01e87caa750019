"""From items to answers: read ahead, many images a message, several messages in flight."""

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

# Enough that the server works while answers are written and files are read.
MESSAGES_IN_FLIGHT: Final = 4
# More than those, so that what is slow to read is read by several threads at once.
GROUPS_AHEAD: Final = 8
# Of a message that are not content of its images.
_BYTES_BESIDE: Final = 2**12


async def recognize_items(
    client: BatchClient,
    items: Iterable[Item],
    *,
    give_up_seconds: float = GIVE_UP_SECONDS,
    stopping: asyncio.Event | None = None,
) -> AsyncGenerator[list[FileResult], None]:
    """Yield the answer to each item, some at a time, in the order of the items.

    Memory is that of the images in flight, however many items there are.

    Args:
        client: By which to ask.
        items: Iterated in a thread.
        give_up_seconds: How long the server may answer nothing, once it has been reached.
        stopping: Once set, no more items are taken; those in flight are still answered.

    Raises:
        DigitsError: The server cannot be reached, was given up, or does not let us in. What
            was answered before has been yielded.
    """
    room = _Room.within((await client.model()).limits)
    work = _Work(RetryingClient(client, give_up_seconds), room)
    groups = Prefetcher(items, room.image_count)
    stop = asyncio.ensure_future((stopping or asyncio.Event()).wait())
    coming: asyncio.Task[list[Item]] | None = None
    in_flight: deque[asyncio.Task[list[FileResult]]] = deque()
    has_more = True
    try:
        while has_more or in_flight:
            if has_more and coming is None and len(in_flight) < GROUPS_AHEAD:
                coming = asyncio.create_task(groups.next())
            await asyncio.wait(
                {
                    task
                    for task in (has_more and stop, coming, *itertools.islice(in_flight, 1))
                    if task
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
            if has_more and coming is not None and coming.done():
                group = coming.result()
                coming = None
                has_more = bool(group)
                if group:
                    in_flight.append(asyncio.create_task(work.answers(group)))
            has_more = has_more and not stop.done()
            if in_flight and in_flight[0].done():
                yield in_flight.popleft().result()
    finally:
        groups.close()
        tasks = [stop, *in_flight, *filter(None, (coming,))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class _Room:
    """What goes into one message."""

    image_count: int
    byte_count: int
    image_bytes: int
    """The most of one image. It then has a message for itself, however large."""

    @classmethod
    def within(cls, limits: Limits) -> Self:
        return cls(
            image_count=min(MAX_BATCH_IMAGES, limits.max_batch_images),
            byte_count=min(MAX_BATCH_BYTES, limits.max_message_bytes - _BYTES_BESIDE),
            image_bytes=limits.max_image_bytes,
        )


class _Work:
    """Reads groups of items and has them answered; a few messages at a time."""

    def __init__(self, asker: RetryingClient, room: _Room) -> None:
        self._asker = asker
        self._room = room
        self._turns = asyncio.Semaphore(MESSAGES_IN_FLIGHT)

    async def answers(self, group: list[Item]) -> list[FileResult]:
        """Return the answers to a group, read no faster than they are answered."""
        answers: list[FileResult] = []
        while len(answers) < len(group):
            contents = await asyncio.to_thread(self._read, group[len(answers) :])
            images = [content for content in contents if isinstance(content, bytes)]
            async with self._turns:
                found = iter(await self._asker.recognize(images))
            answers += [
                FileResult(item.path, next(found) if isinstance(content, bytes) else content)
                for item, content in zip(group[len(answers) :], contents, strict=False)
            ]
        return answers

    def _read(self, items: list[Item]) -> list[bytes | InvalidImageError]:
        """Return the contents of the first of the items, as many as fit into a message."""
        contents: list[bytes | InvalidImageError] = []
        byte_count = 0
        for item in items:
            try:
                content = item.read(self._room.image_bytes)
            except InvalidImageError as error:
                contents.append(error)
                continue
            byte_count += len(content)
            if byte_count > self._room.byte_count and len(content) < byte_count:
                break  # it is read again for the next message
            contents.append(content)
        return contents
