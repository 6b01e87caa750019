import asyncio
import math
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.batcher import MAX_GATHERED, Batcher
from digits_server.engine import Engine
from digits_server.errors import ExpiredError
from digits_server.metrics import Metrics

Floats = NDArray[np.float32]


class HeldEngine:
    """Gives each frame's first pixel back, ten times; waits while it is held."""

    image_seconds = math.inf

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


class OneModelBatcher(Batcher):
    """Asks one model, unless another is named; shows its metrics."""

    def __init__(self, engine: HeldEngine) -> None:
        self.metrics = Metrics()
        super().__init__(self.metrics)
        self._engine = engine

    async def predict(
        self, frames: Floats, engine: Engine | None = None, deadline: float = math.inf
    ) -> Floats:
        return await super().predict(frames, engine or self._engine, deadline)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


def frames_of(*values: float) -> Floats:
    return np.stack([np.full((28, 28), value, np.float32) for value in values])


@pytest.fixture
def engine() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
async def batcher(engine: HeldEngine) -> AsyncIterator[OneModelBatcher]:
    started = OneModelBatcher(engine)
    started.start()
    yield started
    engine.free.set()
    await started.stop()


async def hold(engine: HeldEngine, batcher: OneModelBatcher) -> "asyncio.Task[Floats]":
    """Keep the model busy with one frame, so that what follows has to wait."""
    engine.free.clear()
    first = asyncio.create_task(batcher.predict(frames_of(0)))
    await asyncio.to_thread(engine.entered.acquire)
    return first


async def ask(batcher: OneModelBatcher, *values: float) -> "asyncio.Task[Floats]":
    task = asyncio.create_task(batcher.predict(frames_of(*values)))
    await asyncio.sleep(0)  # the task runs up to its wait
    return task


async def test_every_caller_gets_its_own_rows(batcher: OneModelBatcher, engine: HeldEngine) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, *range(n, n + 1 + n % 3)) for n in range(1, 60)]
    engine.free.set()
    await first
    for n, task in enumerate(tasks, 1):
        assert (await task)[:, 0].tolist() == list(range(n, n + 1 + n % 3))


async def test_what_gathers_while_the_model_works_goes_in_one_call(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, n) for n in range(50)]
    engine.free.set()
    await asyncio.gather(first, *tasks)
    assert engine.calls == [1, 50]


async def test_a_call_is_no_larger_than_its_limit_unless_one_caller_brings_more(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, *range(100)) for _ in range(3)]
    engine.free.set()
    await asyncio.gather(first, *tasks)
    assert engine.calls == [1, 200, 100]
    assert (await batcher.predict(frames_of(*range(MAX_GATHERED + 44)))).shape == (300, 10)
    assert engine.calls[-1] == 300


async def test_cancelling_one_caller_leaves_the_others_their_rows(
    batcher: OneModelBatcher, engine: HeldEngine
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
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    second = await ask(batcher, 5)
    first.cancel()
    engine.free.set()
    assert (await second)[0, 0] == 5


async def test_work_that_nobody_waits_for_never_reaches_the_model(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    gone = await ask(batcher, 1)
    gone.cancel()
    engine.free.set()
    await first
    await batcher.predict(frames_of(2))
    assert engine.calls == [1, 1]


async def test_a_model_that_raises_fails_those_callers_and_lives_on(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    engine.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.predict(frames_of(1))
    assert (await batcher.predict(frames_of(2)))[0, 0] == 2


async def test_a_failing_call_fails_none_of_those_who_wait_behind_it(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    behind = [await ask(batcher, n) for n in (1, 2)]
    engine.errors = [RuntimeError("broken")]
    engine.free.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first
    assert [(await task)[0, 0] for task in behind] == [1, 2]


async def test_a_failing_call_fails_all_of_its_callers_even_when_one_has_gone(
    batcher: OneModelBatcher, engine: HeldEngine
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


async def test_time_that_is_over_at_once_loses_nothing(batcher: OneModelBatcher) -> None:
    for n in range(50):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.predict(frames_of(1)), 0)
        assert (await batcher.predict(frames_of(n)))[0, 0] == n


async def test_a_model_that_loses_rows_fails_those_callers_and_lives_on(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    engine.lost_rows = 1
    with pytest.raises(RuntimeError, match="1 rows for 2 frames"):
        await batcher.predict(frames_of(1, 2))
    engine.lost_rows = 0
    assert (await batcher.predict(frames_of(2)))[0, 0] == 2


async def test_work_whose_deadline_has_passed_never_reaches_the_model(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    first = await hold(engine, batcher)
    now = asyncio.get_running_loop().time()
    late = asyncio.create_task(batcher.predict(frames_of(1, 2), deadline=now))
    soon = asyncio.create_task(batcher.predict(frames_of(3), deadline=now + 3600))
    await asyncio.sleep(0)
    engine.free.set()
    await first
    with pytest.raises(ExpiredError, match="deadline passed"):
        await late
    assert (await soon)[0, 0] == 3
    assert engine.calls == [1, 1]
    assert batcher.count("digits_dropped_images_total", reason="expired") == 2


async def test_what_was_cancelled_is_counted(batcher: OneModelBatcher, engine: HeldEngine) -> None:
    first = await hold(engine, batcher)
    gone = await ask(batcher, 1, 2, 3)
    gone.cancel()
    engine.free.set()
    await first
    await batcher.predict(frames_of(2))
    assert batcher.count("digits_dropped_images_total", reason="cancelled") == 3


async def test_a_call_is_of_one_model_and_each_caller_is_answered_by_its_own(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    class Successor(HeldEngine):
        def predict(self, frames: Floats) -> Floats:
            return -super().predict(frames)

    successor = Successor()
    first = await hold(engine, batcher)
    old = [await ask(batcher, n) for n in (1, 2)]
    new = [asyncio.create_task(batcher.predict(frames_of(n), successor)) for n in (3, 4)]
    await asyncio.sleep(0)
    engine.free.set()
    await first
    assert [(await task)[0, 0] for task in old] == [1, 2]
    assert [(await task)[0, 0] for task in new] == [-3, -4]
    assert engine.calls == [1, 2]
    assert successor.calls == [2]
    assert batcher.count("digits_batch_images_sum", flush="swap") == 2


async def test_why_each_call_went_is_counted(batcher: OneModelBatcher, engine: HeldEngine) -> None:
    first = await hold(engine, batcher)
    tasks = [await ask(batcher, *range(100)) for _ in range(3)]
    engine.free.set()
    await asyncio.gather(first, *tasks)
    sums = {
        flush: batcher.count("digits_batch_images_sum", flush=flush)
        for flush in ("idle", "full", "gathered", "swap", "alone")
    }
    assert sums == {"idle": 1, "full": 200, "gathered": 100, "swap": 0, "alone": 0}


async def test_in_place_is_answered_only_while_nothing_else_is_asked(
    batcher: OneModelBatcher, engine: HeldEngine
) -> None:
    in_place = batcher.predict_in_place(frames_of(5), engine)
    assert in_place is not None
    assert in_place[0, 0] == 5
    first = await hold(engine, batcher)
    assert batcher.predict_in_place(frames_of(5), engine) is None
    engine.free.set()
    await first
    waiting = await ask(batcher, 1)
    assert batcher.predict_in_place(frames_of(5), engine) is None
    await waiting
    assert batcher.count("digits_batch_images_sum", flush="alone") == 1


async def test_stopping_cancels_whoever_still_waits(engine: HeldEngine) -> None:
    batcher = OneModelBatcher(engine)
    batcher.start()
    first = await hold(engine, batcher)
    waiting = await ask(batcher, 1)
    stopping = asyncio.create_task(batcher.stop())
    engine.free.set()
    await stopping
    for task in (first, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
