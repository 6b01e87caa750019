import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.batcher import MAX_GATHERED, Batcher
from digits_server.errors import OverloadedError

Floats = NDArray[np.float32]


class HeldEngine:
    """Gives each frame's first pixel back, ten times; waits while it is held."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.errors: list[Exception] = []
        self.lost_rows = 0

    def predict(self, frames: Floats) -> Floats:
        self.calls.append(len(frames))
        self.entered.release()
        self.free.wait()
        if self.errors:
            raise self.errors.pop()
        return frames[: len(frames) - self.lost_rows, 0, :1].repeat(10, axis=1)


def frames_of(*values: float) -> Floats:
    return np.stack([np.full((28, 28), value, np.float32) for value in values])


@pytest.fixture
def engine() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
async def batcher(engine: HeldEngine) -> AsyncIterator[Batcher]:
    started = Batcher(engine, max_waiting=400)
    started.start()
    yield started
    engine.free.set()
    await started.stop()


async def hold(engine: HeldEngine, batcher: Batcher) -> "asyncio.Task[Floats]":
    """Keep the model busy with one frame, so that what follows has to wait."""
    engine.free.clear()
    first = asyncio.create_task(batcher.predict(frames_of(0)))
    await asyncio.to_thread(engine.entered.acquire)
    return first


async def ask(batcher: Batcher, *values: float) -> "asyncio.Task[Floats]":
    task = asyncio.create_task(batcher.predict(frames_of(*values)))
    await asyncio.sleep(0)  # the task runs up to its wait
    return task


async def test_every_caller_gets_its_own_rows(batcher: Batcher, engine: HeldEngine) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, *range(n, n + 1 + n % 3)) for n in range(1, 60)]
    engine.free.set()
    await first
    for n, task in enumerate(tasks, 1):
        assert (await task)[:, 0].tolist() == list(range(n, n + 1 + n % 3))


async def test_what_gathers_while_the_model_works_goes_in_one_call(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, n) for n in range(50)]
    engine.free.set()
    await asyncio.gather(first, *tasks)
    assert engine.calls == [1, 50]


async def test_a_call_is_no_larger_than_its_limit_unless_one_caller_brings_more(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, *range(100)) for _ in range(3)]
    engine.free.set()
    await asyncio.gather(first, *tasks)
    assert engine.calls == [1, 200, 100]
    assert (await batcher.predict(frames_of(*range(MAX_GATHERED + 44)))).shape == (300, 10)
    assert engine.calls[-1] == 300


async def test_cancelling_one_caller_leaves_the_others_their_rows(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    one, other, third = [await ask(batcher, n) for n in (1, 2, 3)]
    other.cancel()
    engine.free.set()
    await first
    assert (await one)[0, 0] == 1
    assert (await third)[0, 0] == 3
    assert engine.calls == [1, 2]


async def test_cancelling_a_caller_whose_frames_are_in_the_model_harms_nobody(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    second = await ask(batcher, 5)
    first.cancel()
    engine.free.set()
    assert (await second)[0, 0] == 5


async def test_work_that_nobody_waits_for_never_reaches_the_model(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    gone = await ask(batcher, 1)
    gone.cancel()
    engine.free.set()
    await first
    await batcher.predict(frames_of(2))
    assert engine.calls == [1, 1]


async def test_a_model_that_raises_fails_those_callers_and_lives_on(
    batcher: Batcher, engine: HeldEngine
) -> None:
    engine.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.predict(frames_of(1))
    assert (await batcher.predict(frames_of(2)))[0, 0] == 2


async def test_a_failing_call_fails_none_of_those_who_wait_behind_it(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    behind = [await ask(batcher, n) for n in (1, 2)]
    engine.errors = [RuntimeError("broken")]
    engine.free.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first
    assert [(await task)[0, 0] for task in behind] == [1, 2]


async def test_a_failing_call_fails_all_of_its_callers_even_when_one_has_gone(
    batcher: Batcher, engine: HeldEngine
) -> None:
    engine.free.clear()
    together = [asyncio.create_task(batcher.predict(frames_of(n))) for n in (1, 2, 3)]
    await asyncio.to_thread(engine.entered.acquire)
    assert engine.calls == [3]
    together[1].cancel()
    engine.errors = [RuntimeError("broken")]
    engine.free.set()
    for task in (together[0], together[2]):
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert (await batcher.predict(frames_of(4)))[0, 0] == 4


async def test_time_that_is_over_at_once_loses_nothing(batcher: Batcher) -> None:
    for n in range(50):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.predict(frames_of(1)), 0)
        assert (await batcher.predict(frames_of(n)))[0, 0] == n


async def test_a_model_that_loses_rows_fails_those_callers_and_lives_on(
    batcher: Batcher, engine: HeldEngine
) -> None:
    engine.lost_rows = 1
    with pytest.raises(RuntimeError, match="1 rows for 2 frames"):
        await batcher.predict(frames_of(1, 2))
    engine.lost_rows = 0
    assert (await batcher.predict(frames_of(2)))[0, 0] == 2


async def test_a_full_queue_refuses_at_once_and_room_lets_in_again(
    batcher: Batcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    waiting = await ask(batcher, *range(400))
    with pytest.raises(OverloadedError, match="400 images wait and at most 400 may") as caught:
        await batcher.predict(frames_of(1))
    assert caught.value.retry_after_seconds > 0
    engine.free.set()
    await asyncio.gather(first, waiting)
    assert (await batcher.predict(frames_of(9)))[0, 0] == 9


async def test_one_caller_may_bring_more_than_the_queue_holds_when_nobody_waits(
    batcher: Batcher,
) -> None:
    assert len(await batcher.predict(frames_of(*range(500)))) == 500


async def test_stopping_cancels_whoever_still_waits(engine: HeldEngine) -> None:
    batcher = Batcher(engine, max_waiting=10)
    batcher.start()
    first = await hold(engine, batcher)
    waiting = await ask(batcher, 1)
    stopping = asyncio.create_task(batcher.stop())
    engine.free.set()
    await stopping
    for task in (first, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
