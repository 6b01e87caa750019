"""Many waiting callers, one call of the model."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from digits_server.errors import ExpiredError
from digits_server.ops.metrics import Metrics

from .threads import image_threads

# The most images that are handed to the model in one call, unless a single caller
# brings more. Larger calls are no faster an image and make those behind them wait.
MAX_GATHERED: Final = 256

Image = TypeVar("Image")
Image_contra = TypeVar("Image_contra", contravariant=True)
Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class Model(Protocol[Image_contra, Answer_co]):
    """What is asked. Not thread-safe: one thread calls it."""

    def predict(self, images: Sequence[Image_contra], /) -> Sequence[Answer_co]:
        """Return the answer to each image, in their order."""


class _Work(NamedTuple, Generic[Image, Answer]):
    images: Sequence[Image]
    model: Model[Image, Answer]
    deadline: float  # of the loop's clock
    arrived: float  # of time.perf_counter
    answers: asyncio.Future[Sequence[Answer]]


class Batcher(Generic[Image, Answer]):
    """Gathers images while the model works, and hands it what has gathered when it is free.

    No time is waited for more work to come: a lone caller is answered at once. How much may
    wait is not decided here but where requests are admitted. Work whose caller has gone, or
    whose deadline has passed, is dropped before the model sees it.

    Work names its model, and one call is of one model: whoever came under one version is
    answered by it, also when another is served meanwhile.

    One collector task and one model thread. Everything else belongs to the event loop.
    """

    def __init__(self, metrics: Metrics) -> None:
        """Prepare; ``start`` begins."""
        self._metrics = metrics
        self._flushed = {
            reason: metrics.batch_images.labels(reason)
            for reason in ("idle", "gathered", "full", "swap", "alone")
        }
        self._waiting: deque[_Work[Image, Answer]] = deque()
        self._arrived = asyncio.Event()
        self._is_busy = False
        self._thread = image_threads(1, "model")
        self._collector: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer. Called within the event loop."""
        self._collector = asyncio.create_task(self._collect(), name="batcher")

    async def stop(self) -> None:
        """End the collector and the model thread; whoever still waits is cancelled."""
        if self._collector is not None:
            self._collector.cancel()
            await asyncio.gather(self._collector, return_exceptions=True)
        for work in self._waiting:
            work.answers.cancel()
        self._waiting.clear()
        # The model's last call takes milliseconds; the loop is not held for it.
        await asyncio.to_thread(self._thread.shutdown)

    async def predict(
        self, images: Sequence[Image], model: Model[Image, Answer], deadline: float = math.inf
    ) -> Sequence[Answer]:
        """Return the model's answers to at least one image, in their order.

        Args:
            images: As the model takes them.
            model: Which is asked.
            deadline: Of the event loop's clock; after it nobody waits for the answers.

        Raises:
            ExpiredError: The deadline passed before the model was free.
        """
        answers: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Work(images, model, deadline, time.perf_counter(), answers))
        self._arrived.set()
        return await answers

    def predict_in_place(
        self, images: Sequence[Image], model: Model[Image, Answer]
    ) -> Sequence[Answer] | None:
        """Return the answers at once, or None where the model is at work.

        For a caller who is alone: the way to the model's thread and back takes longer than
        a small model does. The event loop stands still meanwhile.
        """
        if self._is_busy or self._waiting:
            return None
        self._flushed["alone"].observe(len(images))
        with self._metrics.model_seconds.time():
            return model.predict(images)

    async def _collect(self) -> None:
        was_busy = False
        while True:
            if not self._waiting:
                was_busy = False
                self._arrived.clear()
                await self._arrived.wait()
            gathered, reason = self._gather()
            if gathered:
                self._flushed["idle" if reason == "gathered" and not was_busy else reason].observe(
                    sum(len(work.images) for work in gathered)
                )
                self._is_busy = True
                try:
                    await self._answer(gathered)
                finally:
                    self._is_busy = False
                was_busy = True

    def _gather(self) -> tuple[list[_Work[Image, Answer]], str]:
        """Take the oldest work, up to the largest call, and say what ended the taking."""
        gathered: list[_Work[Image, Answer]] = []
        count = 0
        now, began = asyncio.get_running_loop().time(), time.perf_counter()
        while self._waiting:
            work = self._waiting[0]
            if gathered and work.model is not gathered[0].model:
                return gathered, "swap"
            if gathered and count + len(work.images) > MAX_GATHERED:
                return gathered, "full"
            self._waiting.popleft()
            if self._is_wanted(work, now):
                self._metrics.queue_wait_seconds.observe(began - work.arrived)
                gathered.append(work)
                count += len(work.images)
        return gathered, "gathered"

    def _is_wanted(self, work: _Work[Image, Answer], now: float) -> bool:
        if now >= work.deadline:
            self._metrics.dropped.labels("expired").inc(len(work.images))
            if not work.answers.done():
                work.answers.set_exception(ExpiredError("the deadline passed in the queue"))
            return False
        if work.answers.done():
            self._metrics.dropped.labels("cancelled").inc(len(work.images))
            return False
        return True

    async def _answer(self, gathered: list[_Work[Image, Answer]]) -> None:
        images = [image for work in gathered for image in work.images]
        loop = asyncio.get_running_loop()
        try:
            with self._metrics.model_seconds.time():
                answers = await loop.run_in_executor(
                    self._thread, gathered[0].model.predict, images
                )
            if len(answers) != len(images):
                raise RuntimeError(f"the model gave {len(answers)} answers to {len(images)} images")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is these callers' answer
            for work in gathered:
                if not work.answers.done():
                    work.answers.set_exception(error)
            return
        except asyncio.CancelledError:
            for work in gathered:
                work.answers.cancel()
            raise
        begin = 0
        for work in gathered:
            end = begin + len(work.images)
            if not work.answers.done():
                work.answers.set_result(answers[begin:end])
            begin = end
