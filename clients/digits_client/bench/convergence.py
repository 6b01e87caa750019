"""The decision when a repeated measurement has converged."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Repeats:
    """How many times to measure, and when the values count as stable."""

    min_count: int
    max_count: int
    tolerance: float
    """Largest ``spread`` of stable values, as a share."""

    @property
    def window(self) -> int:
        """The number of last values that are compared with each other."""
        return max(self.min_count, 2)

    def spread(self, values: Sequence[float]) -> float | None:
        """Return the range of the last values as a share of their mean; None for fewer than two."""
        last = values[-self.window :]
        if len(last) < 2:
            return None
        mean = sum(last) / len(last)
        return (max(last) - min(last)) / mean if mean else 0.0

    def is_stable(self, values: Sequence[float]) -> bool:
        """Return whether the last values agree; a single value is never stable."""
        spread = self.spread(values)
        return len(values) >= self.min_count and spread is not None and spread <= self.tolerance

    def is_over(self, values: Sequence[float]) -> bool:
        """Return whether to stop measuring."""
        return len(values) >= self.max_count or self.is_stable(values)

    def counted(self, values: Sequence[float]) -> range:
        """Return the indices of the repeats that make up the result.

        These are the last ones if they are stable, and all of them otherwise.
        """
        return range(len(values) - self.window if self.is_stable(values) else 0, len(values))
