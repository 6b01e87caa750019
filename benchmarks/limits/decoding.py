"""Decoding and framing one image, in one thread."""

import time
from collections.abc import Callable, Iterable

import cv2

from benchmarks.limits import requests
from benchmarks.limits.figures import Figure
from benchmarks.limits.requests import NAMES, Form
from digits.v1 import recognizer_pb2 as pb
from digits_server.preprocessing.normalize import normalize

SECONDS = 0.4
TARGETS_US = {Form.RAW28: None, Form.PNG28: 60.0, Form.DRAWN28: None, Form.PNG300: 300.0}


def measure(rounds: int) -> Iterable[Figure]:
    """Measure each form of image, in turn."""
    cv2.setNumThreads(1)  # as the server does
    images = {form: list(requests.several(form)) for form in TARGETS_US}
    took: dict[Form, list[float]] = {form: [] for form in TARGETS_US}
    for _ in range(rounds):
        for form, of_form in images.items():

            def frame_all(of_form: list[pb.Image] = of_form) -> None:
                for image in of_form:
                    normalize(requests.gray(image))

            took[form].append(microseconds(frame_all) / len(of_form))
    for form, target in TARGETS_US.items():
        yield Figure(
            f"frame_{form}",
            f"decoding and framing, {NAMES[form]}",
            took[form],
            "µs",
            0,
            at_most=target,
        )


def microseconds(work: Callable[[], object], seconds: float = SECONDS) -> float:
    """Return what a call takes, by the mean of many."""
    work()
    count = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        work()
        count += 1
    return took / count * 1e6
