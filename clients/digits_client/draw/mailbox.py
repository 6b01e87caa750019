"""A mailbox for one letter: the newest takes the place of one that nobody has taken out."""

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds at most one item. Belongs to one event loop."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._filled = asyncio.Event()

    def put(self, item: Item) -> None:
        """Put an item in; one that is there is lost."""
        self._item = item
        self._filled.set()

    def put_back(self, item: Item) -> None:
        """Put in what was taken out before, unless something newer is there."""
        if self._item is None:
            self.put(item)

    async def take(self) -> Item:
        """Take the item out; waits until there is one."""
        while self._item is None:
            self._filled.clear()
            await self._filled.wait()
        item, self._item = self._item, None
        return item
