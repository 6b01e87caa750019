"""How often the answers are right, where that is known."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .columns import DIGITS
from .rows import Row

BIN_COUNT: Final = 15
SHOWN_DISAGREEMENTS: Final = 10
KEPT_DISAGREEMENTS: Final = 60
# Columns of the confusion matrix behind the ten digits.
OTHER_ANSWERS: Final = ("not_a_digit", "blank", "failed")


@dataclass(frozen=True, order=True)
class Disagreement:
    """An image that was answered as another digit than its label: one of the two is wrong."""

    doubt: float
    """One less the confidence of the answer."""
    path: str
    label: int
    row: Row = field(compare=False)
    location: str = field(compare=False)
    """Where the image is by now."""

    def __str__(self) -> str:
        return (
            f"{self.path}: labelled {self.label}, answered {self.row.digit} at {1 - self.doubt:.1%}"
        )


class Evaluation:
    """Compares rows with labels. What is turned away, blank or failed is not right."""

    def __init__(self) -> None:
        self.confusion = np.zeros((len(DIGITS), len(DIGITS) + len(OTHER_ANSWERS)), np.int64)
        """Images by label and by answer: ten digits, then OTHER_ANSWERS."""
        self._bins = np.zeros((BIN_COUNT, 3))  # images, right ones, sum of their confidence
        self.disagreements: list[Disagreement] = []
        """The surest answers that are not the label, the surest first."""

    def add(self, row: Row, label: int, location: str | None = None) -> None:
        """Compare an image with its label.

        Args:
            row: Of the image.
            label: The digit that it is known to be.
            location: Where the image is by now, if it has been moved.
        """
        column = row.digit
        if column is None:
            column = len(DIGITS) + OTHER_ANSWERS.index(row.verdict or "failed")
        self.confusion[label, column] += 1
        if row.digit is None or row.confidence is None:
            return
        place = min(int(row.confidence * BIN_COUNT), BIN_COUNT - 1)
        self._bins[place] += (1, row.digit == label, row.confidence)
        if row.digit != label:
            doubt = 1 - row.confidence
            found = Disagreement(doubt, row.path, label, row, location or row.path)
            insort(self.disagreements, found)
            del self.disagreements[KEPT_DISAGREEMENTS:]

    @property
    def labelled_count(self) -> int:
        """Of images."""
        return int(self.confusion.sum())

    @property
    def right_count(self) -> int:
        """Of images answered as the digit of their label."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of right ones among those labelled; 0 without any."""
        return self.right_count / max(self.labelled_count, 1)

    @property
    def precision(self) -> list[float | None]:
        """For each digit, the share of right ones among those answered so; None without any."""
        return _shares(self.confusion.diagonal(), self.confusion[:, : len(DIGITS)].sum(axis=0))

    @property
    def recall(self) -> list[float | None]:
        """For each digit, the share of right ones among those labelled so; None without any."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of the images answered with a digit, in BIN_COUNT bins."""
        counts, right, confidence = self._bins.T
        return float(np.abs(right - confidence).sum() / max(counts.sum(), 1))

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """For each bin that is not empty: mean confidence, share of right ones, images."""
        return [
            (total / count, right / count, int(count))
            for count, right, total in self._bins
            if count
        ]

    def summary(self) -> Iterator[str]:
        """Yield lines for a terminal."""
        yield (
            f"{self.right_count:,} of {self.labelled_count:,} labelled images are right: "
            f"{self.accuracy:.2%}; calibration error {self.calibration_error:.2%}"
        )
        heads = [*map(str, DIGITS), *("none", "blank", "failed")]
        yield "label  " + "".join(f"{head:>7}" for head in heads) + "  recall  precision"
        for digit in DIGITS:
            counts = "".join(f"{count or '.':>7}" for count in self.confusion[digit])
            recall, precision = map(_percent, (self.recall[digit], self.precision[digit]))
            yield f"{digit:>5}  {counts}  {recall:>6}  {precision:>9}"
        if self.disagreements:
            yield "surest answers that are not the label; it may be the label that is wrong:"
            yield from (f"  {found}" for found in self.disagreements[:SHOWN_DISAGREEMENTS])


def _shares(right: NDArray[np.int64], of: NDArray[np.int64]) -> list[float | None]:
    return [float(part / whole) if whole else None for part, whole in zip(right, of, strict=True)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
