"""What a network's answers to digits come to, in numbers."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from digits_server.models.engine import DIGIT_COUNT


@dataclass(frozen=True)
class Figures:
    """What a set of answers comes to."""

    loss: float
    """Mean cross-entropy, in nats."""

    confusion: NDArray[np.int64]
    """(10, 10) counts: the true digit down, the answered one across."""

    @classmethod
    def of(cls, probs: NDArray[np.float32], labels: NDArray[np.uint8]) -> Self:
        """Return the figures of (N, 10) probabilities of digits against (N,) labels."""
        of_label = probs[np.arange(len(labels)), labels].astype(np.float64)
        confusion = np.zeros((DIGIT_COUNT, DIGIT_COUNT), np.int64)
        np.add.at(confusion, (labels, probs.argmax(axis=1)), 1)
        return cls(float(-np.log(np.maximum(of_label, 1e-12)).mean()), confusion)

    @property
    def accuracy(self) -> float:
        """The share answered right."""
        return float(self.confusion.trace() / self.confusion.sum())

    def table(self) -> str:
        """Return the loss, the accuracy, and precision and recall of each digit, as text."""
        right = self.confusion.diagonal()
        true, answered = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        lines = [
            f"loss      {self.loss:.4f}",
            f"accuracy  {self.accuracy:.2%}  ({right.sum():,} of {true.sum():,})",
            "",
            "digit   images   right   recall   precision",
        ]
        recall, precision = right / np.maximum(1, true), right / np.maximum(1, answered)
        lines += [
            f"{digit:>5}   {true[digit]:>6}   {right[digit]:>5}"
            f"   {recall[digit]:>6.2%}   {precision[digit]:>9.2%}"
            for digit in range(DIGIT_COUNT)
        ]
        return "\n".join(lines)
