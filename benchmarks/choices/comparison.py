"""Ways of doing the same, measured in turn."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ROUNDS = 5


@dataclass(frozen=True)
class Choice:
    """What was weighed, and what came of it."""

    name: str
    question: str
    chosen: str
    """The way that the server goes."""
    unit: str
    is_less_better: bool
    ways: Mapping[str, list[float]]
    """The values of all rounds."""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it with medians and ranges."""
        return {
            "question": self.question,
            "chosen": self.chosen,
            "unit": self.unit,
            "is_less_better": self.is_less_better,
            "rounds": max((len(values) for values in self.ways.values()), default=0),
            "note": self.note,
            "ways": {
                way: {
                    "median": round(statistics.median(values), 3),
                    "min": round(min(values), 3),
                    "max": round(max(values), 3),
                }
                for way, values in self.ways.items()
            },
        }


def in_turn(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each way once a round, so that what disturbs the machine meets all alike."""
    values: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, measure in ways.items():
            values[way].append(measure())
    return values
