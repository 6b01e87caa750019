"""Combining the images of many waiting callers into one call of the model."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from digits_server.errors import ExpiredError
from digits_server.ops.metrics import Metrics

from .threads import image_threads

# The most images in one call of the model, unless a single request has more. Larger calls are no
# faster per image, and make the requests behind them wait.
MAX_CALL_IMAGES: Final = 256

Image = TypeVar("Image")
Image_contra = TypeVar("Image_contra", contravariant=True)
Output = TypeVar("Output")
Output_co = TypeVar("Output_co", covariant=True)


class Model(Protocol[Image_contra, Output_co]):
    """A model to batch for. Not thread-safe: one thread calls it."""

    def predict(self, images: Sequence[Image_contra], /) -> Sequence[Output_co]:
        """Return one output per image, in their order."""


class _Request(NamedTuple, Generic[Image, Output]):
    images: Sequence[Image]
    model: Model[Image, Output]
    deadline: float  # on the event loop's clock
    arrival: float  # on the clock of time.perf_counter
    outputs: asyncio.Future[Sequence[Output]]


class Batcher(Generic[Image, Output]):
    """Queues requests while the model is busy, and passes them on together when it is free.

    The batcher never delays a request to wait for more: a lone request runs at once. It does
    not limit the queue, because admission does. Requests that were cancelled or whose deadline
    has passed are dropped before they reach the model.

    A request names its model, and each call goes to one model. A request therefore gets its
    predictions from the version that was served when it arrived.

    There is one collector task and one model thread. Not thread-safe: call it from the event
    loop only.
    """

    def __init__(self, metrics: Metrics) -> None:
        """Create a batcher that does nothing until ``start``."""
        self._metrics = metrics
        self._batch_images = {
            flush: metrics.batch_images.labels(flush)
            for flush in ("idle", "gathered", "full", "swap", "alone")
        }
        self._queue: deque[_Request[Image, Output]] = deque()
        self._has_arrived = asyncio.Event()
        self._is_busy = False
        self._thread = image_threads(1, "model")
        self._collector: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to process requests. Called within the event loop."""
        self._collector = asyncio.create_task(self._collect(), name="batcher")

    async def stop(self) -> None:
        """Stop the collector and the model thread, and cancel the requests that still wait."""
        if self._collector is not None:
            self._collector.cancel()
            await asyncio.gather(self._collector, return_exceptions=True)
        for request in self._queue:
            request.outputs.cancel()
        self._queue.clear()
        # The model's last call may take milliseconds, which must not block the event loop.
        await asyncio.to_thread(self._thread.shutdown)

    async def predict(
        self, images: Sequence[Image], model: Model[Image, Output], deadline: float = math.inf
    ) -> Sequence[Output]:
        """Return the model's outputs for at least one image, in their order.

        Args:
            images: Images as the model takes them.
            model: The model to call.
            deadline: Time on the event loop's clock after which the caller no longer waits.

        Raises:
            ExpiredError: The deadline passed before the model was free.
        """
        outputs: asyncio.Future[Sequence[Output]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(images, model, deadline, time.perf_counter(), outputs))
        self._has_arrived.set()
        return await outputs

    def predict_in_place(
        self, images: Sequence[Image], model: Model[Image, Output]
    ) -> Sequence[Output] | None:
        """Call the model in the event loop's thread, or return None if the model is busy.

        Meant for a single caller: the way to the model's thread and back takes longer than a
        small model does. The call blocks the event loop.
        """
        if self._is_busy or self._queue:
            return None
        self._batch_images["alone"].observe(len(images))
        with self._metrics.model_seconds.time():
            return model.predict(images)

    async def _collect(self) -> None:
        was_busy = False
        while True:
            if not self._queue:
                was_busy = False
                self._has_arrived.clear()
                await self._has_arrived.wait()
            batch, flush = self._next_batch()
            if batch:
                if flush == "gathered" and not was_busy:
                    flush = "idle"
                self._batch_images[flush].observe(sum(len(request.images) for request in batch))
                self._is_busy = True
                try:
                    await self._call_model(batch)
                finally:
                    self._is_busy = False
                was_busy = True

    def _next_batch(self) -> tuple[list[_Request[Image, Output]], str]:
        """Take the oldest requests for one call, and return them with what limited the batch."""
        batch: list[_Request[Image, Output]] = []
        count = 0
        now, start = asyncio.get_running_loop().time(), time.perf_counter()
        while self._queue:
            request = self._queue[0]
            if batch and request.model is not batch[0].model:
                return batch, "swap"
            if batch and count + len(request.images) > MAX_CALL_IMAGES:
                return batch, "full"
            self._queue.popleft()
            if not self._drop_if_done(request, now):
                self._metrics.queue_wait_seconds.observe(start - request.arrival)
                batch.append(request)
                count += len(request.images)
        return batch, "gathered"

    def _drop_if_done(self, request: _Request[Image, Output], now: float) -> bool:
        """Return whether a request has expired or was cancelled, and count it if so."""
        if now >= request.deadline:
            self._metrics.dropped.labels("expired").inc(len(request.images))
            if not request.outputs.done():
                request.outputs.set_exception(ExpiredError("the deadline passed in the queue"))
            return True
        if request.outputs.done():
            self._metrics.dropped.labels("cancelled").inc(len(request.images))
            return True
        return False

    async def _call_model(self, batch: list[_Request[Image, Output]]) -> None:
        images = [image for request in batch for image in request.images]
        loop = asyncio.get_running_loop()
        try:
            with self._metrics.model_seconds.time():
                outputs = await loop.run_in_executor(self._thread, batch[0].model.predict, images)
            if len(outputs) != len(images):
                raise RuntimeError(
                    f"the model returned {len(outputs)} outputs for {len(images)} images"
                )
        except Exception as error:  # noqa: BLE001 - any error goes to the callers of this batch
            for request in batch:
                if not request.outputs.done():
                    request.outputs.set_exception(error)
            return
        except asyncio.CancelledError:
            for request in batch:
                request.outputs.cancel()
            raise
        start = 0
        for request in batch:
            end = start + len(request.images)
            if not request.outputs.done():
                request.outputs.set_result(outputs[start:end])
            start = end
