"""Small images of concurrent requests, sent to the digits server in one message.

A gRPC call costs both sides more than a small image does. A request that is alone is sent at once;
those that come while a few calls are in flight wait for one of them, and go together.
"""

import asyncio
import struct
from collections import defaultdict, deque
from typing import Final, NamedTuple

import grpc
from prometheus_client import Histogram

from digits.v1 import recognizer_pb2 as pb

from .problems import ProblemError, from_status
from .upstream import Upstream

MAX_BATCH_IMAGES: Final = 32
MAX_CALLS: Final = 2
"""Calls in flight for each layout, before requests wait."""

# An image of which all others in its message wait is one that is soon done: a PNG that is small
# and stays so when it is decoded.
MAX_IMAGE_BYTES: Final = 2**16
MAX_IMAGE_PIXELS: Final = 2**20
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SIDES: Final = struct.Struct(">16xII")

Result = pb.RecognizeResponse | pb.RecognizeResult


class Question(NamedTuple):
    """What is asked about an image; images with the same question can be sent together."""

    layout: pb.Layout
    include_frame: bool


class _Waiting(NamedTuple):
    image: bytes
    deadline: float
    """The time of the event loop until which the caller waits."""
    result: asyncio.Future[Result]


class _Queue:
    """The requests with one question."""

    def __init__(self) -> None:
        self.waiting = deque[_Waiting]()
        self.call_count = 0
        self.is_scheduled = False


class Coalescer:
    """Recognizes single images, as few messages as there need be. For one event loop."""

    def __init__(
        self, upstream: Upstream, timeout_seconds: float, message_images: Histogram
    ) -> None:
        """Start with nothing in flight.

        Args:
            upstream: The digits server.
            timeout_seconds: The longest wait for a result, in the queue and of the call.
            message_images: Shows the images in each message.
        """
        self._message_images = message_images
        self._upstream = upstream
        self._timeout_seconds = timeout_seconds
        self._queues: defaultdict[Question, _Queue] = defaultdict(_Queue)
        self._calls: set[asyncio.Task[None]] = set()

    async def recognize(self, image: bytes, question: Question) -> Result:
        """Return the result of an image, which has no error.

        Args:
            image: The content of an image file.
            question: What is asked about it.

        Raises:
            ProblemError: The image cannot be recognized, or the call failed.
        """
        if not _is_small(image):
            return await self._recognize_alone(image, question)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(image, loop.time() + self._timeout_seconds, loop.create_future())
        queue = self._queues[question]
        queue.waiting.append(waiting)
        if not queue.is_scheduled and queue.call_count < MAX_CALLS:
            # Not now: other requests that have arrived come next.
            queue.is_scheduled = True
            loop.call_soon(self._send, question, queue)
        return await waiting.result

    def _send(self, question: Question, queue: _Queue) -> None:
        queue.is_scheduled = False
        while queue.waiting and queue.call_count < MAX_CALLS:
            count = min(len(queue.waiting), MAX_BATCH_IMAGES)
            batch = [queue.waiting.popleft() for _ in range(count)]
            queue.call_count += 1
            self._message_images.observe(count)
            call = asyncio.ensure_future(self._recognize_batch(batch, question))
            self._calls.add(call)
            call.add_done_callback(lambda call: self._end(call, question, queue))

    def _end(self, call: asyncio.Task[None], question: Question, queue: _Queue) -> None:
        self._calls.discard(call)
        queue.call_count -= 1
        self._send(question, queue)

    async def _recognize_batch(self, batch: list[_Waiting], question: Question) -> None:
        try:
            results = await self._results(batch, question)
        except ProblemError as problem:
            if not _is_about_the_message(problem):
                for each in batch:
                    _fail(each, problem)
                return
            results = list[Result | BaseException](
                await asyncio.gather(
                    *(self._recognize_alone(each.image, question) for each in batch),
                    return_exceptions=True,
                )
            )
        except BaseException as error:
            for each in batch:
                _fail(each, error)
            raise
        for each, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                _fail(each, result)
            elif not each.result.done():
                each.result.set_result(result)

    async def _results(
        self, batch: list[_Waiting], question: Question
    ) -> list[Result | BaseException]:
        if len(batch) == 1:
            return [await self._recognize_alone(batch[0].image, question, batch[0].deadline)]
        request = pb.RecognizeBatchRequest(
            layout=question.layout, include_frame=question.include_frame
        )
        for each in batch:
            request.images.add().encoded = each.image
        response = await self._upstream.call(
            self._upstream.recognizer.RecognizeBatch, request, batch[0].deadline
        )
        if len(response.results) != len(batch):
            raise ProblemError(502, "the digits server sent a wrong number of results")
        return [
            from_status(result.error) if result.HasField("error") else result
            for result in response.results
        ]

    async def _recognize_alone(
        self, image: bytes, question: Question, deadline: float | None = None
    ) -> pb.RecognizeResponse:
        request = pb.RecognizeRequest(
            image=pb.Image(encoded=image),
            layout=question.layout,
            include_frame=question.include_frame,
        )
        return await self._upstream.call(self._upstream.recognizer.Recognize, request, deadline)


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.result.done():
        waiting.result.set_exception(error)


def _is_about_the_message(problem: ProblemError) -> bool:
    """Return whether a message was rejected for what it is, so that its images may pass alone."""
    is_rejection = problem.code in (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
    return is_rejection and problem.retry_after_seconds is None


def _is_small(image: bytes) -> bool:
    if len(image) > MAX_IMAGE_BYTES or len(image) < _SIDES.size or not image.startswith(_PNG):
        return False
    width, height = _SIDES.unpack_from(image)
    is_small: bool = width * height <= MAX_IMAGE_PIXELS
    return is_small
