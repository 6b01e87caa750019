"""The mailbox for the newest item."""

import asyncio

import pytest

from digits_client.draw.mailbox import Mailbox


async def test_a_new_item_replaces_the_one_before() -> None:
    mailbox = Mailbox[str]()
    mailbox.put("first")
    mailbox.put("second")
    assert await mailbox.take() == "second"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mailbox.take(), 0.01)


async def test_a_waiting_taker_receives_the_next_item() -> None:
    mailbox = Mailbox[str]()
    waiting = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("late")
    assert await waiting == "late"


async def test_an_item_that_is_put_back_does_not_replace_a_newer_one() -> None:
    mailbox = Mailbox[str]()
    mailbox.put_back("old")
    assert await mailbox.take() == "old"
    mailbox.put("new")
    mailbox.put_back("old")
    assert await mailbox.take() == "new"


async def test_a_taker_that_timed_out_takes_nothing() -> None:
    mailbox = Mailbox[str]()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mailbox.take(), 0.01)
    mailbox.put("item")
    assert await mailbox.take() == "item"


async def test_an_item_that_is_put_back_reaches_a_waiting_taker() -> None:
    mailbox = Mailbox[str]()
    waiting = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put_back("old")
    assert await waiting == "old"


async def test_an_item_for_a_cancelled_taker_stays_for_the_next_one() -> None:
    mailbox = Mailbox[str]()
    waiting = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("item")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await mailbox.take() == "item"


async def test_a_falsy_item_counts_as_an_item() -> None:
    mailbox = Mailbox[int]()
    mailbox.put(0)
    mailbox.put_back(1)
    assert await mailbox.take() == 0
