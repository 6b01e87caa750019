"""A real server on a free port, with a fake model whose predictions tests can delay."""

import math
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.app import Server, running
from digits_server.models import LABELS, LoadedModel, Manifest
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.normalize import FRAME_RECIPE
from digits_server.settings import Settings


class FakeEngine:
    """Recognizes the images of ``image_of``; blocks while ``free`` is clear."""

    image_seconds = math.inf  # never runs on the event loop, which it would block

    def __init__(self) -> None:
        self.calls: list[int] = []
        """The number of frames in each call."""
        self.entered = threading.Semaphore(0)
        """Released once per call."""
        self.free = threading.Event()
        self.free.set()
        self.error: Exception | None = None
        self.not_a_digit: float | None = None
        """Probability of the class "not a digit", if the model has it."""

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(len(frames))
        self.entered.release()
        self.free.wait()
        if self.error is not None:
            raise self.error
        probs = np.full((len(frames), 10), 0.01, np.float32)
        if self.not_a_digit is not None:
            other = np.full((len(frames), 1), self.not_a_digit, np.float32)
            probs = np.concatenate((probs * (1 - other), other), axis=1)
        # ``image_of`` draws a bar of digit + 1 pixels in height.
        heights = (frames > 0.5).any(axis=2).sum(axis=1)
        probs[np.arange(len(frames)), (heights - 1) % 10] *= 91
        return probs


@dataclass(frozen=True)
class Running:
    """A server under test."""

    server: Server
    engine: FakeEngine
    stub: Any
    channel: grpc.aio.Channel
    metrics: Metrics

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric, 0 if it has none yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0


RunServer = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        version="7",
        frame_recipe=FRAME_RECIPE,
        labels=LABELS,
        temperature=1.0,
        rejection_threshold=0.5,
        metrics={"mnist_test_accuracy": 0.5, "int8_mnist_test_accuracy": 0.25},
        training={},
        files={"model.tflite": ""},
    )


@pytest.fixture
def run_server(manifest: Manifest) -> RunServer:
    """Start a server; keyword arguments are settings."""

    @asynccontextmanager
    async def run(**changes: object) -> AsyncIterator[Running]:
        engine = FakeEngine()
        model = LoadedModel(manifest, (engine,), precision=str(changes.get("precision", "float32")))
        settings = replace(
            Settings(port=0, threads=1),
            **changes,  # type: ignore[arg-type]
        )
        metrics = Metrics()
        async with (
            running(settings, model, metrics) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            try:
                stub = pb_grpc.RecognizerServiceStub(channel)
                yield Running(server, engine, stub, channel, metrics)
            finally:
                engine.free.set()

    return run


@pytest.fixture
async def running_server(run_server: RunServer) -> AsyncIterator[Running]:
    async with run_server() as started:
        yield started


@pytest.fixture
def image_of() -> Callable[[int], pb.Image]:
    """Draw an image of a digit for the fake model; normalization leaves it unchanged."""

    def make(digit: int) -> pb.Image:
        gray = np.zeros((28, 28), np.uint8)
        top = 14 - (digit + 1) // 2
        gray[top : top + digit + 1, 4:24] = 255
        return pb.Image(raw=pb.RawImage(width=28, height=28, data=gray.tobytes()))

    return make
