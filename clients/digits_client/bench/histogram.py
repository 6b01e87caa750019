"""A histogram of times: the same small size for any number of them, and merged without loss."""

import math
from typing import Any, Final, Self

import numpy as np

SMALLEST_SECONDS: Final = 1e-6
# A bucket ends at this multiple of where it begins, and stands for its middle, which is less
# than 0.75 % away from all that is in it.
RATIO: Final = 1.015
BUCKETS: Final = 1400
"""They reach past a thousand seconds."""

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
        """Count all that another has counted."""
        self.counts += other.counts
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)
        self.sum += other.sum

    @property
    def count(self) -> int:
        """Of times."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The exact mean; None of nothing."""
        return self.sum / self.count if self.count else None

    def percentile(self, share: float) -> float | None:
        """Return the smallest time that this share of the times does not pass; None of nothing.

        It is less than 1 % off, or a microsecond.
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
        """Return what ``from_json`` reads, and others can: only buckets that hold something."""
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
        """Return the histogram that was written.

        Raises:
            ValueError: It has other buckets.
        """
        if (content["smallest_bucket_seconds"], content["bucket_ratio"]) != (
            SMALLEST_SECONDS,
            RATIO,
        ):
            raise ValueError("its histogram has other buckets")
        read = cls()
        for bucket, count in content["counts"].items():
            read.counts[int(bucket)] = count
        if read.count:
            read.smallest = content["smallest_seconds"]
        read.largest = content["largest_seconds"]
        read.sum = content["sum_seconds"]
        return read


def _bucket(seconds: float) -> int:
    if seconds <= SMALLEST_SECONDS:
        return 0
    return min(int(math.log(seconds / SMALLEST_SECONDS) / _LOG_RATIO), BUCKETS - 1)
