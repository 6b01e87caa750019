"""Accuracy of the results on images whose digit or number is known."""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from digits_client.percent import percent
from digits_client.report.charts import MIN_CALIBRATION_COUNT

from .columns import DIGITS
from .rows import Row
from .wording import counted

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
    label: str
    row: Row = field(compare=False)
    location: str = field(compare=False)
    """The current path of the image."""

    def __str__(self) -> str:
        return (
            f"{self.path}: labeled {self.label}, recognized as {self.row.text} "
            f"at {percent(1 - self.doubt)}"
        )


class Evaluation:
    """Compares rows with labels. Images without a digit, and those that failed, are not correct."""

    def __init__(self) -> None:
        self.labeled_count = 0
        """The number of labeled images."""
        self.correct_count = 0
        """The number of images recognized as what their label says."""
        # By confidence.
        self._counts = [0] * BIN_COUNT
        self._correct_counts = [0] * BIN_COUNT
        self._confidence_sums = [0.0] * BIN_COUNT
        self.mismatches: list[Mismatch] = []
        """The MAX_MISMATCHES most confident mismatches, the most confident first."""

    def add(self, row: Row, label: str, location: str | None = None) -> None:
        """Compare an image with its label.

        Args:
            row: The row of the image.
            label: The digit or the number that the image is known to show.
            location: The current path of the image, if it was moved.
        """
        is_correct = row.text == label
        self.labeled_count += 1
        self.correct_count += is_correct
        if row.text is None:
            return
        index = min(int(row.share * BIN_COUNT), BIN_COUNT - 1)
        self._counts[index] += 1
        self._correct_counts[index] += is_correct
        self._confidence_sums[index] += row.share
        if not is_correct:
            doubt = 1 - row.share
            insort(self.mismatches, Mismatch(doubt, row.path, label, row, location or row.path))
            del self.mismatches[MAX_MISMATCHES:]

    @property
    def accuracy(self) -> float:
        """The share of correct images among the labeled ones; 0 without any."""
        return self.correct_count / max(self.labeled_count, 1)

    @property
    def calibration_error(self) -> float | None:
        """The expected calibration error of images with a digit, in BIN_COUNT bins.

        None of fewer than MIN_CALIBRATION_COUNT, which say nothing about it.
        """
        if sum(self._counts) < MIN_CALIBRATION_COUNT:
            return None
        pairs = zip(self._correct_counts, self._confidence_sums, strict=True)
        return sum(abs(correct - total) for correct, total in pairs) / sum(self._counts)

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """For each filled bin: mean confidence, share of correct images, number of images."""
        bins = zip(self._counts, self._correct_counts, self._confidence_sums, strict=True)
        return [(total / count, correct / count, count) for count, correct, total in bins if count]

    def summary(self) -> Iterator[str]:
        """Yield lines for a terminal."""
        error = self.calibration_error
        yield (
            f"{self.correct_count:,} of {counted(self.labeled_count, 'labeled image')} "
            f"{'is' if self.labeled_count == 1 else 'are'} correct: {self.accuracy:.2%}"
            + ("" if error is None else f"; calibration error {error:.2%}")
        )
        yield from self._details()
        if self.mismatches:
            yield "most confident mismatches; the label may be the wrong one:"
            yield from (f"  {mismatch}" for mismatch in self.mismatches[:MAX_PRINTED_MISMATCHES])

    def _details(self) -> Iterator[str]:
        """Yield lines about what was confused with what."""
        return iter(())


class DigitEvaluation(Evaluation):
    """Compares rows of digits with labels."""

    def __init__(self) -> None:
        super().__init__()
        self.confusion = [[0] * (len(DIGITS) + len(OTHER_OUTCOMES)) for _ in DIGITS]
        """Images by label and by outcome: the ten digits, then OTHER_OUTCOMES."""

    def add(self, row: Row, label: str, location: str | None = None) -> None:
        """Compare an image with its label, as ``Evaluation.add`` describes."""
        super().add(row, label, location)
        column = row.digit
        if column is None:
            column = len(DIGITS) + OTHER_OUTCOMES.index(row.verdict or "failed")
        self.confusion[int(label)][column] += 1

    @property
    def labels(self) -> list[int]:
        """The digits that label at least one image."""
        return [digit for digit in DIGITS if any(self.confusion[digit])]

    @property
    def precision(self) -> list[float | None]:
        """For each digit, the share of correct images among those recognized as it, or None."""
        columns = list(zip(*self.confusion, strict=True))[: len(DIGITS)]
        return _shares(self._diagonal, [sum(column) for column in columns])

    @property
    def recall(self) -> list[float | None]:
        """For each digit, the share of correct images among those labeled as it, or None."""
        return _shares(self._diagonal, [sum(row) for row in self.confusion])

    @property
    def _diagonal(self) -> list[int]:
        return [self.confusion[digit][digit] for digit in DIGITS]

    def _details(self) -> Iterator[str]:
        heads = [*map(str, DIGITS), *("none", "blank", "failed")]
        if len(self.labels) < 2:  # a matrix of one row has nothing to compare
            return
        yield "label  " + "".join(f"{head:>7}" for head in heads) + "  recall  precision"
        for digit in self.labels:
            counts = "".join(f"{count or '.':>7}" for count in self.confusion[digit])
            recall, precision = map(_percent, (self.recall[digit], self.precision[digit]))
            yield f"{digit:>5}  {counts}  {recall:>6}  {precision:>9}"


def _shares(parts: Sequence[int], totals: Sequence[int]) -> list[float | None]:
    return [part / total if total else None for part, total in zip(parts, totals, strict=True)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
