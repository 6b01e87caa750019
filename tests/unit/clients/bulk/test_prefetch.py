"""Groups of items that a thread takes from an iterator."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from digits_client.bulk.prefetch import Prefetcher
from digits_client.sources import Item, find


def items(count: int) -> Iterator[Item]:
    return find(map(str, range(count)), globs=False)


@contextlib.asynccontextmanager
async def prefetcher(source: Iterable[Item]) -> AsyncIterator[Prefetcher]:
    groups = Prefetcher(source)
    try:
        yield groups
    finally:
        groups.close()


async def next_paths(groups: Prefetcher, group_size: int) -> list[str]:
    return [item.path for item in await groups.next(group_size)]


async def test_groups_have_the_requested_size_except_the_last() -> None:
    async with prefetcher(items(6)) as groups:
        assert await next_paths(groups, 3) == ["0", "1", "2"]
        assert await next_paths(groups, 1) == ["3"]
        assert await next_paths(groups, 3) == ["4", "5"]
        assert await next_paths(groups, 3) == []
        assert await next_paths(groups, 3) == []


async def test_no_item_is_taken_that_was_not_requested() -> None:
    taken = []

    def source() -> Iterator[Item]:
        for item in items(4):
            taken.append(item.path)
            yield item

    async with prefetcher(source()) as groups:
        assert taken == []
        await groups.next(2)
        assert taken == ["0", "1"]


async def test_in_a_hurry_a_group_has_what_has_come_or_else_the_next_item() -> None:
    has_blocked, go_on = threading.Event(), threading.Semaphore(0)

    def source() -> Iterator[Item]:
        for item in items(6):
            if item.path in "25":
                has_blocked.set()
                assert go_on.acquire(timeout=30)
            yield item

    async with prefetcher(source()) as groups:
        group = asyncio.ensure_future(next_paths(groups, 64))
        await asyncio.to_thread(has_blocked.wait, 30)
        groups.hurry()
        assert await group == ["0", "1"]
        group = asyncio.ensure_future(next_paths(groups, 64))
        await asyncio.sleep(0)
        groups.hurry()
        go_on.release()
        assert await group == ["2"]
        group = asyncio.ensure_future(next_paths(groups, 64))
        go_on.release()
        assert await group == ["3", "4", "5"]


async def test_the_items_before_an_error_are_a_group() -> None:
    def broken() -> Iterator[Item]:
        yield from items(2)
        raise OSError("the listing failed")

    async with prefetcher(broken()) as groups:
        assert await next_paths(groups, 64) == ["0", "1"]
        for _ in range(2):
            with pytest.raises(OSError, match="the listing failed"):
                await groups.next(64)
