"""A network's predictions for images, made of their readings as the server makes them."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_server.models.engine import DIGIT_COUNT
from digits_server.models.predictions import (
    NO_READING,
    Predictions,
    Verdict,
    choose,
    to_predictions,
)
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.normalize import FRAME_SIZE
from digits_server.preprocessing.readings import AS_IT_IS, READINGS
from digits_server.preprocessing.search import find_all_readings

from .calibration import (
    Calibration,
    Labels,
    Probs,
    calibration_error,
    chance_error,
    reliability,
    top_digit_probability,
)
from .eval_set import EvalSet, Gray
from .recordings import NO_WRITING

Predict = Callable[[NDArray[np.float32]], Probs]
"""Maps frames (R, 28, 28) in 0..1, or one strip (28, W), to (R, K) probabilities, where K is 10, 11
or 12."""

Read = Callable[[Sequence[Gray]], Frames]
"""Maps gray images to the frames of their readings."""


@dataclass(frozen=True)
class EvalResults:
    """A network's predictions for an eval set of N images."""

    eval_set: EvalSet

    predictions: Predictions
    """The server's predictions."""

    forced: Predictions
    """The predictions if the threshold were 0: the top digit of the most convincing reading of
    each image, whatever its verdict."""

    top_digit_probs: Probs
    """(N,) probability over all classes of the top digit of the most convincing reading, which
    separates digits from other images; 0 without a reading."""

    reading_counts: NDArray[np.intp]
    """(N,) number of readings."""

    @property
    def labels(self) -> Labels:
        """(N,) true labels."""
        return self.eval_set.labels

    @property
    def digits(self) -> NDArray[np.int8]:
        """(N,) top digits, whatever the verdict; NO_DIGIT without a reading."""
        return self.forced.digits

    @property
    def confidence(self) -> Probs:
        """(N,) probabilities of the top digit, given that the image is a digit."""
        return self.forced.confidences

    @property
    def is_blank(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is BLANK."""
        return np.asarray(self.predictions.verdicts == Verdict.BLANK)

    @property
    def is_not_a_digit(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is NOT_A_DIGIT or BLANK."""
        return np.asarray(self.predictions.verdicts != Verdict.DIGIT)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is the label.

        A digit has to be read as that digit, other writing as NOT_A_DIGIT or BLANK, and an image
        without writing as BLANK.
        """
        return np.where(
            self.labels < DIGIT_COUNT,
            self.predictions.digits == self.labels,
            np.where(self.labels == NO_WRITING, self.is_blank, self.is_not_a_digit),
        )

    @property
    def accuracy(self) -> float:
        """Share of images whose verdict is the label."""
        return float(self.is_right.mean())

    @property
    def not_a_digit_share(self) -> float:
        """Share of images whose verdict is NOT_A_DIGIT or BLANK."""
        return float(self.is_not_a_digit.mean())

    @property
    def readings_per_image(self) -> float:
        """Mean number of readings per image."""
        return float(self.reading_counts.mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the top digits in 15 bins, whatever the verdicts.

        The confidence of an image is that of the most convincing of all its readings.
        """
        return calibration_error(self.confidence, self.digits == self.labels)

    @property
    def chance_error(self) -> float:
        """What the calibration error is on average if the confidences are exactly right."""
        return chance_error(self.confidence)

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """Mean confidence, share right and number of the top digits in each of the same bins."""
        return reliability(self.confidence, self.digits == self.labels)

    def reading_name(self, index: int) -> str:
        """Return the name of the reading that stands for an image."""
        reading = int(self.predictions.readings[index])
        return "no reading" if reading == NO_READING else READINGS[reading]


def evaluate_set(
    eval_set: EvalSet,
    predict: Predict,
    calibration: Calibration,
    read: Read | None = None,
    *,
    read_strip: Predict | None = None,
) -> EvalResults:
    """Find the readings of the images of a set, and evaluate a network on them.

    Args:
        eval_set: The images.
        predict: The network.
        calibration: The network's calibration.
        read: Function that finds the readings, by default as the server does.
        read_strip: The line network; without it, no image is found to hold several digits.
    """
    frames = (read or find_frames)(eval_set.images)
    return evaluate_frames(eval_set, frames, predict, calibration, read_strip)


def evaluate_frames(
    eval_set: EvalSet,
    frames: Frames,
    predict: Predict,
    calibration: Calibration,
    read_strip: Predict | None = None,
) -> EvalResults:
    """Run networks on the frames of a set, and make predictions of their calibrated output."""
    if read_strip is None:
        frames = dataclasses.replace(frames, lines=())
    line_probs = [read_strip(line.strip) for line in frames.lines] if read_strip else []
    count = len(frames.owners)

    def classify(pixels: NDArray[np.float32]) -> Probs:
        return calibration.apply(predict(pixels))

    probs = classify(frames.pixels) if count else np.zeros((0, DIGIT_COUNT), np.float32)
    top_digit_probs = np.zeros(len(frames), np.float32)
    if count:
        rows = choose(frames.owners, probs, threshold=0)
        top_digit_probs[frames.owners[rows]] = top_digit_probability(probs[rows])
    return EvalResults(
        eval_set,
        to_predictions(frames, probs, line_probs, classify, calibration.rejection_threshold, ""),
        to_predictions(frames, probs, line_probs, classify, 0, ""),
        top_digit_probs,
        np.bincount(frames.owners, minlength=len(frames)),
    )


def find_frames(images: Sequence[Gray]) -> Frames:
    """Return the frames of all readings of images, as the server does."""
    return Frames.of_readings(find_all_readings(images), np.zeros(len(images), np.uint32))


def tutorial_frames(images: Sequence[Gray]) -> Frames:
    """Return the frames that the tutorial's window makes: the whole images, resized to 28x28.

    It does not invert, crop or center an image; a light ground stays light.
    """
    small = [Image.fromarray(image).resize((FRAME_SIZE, FRAME_SIZE)) for image in images]
    pixels = np.array([np.asarray(image, np.float32) for image in small], np.float32)
    count = len(images)
    return Frames(
        pixels.reshape(-1, FRAME_SIZE, FRAME_SIZE) / np.float32(255),
        np.arange(count),
        np.full(count, AS_IT_IS, np.uint8),
        np.tile((0, 0, FRAME_SIZE, FRAME_SIZE), (count, 1)),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint32),
    )
