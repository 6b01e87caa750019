"""From paths to rows: read ahead, many images a message, several messages in flight."""

import asyncio
import itertools
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

from digits_client.aio import AsyncClient
from digits_client.errors import DigitsError, InvalidImageError, OverloadedError
from digits_client.images import IMAGES_A_MESSAGE
from digits_client.results import Prediction

from .rows import Row

# Enough that the server works while answers are written and files are read.
MESSAGES_IN_FLIGHT: Final = 4
OVERLOADED_TRIES: Final = 8
OVERLOADED_WAIT_SECONDS: Final = 0.5


async def rows(client: AsyncClient, paths: Iterable[str]) -> AsyncIterator[Row]:
    """Yield the row of each path, in the order of the paths.

    Memory is that of the files in flight, however many paths there are.

    Raises:
        DigitsError: The server is gone or keeps turning requests away. The rows before
            have been yielded.
    """
    limit_bytes = (await client.model()).limits.max_image_bytes
    in_flight: deque[asyncio.Task[list[Row]]] = deque()
    try:
        for group in _groups(paths):
            in_flight.append(asyncio.create_task(_recognize(client, group, limit_bytes)))
            if len(in_flight) == MESSAGES_IN_FLIGHT:
                for row in await in_flight.popleft():
                    yield row
        while in_flight:
            for row in await in_flight.popleft():
                yield row
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)


def _groups(paths: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(paths)
    while group := list(itertools.islice(remaining, IMAGES_A_MESSAGE)):
        yield group


async def _recognize(client: AsyncClient, paths: list[str], limit_bytes: int) -> list[Row]:
    contents = await asyncio.to_thread(lambda: [_read(path, limit_bytes) for path in paths])
    readable = [content for content in contents if isinstance(content, bytes)]
    answers = iter(await _ask(client, readable))
    return [
        Row(path, next(answers) if isinstance(content, bytes) else content)
        for path, content in zip(paths, contents, strict=True)
    ]


def _read(path: str, limit_bytes: int) -> bytes | InvalidImageError:
    try:
        found = os.stat(path)  # noqa: PTH116 - paths stay strings: there may be many
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(found.st_mode):
            return InvalidImageError("is not a regular file")
        if found.st_size > limit_bytes:
            return InvalidImageError(
                f"has {found.st_size} bytes; the server accepts at most {limit_bytes}"
            )
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) else None
        return InvalidImageError(f"cannot be read: {reason or error}")


async def _ask(client: AsyncClient, images: list[bytes]) -> list[Prediction | DigitsError]:
    for wait_count in range(OVERLOADED_TRIES):
        try:
            return await client.recognize_batch(images)
        except OverloadedError as error:
            if error.retry_after_seconds is None or wait_count == OVERLOADED_TRIES - 1:
                raise
            await asyncio.sleep(error.retry_after_seconds + OVERLOADED_WAIT_SECONDS * wait_count)
    raise AssertionError("the last try returns or raises")
