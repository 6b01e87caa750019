"""Combining the images of many waiting callers, and spreading them over the cores."""

import asyncio
import concurrent.futures
import functools
import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple, TypeAlias

from digits_server.errors import ExpiredError
from digits_server.models import LoadedModel
from digits_server.models.predictions import Predictions
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.framing import Images, Work, join

from .crowd import MAX_WAIT_SECONDS, Crowd

# The most work in one chunk, in calls of a network for one image. Larger chunks are no faster per
# image, and leave less to share among the cores.
CHUNK_COST: Final = 64
# Less work than this is not worth another thread, which would compete for the interpreter.
THREAD_COST: Final = 16
# A model that takes longer than this for one image always gets another thread.
IN_PLACE_SECONDS: Final = 0.0005
# Chunks for each core: one that it works on, and one to go on with while the event loop is busy.
CHUNKS_PER_CORE: Final = 2
# While so much more waits for each core, the event loop accepts no further calls, for at most so
# long at a time.
BACKLOG_COST: Final = 8 * CHUNK_COST
MAX_ASIDE_SECONDS: Final = 0.02

Recognize: TypeAlias = Callable[[LoadedModel, Images, int], Predictions]
"""Recognizes images with a model on the core of an index; called in a thread."""


class _Request:
    """The images of one caller, of which the first ``taken`` are no longer in the queue."""

    def __init__(self, images: Images, work: Work, model: LoadedModel, deadline: float) -> None:
        self.images = images
        self.image_cost = work.cost / len(images)
        self.is_cost_known = work.is_cost_known
        self.model = model
        self.deadline = deadline  # on the event loop's clock
        self.arrival = time.perf_counter()
        self.taken = 0
        self.parts: dict[int, Predictions] = {}  # by the number of their first image
        self.result: asyncio.Future[Predictions] = asyncio.get_running_loop().create_future()

    @property
    def waiting_count(self) -> int:
        return len(self.images) - self.taken

    def take(self, count: int) -> "_Part":
        """Take at most ``count`` of the next images out of the queue."""
        part = _Part(self, self.taken, self.images[self.taken : self.taken + count])
        self.taken += len(part.images)
        return part

    def finish(self, part: "_Part", predictions: Predictions) -> None:
        """Keep the predictions of a part; with the last one, the caller gets all."""
        self.parts[part.start] = predictions
        is_complete = sum(map(len, self.parts.values())) == len(self.images)
        if is_complete and not self.result.done():
            in_order = [self.parts[start] for start in sorted(self.parts)]
            self.result.set_result(Predictions.concatenate(in_order))

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)


class _Part(NamedTuple):
    """The images of a request that belong to one chunk."""

    request: _Request
    start: int
    images: Images


class _Chunk(NamedTuple):
    """What one core recognizes at a time."""

    parts: list[_Part]
    cost: float
    limit: str
    """What limited it; a label of the metric ``digits_batch_images``."""

    def finish(self, recognize: Callable[[], Predictions]) -> None:
        """Give each request its rows of the predictions, or the error."""
        try:
            predictions = recognize()
        except asyncio.CancelledError:
            for part in self.parts:
                part.request.result.cancel()
        except Exception as error:  # noqa: BLE001 - raised again for each caller
            for part in self.parts:
                part.request.fail(error)
        else:
            start = 0
            for part in self.parts:
                end = start + len(part.images)
                part.request.finish(part, predictions[start:end])
                start = end


class Batcher:
    """Queues images, and recognizes those together that wait together.

    A chunk is what one core recognizes at a time: the oldest images of the queue, of as many
    requests as fit. A request that does not fit is cut, so that the cores share it. While all cores
    are free, a request waits for others only if others tend to come, and not for long. The batcher
    does not limit the queue, because admission does. Requests that were cancelled or whose deadline
    has passed are dropped before they reach a core.

    Here alone is decided where images are recognized. A small chunk is recognized in the event
    loop's thread, because the way to a core's thread and back takes longer; it blocks the event
    loop for some milliseconds at most.

    A request names its model, and each chunk goes to one model. A request therefore gets its
    predictions from the version that was served when it arrived.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(
        self, threads: ThreadPoolExecutor, core_count: int, recognize: Recognize, metrics: Metrics
    ) -> None:
        """Create a batcher.

        Args:
            threads: Run ``recognize``, one thread for each core.
            core_count: Number of chunks that are recognized at a time.
            recognize: Recognizes the images of a chunk.
            metrics: Counts chunks and dropped images, and times the wait.
        """
        self._threads = threads
        self._recognize = recognize
        self._metrics = metrics
        self._chunk_images = {
            limit: metrics.batch_images.labels(limit)
            for limit in ("alone", "gathered", "full", "swap")
        }
        self._queue: deque[_Request] = deque()
        self._idle_cores = list(range(core_count))
        self._core_count = core_count
        self._running: set[Future[Predictions]] = set()
        self._is_dispatching = False
        self._crowd = Crowd()
        self._timer: asyncio.TimerHandle | None = None

    async def predict(
        self, images: Images, work: Work, model: LoadedModel, deadline: float = math.inf
    ) -> Predictions:
        """Return the model's predictions for at least one image, in their order.

        Args:
            images: The images of one request.
            work: How much work they are.
            model: The model to call.
            deadline: Time on the event loop's clock after which the caller no longer waits.

        Raises:
            ExpiredError: The deadline passed before a core was free.
        """
        request = _Request(images, work, model, deadline)
        self._queue.append(request)
        self._dispatch_soon()
        return await request.result

    def stop(self) -> None:
        """Cancel the requests that still wait. Chunks on a core finish."""
        for request in self._queue:
            request.result.cancel()
        self._queue.clear()

    def _dispatch_soon(self) -> None:
        """Dispatch after the calls that have arrived together have been queued."""
        if not self._is_dispatching:
            self._is_dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Start the chunks that there is room for."""
        self._is_dispatching = False
        if self._is_waiting_for_others():
            return
        while self._has_work_for_a_core():
            chunk = self._next_chunk()
            if not chunk.parts:
                continue
            model = chunk.parts[0].request.model
            images = join([part.images for part in chunk.parts])
            self._chunk_images[chunk.limit].observe(len(images))
            if self._is_small(chunk, model):
                core = self._idle_cores[-1]
                chunk.finish(functools.partial(self._recognize, model, images, core))
                continue
            job = self._threads.submit(self._recognize_on_core, model, images)
            self._running.add(job)
            asyncio.wrap_future(job).add_done_callback(functools.partial(self._finish, chunk, job))

    def _is_waiting_for_others(self) -> bool:
        """Return whether the requests in the queue still wait for others to come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running or not self._queue:
            return False
        count, waited = len(self._queue), time.perf_counter() - self._queue[0].arrival
        if self._has_waiting(THREAD_COST) or self._crowd.is_complete(count, waited):
            self._crowd.learn(count, waited)
            return False
        self._timer = asyncio.get_running_loop().call_later(
            MAX_WAIT_SECONDS - waited, self._dispatch_soon
        )
        return True

    def _has_work_for_a_core(self) -> bool:
        """Return whether enough work waits to give a core one more chunk."""
        if not self._running:
            return bool(self._queue)
        if len(self._running) >= CHUNKS_PER_CORE * self._core_count:
            return False
        return self._has_waiting(
            THREAD_COST if len(self._running) < self._core_count else CHUNK_COST
        )

    def _has_waiting(self, cost: float) -> bool:
        """Return whether at least this much work is in the queue."""
        costs = (request.waiting_count * request.image_cost for request in self._queue)
        return any(sum_of_costs >= cost for sum_of_costs in itertools.accumulate(costs))

    def _is_small(self, chunk: _Chunk, model: LoadedModel) -> bool:
        """Return whether the event loop's thread may recognize a chunk."""
        return (
            not self._running
            and chunk.cost <= THREAD_COST
            and all(part.request.is_cost_known for part in chunk.parts)
            and model.image_seconds <= IN_PLACE_SECONDS
        )

    def _recognize_on_core(self, model: LoadedModel, images: Images) -> Predictions:
        """Recognize a chunk; called in one of as many threads as there are cores."""
        core = self._idle_cores.pop()
        try:
            return self._recognize(model, images, core)
        finally:
            self._idle_cores.append(core)

    def _next_chunk(self) -> _Chunk:
        """Take the oldest images of the queue that make one chunk."""
        parts: list[_Part] = []
        cost = 0.0
        now, start = asyncio.get_running_loop().time(), time.perf_counter()
        while self._queue:
            request = self._queue[0]
            if self._drop_if_done(request, now):
                self._queue.popleft()
                continue
            if parts and not _are_alike(request, parts[0].request):
                return _Chunk(parts, cost, "swap")
            fitting = int((CHUNK_COST - cost) / request.image_cost)
            if parts and not fitting:
                return _Chunk(parts, cost, "full")
            if not request.taken:
                self._metrics.queue_wait_seconds.observe(start - request.arrival)
            part = request.take(max(1, fitting))
            parts.append(part)
            cost += len(part.images) * request.image_cost
            if not request.waiting_count:
                self._queue.popleft()
        return _Chunk(parts, cost, "gathered" if len(parts) > 1 else "alone")

    def _drop_if_done(self, request: _Request, now: float) -> bool:
        """Return whether a request has expired or was cancelled, and count it if so."""
        if now >= request.deadline:
            self._metrics.dropped.labels("expired").inc(request.waiting_count)
            request.fail(ExpiredError("the deadline passed in the queue"))
            return True
        if request.result.cancelled():
            self._metrics.dropped.labels("cancelled").inc(request.waiting_count)
        return request.result.done()

    def _finish(
        self, chunk: _Chunk, job: Future[Predictions], outcome: "asyncio.Future[Predictions]"
    ) -> None:
        self._running.remove(job)
        chunk.finish(outcome.result)
        self._dispatch()
        if self._has_waiting(BACKLOG_COST * self._core_count):
            # After the callers of this chunk have their responses.
            asyncio.get_running_loop().call_soon(self._stand_aside)

    def _stand_aside(self) -> None:
        """Block the event loop until a core finishes a chunk.

        Called under overload. To accept calls would then take the interpreter from the cores, and
        to reject them costs nearly as much. Meanwhile they wait inside gRPC, which bounds their
        number.
        """
        concurrent.futures.wait(
            self._running, MAX_ASIDE_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
        )


def _are_alike(one: _Request, other: _Request) -> bool:
    """Return whether the images of two requests can be in one chunk."""
    return one.model is other.model and type(one.images) is type(other.images)
