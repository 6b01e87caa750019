"""RecognizeBatch through the server, compared with the same work in one process."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.h2load import load
from benchmarks.limits import payloads
from benchmarks.limits.figures import Figure, ratios
from benchmarks.limits.serving import RECOGNIZE_BATCH, unlimited_server
from digits.v1 import recognizer_pb2 as pb
from digits_server import models
from digits_server.models.engine import Engine
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import SHIPPED_MODELS, Settings

SECONDS = 2.0
WARM_UP_SECONDS = 0.5
CALLS_IN_FLIGHT = 2
# The server decodes a batch in jobs of this many images.
JOB_SIZE = 16


def shipped_engine(threads: int) -> Engine:
    """Return the engine of the newest shipped model."""
    newest = max(models.versions(SHIPPED_MODELS))
    return models.load_folder(SHIPPED_MODELS / str(newest), threads).engines[0]


def measure(rounds: int) -> Iterable[Figure]:
    """Measure raw images and PNG files."""
    threads = Settings().threads
    cv2.setNumThreads(1)  # as the server does
    engine = shipped_engine(threads)
    raw, png = payloads.batch(payloads.Form.RAW28), payloads.batch(payloads.Form.PNG28)
    frames = np.stack([normalize(payloads.gray(image)) for image in raw])
    engine_rates, in_process_rates, raw_rates, png_rates = [], [], [], []
    with unlimited_server() as server, ThreadPoolExecutor(threads) as pool:

        def decode_and_predict() -> object:
            jobs = [png[at : at + JOB_SIZE] for at in range(0, len(png), JOB_SIZE)]
            return engine.predict(np.concatenate(list(pool.map(_frames, jobs))))

        for _ in range(rounds):
            engine_rates.append(images_per_second(lambda: engine.predict(frames)))
            raw_rates.append(_server_rate(server.address, payloads.Form.RAW28))
            in_process_rates.append(images_per_second(decode_and_predict))
            png_rates.append(_server_rate(server.address, payloads.Form.PNG28))
    yield Figure("engine_rate", "engine in process", engine_rates, "images/s", 0)
    yield Figure("batch_raw_rate", "RecognizeBatch, 256 raw images", raw_rates, "images/s", 0)
    yield Figure(
        "batch_raw_share",
        "256 raw images: server relative to the engine",
        ratios(raw_rates, engine_rates),
        at_least=0.8,
    )
    yield Figure(
        "in_process_rate",
        "decoding, normalization and engine in process",
        in_process_rates,
        "images/s",
        0,
    )
    yield Figure("batch_png_rate", "RecognizeBatch, 256 PNG files", png_rates, "images/s", 0)
    yield Figure(
        "batch_png_share",
        "256 PNG files: server relative to the same in process",
        ratios(png_rates, in_process_rates),
        at_least=0.7,
    )


def images_per_second(predict_batch: Callable[[], object], seconds: float = 1.0) -> float:
    """Return the throughput of a function that works on BATCH_SIZE images."""
    predict_batch()
    count = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        predict_batch()
        count += payloads.BATCH_SIZE
    return count / elapsed


def _server_rate(address: str, form: payloads.Form) -> float:
    result = load(
        address,
        RECOGNIZE_BATCH,
        payloads.batch_request(form),
        kind="grpc",
        connections=1,
        streams=CALLS_IN_FLIGHT,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
    )
    return result.calls_per_second * payloads.BATCH_SIZE


def _frames(images: list[pb.Image]) -> NDArray[np.float32]:
    return np.stack([normalize(payloads.gray(image)) for image in images])
