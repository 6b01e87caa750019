"""A histogram of times whose size does not depend on their number, and that merges losslessly."""

import math
from typing import Any, Final, Self

import numpy as np

SMALLEST_SECONDS: Final = 1e-6
# Upper bound of a bucket as a multiple of its lower bound. A bucket stands for its geometric
# middle, which is less than 0.75 % away from every time in it.
RATIO: Final = 1.015
BUCKETS: Final = 1400
"""The last bucket lies beyond a thousand seconds."""

_LOG_RATIO: Final = math.log(RATIO)


class Histogram:
    """Counts times in buckets whose width grows with the time."""

    def __init__(self) -> None:
        self.counts = np.zeros(BUCKETS, np.int64)
        self.smallest = math.inf
        self.largest = 0.0
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.counts[_bucket(seconds)] += 1
        self.smallest = min(self.smallest, seconds)
        self.largest = max(self.largest, seconds)
        self.sum += seconds

    def merge(self, other: Self) -> None:
        """Add the counts of another histogram."""
        self.counts += other.counts
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)
        self.sum += other.sum

    @property
    def count(self) -> int:
        """The number of times."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The exact mean; None for an empty histogram."""
        return self.sum / self.count if self.count else None

    def percentile(self, share: float) -> float | None:
        """Return the smallest time that at least this share of the times do not exceed.

        The error is less than 1 % or a microsecond. Returns None for an empty histogram.
        """
        count = self.count
        if count == 0:
            return None
        rank = max(1, math.ceil(share * count))
        if rank == count:
            return self.largest
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        middle: float = SMALLEST_SECONDS * RATIO ** (bucket + 0.5)
        return min(max(middle, self.smallest), self.largest)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values for ``from_json``, with the bucket layout and the filled buckets."""
        return {
            "smallest_bucket_seconds": SMALLEST_SECONDS,
            "bucket_ratio": RATIO,
            "smallest_seconds": self.smallest if self.count else None,
            "largest_seconds": self.largest,
            "sum_seconds": self.sum,
            "counts": {
                str(bucket): int(self.counts[bucket]) for bucket in np.flatnonzero(self.counts)
            },
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the histogram that ``to_json`` wrote.

        Raises:
            ValueError: The buckets have another layout.
        """
        layout = (content["smallest_bucket_seconds"], content["bucket_ratio"])
        if layout != (SMALLEST_SECONDS, RATIO):
            raise ValueError("the histogram has another bucket layout")
        histogram = cls()
        for bucket, count in content["counts"].items():
            histogram.counts[int(bucket)] = count
        if histogram.count:
            histogram.smallest = content["smallest_seconds"]
        histogram.largest = content["largest_seconds"]
        histogram.sum = content["sum_seconds"]
        return histogram


def _bucket(seconds: float) -> int:
    if seconds <= SMALLEST_SECONDS:
        return 0
    return min(int(math.log(seconds / SMALLEST_SECONDS) / _LOG_RATIO), BUCKETS - 1)
