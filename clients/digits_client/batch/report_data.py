"""What a run's report tells: collected row by row, in the same memory for any number of rows."""

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .evaluation import Evaluation
from .rows import Row

SHOWN: Final = 60
"""Pictures in a contact sheet."""
CONFIDENCE_BINS: Final = 20


@dataclass(frozen=True, order=True)
class Picture:
    """An image to be shown; the first in order are those to look at first."""

    order: tuple[float, int]
    row: Row = field(compare=False)
    location: str = field(compare=False)
    """Where the image is by now."""
    label: int | None = field(default=None, compare=False)
    """The digit that it is known to be, where that is to be shown."""


class Sheet:
    """The first pictures of a kind, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self.pictures: list[Picture] = []
        """The first SHOWN in order."""

    def add(self, weight: float, row: Row, location: str) -> None:
        """Count a picture and keep it if it is among the first: of a small weight, or early."""
        self.count += 1
        insort(self.pictures, Picture((weight, self.count), row, location))
        del self.pictures[SHOWN:]


class Report:
    """Counts, confidence and pictures of a run."""

    def __init__(self, evaluation: Evaluation) -> None:
        """Begin.

        Args:
            evaluation: Of the same rows; filled by the caller.
        """
        self.evaluation = evaluation
        self.verdicts: Counter[str] = Counter()
        """By verdict, and ``failed``."""
        self.digits: Counter[int] = Counter()
        self.model_versions: Counter[str] = Counter()
        self.confidence = np.zeros(CONFIDENCE_BINS, np.int64)
        """Digits by their confidence, in CONFIDENCE_BINS bins from 0 to 1."""
        self.unsure, self.rejected, self.failed = Sheet(), Sheet(), Sheet()

    def add(self, row: Row, location: str | None = None) -> None:
        """Take a row.

        Args:
            row: The row.
            location: Where the image is by now, if it has been moved.
        """
        place = location or row.path
        self.verdicts[row.verdict or "failed"] += 1
        if row.model_version:
            self.model_versions[row.model_version] += 1
        if row.error is not None:
            self.failed.add(0, row, place)
        elif row.digit is None:
            # Those that the model found most like a digit may have been turned away wrongly.
            self.rejected.add(-(row.confidence or 0), row, place)
        else:
            confidence = row.confidence or 0
            self.digits[row.digit] += 1
            self.confidence[min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += 1
            self.unsure.add(confidence, row, place)

    @property
    def count(self) -> int:
        """Of images."""
        return self.verdicts.total()

    def disagreements(self) -> list[Picture]:
        """Return the pictures of the surest answers that are not the label."""
        return [
            Picture((found.doubt, 0), found.row, found.location, found.label)
            for found in self.evaluation.disagreements
        ]
