"""Calls with 256 images, compared with the same work in one process."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from benchmarks.figures import Figure, ratios
from benchmarks.limits import in_process, payloads
from benchmarks.limits.payloads import BATCH_SIZE, Form
from benchmarks.limits.server_load import load_server
from benchmarks.limits.serving import MODEL_INFER, RECOGNIZE_BATCH, unlimited_server

SECONDS = 3.0
# Enough that the server never waits for the network between two calls.
CALLS_IN_FLIGHT = 4
LABELS = {
    "engine": "engine in process, a thread per core",
    "raw": f"RecognizeBatch, {BATCH_SIZE} raw images",
    "tensor": f"ModelInfer, {BATCH_SIZE} raw images in one tensor",
    "files": "decoding, normalization and engine in process, a thread per core",
    "png": f"RecognizeBatch, {BATCH_SIZE} PNG files",
}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure raw images and PNG files, each next to the same work in process."""
    raw_images = payloads.batch(Form.RAW28)
    pixels = np.stack([payloads.gray(image) for image in raw_images])
    rates: dict[str, list[float]] = {name: [] for name in LABELS}
    with unlimited_server() as server:
        measurements: dict[str, Callable[[], float]] = {
            "engine": partial(in_process.images_per_second, in_process.engine_works()),
            "files": partial(in_process.images_per_second, in_process.file_works()),
            "raw": partial(
                _server_rate, server.address, RECOGNIZE_BATCH, payloads.batch_request(Form.RAW28)
            ),
            "tensor": partial(
                _server_rate, server.address, MODEL_INFER, payloads.tensor_request(pixels)
            ),
            "png": partial(
                _server_rate, server.address, RECOGNIZE_BATCH, payloads.batch_request(Form.PNG28)
            ),
        }
        for _ in range(rounds):
            for name in LABELS:
                rates[name].append(measurements[name]())
    for name, label in LABELS.items():
        yield Figure(f"{name}_rate", label, rates[name], "images/s", 0)
    for name, label, baseline, target in (
        ("raw", "RecognizeBatch, raw images: relative to the engine", "engine", 0.85),
        ("tensor", "ModelInfer, one tensor: relative to the engine", "engine", 0.92),
        ("png", "RecognizeBatch, PNG files: relative to the same in process", "files", 0.92),
    ):
        yield Figure(f"{name}_share", label, ratios(rates[name], rates[baseline]), at_least=target)


def _server_rate(address: str, method: str, request: bytes) -> float:
    result = load_server(
        address, method, request, connections=1, streams=CALLS_IN_FLIGHT, seconds=SECONDS
    )
    return result.calls_per_second * BATCH_SIZE
