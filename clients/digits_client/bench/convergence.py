"""When a figure that is measured again and again has settled."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Repeats:
    """How often to measure."""

    least: int
    most: int
    within: float
    """The figure has settled when the last ``least`` of it spread by no more than this share."""

    def spread(self, figures: Sequence[float]) -> float | None:
        """Return by which share of their mean the last figures differ; None of less than two."""
        last = figures[-max(self.least, 2) :]
        if len(last) < 2:
            return None
        mean = sum(last) / len(last)
        return (max(last) - min(last)) / mean if mean else 0.0

    def is_stable(self, figures: Sequence[float]) -> bool:
        """Return whether they have settled; one figure never has."""
        spread = self.spread(figures)
        return len(figures) >= self.least and spread is not None and spread <= self.within

    def is_over(self, figures: Sequence[float]) -> bool:
        """Return whether no more is to be measured."""
        return len(figures) >= self.most or self.is_stable(figures)

    def counted(self, figures: Sequence[float]) -> range:
        """Return the places of those that make the result: the settled ones, or else all."""
        count = len(figures)
        return range(count - max(self.least, 2) if self.is_stable(figures) else 0, count)
