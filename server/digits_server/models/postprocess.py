"""From a model's probabilities to predictions."""

import enum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .engine import DIGIT_COUNT

_NO_DIGIT: Final = -1


class Verdict(enum.Enum):
    """The kind of content found in an image."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


class Prediction(NamedTuple):
    """A model's prediction for one image."""

    verdict: Verdict
    digit: int | None
    """0..9 with the verdict DIGIT, else None."""
    confidence: float
    """The largest of ``probs``; 0 for a blank image."""
    probs: list[float]
    """Ten probabilities that sum to 1; empty for a blank image."""
    frame: NDArray[np.float32]
    """The (28, 28) frame in 0..1 that the model saw."""
    model_version: str
    """The version of the model that made the prediction."""


def blank_prediction(frame: NDArray[np.float32], version: str) -> Prediction:
    """Return the prediction for a frame without ink."""
    return Prediction(Verdict.BLANK, None, 0.0, [], frame, version)


def to_predictions(
    frames: NDArray[np.float32], probs: NDArray[np.float32], threshold: float, version: str
) -> list[Prediction]:
    """Return the predictions for frames, given the model's probabilities.

    Args:
        frames: (N, 28, 28) frames, each with ink.
        probs: (N, 10) or (N, 11) probabilities.
        threshold: Minimum probability of the top digit for the verdict DIGIT.
        version: The model's version.
    """
    digit_probs = probs[:, :DIGIT_COUNT].astype(np.float64)
    # Conditional on the image being a digit: an eleventh class, "not a digit", takes no share.
    shares = digit_probs / digit_probs.sum(axis=1, keepdims=True)
    is_digit = digit_probs.max(axis=1) >= threshold
    digits = np.where(is_digit, digit_probs.argmax(axis=1), _NO_DIGIT)
    return [
        Prediction(Verdict.NOT_A_DIGIT, None, confidence, frame_shares, frame, version)
        if digit == _NO_DIGIT
        else Prediction(Verdict.DIGIT, digit, confidence, frame_shares, frame, version)
        for digit, confidence, frame_shares, frame in zip(
            digits.tolist(), shares.max(axis=1).tolist(), shares.tolist(), frames, strict=True
        )
    ]
