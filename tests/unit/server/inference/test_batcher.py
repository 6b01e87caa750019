import asyncio
import math
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from digits_server.errors import ExpiredError
from digits_server.inference.batcher import MAX_GATHERED, Batcher, Model
from digits_server.ops.metrics import Metrics


class HeldModel:
    """Answers each number by itself; waits while it is held."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.errors: list[Exception] = []
        self.lost_count = 0

    def predict(self, images: Sequence[int]) -> list[int]:
        self.calls.append(len(images))
        self.entered.release()
        self.free.wait()
        if self.errors:
            raise self.errors.pop()
        return list(images[: len(images) - self.lost_count])


class OneModelBatcher(Batcher[int, int]):
    """Asks one model, unless another is named; shows its metrics."""

    def __init__(self, model: HeldModel) -> None:
        self.metrics = Metrics()
        super().__init__(self.metrics)
        self._model = model

    async def predict(
        self,
        images: Sequence[int],
        model: Model[int, int] | None = None,
        deadline: float = math.inf,
    ) -> Sequence[int]:
        return await super().predict(images, model or self._model, deadline)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture
def model() -> HeldModel:
    return HeldModel()


@pytest.fixture
async def batcher(model: HeldModel) -> AsyncIterator[OneModelBatcher]:
    started = OneModelBatcher(model)
    started.start()
    yield started
    model.free.set()
    await started.stop()


async def hold(model: HeldModel, batcher: OneModelBatcher) -> "asyncio.Task[Sequence[int]]":
    """Keep the model busy with one image, so that what follows has to wait."""
    model.free.clear()
    first = asyncio.create_task(batcher.predict([0]))
    await asyncio.to_thread(model.entered.acquire)
    return first


async def ask(batcher: OneModelBatcher, *values: int) -> "asyncio.Task[Sequence[int]]":
    task = asyncio.create_task(batcher.predict(values))
    await asyncio.sleep(0)  # the task runs up to its wait
    return task


async def test_every_caller_gets_its_own_answers(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    tasks = [await ask(batcher, *range(n, n + 1 + n % 3)) for n in range(1, 60)]
    model.free.set()
    await first
    for n, task in enumerate(tasks, 1):
        assert await task == list(range(n, n + 1 + n % 3))


async def test_what_gathers_while_the_model_works_goes_in_one_call(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    tasks = [await ask(batcher, n) for n in range(50)]
    model.free.set()
    await asyncio.gather(first, *tasks)
    assert model.calls == [1, 50]


async def test_a_call_is_no_larger_than_its_limit_unless_one_caller_brings_more(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    tasks = [await ask(batcher, *range(100)) for _ in range(3)]
    model.free.set()
    await asyncio.gather(first, *tasks)
    assert model.calls == [1, 200, 100]
    assert len(await batcher.predict(range(MAX_GATHERED + 44))) == 300
    assert model.calls[-1] == 300


async def test_cancelling_one_caller_leaves_the_others_their_answers(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    one, other, third = [await ask(batcher, n) for n in (1, 2, 3)]
    other.cancel()
    model.free.set()
    await first
    assert await one == [1]
    assert await third == [3]
    assert model.calls == [1, 2]


async def test_cancelling_a_caller_whose_images_are_in_the_model_harms_nobody(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    second = await ask(batcher, 5)
    first.cancel()
    model.free.set()
    assert await second == [5]


async def test_work_that_nobody_waits_for_never_reaches_the_model(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    gone = await ask(batcher, 1)
    gone.cancel()
    model.free.set()
    await first
    await batcher.predict([2])
    assert model.calls == [1, 1]


async def test_a_model_that_raises_fails_those_callers_and_lives_on(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    model.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.predict([1])
    assert await batcher.predict([2]) == [2]


async def test_a_failing_call_fails_none_of_those_who_wait_behind_it(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    behind = [await ask(batcher, n) for n in (1, 2)]
    model.errors = [RuntimeError("broken")]
    model.free.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first
    assert [await task for task in behind] == [[1], [2]]


async def test_a_failing_call_fails_all_of_its_callers_even_when_one_has_gone(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    model.free.clear()
    together = [asyncio.create_task(batcher.predict([n])) for n in (1, 2, 3)]
    await asyncio.to_thread(model.entered.acquire)
    assert model.calls == [3]
    together[1].cancel()
    model.errors = [RuntimeError("broken")]
    model.free.set()
    for task in (together[0], together[2]):
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert await batcher.predict([4]) == [4]


async def test_time_that_is_over_at_once_loses_nothing(batcher: OneModelBatcher) -> None:
    for n in range(50):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.predict([1]), 0)
        assert await batcher.predict([n]) == [n]


async def test_a_model_that_loses_answers_fails_those_callers_and_lives_on(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    model.lost_count = 1
    with pytest.raises(RuntimeError, match="1 answers to 2 images"):
        await batcher.predict([1, 2])
    model.lost_count = 0
    assert await batcher.predict([2]) == [2]


async def test_work_whose_deadline_has_passed_never_reaches_the_model(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    first = await hold(model, batcher)
    now = asyncio.get_running_loop().time()
    late = asyncio.create_task(batcher.predict([1, 2], deadline=now))
    soon = asyncio.create_task(batcher.predict([3], deadline=now + 3600))
    await asyncio.sleep(0)
    model.free.set()
    await first
    with pytest.raises(ExpiredError, match="deadline passed"):
        await late
    assert await soon == [3]
    assert model.calls == [1, 1]
    assert batcher.count("digits_dropped_images_total", reason="expired") == 2


async def test_what_was_cancelled_is_counted(batcher: OneModelBatcher, model: HeldModel) -> None:
    first = await hold(model, batcher)
    gone = await ask(batcher, 1, 2, 3)
    gone.cancel()
    model.free.set()
    await first
    await batcher.predict([2])
    assert batcher.count("digits_dropped_images_total", reason="cancelled") == 3


async def test_a_call_is_of_one_model_and_each_caller_is_answered_by_its_own(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    class Successor(HeldModel):
        def predict(self, images: Sequence[int]) -> list[int]:
            return [-answer for answer in super().predict(images)]

    successor = Successor()
    first = await hold(model, batcher)
    old = [await ask(batcher, n) for n in (1, 2)]
    new = [asyncio.create_task(batcher.predict([n], successor)) for n in (3, 4)]
    await asyncio.sleep(0)
    model.free.set()
    await first
    assert [await task for task in old] == [[1], [2]]
    assert [await task for task in new] == [[-3], [-4]]
    assert model.calls == [1, 2]
    assert successor.calls == [2]
    assert batcher.count("digits_batch_images_sum", flush="swap") == 2


async def test_why_each_call_went_is_counted(batcher: OneModelBatcher, model: HeldModel) -> None:
    first = await hold(model, batcher)
    tasks = [await ask(batcher, *range(100)) for _ in range(3)]
    model.free.set()
    await asyncio.gather(first, *tasks)
    sums = {
        flush: batcher.count("digits_batch_images_sum", flush=flush)
        for flush in ("idle", "full", "gathered", "swap", "alone")
    }
    assert sums == {"idle": 1, "full": 200, "gathered": 100, "swap": 0, "alone": 0}


async def test_in_place_is_answered_only_while_nothing_else_is_asked(
    batcher: OneModelBatcher, model: HeldModel
) -> None:
    assert batcher.predict_in_place([5], model) == [5]
    first = await hold(model, batcher)
    assert batcher.predict_in_place([5], model) is None
    model.free.set()
    await first
    waiting = await ask(batcher, 1)
    assert batcher.predict_in_place([5], model) is None
    await waiting
    assert batcher.count("digits_batch_images_sum", flush="alone") == 1


async def test_stopping_cancels_whoever_still_waits(model: HeldModel) -> None:
    batcher = OneModelBatcher(model)
    batcher.start()
    first = await hold(model, batcher)
    waiting = await ask(batcher, 1)
    stopping = asyncio.create_task(batcher.stop())
    model.free.set()
    await stopping
    for task in (first, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
