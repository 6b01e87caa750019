"""A figure: its values in all rounds, and the target that it is held against."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    what: str
    values: Sequence[float]
    """Of each round."""
    unit: str = ""
    digits: int = 2
    at_least: float | None = None
    at_most: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it with its median and range, and whether the target is met."""
        median = statistics.median(self.values)
        met = None
        if self.at_least is not None:
            met = median >= self.at_least
        elif self.at_most is not None:
            met = median <= self.at_most
        return {
            "name": self.name,
            "what": self.what,
            "unit": self.unit,
            "digits": self.digits,
            "rounds": len(self.values),
            "median": round(median, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "is_met": met,
        }


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each round: what disturbs a round disturbs both."""
    return [one / other for one, other in zip(above, below, strict=True)]
