"""Items in groups, taken from an iterator by a thread that may block for any time."""

import asyncio
import itertools
import threading
from collections.abc import Iterable

from digits_client.sources import Item


class Prefetcher:
    """Takes items from an iterator in a thread, one group at a time, for one event loop.

    The thread is a daemon, unlike those of asyncio, so that an iterator that never ends does
    not delay the exit of the process.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        """Start the thread, which iterates the items; to be called in the event loop."""
        self._items = iter(items)
        self._group_size = 0
        self._requests = threading.Semaphore(0)
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[list[Item]] = self._loop.create_future()
        threading.Thread(target=self._run, daemon=True, name="items").start()

    async def next(self, group_size: int) -> list[Item]:
        """Return the next items; none after the last one.

        Args:
            group_size: The number of items; the last group may have fewer.

        Raises:
            Exception: The iterator raised it.
        """
        self._group_size = group_size
        self._next = self._loop.create_future()
        self._requests.release()
        return await self._next

    def close(self) -> None:
        """Let the thread end; if it is waiting for an item, it ends once that has come."""
        self._is_closed = True
        self._requests.release()

    def _run(self) -> None:
        while self._requests.acquire() and not self._is_closed:
            error: Exception | None = None
            group: list[Item] = []
            try:
                group = list(itertools.islice(self._items, self._group_size))
            except Exception as raised:  # noqa: BLE001 - raised again by next()
                error = raised
            if self._is_closed:
                return
            self._loop.call_soon_threadsafe(self._deliver, group, error)

    def _deliver(self, group: list[Item], error: Exception | None) -> None:
        if self._next.done():  # the caller of next() was cancelled
            return
        if error is None:
            self._next.set_result(group)
        else:
            self._next.set_exception(error)
