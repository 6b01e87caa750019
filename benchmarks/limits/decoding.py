"""Time to decode and normalize one image, in one thread."""

import time
from collections.abc import Callable, Iterable

import cv2

from benchmarks.figures import Figure
from benchmarks.limits import payloads
from benchmarks.limits.payloads import LABELS, Form
from digits.v1 import recognizer_pb2 as pb
from digits_server.preprocessing.normalize import normalize

SECONDS = 0.4
TARGETS_US = {Form.RAW28: None, Form.PNG28: 60.0, Form.DRAWN28: None, Form.PNG300: 400.0}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure every form of image in each round."""
    cv2.setNumThreads(1)  # as the server does
    images = {form: list(payloads.images(form)) for form in TARGETS_US}
    times_us: dict[Form, list[float]] = {form: [] for form in TARGETS_US}
    for _ in range(rounds):
        for form, images_of_form in images.items():

            def normalize_all(images_of_form: list[pb.Image] = images_of_form) -> None:
                for image in images_of_form:
                    normalize(payloads.gray(image))

            times_us[form].append(mean_microseconds(normalize_all) / len(images_of_form))
    for form, target in TARGETS_US.items():
        yield Figure(
            f"frame_{form}",
            f"decoding and normalization, {LABELS[form]}",
            times_us[form],
            "µs",
            0,
            at_most=target,
        )


def mean_microseconds(work: Callable[[], object]) -> float:
    """Return the mean time of a call, over SECONDS."""
    work()
    count = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SECONDS:
        work()
        count += 1
    return elapsed / count * 1e6
