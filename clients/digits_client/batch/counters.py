"""Counts of results by verdict, and the rate of the run."""

import time
from collections import Counter
from typing import Final

from .rows import Row
from .wording import counted

ERROR: Final = "error"
# Words for one image and for several.
_LABELS: Final = {
    "digit": ("digit", "digits"),
    "not_a_digit": ("not a digit", "not a digit"),
    "blank": ("blank", "blank"),
    ERROR: ("failed", "failed"),
}
# How files of some kinds are read after all.
_READ_WITH: Final = {
    "HEIC": "pip install 'digits[heic]' to read them",
    "PDF": "use --pages to read them",
}


class Counters:
    """Counts images by verdict; its text is the last line of a run."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._resumed_count = 0
        self._unread_count = 0
        self._skipped: Counter[str | None] = Counter()

    def restart_clock(self) -> None:
        """Measure the time from now."""
        self._started_at = time.monotonic()

    def add(self, row: Row, *, is_resumed: bool = False) -> None:
        """Count an image.

        Args:
            row: The row of the image.
            is_resumed: Whether the row is from an earlier run.
        """
        self._counts[row.verdict or ERROR] += 1
        self._resumed_count += is_resumed
        self._unread_count += bool(row.unread_pages)

    def skip(self, kind: str | None) -> None:
        """Count a file that is not an image.

        Args:
            kind: ``HEIC``, ``PDF`` or ``SVG``; None for any other file.
        """
        self._skipped[kind] += 1

    @property
    def skipped_count(self) -> int:
        """The number of files that were skipped, because they are not images."""
        return self._skipped.total()

    @property
    def skipped(self) -> str | None:
        """The files that were skipped, as a sentence; None without any."""
        if not self._skipped:
            return None
        files = counted(
            self.skipped_count,
            "file that is not an image was skipped",
            "files that are not images were skipped",
        )
        kinds = (
            f"{self._skipped[kind]:,} of them {kind} ({hint})"
            for kind, hint in _READ_WITH.items()
            if self._skipped[kind]
        )
        return ", ".join((files, *kinds))

    @property
    def count(self) -> int:
        """The number of images, those of earlier runs included."""
        return self._counts.total()

    @property
    def failed_count(self) -> int:
        """The number of images with an error."""
        return self._counts[ERROR]

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return time.monotonic() - self._started_at

    @property
    def images_per_second(self) -> float:
        """The rate of this run, without the images of earlier runs."""
        return (self.count - self._resumed_count) / max(self.seconds, 1e-3)

    def __str__(self) -> str:
        counts = [
            counted(self._counts[key], *words)
            for key, words in _LABELS.items()
            if self._counts[key]
        ]
        resumed = f", {self._resumed_count:,} from an earlier run" if self._resumed_count else ""
        rate = f"{self.images_per_second:,.0f} per second"
        unread = ""
        if self._unread_count:
            verb = "has" if self._unread_count == 1 else "have"
            unread = f"; {self._unread_count:,} {verb} further pages, which were not read"
        return (
            f"{counted(self.count, 'image')} in {self.seconds:.1f} s ({rate}){resumed}: "
            f"{', '.join(counts) or 'none'}{unread}"
        )
