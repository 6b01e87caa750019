import asyncio
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from digits_server.errors import ExpiredError
from digits_server.inference import batcher as batcher_module
from digits_server.inference import crowd
from digits_server.inference.batcher import MAX_ASIDE_SECONDS, THREAD_COST, Batcher
from digits_server.inference.request_queue import CHUNK_COST
from digits_server.models import LoadedModel
from digits_server.models.predictions import Predictions
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.framing import EncodedImage, Images, Work
from digits_server.preprocessing.layout import Layout

MODEL: Any = SimpleNamespace(image_seconds=1)  # too slow for the event loop's thread
SUCCESSOR: Any = SimpleNamespace(image_seconds=1)
FAST_MODEL: Any = SimpleNamespace(image_seconds=1e-4)
Waiting = "asyncio.Task[list[int]]"


def images(*numbers: int) -> Images:
    return np.array(numbers, np.uint8).reshape(-1, 1, 1)


class Recognition:
    """Predicts the number in each image, or its negative with the successor; can block."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.released = threading.Event()
        self.released.set()
        self.errors: list[Exception] = []
        self.cores: list[int] = []
        self.was_in_event_loop: list[bool] = []
        self._lock = threading.Lock()
        self._busy_cores: set[int] = set()

    def __call__(
        self, model: LoadedModel, images: Images, layout: Layout, core: int
    ) -> Predictions:
        with self._lock:
            assert core not in self._busy_cores
            self._busy_cores.add(core)
            self.calls.append(len(images))
            self.cores.append(core)
            self.was_in_event_loop.append(threading.current_thread() is threading.main_thread())
        self.entered.release()
        self.released.wait()
        with self._lock:
            self._busy_cores.remove(core)
        if self.errors:
            raise self.errors.pop()
        numbers = np.asarray(images).ravel().astype(np.int8)
        none = np.zeros(len(images))
        digits = -numbers if model is SUCCESSOR else numbers
        return Predictions(none, digits, none, none, none, none, none, none, none, none, "1")  # type: ignore[arg-type]


class NumberBatcher(Batcher):
    """Takes numbers, and gives access to its metrics."""

    def __init__(self, recognition: Recognition, cores: int = 1) -> None:
        self.metrics = Metrics()
        self.threads = ThreadPoolExecutor(cores)
        super().__init__(self.threads, cores, recognition, self.metrics)

    async def numbers(
        self,
        numbers: Sequence[int],
        model: LoadedModel = MODEL,
        deadline: float = math.inf,
        cost: int = 1,
    ) -> list[int]:
        work = Work(len(numbers), cost * len(numbers), is_plain=True)
        predictions = await self.predict(images(*numbers), work, model, deadline)
        digits: list[int] = predictions.digits.tolist()
        return digits

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture
def recognition() -> Recognition:
    return Recognition()


@pytest.fixture
def batcher(recognition: Recognition) -> Iterator[NumberBatcher]:
    batcher = NumberBatcher(recognition)
    yield batcher
    recognition.released.set()
    batcher.threads.shutdown()


@pytest.fixture
def two_cores(recognition: Recognition) -> Iterator[NumberBatcher]:
    batcher = NumberBatcher(recognition, cores=2)
    yield batcher
    recognition.released.set()
    batcher.threads.shutdown()


async def block(recognition: Recognition, batcher: NumberBatcher) -> "asyncio.Task[list[int]]":
    """Keep a core busy with one image, so that later requests have to wait."""
    recognition.released.clear()
    first = asyncio.create_task(batcher.numbers([0]))
    await asyncio.to_thread(recognition.entered.acquire)
    return first


async def enqueue(
    batcher: NumberBatcher, *numbers: int, cost: int = 1
) -> "asyncio.Task[list[int]]":
    task = asyncio.create_task(batcher.numbers(numbers, cost=cost))
    await asyncio.sleep(0)  # runs the task up to its wait
    return task


async def test_every_caller_gets_its_own_predictions(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    tasks = [await enqueue(batcher, *range(n, n + 1 + n % 3)) for n in range(1, 60)]
    recognition.released.set()
    await first
    for n, task in enumerate(tasks, 1):
        assert await task == list(range(n, n + 1 + n % 3))


async def test_requests_that_arrive_while_the_core_is_busy_share_one_chunk(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    tasks = [await enqueue(batcher, n) for n in range(50)]
    recognition.released.set()
    await asyncio.gather(first, *tasks)
    assert recognition.calls == [1, 50]


async def test_a_request_that_does_not_fit_into_a_chunk_is_cut(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    tasks = [await enqueue(batcher, *range(n, n + 50)) for n in (0, 50)]
    recognition.released.set()
    await first
    assert [await task for task in tasks] == [list(range(50)), list(range(50, 100))]
    assert recognition.calls == [1, CHUNK_COST, 100 - CHUNK_COST]


async def test_expensive_images_make_small_chunks_of_at_least_one(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    four = await enqueue(batcher, 1, 2, 3, 4, cost=CHUNK_COST // 2)
    two = await enqueue(batcher, 5, 6, cost=CHUNK_COST * 3)
    recognition.released.set()
    await first
    assert await four == [1, 2, 3, 4]
    assert await two == [5, 6]
    assert recognition.calls == [1, 2, 2, 1, 1]


async def test_the_cores_share_a_large_request(
    two_cores: NumberBatcher, recognition: Recognition
) -> None:
    recognition.released.clear()
    task = asyncio.create_task(two_cores.numbers(range(100)))
    for _ in range(2):
        await asyncio.to_thread(recognition.entered.acquire)
    assert sorted(recognition.cores) == [0, 1]
    recognition.released.set()
    assert await task == list(range(100))


async def test_a_second_core_starts_only_with_enough_work(
    two_cores: NumberBatcher, recognition: Recognition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "BUSY_WAIT_SECONDS", 3600)
    first = await block(recognition, two_cores)
    tasks = [await enqueue(two_cores, n) for n in range(THREAD_COST - 1)]
    await asyncio.sleep(0)
    assert len(recognition.calls) == 1
    tasks.append(await enqueue(two_cores, THREAD_COST - 1))
    await asyncio.to_thread(recognition.entered.acquire)
    assert recognition.calls == [1, THREAD_COST]
    recognition.released.set()
    await first
    assert [await task for task in tasks] == [[n] for n in range(THREAD_COST)]


async def test_little_work_does_not_wait_long_for_a_busy_core(
    two_cores: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, two_cores)
    waiting = await enqueue(two_cores, 1)
    await asyncio.to_thread(recognition.entered.acquire)  # while the first still runs
    recognition.released.set()
    assert await first == [0]
    assert await waiting == [1]


async def test_cancelling_one_request_does_not_affect_the_others(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    one, cancelled, third = [await enqueue(batcher, n) for n in (1, 2, 3)]
    cancelled.cancel()
    recognition.released.set()
    await first
    assert await one == [1]
    assert await third == [3]
    assert recognition.calls == [1, 2]


async def test_cancelling_a_request_on_a_core_does_not_affect_the_others(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    second = await enqueue(batcher, 5)
    first.cancel()
    recognition.released.set()
    assert await second == [5]


async def test_the_rest_of_a_cancelled_request_never_reaches_a_core(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    recognition.released.clear()
    cancelled = asyncio.create_task(batcher.numbers(range(100)))
    await asyncio.to_thread(recognition.entered.acquire)
    cancelled.cancel()
    recognition.released.set()
    assert await batcher.numbers([2]) == [2]
    assert recognition.calls == [CHUNK_COST, 1]
    assert batcher.count("digits_dropped_images_total", reason="cancelled") == 100 - CHUNK_COST


async def test_an_error_fails_that_chunk_only(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    recognition.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.numbers([1])
    assert await batcher.numbers([2]) == [2]


async def test_an_error_does_not_affect_requests_in_the_queue(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    queued = [await enqueue(batcher, n) for n in (1, 2)]
    recognition.errors = [RuntimeError("broken")]
    recognition.released.set()
    with pytest.raises(RuntimeError, match="broken"):
        await first
    assert [await task for task in queued] == [[1], [2]]


async def test_an_error_in_one_part_fails_its_request_and_drops_the_rest(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    recognition.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.numbers(range(100))
    assert await batcher.numbers([2]) == [2]
    assert recognition.calls == [CHUNK_COST, 1]


async def test_an_error_fails_all_requests_of_its_chunk_even_if_one_was_cancelled(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    recognition.released.clear()
    tasks = [asyncio.create_task(batcher.numbers([n])) for n in (1, 2, 3)]
    await asyncio.to_thread(recognition.entered.acquire)
    assert recognition.calls == [3]
    tasks[1].cancel()
    recognition.errors = [RuntimeError("broken")]
    recognition.released.set()
    for task in (tasks[0], tasks[2]):
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert await batcher.numbers([4]) == [4]


async def test_a_timeout_of_zero_loses_no_other_request(batcher: NumberBatcher) -> None:
    for n in range(50):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.numbers([1]), 0)
        assert await batcher.numbers([n]) == [n]


async def test_an_expired_request_never_reaches_a_core(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    now = asyncio.get_running_loop().time()
    expired = asyncio.create_task(batcher.numbers([1, 2], deadline=now))
    in_time = asyncio.create_task(batcher.numbers([3], deadline=now + 3600))
    await asyncio.sleep(0)
    recognition.released.set()
    await first
    with pytest.raises(ExpiredError, match="deadline passed"):
        await expired
    assert await in_time == [3]
    assert recognition.calls == [1, 1]
    assert batcher.count("digits_dropped_images_total", reason="expired") == 2


async def test_cancelled_images_are_counted(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    cancelled = await enqueue(batcher, 1, 2, 3)
    cancelled.cancel()
    recognition.released.set()
    await first
    await batcher.numbers([2])
    assert recognition.calls == [1, 1]
    assert batcher.count("digits_dropped_images_total", reason="cancelled") == 3


async def test_requests_for_two_models_are_separate_chunks(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    old = [await enqueue(batcher, n) for n in (1, 2)]
    new = [asyncio.create_task(batcher.numbers([n], SUCCESSOR)) for n in (3, 4)]
    await asyncio.sleep(0)
    recognition.released.set()
    await first
    assert [await task for task in old] == [[1], [2]]
    assert [await task for task in new] == [[-3], [-4]]
    assert recognition.calls == [1, 2, 2]
    assert batcher.count("digits_batch_images_sum", flush="swap") == 2


async def test_tensors_and_other_images_are_separate_chunks(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    tensor = await enqueue(batcher, 1)
    # What this stand-in makes of bytes does not matter: only the chunks do.
    other = asyncio.create_task(batcher.predict([EncodedImage(b"")], Work(0, 1, True), MODEL))
    recognition.released.set()
    await first
    assert await tensor == [1]
    await asyncio.gather(other, return_exceptions=True)
    assert recognition.calls == [1, 1, 1]


async def test_chunks_are_counted_by_what_limited_them(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    tasks = [await enqueue(batcher, *range(50)) for _ in range(2)]
    recognition.released.set()
    await asyncio.gather(first, *tasks)
    sums = {
        flush: batcher.count("digits_batch_images_sum", flush=flush)
        for flush in ("alone", "gathered", "full", "swap")
    }
    assert sums == {"alone": 1 + 36, "gathered": 0, "full": 64, "swap": 0}


async def test_only_small_chunks_of_a_fast_model_run_in_the_event_loop(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    for count, model in ((THREAD_COST, FAST_MODEL), (THREAD_COST + 1, FAST_MODEL), (1, MODEL)):
        assert await batcher.numbers(range(count), model) == list(range(count))
    assert recognition.was_in_event_loop == [True, False, False]


async def test_nothing_runs_in_the_event_loop_while_a_core_is_busy(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    waiting = asyncio.create_task(batcher.numbers([1], FAST_MODEL))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert recognition.calls == [1]
    recognition.released.set()
    await first
    assert await waiting == [1]


async def test_an_error_in_the_event_loop_fails_that_chunk_only(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    recognition.errors = [RuntimeError("broken")]
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.numbers([1], FAST_MODEL)
    assert await batcher.numbers([2], FAST_MODEL) == [2]


async def come_together(batcher: NumberBatcher) -> None:
    """Let two callers send at the same time, so that later ones expect company."""
    await asyncio.gather(batcher.numbers([1], FAST_MODEL), batcher.numbers([2], FAST_MODEL))


async def test_after_two_came_together_one_waits_for_the_other(
    batcher: NumberBatcher, recognition: Recognition, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (crowd, batcher_module):
        monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 3600)
    await come_together(batcher)
    one = asyncio.create_task(batcher.numbers([1], FAST_MODEL))
    for _ in range(10):
        await asyncio.sleep(0)
    assert recognition.calls == [2]
    assert await batcher.numbers([2], FAST_MODEL) == [2]
    assert await one == [1]
    assert recognition.calls == [2, 2]


async def test_the_wait_for_others_ends(batcher: NumberBatcher, recognition: Recognition) -> None:
    await come_together(batcher)
    assert await batcher.numbers([1], FAST_MODEL) == [1]
    assert recognition.calls == [2, 1]


@pytest.mark.parametrize(("chunks", "stands_aside"), [(8, False), (12, True)])
async def test_the_event_loop_stands_aside_only_while_much_work_waits(
    batcher: NumberBatcher,
    recognition: Recognition,
    monkeypatch: pytest.MonkeyPatch,
    chunks: int,
    *,
    stands_aside: bool,
) -> None:
    running_counts: list[int] = []

    def wait(running: set[Any], timeout: float, return_when: str) -> None:
        assert timeout == MAX_ASIDE_SECONDS
        assert return_when == "FIRST_COMPLETED"
        running_counts.append(len(running))

    monkeypatch.setattr("concurrent.futures.wait", wait)
    first = await block(recognition, batcher)
    tasks = [await enqueue(batcher, *range(CHUNK_COST)) for _ in range(chunks)]
    recognition.released.set()
    await asyncio.gather(first, *tasks)
    assert bool(running_counts) == stands_aside
    assert all(running_counts)


async def test_stopping_cancels_the_requests_that_still_wait(
    batcher: NumberBatcher, recognition: Recognition
) -> None:
    first = await block(recognition, batcher)
    waiting = await enqueue(batcher, 1)
    batcher.stop()
    recognition.released.set()
    assert await first == [0]
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_images_of_different_layouts_are_not_recognized_together(
    recognition: Recognition, batcher: NumberBatcher
) -> None:
    blocked = await block(recognition, batcher)
    waiting = [
        asyncio.create_task(
            batcher.predict(images(number), Work(1, 1, is_plain=True), MODEL, layout=layout)
        )
        for number, layout in enumerate((Layout.DIGIT, Layout.DIGIT, Layout.NUMBER, Layout.PAGE))
    ]
    await asyncio.sleep(0)
    recognition.released.set()
    await asyncio.gather(blocked, *waiting)
    assert recognition.calls[1:] == [2, 1, 1]
