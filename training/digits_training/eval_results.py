"""A network's predictions for images, with the server's normalization and verdicts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_server.preprocessing.normalize import FRAME_SIZE, normalize

from .calibration import (
    Calibration,
    Labels,
    Probs,
    calibration_error,
    conditional_digit_probs,
    top_digit_probability,
)
from .eval_set import EvalSet, Gray

Predict = Callable[[NDArray[np.float32]], Probs]
"""Maps (N, 28, 28) frames in 0..1 to (N, K) probabilities, where K is 10 or 11."""

ToFrame = Callable[[Gray], NDArray[np.float32]]
"""Maps a gray image to a (28, 28) frame in 0..1."""


@dataclass(frozen=True)
class EvalResults:
    """A network's predictions for an eval set."""

    eval_set: EvalSet

    frames: NDArray[np.float32]
    """(N, 28, 28) frames in 0..1: the network's input."""

    probs: Probs
    """(N, K) calibrated probabilities."""

    threshold: float
    """Minimum probability of the top digit for the verdict DIGIT."""

    @property
    def labels(self) -> Labels:
        """(N,) true labels."""
        return self.eval_set.labels

    @property
    def digits(self) -> Labels:
        """(N,) top digits, whatever the verdict."""
        return np.asarray(conditional_digit_probs(self.probs).argmax(axis=1), np.uint8)

    @property
    def confidence(self) -> Probs:
        """(N,) probabilities of the top digit, given that the image is a digit."""
        return np.asarray(conditional_digit_probs(self.probs).max(axis=1))

    @property
    def is_blank(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is BLANK."""
        return np.asarray(~self.frames.any(axis=(1, 2)))

    @property
    def is_not_a_digit(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is NOT_A_DIGIT or BLANK."""
        return np.asarray((top_digit_probability(self.probs) < self.threshold) | self.is_blank)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,) True where the verdict is DIGIT and the digit is the true one."""
        return np.asarray((self.digits == self.labels) & ~self.is_not_a_digit)

    @property
    def accuracy(self) -> float:
        """Share of images whose verdict is the true digit."""
        return float(self.is_right.mean())

    @property
    def not_a_digit_share(self) -> float:
        """Share of images whose verdict is NOT_A_DIGIT or BLANK."""
        return float(self.is_not_a_digit.mean())

    @property
    def right_share(self) -> float:
        """Share of images with the right verdict; in a set without digits, NOT_A_DIGIT."""
        return self.accuracy if self.eval_set.has_digits else self.not_a_digit_share

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the top digits in 15 bins, whatever the verdicts."""
        return calibration_error(self.confidence, self.digits == self.labels)


def evaluate_set(
    eval_set: EvalSet,
    predict: Predict,
    calibration: Calibration,
    to_frame: ToFrame = normalize,
) -> EvalResults:
    """Normalize the images of a set, run a network on them, and apply its calibration."""
    frames = np.stack([to_frame(image) for image in eval_set.images])
    probs = calibration.apply(predict(frames))
    return EvalResults(eval_set, frames, probs, calibration.rejection_threshold)


def tutorial_normalize(gray: Gray) -> NDArray[np.float32]:
    """Return the frame that the tutorial's window makes: the whole image, resized to 28x28.

    It does not invert, crop or center the image; a light ground stays light.
    """
    small = Image.fromarray(gray).resize((FRAME_SIZE, FRAME_SIZE))
    return np.asarray(small, np.float32) / np.float32(255)
