"""A measured figure: its value in every round, and its target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A row of a results table."""

    name: str
    label: str
    values: Sequence[float]
    """One value per round."""
    unit: str = ""
    digits: int = 2
    """Decimal places to show."""
    at_least: float | None = None
    """Target for the median."""
    at_most: float | None = None
    """Target for the median, where lower is better."""

    def as_json(self) -> dict[str, Any]:
        """Return the figure with its median, its range, and whether the median meets the target."""
        median = statistics.median(self.values)
        is_met = None
        if self.at_least is not None:
            is_met = median >= self.at_least
        elif self.at_most is not None:
            is_met = median <= self.at_most
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "digits": self.digits,
            "rounds": len(self.values),
            "median": round(median, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "is_met": is_met,
        }


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the ratio of each round. What disturbs a round disturbs both of its values."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]
