"""The calls that are open, and the end of streams that wait for their caller."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from digits_server.errors import StoppingError


class OpenCalls:
    """Counts the calls of a server, and ends idle streams when the server stops.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._receiving: set[asyncio.Timeout] = set()
        self._are_streams_ended = False

    @property
    def count(self) -> int:
        """Number of calls whose response has not been sent completely."""
        return len(self._tasks)

    def add(self) -> None:
        """Count the call that the current task handles, until the task ends."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - gRPC handles each call in a task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end_streams(self) -> None:
        """End the requests of all streams, now and in the future."""
        self._are_streams_ended = True
        now = asyncio.get_running_loop().time()
        for receiving in self._receiving:
            receiving.reschedule(now)

    async def receive(self, messages: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the messages of a stream.

        Raises:
            StoppingError: The server stops. Messages that have arrived before were yielded.
        """
        while not self._are_streams_ended:
            try:
                async with asyncio.timeout(None) as receiving:
                    self._receiving.add(receiving)
                    message = await anext(messages, None)
            except TimeoutError:
                break
            finally:
                self._receiving.discard(receiving)
            if message is None:
                return
            yield message
            del message  # or it would stay until the next one
        raise StoppingError("the server is stopping")
