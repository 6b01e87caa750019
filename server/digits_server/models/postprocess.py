"""From a model's probabilities to answers."""

import enum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .engine import DIGIT_COUNT

_NO_DIGIT: Final = -1


class Verdict(enum.Enum):
    """What was found in an image."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


class Prediction(NamedTuple):
    """The answer for one image."""

    verdict: Verdict
    digit: int | None
    """0..9, with the verdict DIGIT only."""
    confidence: float
    """The largest of ``probs``; 0 for a blank image."""
    probs: list[float]
    """Ten shares that sum to 1; none for a blank image."""
    frame: NDArray[np.float32]
    """(28, 28), 0..1: what the model saw."""
    model_version: str
    """Of the model that answered."""


def blank(frame: NDArray[np.float32], version: str) -> Prediction:
    """Return the answer for a frame without ink."""
    return Prediction(Verdict.BLANK, None, 0.0, [], frame, version)


def to_predictions(
    frames: NDArray[np.float32], probs: NDArray[np.float32], threshold: float, version: str
) -> list[Prediction]:
    """Return the answers that a model's probabilities amount to.

    Args:
        frames: (N, 28, 28), what the model saw, each with ink.
        probs: (N, 10) or (N, 11), the model's.
        threshold: Of the likeliest digit's probability: below it the verdict is NOT_A_DIGIT.
        version: The model's.
    """
    of_digits = probs[:, :DIGIT_COUNT].astype(np.float64)
    # Given that it is a digit: what a model with a class for all else left to that is shared.
    shares = of_digits / of_digits.sum(axis=1, keepdims=True)
    is_digit = of_digits.max(axis=1) >= threshold
    digits = np.where(is_digit, of_digits.argmax(axis=1), _NO_DIGIT)
    return [
        Prediction(Verdict.NOT_A_DIGIT, None, confidence, of_each, frame, version)
        if digit == _NO_DIGIT
        else Prediction(Verdict.DIGIT, digit, confidence, of_each, frame, version)
        for digit, confidence, of_each, frame in zip(
            digits.tolist(), shares.max(axis=1).tolist(), shares.tolist(), frames, strict=True
        )
    ]
