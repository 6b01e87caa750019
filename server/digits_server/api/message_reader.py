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
from collections.abc import AsyncGenerator, Iterator
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
# After an attempt that freed too little, unless the limit is exceeded or a call has been ended.
_NEXT_TRIM_SECONDS: Final = 10.0
# So many checks, 10 s, in which the memory is in use without a slow message to end: it is not that
# of messages.
_REST_CHECKS: Final = 500
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
        self._sending: set[Context] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._has_work = asyncio.Event()  # an idle server does not look at its memory
        self._rest_bytes: int | None = None  # None until it is measured
        self._is_rest_changing = False
        self._trimmed_at = 0.0
        self._may_trim_help = True
        self._excess_checks = 0

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

    @contextlib.contextmanager
    def sending(self, context: Context) -> Iterator[None]:
        """Do not end a call in this context, in which a response of its stream is being sent."""
        self._sending.add(context)
        try:
            yield
        finally:
            self._sending.discard(context)

    @contextlib.contextmanager
    def rest_changing(self) -> Iterator[None]:
        """End no call in this context, which changes the memory at rest; then measure that."""
        self._is_rest_changing = True
        try:
            yield
        finally:
            self._is_rest_changing = False
            self._rest_bytes = None
            self._has_work.set()

    async def watch(self) -> None:
        """Enforce the limit until cancelled."""
        self._rest_bytes = resident_bytes()
        while True:
            await self._has_work.wait()
            await asyncio.sleep(CHECK_SECONDS)
            self._find_slow()
            if self._is_rest_changing:
                continue
            held_bytes = await self._held_bytes()
            is_idle = not (self._messages or self._streams)
            accepted_bytes = self._limit_bytes // 2 if is_idle else self._limit_bytes
            if held_bytes > accepted_bytes and not self._end_slow():
                self._excess_checks += 1
            else:
                self._excess_checks = 0
            if self._excess_checks > _REST_CHECKS:
                self._rest_bytes = None
                megabytes = resident_bytes() // _MEGABYTE
                logger.warning("the memory without messages has grown to %d MB", megabytes)
            elif is_idle and held_bytes <= accepted_bytes:
                self._has_work.clear()

    def _find_slow(self) -> None:
        now = time.monotonic()
        for reading in self._messages:
            if not reading.is_slow and now - reading.start > SLOW_SECONDS:
                reading.is_slow = True
                self._fresh.release()

    async def _held_bytes(self) -> int:
        """Return the memory above that at rest; if it is much, after what is free was returned."""
        if self._rest_bytes is None:
            await self._trim()
            self._rest_bytes = resident_bytes()
        rest_bytes, half_bytes = self._rest_bytes, self._limit_bytes // 2
        held_bytes = resident_bytes() - rest_bytes
        is_urgent = self._may_trim_help or held_bytes > self._limit_bytes
        pause_seconds = _TRIM_SECONDS if is_urgent else _NEXT_TRIM_SECONDS
        if held_bytes > half_bytes and time.monotonic() - self._trimmed_at > pause_seconds:
            await self._trim()
            held_bytes = resident_bytes() - rest_bytes
            self._may_trim_help = held_bytes <= half_bytes
        return held_bytes

    async def _trim(self) -> None:
        """Return what is free to the system."""
        self._trimmed_at = time.monotonic()
        gc.collect()  # gRPC leaves ended calls, with what they have sent, in cycles
        await asyncio.to_thread(return_free_memory)

    async def _read(self, reading: _Reading, readings: dict[_Reading, None]) -> Any:
        readings[reading] = None
        self._has_work.set()
        try:
            return await reading.context.read()
        finally:
            del readings[reading]

    def _end_slow(self) -> bool:
        """End calls whose message is slow to arrive; return whether there are any.

        Streams are ended if there are no others, since they are always being read. So they do not
        show that it is messages that take the memory.
        """
        slow = [reading for reading in self._messages if reading.is_slow][KEPT_COUNT:]
        for reading in slow or [*self._streams]:
            if not reading.is_ended:
                task = asyncio.create_task(self._end(reading))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        return bool(slow)

    async def _end(self, reading: _Reading) -> None:
        """End a call while its message is read, unless that has arrived.

        To cancel the reading instead would leak what has arrived, inside gRPC. While gRPC sends the
        first response it cannot send a status, and the caller would wait for ever. Such a call is
        left to a later check.
        """
        is_read = reading not in self._messages and reading not in self._streams
        if is_read or reading.context in self._sending:
            return
        reading.is_ended = True
        self._may_trim_help = True
        self._ended.inc()
        with contextlib.suppress(grpc.aio.AbortError, grpc.aio.UsageError):
            error = OverloadedError(_REASON, _RETRY_SECONDS)
            await abort(reading.context, error, request_id_of(reading.context))
