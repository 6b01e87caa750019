"""The parts of the server in this process, without gRPC: what the server is compared with.

The fastest use of the shipped network on several cores is a thread per core, each with its own
engine of one thread. LiteRT runs outside the interpreter, so the threads hardly wait for each
other.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import cv2

from benchmarks.limits import payloads
from digits_server import models
from digits_server.models.engine import LiteRtEngine
from digits_server.models.manifest import MODEL_FILE, Manifest
from digits_server.preprocessing.normalize import normalize_batch
from digits_server.settings import SHIPPED_MODELS, Settings

SECONDS: Final = 1.5
# Images per call of the work, as many as the server recognizes at a time.
CHUNK_SIZE: Final = 64

Work = Callable[[], object]
"""Handles CHUNK_SIZE images."""


def shipped_engine() -> LiteRtEngine:
    """Return a new engine of one thread with the newest shipped model."""
    folder = SHIPPED_MODELS / str(max(models.versions(SHIPPED_MODELS)))
    manifest = Manifest.read(folder)
    return LiteRtEngine(manifest.read_file(folder, MODEL_FILE), 1, manifest.temperature)


def engine_works() -> list[Work]:
    """Return the work of each of the server's threads: the engine on frames."""
    images = payloads.batch(payloads.Form.RAW28)[:CHUNK_SIZE]
    frames = normalize_batch([payloads.gray(image) for image in images])

    def make_work(engine: LiteRtEngine) -> Work:
        return lambda: engine.predict(frames)

    return [make_work(shipped_engine()) for _ in range(Settings().threads)]


def file_works() -> list[Work]:
    """Return the work of each of the server's threads: from PNG files to probabilities."""
    cv2.setNumThreads(1)  # as the server does
    images = payloads.batch(payloads.Form.PNG28)[:CHUNK_SIZE]

    def make_work(engine: LiteRtEngine) -> Work:
        return lambda: engine.predict(normalize_batch([payloads.gray(image) for image in images]))

    return [make_work(shipped_engine()) for _ in range(Settings().threads)]


def images_per_second(works: Sequence[Work]) -> float:
    """Return the throughput of threads, one per work, that repeat it at the same time."""
    end = time.perf_counter() + SECONDS

    def repeat(work: Work) -> float:
        count, start = 0, time.perf_counter()
        while (now := time.perf_counter()) < end:
            work()
            count += CHUNK_SIZE
        return count / (now - start)

    with ThreadPoolExecutor(len(works)) as pool:
        return sum(pool.map(repeat, works))
