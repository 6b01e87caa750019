"""Recognize image files without a server, for comparison: read, decode, normalize and predict.

Engines are loaded and processes are ready before the time starts, and it ends with the last
prediction.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final, NamedTuple

from digits_server.models.engine import LiteRtEngine
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import normalize_batch
from digits_server.settings import SHIPPED_MODELS

CORES: Final = len(os.sched_getaffinity(0))
CHUNK_SIZE: Final = 256
LIMITS: Final = ImageLimits(max_bytes=10**7, max_pixels=10**8)


class Cost(NamedTuple):
    """The time that a number of images took, in seconds."""

    seconds: float
    cpu_seconds: float
    """Of all cores and processes together."""


def predict_in_threads(paths: Sequence[Path]) -> Cost:
    """Recognize files in this process, with a thread per core, each with its own engine."""
    engines = [_load_engine() for _ in range(CORES)]
    start, cpu_start = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(_predict, engines, _shares(paths)):
            pass
    return Cost(time.perf_counter() - start, time.process_time() - cpu_start)


def predict_in_processes(paths: Sequence[Path]) -> Cost:
    """Recognize files in one process per core."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(CORES + 1)
    cpu_seconds: SimpleQueue[float] = context.SimpleQueue()
    processes = [
        context.Process(target=_predict_in_process, args=(share, barrier, cpu_seconds))
        for share in _shares(paths)
    ]
    for process in processes:
        process.start()
    barrier.wait()  # all are ready
    start = time.perf_counter()
    barrier.wait()  # all have predicted their share
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return Cost(seconds, sum(cpu_seconds.get() for _ in processes))


def _predict_in_process(
    paths: Sequence[Path], barrier: Barrier, cpu_seconds: "SimpleQueue[float]"
) -> None:
    engine = _load_engine()
    barrier.wait()
    start = time.process_time()
    _predict(engine, paths)
    cpu_seconds.put(time.process_time() - start)
    barrier.wait()


def _predict(engine: LiteRtEngine, paths: Sequence[Path]) -> None:
    for start in range(0, len(paths), CHUNK_SIZE):
        chunk = paths[start : start + CHUNK_SIZE]
        grays = [decode(path.read_bytes(), LIMITS).gray for path in chunk]
        engine.predict(normalize_batch(grays))


def _shares(paths: Sequence[Path]) -> list[Sequence[Path]]:
    return [paths[core::CORES] for core in range(CORES)]


def _load_engine() -> LiteRtEngine:
    [model] = SHIPPED_MODELS.glob("*/model.tflite")
    return LiteRtEngine(model.read_bytes(), threads=1)
