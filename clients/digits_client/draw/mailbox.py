"""A mailbox for one item: a new item replaces one that has not been taken."""

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds at most one item.

    Not thread-safe: call it from one event loop only.
    """

    def __init__(self) -> None:
        self._item: Item | None = None
        self._filled = asyncio.Event()

    def put(self, item: Item) -> None:
        """Put an item in; it replaces the one that is there."""
        self._item = item
        self._filled.set()

    def put_back(self, item: Item) -> None:
        """Return an item that was taken, unless a newer one has arrived."""
        if self._item is None:
            self.put(item)

    async def take(self) -> Item:
        """Take the item out; wait for one if the mailbox is empty."""
        while self._item is None:
            self._filled.clear()
            await self._filled.wait()
        item, self._item = self._item, None
        return item
