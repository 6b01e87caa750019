"""Metrics of a network's predictions for digits."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from digits_server.models.engine import DIGIT_COUNT

from .calibration import Labels, Probs, cross_entropy


@dataclass(frozen=True)
class Metrics:
    """Loss and confusion matrix of a set of predictions, whatever their verdicts."""

    loss: float
    """Mean cross-entropy in nats."""

    confusion: NDArray[np.int64]
    """(10, 10) counts: a row per true digit, a column per predicted digit."""

    @classmethod
    def compute(cls, probs: Probs, labels: Labels) -> Self:
        """Return the metrics of (N, 10) probabilities of digits, given (N,) labels."""
        confusion = np.zeros((DIGIT_COUNT, DIGIT_COUNT), np.int64)
        np.add.at(confusion, (labels, probs.argmax(axis=1)), 1)
        return cls(cross_entropy(probs, labels), confusion)

    @property
    def accuracy(self) -> float:
        """Share of predictions that are right."""
        return float(self.confusion.trace() / self.confusion.sum())

    def table(self) -> str:
        """Return the loss, the accuracy, and each digit's recall and precision as text."""
        right = self.confusion.diagonal()
        true, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        lines = [
            f"loss      {self.loss:.4f}",
            f"accuracy  {self.accuracy:.2%}  ({right.sum():,} of {true.sum():,})",
            "",
            "digit   images   right   recall   precision",
        ]
        recall, precision = right / np.maximum(1, true), right / np.maximum(1, predicted)
        lines += [
            f"{digit:>5}   {true[digit]:>6}   {right[digit]:>5}"
            f"   {recall[digit]:>6.2%}   {precision[digit]:>9.2%}"
            for digit in range(DIGIT_COUNT)
        ]
        return "\n".join(lines)
