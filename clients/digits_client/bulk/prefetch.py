"""Items in groups, taken from an iterator by a thread that may block for any time."""

import asyncio
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
        self._group: list[Item] = []
        self._group_size = 0
        self._has_ended = False
        self._error: Exception | None = None
        self._is_closed = False
        self._changed = threading.Condition()  # guards the above
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Future[list[Item]] = self._loop.create_future()
        threading.Thread(target=self._run, daemon=True, name="items").start()

    async def next(self, group_size: int) -> list[Item]:
        """Return the next items; none after the last one.

        Args:
            group_size: The number of items; the last group may have fewer, and so may one after
                ``hurry``.

        Raises:
            Exception: The iterator raised it.
        """
        self._next = self._loop.create_future()
        self._request(group_size)
        return await self._next

    def hurry(self) -> None:
        """Let ``next`` return what has come so far, or else the next item alone."""
        self._request(1)

    def close(self) -> None:
        """Let the thread end; if it is waiting for an item, it ends once that has come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _request(self, group_size: int) -> None:
        with self._changed:
            self._group_size = group_size
            self._changed.notify()
        self._deliver()  # what may have come already

    def _run(self) -> None:
        while self._wait_for_request():
            item: Item | None = None
            error: Exception | None = None
            try:
                item = next(self._items, None)
            except Exception as raised:  # noqa: BLE001 - raised again by next()
                error = raised
            with self._changed:
                if self._is_closed:
                    return
                if item is None:
                    self._has_ended, self._error = True, error
                else:
                    self._group.append(item)
                if self._is_complete:  # in here, because the loop stays open until `close`
                    self._loop.call_soon_threadsafe(self._deliver)

    def _wait_for_request(self) -> bool:
        """Wait until the group lacks an item; return False if no more is to be taken."""
        with self._changed:
            while self._is_complete and not (self._has_ended or self._is_closed):
                self._changed.wait()
            return not (self._has_ended or self._is_closed)

    @property
    def _is_complete(self) -> bool:
        return self._has_ended or len(self._group) >= self._group_size

    def _deliver(self) -> None:
        with self._changed:
            if self._next.done() or not self._is_complete:
                return
            if self._error is not None and not self._group:
                self._next.set_exception(self._error)
            else:
                self._next.set_result(self._group)
            self._group, self._group_size = [], 0
