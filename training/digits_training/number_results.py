"""A network's predictions for images of numbers, and for single digits that are read as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits_client.edit_distance import align
from digits_server.models.numbers import Number, main_number
from digits_server.models.predictions import NO_DIGIT, Predictions, to_predictions
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.readings import join_readings
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.search import find_readings

from .calibration import Calibration, Probs, calibration_error, chance_error
from .eval_results import EvalResults, Predict
from .eval_set import Gray
from .number_sets import NumberSet


@dataclass(frozen=True)
class NumberResults:
    """A network's predictions for a set of N images of numbers."""

    number_set: NumberSet

    texts: list[str]
    """What was read; empty for an image without a digit."""

    confidences: Probs
    """(N,) probability that all of the text is right."""

    numbers: list[Number | None]
    """What was read of images with several digits, as the server found it."""

    is_one_digit: NDArray[np.bool_]
    """(N,) whether the image, said to be of one digit, is read as one: as a wrong one."""

    is_several: NDArray[np.bool_]
    """(N,) whether it is found to hold several digits."""

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,) whether the text is right."""
        pairs = zip(self.texts, self.number_set.texts, strict=True)
        return np.array([text == label for text, label in pairs])

    @property
    def accuracy(self) -> float:
        """Share of numbers that are right as a whole."""
        return float(self.is_right.mean())

    @property
    def digit_accuracy(self) -> float:
        """Share of digits that are right, by edit distance."""
        labels = self.number_set.texts
        pairs = [
            pair
            for label, text in zip(labels, self.texts, strict=True)
            for pair in align(label, text)
        ]
        wrong = sum(digit != read for digit, read in pairs)
        return max(0.0, 1 - wrong / sum(map(len, labels)))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the confidence of whole numbers, in 15 bins."""
        return calibration_error(self.confidences, self.is_right)

    @property
    def chance_error(self) -> float:
        """What the calibration error is on average if the confidences are exactly right."""
        return chance_error(self.confidences)

    @property
    def one_digit_share(self) -> float:
        """Share of images that, said to be of one digit, are read as one."""
        return float(self.is_one_digit.mean())


def with_all(results: Sequence[NumberResults]) -> list[NumberResults]:
    """Return the results, and those of all sets that were drawn as one if there are several."""
    drawn = [each for each in results if not each.number_set.files]
    return [*results, _join(drawn)] if len(drawn) > 1 else list(results)


def _join(drawn: Sequence[NumberResults]) -> NumberResults:
    images, texts = (
        [value for each in drawn for value in getattr(each.number_set, name)]
        for name in ("images", "texts")
    )
    return NumberResults(
        NumberSet("numbers", "Numbers: all kinds", images, texts),
        [text for each in drawn for text in each.texts],
        np.concatenate([each.confidences for each in drawn]),
        [number for each in drawn for number in each.numbers],
        np.concatenate([each.is_one_digit for each in drawn]),
        np.concatenate([each.is_several for each in drawn]),
    )


@dataclass(frozen=True)
class SinglesAsNumbers:
    """Images of single digits that are read as numbers."""

    title: str
    count: int
    digit_accuracy: float
    """Share that is right if the image is said to be of one digit."""
    number_accuracy: float
    """Share that is right if it is said to be of a number."""
    several_share: float
    """Share that is found to hold several digits if the image is said to be of one."""


def evaluate_numbers(
    number_set: NumberSet, predict: Predict, read_strip: Predict, calibration: Calibration
) -> NumberResults:
    """Evaluate networks on images of numbers, as the server reads them."""
    found, as_digits = (
        predict_images(number_set.images, layout, predict, read_strip, calibration)
        for layout in (Layout.NUMBER, Layout.DIGIT)
    )
    read = [read_number(found, row) for row in range(len(found))]
    return NumberResults(
        number_set,
        [text for text, _ in read],
        np.array([confidence for _, confidence in read], np.float32),
        [
            main_number(found.numbers[row]) if row in found.numbers else None
            for row in range(len(found))
        ],
        np.asarray(as_digits.digits != NO_DIGIT),
        np.asarray(as_digits.reasons == Reason.SEVERAL_DIGITS),
    )


def evaluate_singles(
    results: EvalResults, predict: Predict, read_strip: Predict, calibration: Calibration
) -> SinglesAsNumbers:
    """Evaluate networks on the digits of a set that are said to be numbers."""
    eval_set = results.eval_set
    found = predict_images(eval_set.images, Layout.NUMBER, predict, read_strip, calibration)
    texts = [read_number(found, row)[0] for row in range(len(found))]
    is_right = [
        text == str(label) for text, label in zip(texts, eval_set.labels.tolist(), strict=True)
    ]
    return SinglesAsNumbers(
        eval_set.title,
        len(texts),
        results.accuracy,
        float(np.mean(is_right)),
        float((results.predictions.reasons == Reason.SEVERAL_DIGITS).mean()),
    )


def predict_images(
    images: Sequence[Gray],
    layout: Layout,
    predict: Predict,
    read_strip: Predict,
    calibration: Calibration,
) -> Predictions:
    """Return the server's predictions for images of a layout."""
    readings = join_readings([find_readings(image, layout) for image in images])
    frames = Frames.of_readings(readings, np.zeros(len(images), np.uint32))

    def classify(pixels: NDArray[np.float32]) -> Probs:
        return calibration.apply(predict(pixels))

    return to_predictions(
        frames,
        classify(frames.pixels),
        [read_strip(line.strip) for line in frames.lines],
        classify,
        calibration.rejection_threshold,
        "",
        calibration.number_weights,
    )


def read_number(predictions: Predictions, row: int) -> tuple[str, float]:
    """Return the text and the confidence that an image of a number gets."""
    if row in predictions.numbers:
        number = main_number(predictions.numbers[row])
        return number.text, number.confidence
    digit = int(predictions.digits[row])
    return ("", 0.0) if digit == NO_DIGIT else (str(digit), float(predictions.confidences[row]))
