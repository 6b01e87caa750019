"""What a network answers to images, framed and to_predictions as the server does it."""

from collections.abc import Callable, Sequence
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
    given_digit,
    likeliest_digit,
)
from .eval_sets import Gray

Predict = Callable[[NDArray[np.float32]], Probs]
"""Maps (N, 28, 28) frames in 0..1 to (N, K) probabilities, K being 10 or 11."""


Frame = Callable[[Gray], NDArray[np.float32]]
"""Maps an image to (28, 28) in 0..1."""


@dataclass(frozen=True)
class Answers:
    """The answers to a suite."""

    frames: NDArray[np.float32]
    """(N, 28, 28) in 0..1: what the network saw."""

    probs: Probs
    """(N, K), calibrated."""

    labels: Labels
    """(N,), the truth."""

    threshold: float
    """Of the likeliest digit's probability, below which the answer is "no digit"."""

    @property
    def digits(self) -> Labels:
        """(N,): the likeliest digit, whatever the verdict."""
        return np.asarray(given_digit(self.probs).argmax(axis=1), np.uint8)

    @property
    def confidence(self) -> Probs:
        """(N,): how sure the network is of that digit, given that it is one."""
        return np.asarray(given_digit(self.probs).max(axis=1))

    @property
    def is_blank(self) -> NDArray[np.bool_]:
        """(N,): whether no ink was found."""
        return np.asarray(~self.frames.any(axis=(1, 2)))

    @property
    def is_rejected(self) -> NDArray[np.bool_]:
        """(N,): whether the verdict is "no digit" or "blank"."""
        return np.asarray((likeliest_digit(self.probs) < self.threshold) | self.is_blank)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,): whether the verdict is a digit and it is the true one."""
        return np.asarray((self.digits == self.labels) & ~self.is_rejected)

    @property
    def accuracy(self) -> float:
        """The share of verdicts that are the right digit."""
        return float(self.is_right.mean())

    @property
    def rejected_share(self) -> float:
        """The share of verdicts that are "no digit" or "blank"."""
        return float(self.is_rejected.mean())

    @property
    def calibration_error(self) -> float:
        """Expected, in 15 bins, of the likeliest digit, whatever the verdict."""
        return calibration_error(self.confidence, self.digits == self.labels)


def answers_to(
    images: Sequence[Gray],
    labels: Labels,
    predict: Predict,
    calibration: Calibration,
    frame: Frame = normalize,
) -> Answers:
    """Frame images, ask a network, and judge its answers."""
    frames = np.stack([frame(image) for image in images])
    probs = calibration.apply(predict(frames))
    return Answers(frames, probs, labels, calibration.rejection_threshold)


def tutorial_frame(gray: Gray) -> NDArray[np.float32]:
    """Return what the tutorial's window makes of an image: the whole of it, made 28x28.

    Nothing is inverted, cut out or centred; a light ground stays light.
    """
    small = Image.fromarray(gray).resize((FRAME_SIZE, FRAME_SIZE))
    return np.asarray(small, np.float32) / np.float32(255)
