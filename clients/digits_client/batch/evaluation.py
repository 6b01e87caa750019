"""Accuracy of the results on images whose digit is known."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .columns import DIGITS
from .rows import Row

BIN_COUNT: Final = 15
MAX_PRINTED_MISMATCHES: Final = 10
MAX_MISMATCHES: Final = 60
# Columns of the confusion matrix that follow the ten digits.
OTHER_OUTCOMES: Final = ("not_a_digit", "blank", "failed")


@dataclass(frozen=True, order=True)
class Mismatch:
    """An image recognized as another digit than its label; either may be wrong."""

    doubt: float
    """1 minus the confidence."""
    path: str
    label: int
    row: Row = field(compare=False)
    location: str = field(compare=False)
    """The current path of the image."""

    def __str__(self) -> str:
        return (
            f"{self.path}: labeled {self.label}, recognized as {self.row.digit} "
            f"at {1 - self.doubt:.1%}"
        )


class Evaluation:
    """Compares rows with labels. Images that are not a digit, blank or failed are not correct."""

    def __init__(self) -> None:
        self.confusion = np.zeros((len(DIGITS), len(DIGITS) + len(OTHER_OUTCOMES)), np.int64)
        """Images by label and by outcome: the ten digits, then OTHER_OUTCOMES."""
        self._bins = np.zeros((BIN_COUNT, 3))  # images, correct images, sum of confidence
        self.mismatches: list[Mismatch] = []
        """The MAX_MISMATCHES most confident mismatches, the most confident first."""

    def add(self, row: Row, label: int, location: str | None = None) -> None:
        """Compare an image with its label.

        Args:
            row: The row of the image.
            label: The digit that the image is known to show.
            location: The current path of the image, if it was moved.
        """
        column = row.digit
        if column is None:
            column = len(DIGITS) + OTHER_OUTCOMES.index(row.verdict or "failed")
        self.confusion[label, column] += 1
        if row.digit is None or row.confidence is None:
            return
        index = min(int(row.confidence * BIN_COUNT), BIN_COUNT - 1)
        self._bins[index] += (1, row.digit == label, row.confidence)
        if row.digit != label:
            doubt = 1 - row.confidence
            insort(self.mismatches, Mismatch(doubt, row.path, label, row, location or row.path))
            del self.mismatches[MAX_MISMATCHES:]

    @property
    def labeled_count(self) -> int:
        """The number of labeled images."""
        return int(self.confusion.sum())

    @property
    def correct_count(self) -> int:
        """The number of images recognized as the digit of their label."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of correct images among the labeled ones; 0 without any."""
        return self.correct_count / max(self.labeled_count, 1)

    @property
    def precision(self) -> list[float | None]:
        """For each digit, the share of correct images among those recognized as it, or None."""
        return _shares(self.confusion.diagonal(), self.confusion[:, : len(DIGITS)].sum(axis=0))

    @property
    def recall(self) -> list[float | None]:
        """For each digit, the share of correct images among those labeled as it, or None."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of images recognized as a digit, in BIN_COUNT bins."""
        counts, correct, confidence = self._bins.T
        return float(np.abs(correct - confidence).sum() / max(counts.sum(), 1))

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """For each filled bin: mean confidence, share of correct images, number of images."""
        return [
            (total / count, correct / count, int(count))
            for count, correct, total in self._bins
            if count
        ]

    def summary(self) -> Iterator[str]:
        """Yield lines for a terminal."""
        yield (
            f"{self.correct_count:,} of {self.labeled_count:,} labeled images are correct: "
            f"{self.accuracy:.2%}; calibration error {self.calibration_error:.2%}"
        )
        heads = [*map(str, DIGITS), *("none", "blank", "failed")]
        yield "label  " + "".join(f"{head:>7}" for head in heads) + "  recall  precision"
        for digit in DIGITS:
            counts = "".join(f"{count or '.':>7}" for count in self.confusion[digit])
            recall, precision = map(_percent, (self.recall[digit], self.precision[digit]))
            yield f"{digit:>5}  {counts}  {recall:>6}  {precision:>9}"
        if self.mismatches:
            yield "most confident mismatches; the label may be the wrong one:"
            yield from (f"  {mismatch}" for mismatch in self.mismatches[:MAX_PRINTED_MISMATCHES])


def _shares(parts: NDArray[np.int64], totals: NDArray[np.int64]) -> list[float | None]:
    return [
        float(part / total) if total else None for part, total in zip(parts, totals, strict=True)
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
