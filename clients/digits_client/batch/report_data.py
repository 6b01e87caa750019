"""The data of an HTML report, collected row by row in bounded memory."""

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from .evaluation import Evaluation
from .rows import Row

SHEET_SIZE: Final = 60
"""Maximum number of images in a contact sheet."""
LIST_SIZE: Final = 2000
"""Maximum number of images in the table of all."""
CONFIDENCE_BINS: Final = 20


@dataclass(frozen=True, order=True)
class SheetImage:
    """An image in a contact sheet; images compare by their order in it."""

    order: tuple[float, int]
    row: Row = field(compare=False)
    location: str = field(compare=False)
    """The current path of the image."""
    label: str | None = field(default=None, compare=False)
    """The known digit or number, if there is one."""


class ContactSheet:
    """The first images of a kind by weight, and the number of all."""

    def __init__(self) -> None:
        self.count = 0
        self.images: list[SheetImage] = []
        """The first SHEET_SIZE images, in order."""

    def add(self, weight: float, row: Row, location: str, label: str | None) -> None:
        """Count an image, and keep it if it is among the first by weight, then by arrival."""
        self.count += 1
        insort(self.images, SheetImage((weight, self.count), row, location, label))
        del self.images[SHEET_SIZE:]


class ReportData:
    """Counts, a confidence histogram and contact sheets of a run."""

    def __init__(self, evaluation: Evaluation, unsure_below: float) -> None:
        """Create an empty report.

        Args:
            evaluation: The evaluation of the same rows, which the caller fills.
            unsure_below: Confidence below which a digit or a number is not sure.
        """
        self.evaluation = evaluation
        self.unsure_below = unsure_below
        self.verdicts: Counter[str] = Counter()
        """Images by verdict, or ``failed``."""
        self.digits: Counter[str] = Counter()
        """The digits recognized, those of numbers one by one."""
        self.model_versions: Counter[str] = Counter()
        self.confidence = [0] * CONFIDENCE_BINS
        """Images with a digit or a number by confidence, in CONFIDENCE_BINS bins from 0 to 1."""
        self.unsure, self.not_digits, self.failed, self.sure = (ContactSheet() for _ in range(4))
        self.first: list[SheetImage] = []
        """The first LIST_SIZE images of the run."""

    def add(self, row: Row, location: str | None = None, label: str | None = None) -> None:
        """Add a row.

        Args:
            row: The row.
            location: The current path of the image, if it was moved.
            label: The known digit or number, if there is one.
        """
        location = location or row.path
        if len(self.first) < LIST_SIZE:
            self.first.append(SheetImage((0, len(self.first)), row, location, label))
        self.verdicts[row.verdict or "failed"] += 1
        if row.model_version:
            self.model_versions[row.model_version] += 1
        if row.error is not None:
            self.failed.add(0, row, location, label)
        elif row.text is None:
            # Those most like a digit come first: they are the most likely mistakes.
            self.not_digits.add(-row.share, row, location, label)
        else:
            confidence = row.share
            self.digits.update(row.text)
            self.confidence[min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += 1
            if row.is_sure(self.unsure_below):
                self.sure.add(0, row, location, label)
            else:
                self.unsure.add(confidence, row, location, label)

    @property
    def count(self) -> int:
        """The number of images."""
        return self.verdicts.total()

    def mismatches(self) -> list[SheetImage]:
        """Return the most confident mismatches with labels."""
        return [
            SheetImage((mismatch.doubt, 0), mismatch.row, mismatch.location, mismatch.label)
            for mismatch in self.evaluation.mismatches
        ]
