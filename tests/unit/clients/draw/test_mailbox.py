"""One letter, and the newest."""

import asyncio

import pytest

from digits_client.draw.mailbox import Mailbox


async def test_the_newest_takes_the_place_of_the_one_before() -> None:
    box = Mailbox[str]()
    box.put("first")
    box.put("second")
    assert await box.take() == "second"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.take(), 0.01)


async def test_one_who_waits_gets_what_comes() -> None:
    box = Mailbox[str]()
    waiting = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put("late")
    assert await waiting == "late"


async def test_what_is_put_back_gives_way_to_something_newer() -> None:
    box = Mailbox[str]()
    box.put_back("old")
    assert await box.take() == "old"
    box.put("new")
    box.put_back("old")
    assert await box.take() == "new"


async def test_one_who_gave_up_waiting_takes_nothing() -> None:
    box = Mailbox[str]()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.take(), 0.01)
    box.put("here")
    assert await box.take() == "here"


async def test_what_is_put_back_reaches_one_who_waits() -> None:
    box = Mailbox[str]()
    waiting = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put_back("old")
    assert await waiting == "old"


async def test_what_came_for_one_who_gave_up_is_there_for_the_next() -> None:
    box = Mailbox[str]()
    waiting = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put("here")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await box.take() == "here"


async def test_something_that_counts_as_nothing_is_a_letter_too() -> None:
    box = Mailbox[int]()
    box.put(0)
    box.put_back(1)
    assert await box.take() == 0
