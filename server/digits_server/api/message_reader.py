"""Reading the messages of calls, within a limit on the memory that they take together.

gRPC reports neither the size of a message nor how much of it has arrived. Until a message is read,
flow control keeps all but its first 256 KB at the caller. While messages are read, the memory of
the process shows how much has arrived. Once it exceeds the limit, calls whose messages are slow to
arrive are ended, which frees what they have sent.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc

from digits_server.errors import OverloadedError
from digits_server.ops.metrics import Metrics
from digits_server.ops.process_memory import resident_bytes, return_free_memory

from .abort import abort, request_id_of
from .call import Context

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 0.02
# A small message has arrived by then, and over a local network a large one too.
SLOW_SECONDS: Final = 0.02
# So many messages that are not known to be slow are read at a time; more wait for these. If the
# event loop is held up, no more than these arrive meanwhile.
FRESH_COUNT: Final = 4
# So many slow messages may go on when the memory is used up, the oldest: at least they complete.
KEPT_COUNT: Final = 4
_REASON: Final = "the messages in flight take more memory than the server has for them"
_RETRY_SECONDS: Final = 1.0
_TRIM_SECONDS: Final = 0.1
# Memory that stays in use for so long, while nothing slow is read, is not that of messages.
_REST_SECONDS: Final = 10.0
_MEGABYTE: Final = 10**6


class _Reading:
    """A message that is being read."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.start = time.monotonic()
        self.is_slow = False
        self.is_ended = False


class MessageReader:
    """Reads messages, and ends calls when the messages take too much memory.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(self, limit_bytes: int, metrics: Metrics) -> None:
        """Create a reader; ``watch`` enforces its limit.

        Args:
            limit_bytes: The memory of the process above that at rest.
            metrics: Counts the calls that are ended.
        """
        self._limit_bytes = limit_bytes
        self._ended = metrics.rejected_requests.labels("bytes")
        self._fresh = asyncio.Semaphore(FRESH_COUNT)
        # What is being read, oldest first.
        self._messages: dict[_Reading, None] = {}
        self._streams: dict[_Reading, None] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._has_work = asyncio.Event()  # an idle server does not look at its memory
        self._rest_bytes = 0
        self._trimmed_at = 0.0
        self._within_limit_at = 0.0

    async def read(self, context: Context) -> Any:
        """Return the message of a call, or EOF.

        Raises:
            AbortError: The messages of all calls take too much memory, and this call was ended.
        """
        await self._fresh.acquire()
        reading = _Reading(context)
        try:
            return await self._read(reading, self._messages)
        finally:
            if not reading.is_slow:
                self._fresh.release()

    async def messages(self, context: Context) -> AsyncGenerator[Any, None]:
        """Yield the messages of a stream, between which any time may pass.

        Raises:
            AbortError: The messages of all calls take too much memory, and this call was ended.
        """
        while (content := await self._read(_Reading(context), self._streams)) is not grpc.aio.EOF:
            yield content
            del content  # or it would stay until the next one

    async def watch(self) -> None:
        """Enforce the limit until cancelled."""
        self._rest_bytes = resident_bytes()
        while True:
            await self._has_work.wait()
            await asyncio.sleep(CHECK_SECONDS)
            now = time.monotonic()
            for reading in self._messages:
                if not reading.is_slow and now - reading.start > SLOW_SECONDS:
                    reading.is_slow = True
                    self._fresh.release()
            held_bytes = resident_bytes() - self._rest_bytes
            if held_bytes > self._limit_bytes // 2 and now - self._trimmed_at > _TRIM_SECONDS:
                self._trimmed_at = now
                gc.collect()  # gRPC leaves ended calls, with what they have sent, in cycles
                await asyncio.to_thread(return_free_memory)
                held_bytes = resident_bytes() - self._rest_bytes
            if not (self._messages or self._streams) and held_bytes <= self._limit_bytes // 2:
                self._has_work.clear()
            if held_bytes <= self._limit_bytes or self._end_slow():
                self._within_limit_at = now
            elif now - self._within_limit_at > _REST_SECONDS:
                self._rest_bytes = resident_bytes()
                megabytes = self._rest_bytes // _MEGABYTE
                logger.warning("the memory without messages has grown to %d MB", megabytes)

    async def _read(self, reading: _Reading, readings: dict[_Reading, None]) -> Any:
        readings[reading] = None
        self._has_work.set()
        try:
            content = await reading.context.read()
        finally:
            del readings[reading]
        if reading.is_ended:
            raise grpc.aio.AbortError
        return content

    def _end_slow(self) -> bool:
        """End calls whose message is slow to arrive; return whether there are any.

        Streams are ended if there are no others, since they are always being read.
        """
        slow = [reading for reading in self._messages if reading.is_slow]
        ended = slow[KEPT_COUNT:] if slow else [*self._streams]
        for reading in ended:
            if not reading.is_ended:
                reading.is_ended = True
                self._ended.inc()
                task = asyncio.create_task(_end(reading.context))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        return bool(slow or ended)


async def _end(context: Context) -> None:
    """End a call while its message is read.

    To cancel the reading instead would leak what has arrived, inside gRPC.
    """
    with contextlib.suppress(grpc.aio.AbortError, grpc.aio.UsageError):
        await abort(context, OverloadedError(_REASON, _RETRY_SECONDS), request_id_of(context))
