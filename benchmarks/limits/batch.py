"""Batches through the server beside the same work in one process."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.h2load import load
from benchmarks.limits import requests
from benchmarks.limits.figures import Figure, ratios
from benchmarks.limits.serving import RECOGNIZE_BATCH, ours
from digits.v1 import recognizer_pb2 as pb
from digits_server import models
from digits_server.inference.recognizer import IMAGES_PER_JOB
from digits_server.models.engine import Engine
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import SHIPPED_MODELS, Settings

SECONDS = 2.0
WARM_UP_SECONDS = 0.5
IN_FLIGHT = 2


def shipped_engine(threads: int) -> Engine:
    """Return the engine that the server would use."""
    newest = max(models.versions(SHIPPED_MODELS))
    return models.load_folder(SHIPPED_MODELS / str(newest), threads).engine


def measure(rounds: int) -> Iterable[Figure]:
    """Measure raw images and PNG files."""
    threads = Settings().threads
    cv2.setNumThreads(1)  # as the server does
    engine = shipped_engine(threads)
    raw, png = requests.batch(requests.Form.RAW28), requests.batch(requests.Form.PNG28)
    frames = np.stack([normalize(requests.gray(image)) for image in raw])
    engine_rates, whole_rates, raw_rates, png_rates = [], [], [], []
    with ours() as served, ThreadPoolExecutor(threads) as pool:

        def asked(form: requests.Form) -> float:
            answered = load(
                served.address,
                RECOGNIZE_BATCH,
                requests.many(form),
                kind="grpc",
                connections=1,
                streams=IN_FLIGHT,
                seconds=SECONDS,
                warm_up_seconds=WARM_UP_SECONDS,
            )
            return answered.calls_per_second * requests.MANY

        def whole() -> object:
            jobs = [png[at : at + IMAGES_PER_JOB] for at in range(0, len(png), IMAGES_PER_JOB)]
            framed = [frame for job in pool.map(_framed, jobs) for frame in job]
            return engine.predict(np.stack(framed))

        for _ in range(rounds):
            engine_rates.append(images_per_second(lambda: engine.predict(frames)))
            raw_rates.append(asked(requests.Form.RAW28))
            whole_rates.append(images_per_second(whole))
            png_rates.append(asked(requests.Form.PNG28))
    yield Figure("engine_rate", "the engine in process", engine_rates, "images/s", 0)
    yield Figure("batch_raw_rate", "RecognizeBatch, 256 raw images", raw_rates, "images/s", 0)
    yield Figure(
        "batch_raw_share",
        "256 raw images: the server, of the engine",
        ratios(raw_rates, engine_rates),
        at_least=0.8,
    )
    yield Figure(
        "whole_rate", "decoding, framing and the engine in process", whole_rates, "images/s", 0
    )
    yield Figure("batch_png_rate", "RecognizeBatch, 256 PNG files", png_rates, "images/s", 0)
    yield Figure(
        "batch_png_share",
        "256 PNG files: the server, of the same in process",
        ratios(png_rates, whole_rates),
        at_least=0.7,
    )


def images_per_second(answer_many: Callable[[], object], seconds: float = 1.0) -> float:
    """Return how many images a second a call with a batch comes to."""
    answer_many()
    count = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        answer_many()
        count += requests.MANY
    return count / took


def _framed(job: list[pb.Image]) -> list[NDArray[np.float32]]:
    return [normalize(requests.gray(image)) for image in job]
