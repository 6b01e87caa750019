"""Counts of what became of the images, for the closing line."""

import time
from collections import Counter
from typing import Final

from .rows import Row

ERROR: Final = "error"
_WORDS: Final = {
    "digit": "digits",
    "not_a_digit": "not a digit",
    "blank": "blank",
    ERROR: "failed",
}


class Tally:
    """How many images were answered how, and how fast."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._resumed_count = 0

    def begin(self) -> None:
        """Count the time from now."""
        self._began = time.monotonic()

    def add(self, row: Row, *, is_resumed: bool = False) -> None:
        """Count an image.

        Args:
            row: Its row.
            is_resumed: Whether an earlier run has answered it.
        """
        self._counts[row.verdict or ERROR] += 1
        self._resumed_count += is_resumed

    @property
    def count(self) -> int:
        """Of all images."""
        return self._counts.total()

    @property
    def failed_count(self) -> int:
        """Of images that have an error."""
        return self._counts[ERROR]

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    @property
    def images_per_second(self) -> float:
        """Of this run alone."""
        return (self.count - self._resumed_count) / max(self.seconds, 1e-3)

    def __str__(self) -> str:
        counts = [
            f"{self._counts[what]:,} {words}"
            for what, words in _WORDS.items()
            if self._counts[what]
        ]
        earlier = f", {self._resumed_count:,} of them earlier" if self._resumed_count else ""
        rate = f"{self.images_per_second:,.0f} a second"
        return (
            f"{self.count:,} images in {self.seconds:.1f} s ({rate}){earlier}: "
            f"{', '.join(counts) or 'none'}"
        )
