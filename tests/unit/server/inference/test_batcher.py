import asyncio
import math
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from digits_server.errors import ExpiredError
from digits_server.inference.batcher import MAX_CALL_IMAGES, Batcher, Model
from digits_server.ops.metrics import Metrics


class BlockingModel:
    """Returns each number unchanged, and blocks until it is released."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.released = threading.Event()
        self.released.set()
        self.errors: list[Exception] = []
        self.missing_count = 0

    def predict(self, images: Sequence[int]) -> list[int]:
        self.calls.append(len(images))
        self.entered.release()
        self.released.wait()
        if self.errors:
            raise self.errors.pop()
        return list(images[: len(images) - self.missing_count])


class OneModelBatcher(Batcher[int, int]):
    """Calls one model unless another is passed, and gives access to its metrics."""

    def __init__(self, model: BlockingModel) -> None:
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
def model() -> BlockingModel:
    return BlockingModel()


@pytest.fixture
async def batcher(model: BlockingModel) -> AsyncIterator[OneModelBatcher]:
    batcher = OneModelBatcher(model)
    batcher.start()
    yield batcher
    model.released.set()
    await batcher.stop()


async def block(model: BlockingModel, batcher: OneModelBatcher) -> "asyncio.Task[Sequence[int]]":
    """Keep the model busy with one image, so that later requests have to wait."""
    model.released.clear()
    first = asyncio.create_task(batcher.predict([0]))
    await asyncio.to_thread(model.entered.acquire)
    return first


async def enqueue(batcher: OneModelBatcher, *values: int) -> "asyncio.Task[Sequence[int]]":
    task = asyncio.create_task(batcher.predict(values))
    await asyncio.sleep(0)  # runs the task up to its wait
    return task


async def test_every_caller_gets_its_own_outputs(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    tasks = [await enqueue(batcher, *range(n, n + 1 + n % 3)) for n in range(1, 60)]
    model.released.set()
    await first
    for n, task in enumerate(tasks, 1):
        assert await task == list(range(n, n + 1 + n % 3))


async def test_requests_that_arrive_while_the_model_is_busy_share_one_call(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    tasks = [await enqueue(batcher, n) for n in range(50)]
    model.released.set()
    await asyncio.gather(first, *tasks)
    assert model.calls == [1, 50]


async def test_a_call_stays_within_its_limit_unless_a_single_request_is_larger(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    tasks = [await enqueue(batcher, *range(100)) for _ in range(3)]
    model.released.set()
    await asyncio.gather(first, *tasks)
    assert model.calls == [1, 200, 100]
    assert len(await batcher.predict(range(MAX_CALL_IMAGES + 44))) == 300
    assert model.calls[-1] == 300


async def test_cancelling_one_request_does_not_affect_the_others(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    one, cancelled, third = [await enqueue(batcher, n) for n in (1, 2, 3)]
    cancelled.cancel()
    model.released.set()
    await first
    assert await one == [1]
    assert await third == [3]
    assert model.calls == [1, 2]


async def test_cancelling_a_request_inside_the_model_does_not_affect_the_others(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    second = await enqueue(batcher, 5)
    first.cancel()
    model.released.set()
    assert await second == [5]


async def test_a_cancelled_request_never_reaches_the_model(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    cancelled = await enqueue(batcher, 1)
    cancelled.cancel()
    model.released.set()
    await first
    await batcher.predict([2])
    assert model.calls == [1, 1]


async def test_a_model_error_fails_that_call_only(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    model.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.predict([1])
    assert await batcher.predict([2]) == [2]


async def test_a_model_error_does_not_affect_requests_in_the_queue(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    queued = [await enqueue(batcher, n) for n in (1, 2)]
    model.errors = [RuntimeError("broken")]
    model.released.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first
    assert [await task for task in queued] == [[1], [2]]


async def test_a_model_error_fails_all_requests_of_its_call_even_if_one_was_cancelled(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    model.released.clear()
    tasks = [asyncio.create_task(batcher.predict([n])) for n in (1, 2, 3)]
    await asyncio.to_thread(model.entered.acquire)
    assert model.calls == [3]
    tasks[1].cancel()
    model.errors = [RuntimeError("broken")]
    model.released.set()
    for task in (tasks[0], tasks[2]):
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert await batcher.predict([4]) == [4]


async def test_a_timeout_of_zero_loses_no_other_request(batcher: OneModelBatcher) -> None:
    for n in range(50):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.predict([1]), 0)
        assert await batcher.predict([n]) == [n]


async def test_a_model_with_too_few_outputs_fails_that_call_only(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    model.missing_count = 1
    with pytest.raises(RuntimeError, match="1 outputs for 2 images"):
        await batcher.predict([1, 2])
    model.missing_count = 0
    assert await batcher.predict([2]) == [2]


async def test_an_expired_request_never_reaches_the_model(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    now = asyncio.get_running_loop().time()
    expired = asyncio.create_task(batcher.predict([1, 2], deadline=now))
    in_time = asyncio.create_task(batcher.predict([3], deadline=now + 3600))
    await asyncio.sleep(0)
    model.released.set()
    await first
    with pytest.raises(ExpiredError, match="deadline passed"):
        await expired
    assert await in_time == [3]
    assert model.calls == [1, 1]
    assert batcher.count("digits_dropped_images_total", reason="expired") == 2


async def test_cancelled_images_are_counted(batcher: OneModelBatcher, model: BlockingModel) -> None:
    first = await block(model, batcher)
    cancelled = await enqueue(batcher, 1, 2, 3)
    cancelled.cancel()
    model.released.set()
    await first
    await batcher.predict([2])
    assert batcher.count("digits_dropped_images_total", reason="cancelled") == 3


async def test_requests_for_two_models_are_separate_calls(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    class Successor(BlockingModel):
        def predict(self, images: Sequence[int]) -> list[int]:
            return [-output for output in super().predict(images)]

    successor = Successor()
    first = await block(model, batcher)
    old = [await enqueue(batcher, n) for n in (1, 2)]
    new = [asyncio.create_task(batcher.predict([n], successor)) for n in (3, 4)]
    await asyncio.sleep(0)
    model.released.set()
    await first
    assert [await task for task in old] == [[1], [2]]
    assert [await task for task in new] == [[-3], [-4]]
    assert model.calls == [1, 2]
    assert successor.calls == [2]
    assert batcher.count("digits_batch_images_sum", flush="swap") == 2


async def test_calls_are_counted_by_what_limited_the_batch(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    first = await block(model, batcher)
    tasks = [await enqueue(batcher, *range(100)) for _ in range(3)]
    model.released.set()
    await asyncio.gather(first, *tasks)
    sums = {
        flush: batcher.count("digits_batch_images_sum", flush=flush)
        for flush in ("idle", "full", "gathered", "swap", "alone")
    }
    assert sums == {"idle": 1, "full": 200, "gathered": 100, "swap": 0, "alone": 0}


async def test_a_call_in_place_is_made_only_while_no_other_request_exists(
    batcher: OneModelBatcher, model: BlockingModel
) -> None:
    assert batcher.predict_in_place([5], model) == [5]
    first = await block(model, batcher)
    assert batcher.predict_in_place([5], model) is None
    model.released.set()
    await first
    waiting = await enqueue(batcher, 1)
    assert batcher.predict_in_place([5], model) is None
    await waiting
    assert batcher.count("digits_batch_images_sum", flush="alone") == 1


async def test_stopping_cancels_the_requests_that_still_wait(model: BlockingModel) -> None:
    batcher = OneModelBatcher(model)
    batcher.start()
    first = await block(model, batcher)
    waiting = await enqueue(batcher, 1)
    stopping = asyncio.create_task(batcher.stop())
    model.released.set()
    await stopping
    for task in (first, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
