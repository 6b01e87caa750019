"""Time of the interpreter per image: the server's own code, without gRPC and without the model.

Messages pass through the call wrapper, servicer, admission, batcher, normalization and
postprocessing as in the server. The engine returns constants.
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

from benchmarks.figures import Figure
from benchmarks.limits import payloads
from digits.v1 import recognizer_pb2 as pb
from digits_server import models
from digits_server.api.call import ServiceLimits
from digits_server.api.call_wrapper import wrap
from digits_server.api.message_reader import MessageReader
from digits_server.api.open_calls import OpenCalls
from digits_server.api.recognizer_servicer import RecognizerServicer
from digits_server.decoders import DecoderPool
from digits_server.inference.admission import Admission, AdmissionLimits
from digits_server.inference.recognizer import Recognizer
from digits_server.models.manifest import Manifest
from digits_server.ops.metrics import CallMetrics, Metrics
from digits_server.settings import SHIPPED_MODELS

SECONDS: Final = 1.0
CALLERS: Final = 32
LABELS: Final = {
    "single": "one raw image per call, one caller",
    "concurrent": f"one raw image per call, {CALLERS} callers",
    "batch": f"{payloads.BATCH_SIZE} raw images per call",
}

Call = Callable[[bytes], Awaitable[bytes]]


class _ConstantEngine:
    """Returns the same probabilities for every image, at once."""

    image_seconds = 0.0

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(frames), 10), 0.1, np.float32)


class _Context:
    """The context of a call without metadata and without a deadline, whose message has arrived."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self) -> bytes:
        return self._content

    def time_remaining(self) -> None:
        return None

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def set_trailing_metadata(self, metadata: object) -> None:
        pass


def measure(rounds: int) -> Iterable[Figure]:
    """Measure every way of sending images in each round."""
    times_us = asyncio.run(_measure(rounds))
    for way, label in LABELS.items():
        yield Figure(f"interpreter_{way}", label, times_us[way], "µs", 0)


async def _measure(rounds: int) -> dict[str, list[float]]:
    single = payloads.single_request(payloads.Form.RAW28)
    batch = payloads.batch_request(payloads.Form.RAW28)
    times_us: dict[str, list[float]] = defaultdict(list)
    async with _service() as (recognize, recognize_batch):
        for _ in range(rounds):
            times_us["single"].append(await _cpu_microseconds(recognize, single, 1))
            times_us["concurrent"].append(await _cpu_microseconds(recognize, single, CALLERS))
            batch_us = await _cpu_microseconds(recognize_batch, batch, 1)
            times_us["batch"].append(batch_us / payloads.BATCH_SIZE)
    return times_us


async def _cpu_microseconds(call: Call, content: bytes, callers: int) -> float:
    """Return the CPU time per call."""
    count = 0
    until = time.perf_counter() + SECONDS

    async def call_repeatedly() -> None:
        nonlocal count
        while time.perf_counter() < until:
            await asyncio.create_task(call(content))  # type: ignore[arg-type]
            count += 1

    start = time.process_time()
    await asyncio.gather(*(call_repeatedly() for _ in range(callers)))
    return (time.process_time() - start) / count * 1e6


@asynccontextmanager
async def _service() -> AsyncIterator[tuple[Call, Call]]:
    metrics = Metrics()
    newest = max(models.versions(SHIPPED_MODELS))
    model = models.LoadedModel(Manifest.read(SHIPPED_MODELS / str(newest)), (_ConstantEngine(),))
    admission = Admission(AdmissionLimits(10**6, 2**30, 1, 60), metrics)
    with ThreadPoolExecutor(1) as threads:
        decoders = DecoderPool(1, payloads.LIMITS, 2**27, metrics)  # not used: all is plain
        recognizer = Recognizer(model, threads, admission, metrics, payloads.LIMITS, decoders)
        limits = ServiceLimits(payloads.LIMITS, payloads.BATCH_SIZE, 2**24)
        servicer = RecognizerServicer(recognizer, admission, limits)
        try:
            yield (
                _make_call(metrics, "Recognize", servicer.Recognize, pb.RecognizeRequest),
                _make_call(
                    metrics, "RecognizeBatch", servicer.RecognizeBatch, pb.RecognizeBatchRequest
                ),
            )
        finally:
            recognizer.stop()


def _make_call(metrics: Metrics, name: str, method: Any, request: Any) -> Call:
    handler: Any = grpc.unary_unary_rpc_method_handler(method, request.FromString)
    reader = MessageReader(2**30, metrics)
    wrapped: Any = wrap(name, handler, CallMetrics(metrics, name), reader, OpenCalls())

    async def call(content: bytes) -> bytes:
        response = await wrapped.stream_unary(None, _Context(content))
        return bytes(response.SerializeToString())

    return call
