"""Combining the images of many waiting callers, and spreading them over the cores."""

import asyncio
import concurrent.futures
import functools
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias

from digits_server.models import LoadedModel
from digits_server.models.predictions import Predictions
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.framing import Images, Work, join
from digits_server.preprocessing.layout import Layout

from .crowd import MAX_WAIT_SECONDS, Crowd
from .request_queue import CHUNK_COST, Chunk, Request, RequestQueue

# Less work than this is not worth another thread, which would compete for the interpreter.
THREAD_COST: Final = 16
# A model that takes longer than this for one image always gets another thread.
IN_PLACE_SECONDS: Final = 0.0005
# Chunks for each core: one that it works on, and one to go on with while the event loop is busy.
CHUNKS_PER_CORE: Final = 2
# While a core is busy, less work than that waits for it instead of going to another, at most so
# long: a chunk of small images takes less, one of large images more.
BUSY_WAIT_SECONDS: Final = 0.01
# While so much more waits for each core, the event loop accepts no further calls, for at most so
# long at a time.
BACKLOG_COST: Final = 8 * CHUNK_COST
MAX_ASIDE_SECONDS: Final = 0.02

Recognize: TypeAlias = Callable[[LoadedModel, Images, Layout, int], Predictions]
"""Recognizes images of a layout with a model on the core of an index; called in a thread."""


class Batcher:
    """Queues images, and recognizes those together that wait together.

    A chunk is what one core recognizes at a time: the oldest images of the queue, of as many
    requests as fit. A request that does not fit is cut, so that the cores share it. While all cores
    are free, a request waits for others only if others tend to come, and not for long. While some
    are busy, little work waits for one of them, and not for long either.

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
        self._chunk_images = {
            limit: metrics.batch_images.labels(limit)
            for limit in ("alone", "gathered", "full", "swap")
        }
        self._queue = RequestQueue(metrics)
        self._idle_cores = list(range(core_count))
        self._core_count = core_count
        self._running: set[Future[Predictions]] = set()
        self._is_dispatching = False
        self._crowd = Crowd()
        self._timer: asyncio.TimerHandle | None = None

    async def predict(
        self,
        images: Images,
        work: Work,
        model: LoadedModel,
        deadline: float = math.inf,
        layout: Layout = Layout.DIGIT,
    ) -> Predictions:
        """Return the model's predictions for at least one image, in their order.

        Args:
            images: The images of one request.
            work: How much work they are.
            model: The model to call.
            deadline: Time on the event loop's clock after which the caller no longer waits.
            layout: What each image holds.

        Raises:
            ExpiredError: The deadline passed before a core was free.
        """
        request = Request(images, work, model, deadline, layout)
        self._queue.append(request)
        self._dispatch_soon()
        return await request.result

    def stop(self) -> None:
        """Cancel the requests that still wait. Chunks on a core finish."""
        self._queue.cancel_all()

    def _dispatch_soon(self) -> None:
        """Dispatch after the calls that have arrived together have been queued."""
        if not self._is_dispatching:
            self._is_dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Start the chunks that there is room for."""
        self._is_dispatching = False
        if self._is_waiting():
            return
        while self._has_work_for_a_core():
            chunk = self._queue.next_chunk()
            if not chunk.parts:
                continue
            model, layout = chunk.parts[0].request.model, chunk.parts[0].request.layout
            images = join([part.images for part in chunk.parts])
            self._chunk_images[chunk.limit].observe(len(images))
            if self._is_small(chunk, model):
                chunk.finish(functools.partial(self._recognize_on_core, model, images, layout))
                continue
            job = self._threads.submit(self._recognize_on_core, model, images, layout)
            self._running.add(job)
            asyncio.wrap_future(job).add_done_callback(functools.partial(self._finish, chunk, job))

    def _is_waiting(self) -> bool:
        """Return whether a core is free and yet the queue waits: for others, or for a busy core."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue or len(self._running) >= self._core_count:
            return False
        count, waited = len(self._queue), self._queue.waited_seconds
        limit = BUSY_WAIT_SECONDS if self._running else MAX_WAIT_SECONDS
        is_complete = not self._running and self._crowd.is_complete(count, waited)
        if waited < limit and not is_complete and not self._queue.has_work(THREAD_COST):
            self._timer = asyncio.get_running_loop().call_later(limit - waited, self._dispatch_soon)
            return True
        if not self._running:
            self._crowd.learn(count, waited)
        return False

    def _has_work_for_a_core(self) -> bool:
        """Return whether enough work waits to give a core one more chunk."""
        if len(self._running) < self._core_count:
            return bool(self._queue)
        if len(self._running) >= CHUNKS_PER_CORE * self._core_count:
            return False
        return self._queue.has_work(CHUNK_COST)

    def _is_small(self, chunk: Chunk, model: LoadedModel) -> bool:
        """Return whether the event loop's thread may recognize a chunk."""
        return (
            len(self._running) < self._core_count
            and chunk.cost <= THREAD_COST
            and model.image_seconds <= IN_PLACE_SECONDS
        )

    def _recognize_on_core(self, model: LoadedModel, images: Images, layout: Layout) -> Predictions:
        """Recognize a chunk; called in one of as many threads as there are cores."""
        core = self._idle_cores.pop()
        try:
            return self._recognize(model, images, layout, core)
        finally:
            self._idle_cores.append(core)

    def _finish(
        self, chunk: Chunk, job: Future[Predictions], outcome: "asyncio.Future[Predictions]"
    ) -> None:
        self._running.remove(job)
        chunk.finish(outcome.result)
        self._dispatch()
        if self._queue.has_work(BACKLOG_COST * self._core_count):
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
