"""Accuracy of numbers whose text is known, digit by digit."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from digits_client.edit_distance import Pair, align

from .evaluation import Evaluation
from .rows import Row
from .wording import counted

COMMONEST_COUNT: Final = 12


class NumberEvaluation(Evaluation):
    """Compares rows of numbers with labels."""

    def __init__(self) -> None:
        super().__init__()
        self.digit_count = 0
        """Digits of the labels."""
        self.wrong_count = 0
        """Changes of one digit that make labels of what was read."""
        self._confusions: Counter[Pair] = Counter()

    def add(self, row: Row, label: str, location: str | None = None) -> None:
        """Compare an image with its label, as ``Evaluation.add`` describes."""
        super().add(row, label, location)
        wrong = [pair for pair in align(label, row.text or "") if pair[0] != pair[1]]
        self.digit_count += len(label)
        self.wrong_count += len(wrong)
        self._confusions.update(wrong)

    @property
    def digit_accuracy(self) -> float:
        """The share of digits that are right; 0 if nothing is, or without any."""
        return max(0.0, 1 - self.wrong_count / self.digit_count) if self.digit_count else 0.0

    @property
    def confusions(self) -> list[tuple[str, int]]:
        """The commonest confusions, such as ``1 read as 7``, and how often each occurs."""
        return [
            (_describe(pair), count)
            for pair, count in self._confusions.most_common(COMMONEST_COUNT)
        ]

    @property
    def mistakes(self) -> str:
        """The number of wrong digits in words."""
        verb = "is" if self.wrong_count == 1 else "are"
        return f"by edit distance, {self.wrong_count:,} {verb} wrong, missing or too many"

    def _details(self) -> Iterator[str]:
        yield (
            f"{self.digit_accuracy:.2%} of {counted(self.digit_count, 'digit')} "
            f"{'is' if self.digit_count == 1 else 'are'} right ({self.mistakes})"
        )
        if self.confusions:
            pairs = ", ".join(f"{name} ({count:,})" for name, count in self.confusions)
            yield f"commonest confusions: {pairs}"


def _describe(pair: Pair) -> str:
    digit, read = pair
    if not read:
        return f"{digit} missed"
    return f"{digit} read as {read}" if digit else f"{read} too many"
