"""Calibration of a network: its temperature, the threshold for "not a digit", and that of numbers.

All are fitted on held-out examples, and none changes which digit is the most probable.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.models.engine import DIGIT_COUNT
from digits_server.models.numbers import PLAIN_WEIGHTS, Weights

CALIBRATION_FILE: Final = "calibration.json"

# Maximum shares of digits that the threshold classifies as not a digit. They are small, because
# to the writer that is as much a mistake as a misread digit (docs/adr/0007).
MAX_MISSED_MNIST: Final = 0.002
MAX_MISSED_STROKES: Final = 0.004

# The threshold is rounded down to so many digits after the point.
_THRESHOLD_DIGITS: Final = 4
_CHANCE_ROUNDS: Final = 100

Probs = NDArray[np.float32]
Labels = NDArray[np.uint8]
Predicted = tuple[Probs, Labels]
"""(N, K) probabilities of N frames, and their labels."""


@dataclass(frozen=True)
class Calibration:
    """Parameters that turn a network's probabilities into verdicts."""

    temperature: float = 1.0
    """Divisor of the logits."""

    rejection_threshold: float = 0.5
    """Minimum probability of the top digit for the verdict DIGIT. The default, for a network
    without a fitted threshold, is where a digit is more likely right than wrong."""

    number_weights: Weights = PLAIN_WEIGHTS
    """What makes the confidence of a number."""

    @classmethod
    def load(cls, run_dir: Path) -> Self:
        """Return the calibration of a run, or the default if the folder has none."""
        path = run_dir / CALIBRATION_FILE
        if not path.is_file():
            return cls()
        values = json.loads(path.read_text("utf-8"))
        weights = tuple(values.get("number_weights", PLAIN_WEIGHTS))
        return cls(**(values | {"number_weights": weights}))

    def with_numbers(self, other: "Calibration") -> "Calibration":
        """Return this calibration with another's confidence of numbers."""
        return dataclasses.replace(self, number_weights=other.number_weights)

    def save(self, run_dir: Path) -> None:
        """Write the calibration into a run's folder."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        (run_dir / CALIBRATION_FILE).write_text(text, "utf-8")

    def apply(self, probs: Probs) -> Probs:
        """Return (N, K) probabilities with the temperature applied."""
        return apply_temperature(probs, self.temperature)


def apply_temperature(probs: Probs, temperature: float) -> Probs:
    """Return softmax(logits / temperature), given probs = softmax(logits)."""
    powers = np.maximum(probs.astype(np.float64), 1e-30) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def fit_calibration(mnist: Predicted, strokes: Predicted, scenes: Predicted) -> Calibration:
    """Fit a calibration on sets of digits that are held out of training.

    The temperature is the one with the lowest cross-entropy of the sets, which have equal weight.
    The scenes are there for the confidence of what is hard to read.

    The threshold is the highest at which at most ``MAX_MISSED_MNIST`` of the scanned digits and
    ``MAX_MISSED_STROKES`` of the drawn ones are missed. The scenes have no say in it, because
    some of them cannot be read.

    A set may be empty, because its data are missing. Without any digits, the result is the
    default; without scanned and drawn ones, the threshold is.

    Args:
        mnist: (N, K) probabilities and (N,) labels of scanned digits.
        strokes: (N, K) probabilities and (N,) labels of drawn digits.
        scenes: (N, K) probabilities and (N,) labels of the readings of scenes that show the digit.
    """
    present = [(probs, labels) for probs, labels in (mnist, strokes, scenes) if len(labels)]
    if not present:
        return Calibration()
    temperatures = np.geomspace(0.2, 4.0, 400)
    losses = [
        sum(cross_entropy(apply_temperature(probs, t), labels) for probs, labels in present)
        for t in temperatures
    ]
    temperature = round(float(temperatures[int(np.argmin(losses))]), 4)
    thresholds = [
        _highest_threshold(top_digit_probability(apply_temperature(probs, temperature)), share)
        for (probs, labels), share in ((mnist, MAX_MISSED_MNIST), (strokes, MAX_MISSED_STROKES))
        if len(labels)
    ]
    return Calibration(temperature, min(thresholds, default=Calibration.rejection_threshold))


def _highest_threshold(top_probs: Probs, max_missed_share: float) -> float:
    """Return the highest threshold, rounded down, that misses at most this share of digits."""
    missed_count = int(max_missed_share * len(top_probs))
    lowest_kept = float(np.sort(top_probs)[missed_count])
    scale = 10**_THRESHOLD_DIGITS
    return math.floor(lowest_kept * scale) / scale


def top_digit_probability(probs: Probs) -> Probs:
    """Return (N,) probabilities of the top digit, which separate digits from other images."""
    return np.asarray(probs[:, :DIGIT_COUNT].max(axis=1))


def conditional_digit_probs(probs: Probs) -> Probs:
    """Return (N, 10) probabilities of the digits, given that the image is a digit."""
    of_digits = probs[:, :DIGIT_COUNT]
    return np.asarray(of_digits / of_digits.sum(axis=1, keepdims=True))


def reliability(
    confidence: Probs, is_right: NDArray[np.bool_], bin_count: int = 15
) -> list[tuple[float, float, int]]:
    """Return mean confidence, share right and number of each filled bin, of equal width.

    Args:
        confidence: (N,) in 0..1.
        is_right: (N,) True where the prediction is right.
        bin_count: Number of bins.
    """
    bins = np.minimum((confidence * bin_count).astype(int), bin_count - 1)
    return [
        (float(confidence[in_bin].mean()), float(is_right[in_bin].mean()), int(in_bin.sum()))
        for in_bin in (bins == b for b in np.unique(bins))
    ]


def calibration_error(confidence: Probs, is_right: NDArray[np.bool_], bin_count: int = 15) -> float:
    """Return the expected calibration error, in 0..1, over bins of equal width.

    C. Guo et al., "On Calibration of Modern Neural Networks" (2017).

    Args:
        confidence: (N,) in 0..1.
        is_right: (N,) True where the prediction is right.
        bin_count: Number of bins.
    """
    bins = reliability(confidence, is_right, bin_count)
    return sum(abs(mean - share) * count for mean, share, count in bins) / len(confidence)


def chance_error(confidence: Probs, bin_count: int = 15) -> float:
    """Return what ``calibration_error`` is on average if the confidences are exactly right.

    It is above 0, because few images are in most of the bins.

    Args:
        confidence: (N,) in 0..1.
        bin_count: Number of bins.
    """
    random = np.random.default_rng(0)
    return float(
        np.mean(
            [
                calibration_error(
                    confidence, random.random(len(confidence)) < confidence, bin_count
                )
                for _ in range(_CHANCE_ROUNDS)
            ]
        )
    )


def auroc(positive: Probs, negative: Probs) -> float:
    """Return the area under the ROC curve of (P,) positive and (N,) negative scores.

    It is the share of pairs in which the positive scores higher; ties count half.
    """
    order = np.sort(negative)
    lower = np.searchsorted(order, positive, side="left")
    lower_or_equal = np.searchsorted(order, positive, side="right")
    return float((lower + lower_or_equal).mean() / 2 / len(negative))


def cross_entropy(probs: Probs, labels: Labels) -> float:
    """Return the mean cross-entropy of (N, K) probabilities, in nats."""
    label_probs = probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(label_probs, 1e-12)).mean())
