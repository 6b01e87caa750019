"""The requests that wait for a core, and the chunks that the cores take of them."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from digits_server.errors import ExpiredError
from digits_server.models import LoadedModel
from digits_server.models.predictions import Predictions
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.framing import Images, Work
from digits_server.preprocessing.layout import Layout

# The most work in one chunk, in calls of a network for one image. Larger chunks are no faster per
# image, and leave less to share among the cores.
CHUNK_COST: Final = 64


class Request:
    """The images of one caller, of which the first ``taken`` are no longer in the queue."""

    def __init__(
        self,
        images: Images,
        work: Work,
        model: LoadedModel,
        deadline: float,
        layout: Layout = Layout.DIGIT,
    ) -> None:
        self.images = images
        self.layout = layout
        self.kind = type(images), layout
        self.image_cost = work.cost / len(images)
        self.model = model
        self.deadline = deadline  # on the event loop's clock
        self.arrival = time.perf_counter()
        self.taken = 0
        self.parts: dict[int, Predictions] = {}  # by the number of their first image
        self.result: asyncio.Future[Predictions] = asyncio.get_running_loop().create_future()

    @property
    def waiting_count(self) -> int:
        """Number of images that no chunk has taken yet."""
        return len(self.images) - self.taken

    def take(self, count: int) -> "Part":
        """Take at most ``count`` of the next images out of the queue."""
        part = Part(self, self.taken, self.images[self.taken : self.taken + count])
        self.taken += len(part.images)
        return part

    def finish(self, part: "Part", predictions: Predictions) -> None:
        """Keep the predictions of a part; with the last one, the caller gets all."""
        self.parts[part.start] = predictions
        is_complete = sum(map(len, self.parts.values())) == len(self.images)
        if is_complete and not self.result.done():
            in_order = [self.parts[start] for start in sorted(self.parts)]
            self.result.set_result(Predictions.concatenate(in_order))

    def fail(self, error: BaseException) -> None:
        """Raise an error for the caller, unless it has gone."""
        if not self.result.done():
            self.result.set_exception(error)


class Part(NamedTuple):
    """The images of a request that belong to one chunk."""

    request: Request
    start: int
    images: Images


class Chunk(NamedTuple):
    """What one core recognizes at a time."""

    parts: list[Part]
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


class RequestQueue:
    """The requests that wait, oldest first.

    Requests that were cancelled or whose deadline has passed are dropped when their turn comes. The
    queue has no limit, because admission does.
    """

    def __init__(self, metrics: Metrics) -> None:
        """Create an empty queue; ``metrics`` count dropped images, and time the wait."""
        self._metrics = metrics
        self._requests: deque[Request] = deque()

    def __len__(self) -> int:
        return len(self._requests)

    def append(self, request: Request) -> None:
        """Add the newest request."""
        self._requests.append(request)

    def cancel_all(self) -> None:
        """Cancel all requests, and empty the queue."""
        for request in self._requests:
            request.result.cancel()
        self._requests.clear()

    @property
    def waited_seconds(self) -> float:
        """How long the oldest request has waited; there is at least one."""
        return time.perf_counter() - self._requests[0].arrival

    def has_work(self, cost: float) -> bool:
        """Return whether at least this much work is in the queue."""
        costs = (request.waiting_count * request.image_cost for request in self._requests)
        return any(sum_of_costs >= cost for sum_of_costs in itertools.accumulate(costs))

    def next_chunk(self) -> Chunk:
        """Take the oldest images that make one chunk; it has no parts if none are left."""
        parts: list[Part] = []
        cost = 0.0
        now, start = asyncio.get_running_loop().time(), time.perf_counter()
        while self._requests:
            request = self._requests[0]
            if self._drop_if_done(request, now):
                self._requests.popleft()
                continue
            if parts and not _are_alike(request, parts[0].request):
                return Chunk(parts, cost, "swap")
            fitting = int((CHUNK_COST - cost) / request.image_cost)
            if parts and not fitting:
                return Chunk(parts, cost, "full")
            if not request.taken:
                self._metrics.queue_wait_seconds.observe(start - request.arrival)
            part = request.take(max(1, fitting))
            parts.append(part)
            cost += len(part.images) * request.image_cost
            if not request.waiting_count:
                self._requests.popleft()
        return Chunk(parts, cost, "gathered" if len(parts) > 1 else "alone")

    def _drop_if_done(self, request: Request, now: float) -> bool:
        """Return whether a request has expired or was cancelled, and count it if so."""
        if now >= request.deadline:
            self._metrics.dropped.labels("expired").inc(request.waiting_count)
            request.fail(ExpiredError("the deadline passed in the queue"))
            return True
        if request.result.cancelled():
            self._metrics.dropped.labels("cancelled").inc(request.waiting_count)
        return request.result.done()


def _are_alike(one: Request, other: Request) -> bool:
    """Return whether the images of two requests can be in one chunk."""
    return one.model is other.model and one.kind == other.kind
