"""Spreading images over decoding processes, fairly, and replacing processes that end."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, get_args

from digits_server.errors import InvalidArgumentError, OverloadedError, ServerError
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import Frames, SourceImage
from digits_server.preprocessing.layout import Layout

from .messages import DecoderSettings
from .process import Cause, DecoderEndedError, DecoderProcess

logger = logging.getLogger(__name__)

# A photo of 16 megapixels takes a third of that.
IMAGE_SECONDS: Final = 0.7
# What one request has of a process before others have their turn.
GROUP_SECONDS: Final = 0.05
_GROUP_IMAGES: Final = 16
_GROUP_BYTES: Final = 2**18
# An image with which processes end, other than for its time, is tried so often.
_ATTEMPTS: Final = 2
_NOT_STARTED: Final = "a decoding process cannot be started"
_RETRY_SECONDS: Final = 1.0


class _Group(NamedTuple):
    """Images of one request that a process gets together, by their indices."""

    indices: list[int]
    attempts: int = 0


class DecoderPool:
    """Decodes and normalizes images in other processes.

    Images with unusual content can take a decoder minutes, or end its process. Here they end only
    a process that is replaced. Processes are started as they are needed; waiting requests get them
    in turn, for a few images each.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(
        self, count: int, limits: ImageLimits, memory_bytes: int, metrics: Metrics
    ) -> None:
        """Create a pool that has no process yet.

        Args:
            count: Maximum number of processes.
            limits: The largest image to accept.
            memory_bytes: Memory that one image may take, above that of a process at rest.
            metrics: Counts the processes that end, and times the images.
        """
        self._settings = DecoderSettings(
            limits.max_bytes, limits.max_pixels, memory_bytes, IMAGE_SECONDS, GROUP_SECONDS
        )
        self._count = count
        self._framing_seconds = metrics.framing_seconds
        self._ended = {cause: metrics.ended_decoders.labels(cause) for cause in get_args(Cause)}
        self._free = asyncio.Semaphore(count)  # first come, first served
        self._idle: list[DecoderProcess] = []
        self._decoding: set[asyncio.Task[Frames]] = set()

    async def start(self) -> None:
        """Start one process, so that the first image need not wait for it.

        Raises:
            ServerError: The system is out of memory, or has too many processes.
        """
        try:
            self._idle.append(await DecoderProcess.start(self._settings))
        except OSError as error:
            raise ServerError(f"{_NOT_STARTED}: {error.strerror}") from error

    async def stop(self) -> None:
        """End all processes."""
        for task in self._decoding:
            task.cancel()
        await asyncio.gather(*self._decoding, return_exceptions=True)
        for process in self._idle:
            await process.end()
        self._idle.clear()

    async def to_frames(
        self, images: Sequence[SourceImage], layout: Layout = Layout.DIGIT
    ) -> Frames:
        """Return the frames of a request's images. An invalid image has an error instead.

        Raises:
            OverloadedError: A process is needed, and the system is out of memory, or has too many.
        """
        done: dict[int, Frames] = {}
        groups = deque(_groups(images))
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(min(self._count, len(groups))):
                    lanes.create_task(self._work_off(images, layout, groups, done))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return Frames.concatenate([done[index] for index in range(len(images))])

    async def _work_off(
        self,
        images: Sequence[SourceImage],
        layout: Layout,
        groups: deque[_Group],
        done: dict[int, Frames],
    ) -> None:
        """Decode groups until none is left."""
        while groups:
            group = groups.popleft()
            try:
                found = await self._decode([images[index] for index in group.indices], layout)
            except DecoderEndedError as error:
                groups.extend(_again(group, error, done))
                continue
            for position, index in enumerate(group.indices[: len(found)]):
                done[index] = found[position : position + 1]
            if rest := group.indices[len(found) :]:
                groups.append(_Group(rest, group.attempts))

    async def _decode(self, images: Sequence[SourceImage], layout: Layout) -> Frames:
        await self._free.acquire()
        # A caller that leaves must not leave a process behind in the middle of a request.
        task = asyncio.create_task(self._decode_in_process(images, layout))
        self._decoding.add(task)
        task.add_done_callback(self._decoding.discard)
        return await asyncio.shield(task)

    async def _decode_in_process(self, images: Sequence[SourceImage], layout: Layout) -> Frames:
        try:
            start = time.perf_counter()
            process = self._idle.pop() if self._idle else await self._start_process()
            try:
                frames = await process.decode(images, layout)
            except DecoderEndedError as error:
                logger.warning("%s", error)
                self._ended[error.cause].inc()
                raise
            except BaseException:
                await process.end()
                raise
            self._idle.append(process)
            self._framing_seconds.observe(time.perf_counter() - start)
            return frames
        finally:
            self._free.release()

    async def _start_process(self) -> DecoderProcess:
        try:
            return await DecoderProcess.start(self._settings)
        except OSError as error:
            logger.warning("%s: %s", _NOT_STARTED, error.strerror)
            raise OverloadedError(_NOT_STARTED, _RETRY_SECONDS) from error


def _groups(images: Sequence[SourceImage]) -> list[_Group]:
    """Return the images in groups of limited size; a large image has its own."""
    groups: list[_Group] = []
    byte_count = 0
    for index, image in enumerate(images):
        byte_count += 0 if image is None else len(image[-1])
        if not groups or byte_count > _GROUP_BYTES or len(groups[-1].indices) == _GROUP_IMAGES:
            groups.append(_Group([]))
            byte_count = 0 if image is None else len(image[-1])
        groups[-1].indices.append(index)
    return groups


def _again(group: _Group, error: DecoderEndedError, done: dict[int, Frames]) -> list[_Group]:
    """Return what to try again of a group with which a process ended: each image on its own.

    An image that has been alone, and is at fault, gets an error.
    """
    if len(group.indices) > 1:
        return [_Group([index]) for index in group.indices]
    if error.cause == "time":
        reason = f"takes more than {IMAGE_SECONDS:g} s to decode; send it smaller or simpler"
    elif group.attempts + 1 < _ATTEMPTS:
        return [_Group(group.indices, group.attempts + 1)]
    else:
        reason = "cannot be decoded"
    done[group.indices[0]] = Frames.invalid(InvalidArgumentError("image", reason))
    return []
