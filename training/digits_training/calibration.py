"""Making a network's probabilities mean what they say, and choosing when to say "no digit".

Both are fitted on examples that were kept out of training, and neither changes which
digit is the likeliest.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.models.engine import DIGIT_COUNT

CALIBRATION_FILE: Final = "calibration.json"

# Digits that may be turned away for the letters that are. Few: a digit that is turned away
# is as much a mistake to its writer as one that is misread (docs/adr/0007).
MAX_REJECTED_MNIST: Final = 0.0005
MAX_REJECTED_STROKES: Final = 0.004

Probs = NDArray[np.float32]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Calibration:
    """What the server does to a network's probabilities."""

    temperature: float = 1.0
    """By which the logits are divided."""

    rejection_threshold: float = 0.5
    """The least probability of the likeliest digit at which it is one. Where nothing was
    fitted: an answer that is more likely wrong than right is none."""

    @classmethod
    def load(cls, run_dir: Path) -> Self:
        """Return the calibration of a run, or the plain one for what has none."""
        path = run_dir / CALIBRATION_FILE
        return cls(**json.loads(path.read_text())) if path.is_file() else cls()

    def save(self, run_dir: Path) -> None:
        """Write the calibration into a run's folder."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        (run_dir / CALIBRATION_FILE).write_text(text)

    def apply(self, probs: Probs) -> Probs:
        """Return (N, K) probabilities at the temperature."""
        return at_temperature(probs, self.temperature)


def at_temperature(probs: Probs, temperature: float) -> Probs:
    """Return softmax(logits / temperature) of what softmax(logits) is."""
    powers = np.maximum(probs.astype(np.float64), 1e-30) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def calibrated(mnist: tuple[Probs, Labels], strokes: tuple[Probs, Labels]) -> Calibration:
    """Fit a calibration on the answers to two sets of digits, each counting as much.

    Args:
        mnist: (N, K) probabilities and (N,) labels of scanned digits.
        strokes: The same of drawn digits.
    """
    temperatures = np.geomspace(0.2, 4.0, 400)
    losses = [
        sum(_loss(at_temperature(probs, t), labels) for probs, labels in (mnist, strokes))
        for t in temperatures
    ]
    temperature = float(temperatures[int(np.argmin(losses))])
    thresholds = [
        np.quantile(likeliest_digit(at_temperature(probs, temperature)), share)
        for (probs, _), share in ((mnist, MAX_REJECTED_MNIST), (strokes, MAX_REJECTED_STROKES))
    ]
    return Calibration(round(temperature, 4), round(float(min(thresholds)), 4))


def likeliest_digit(probs: Probs) -> Probs:
    """Return (N,): the probability of the likeliest digit, by which a digit is told from others."""
    return np.asarray(probs[:, :DIGIT_COUNT].max(axis=1))


def given_digit(probs: Probs) -> Probs:
    """Return (N, 10): the probabilities of the digits, given that it is one."""
    of_digits = probs[:, :DIGIT_COUNT]
    return np.asarray(of_digits / of_digits.sum(axis=1, keepdims=True))


def calibration_error(confidence: Probs, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error, a share, over bins of equal width.

    C. Guo et al., "On Calibration of Modern Neural Networks" (2017).

    Args:
        confidence: (N,) in 0..1.
        right: (N,) whether the answer was.
        bins: How many.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(confidence[place == b].mean()) - float(right[place == b].mean()))
        * np.count_nonzero(place == b)
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps) / len(confidence))


def area_under_curve(positive: Probs, negative: Probs) -> float:
    """Return the share of pairs in which the positive scores higher (AUROC), ties counting half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left")
    up_to = np.searchsorted(order, positive, side="right")
    return float((below + up_to).mean() / 2 / len(negative))


def _loss(probs: Probs, labels: Labels) -> float:
    of_label = probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(of_label, 1e-12)).mean())
