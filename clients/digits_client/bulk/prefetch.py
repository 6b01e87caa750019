"""Items in groups, taken by a thread that may wait for them for as long as it takes."""

import asyncio
import itertools
import threading
from collections.abc import Iterable

from digits_client.sources import Item


class Prefetcher:
    """What an iterator of items gives, a group at a time, for one event loop.

    The thread is a daemon, unlike those of asyncio: a list that never ends holds up no exit.
    """

    def __init__(self, items: Iterable[Item], size: int) -> None:
        """Begin; to be made where the event loop runs.

        Args:
            items: Iterated in the thread.
            size: Items in a group, but for the last.
        """
        self._items = iter(items)
        self._size = size
        self._asked = threading.Semaphore(0)
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[list[Item]] = self._loop.create_future()
        threading.Thread(target=self._take, daemon=True, name="items").start()

    async def next(self) -> list[Item]:
        """Return the next items; none when there are no more.

        Raises:
            Exception: What the iterator raised.
        """
        self._next = self._loop.create_future()
        self._asked.release()
        return await self._next

    def close(self) -> None:
        """Let the thread end, once it waits for no more items."""
        self._is_closed = True
        self._asked.release()

    def _take(self) -> None:
        while self._asked.acquire() and not self._is_closed:
            error: Exception | None = None
            group: list[Item] = []
            try:
                group = list(itertools.islice(self._items, self._size))
            except Exception as raised:  # noqa: BLE001 - whoever asked is to have it
                error = raised
            if self._is_closed:
                return
            self._loop.call_soon_threadsafe(self._give, group, error)

    def _give(self, group: list[Item], error: Exception | None) -> None:
        if self._next.done():  # whoever asked has been cancelled
            return
        if error is None:
            self._next.set_result(group)
        else:
            self._next.set_exception(error)
