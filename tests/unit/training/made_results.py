"""Results of evaluations, made without a network."""

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_server.models.numbers import Number, Place
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.recipe import FRAME_SIZE
from digits_training.calibration import Calibration
from digits_training.eval_results import EvalResults, evaluate_frames
from digits_training.eval_set import EvalSet
from digits_training.number_results import NumberResults
from digits_training.number_sets import NumberSet

USUAL_READING = READINGS.index("dark ink")


def make_results(
    name: str,
    labels: list[int],
    digits: list[int],
    confidences: list[float],
    side: int = 28,
    blank: tuple[int, ...] = (),
) -> EvalResults:
    """Return results with the given top digits and their probabilities.

    Every image has two readings, of which the second is the more convincing one; those in
    ``blank`` have none.
    """
    shares = np.array(confidences, np.float32)
    probs = np.repeat((1 - shares[:, None]) / 9, 10, axis=1).astype(np.float32)
    probs[np.arange(len(digits)), digits] = shares
    owners = np.array([n for n in range(len(labels)) if n not in blank], np.intp).repeat(2)
    rows = probs[owners]
    rows[::2] = 0.1
    images: list[NDArray[np.uint8]] = [
        np.full((side, side), 10 + number % 200, np.uint8) for number in range(len(labels))
    ]
    eval_set = EvalSet(name, f"The {name} of <someone>", images, np.array(labels, np.uint8))
    frames = Frames(
        np.full((len(owners), FRAME_SIZE, FRAME_SIZE), 0.5, np.float32),
        owners,
        np.full(len(owners), USUAL_READING, np.uint8),
        np.ones((len(owners), 4), np.intp),
        np.zeros(len(labels), np.uint8),
        np.zeros(len(labels), np.uint32),
    )
    return evaluate_frames(eval_set, frames, lambda _: rows, Calibration(1.0, 0.5))


def make_numbers(labels: list[str], texts: list[str]) -> NumberResults:
    """Return results for images of numbers, of which the first has boxes."""
    images: list[NDArray[np.uint8]] = [np.full((60, 200), 255, np.uint8) for _ in labels]
    ink = np.zeros((28, 28), np.float32)
    place = Place(1, 0.9, np.zeros(10, np.float32), ink, (10, 5, 30, 50), 0.0)
    return NumberResults(
        NumberSet("numbers-spaced", "Numbers: spaced", images, labels),
        texts,
        np.linspace(0.9, 0.1, len(labels)).astype(np.float32),
        [Number([place], 0.9, 0.9, 1.0), *[None] * (len(labels) - 1)],
        np.array([False, True, False]),
        np.array([True, False, True]),
    )


def replace_images(results: EvalResults) -> EvalResults:
    """Return results whose images are color files."""
    files = []
    for _ in results.labels:
        file = io.BytesIO()
        Image.new("RGB", (40, 40), (200, 30, 30)).save(file, "PNG")
        files.append(file.getvalue())
    eval_set = replace(results.eval_set, title="Scenes: desk", files=files)
    return replace(results, eval_set=eval_set)
