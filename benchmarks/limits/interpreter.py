"""What an image costs the interpreter: the server's own code, without gRPC and model.

Messages go through interceptor, servicer, admission, batcher, framing and judging as in the
server; what answers is an engine that does nothing.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import requests
from benchmarks.limits.figures import Figure
from digits.v1 import recognizer_pb2 as pb
from digits_server import models
from digits_server.api.call import ServiceLimits
from digits_server.api.interceptors import CallInterceptor
from digits_server.api.recognizer_servicer import RecognizerServicer
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.inference.batcher import Batcher
from digits_server.inference.recognizer import Recognizer
from digits_server.models.manifest import Manifest
from digits_server.models.postprocess import Prediction
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS

SECONDS: Final = 1.0
CALLERS: Final = 32
WAYS: Final = {
    "alone": "one raw image a call, one caller",
    "together": f"one raw image a call, {CALLERS} callers",
    "batch": f"{requests.MANY} raw images a call",
}

Answer = Callable[[bytes], Awaitable[bytes]]


class _NoEngine:
    """Takes any image for anything, at once."""

    image_seconds = 0.0

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(frames), 10), 0.1, np.float32)


class _NoContext:
    """Of a call without metadata and deadline."""

    def time_remaining(self) -> None:
        return None

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def set_trailing_metadata(self, metadata: object) -> None:
        pass


def measure(rounds: int) -> Iterable[Figure]:
    """Measure the ways that images come, in turn."""
    took = asyncio.run(_measured(rounds))
    for way, said in WAYS.items():
        yield Figure(f"interpreter_{way}", said, took[way], "µs", 0)


async def _measured(rounds: int) -> dict[str, list[float]]:
    one, many = requests.one(requests.Form.RAW28), requests.many(requests.Form.RAW28)
    took: dict[str, list[float]] = defaultdict(list)
    async with _service() as (recognize, recognize_batch):
        for _ in range(rounds):
            took["alone"].append(await _microseconds(recognize, one, 1))
            took["together"].append(await _microseconds(recognize, one, CALLERS))
            took["batch"].append(
                await _microseconds(recognize_batch, many, 1) / requests.MANY,
            )
    return took


async def _microseconds(answer: Answer, content: bytes, callers: int) -> float:
    """Return the processor's time that a call takes."""
    count = 0
    until = time.perf_counter() + SECONDS

    async def ask() -> None:
        nonlocal count
        while time.perf_counter() < until:
            await asyncio.create_task(answer(content))  # type: ignore[arg-type]
            count += 1

    began = time.process_time()
    await asyncio.gather(*(ask() for _ in range(callers)))
    return (time.process_time() - began) / count * 1e6


@asynccontextmanager
async def _service() -> AsyncIterator[tuple[Answer, Answer]]:
    metrics = Metrics()
    newest = max(models.versions(SHIPPED_MODELS))
    model = models.LoadedModel(Manifest.read(SHIPPED_MODELS / str(newest)), _NoEngine())
    admission = Admission(AdmissionLimits(10**6, 2**30, 1, 60), metrics)
    batcher: Batcher[models.ImageOrFrame, Prediction] = Batcher(metrics)
    with ThreadPoolExecutor(1) as decoding:
        recognizer = Recognizer(model, batcher, decoding, admission, metrics, requests.LIMITS)
        limits = ServiceLimits(requests.LIMITS, requests.MANY, 2**24)
        servicer = RecognizerServicer(recognizer, admission, limits)
        interceptor = CallInterceptor(metrics, admission)
        batcher.start()
        try:
            yield (
                _answer(interceptor, "Recognize", servicer.Recognize, pb.RecognizeRequest),
                _answer(
                    interceptor, "RecognizeBatch", servicer.RecognizeBatch, pb.RecognizeBatchRequest
                ),
            )
        finally:
            await batcher.stop()


def _answer(interceptor: CallInterceptor, name: str, method: Any, request: Any) -> Answer:
    handler: Any = grpc.unary_unary_rpc_method_handler(method, request.FromString)

    async def found(_: object) -> Any:
        return handler

    class Details:
        method = name

    async def answer(content: bytes) -> bytes:
        wrapped: Any = await interceptor.intercept_service(found, Details())  # type: ignore[arg-type]
        response = await wrapped.unary_unary(content, _NoContext())
        return bytes(response.SerializeToString())

    return answer
