"""The columns of a row: those that are always there, and those that are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .rows import Row

Value = str | int | float | None

COLUMNS: Final = ("path", "verdict", "digit", "confidence", "model_version", "error")
DIGITS: Final = range(10)


@dataclass(frozen=True)
class Columns:
    """Which columns are written; empty is a value that an image does not have."""

    top_count: int = 0
    """Likeliest digits to show, whatever the verdict: ``top_1``, ``top_1_probability`` ..."""
    has_probabilities: bool = False
    """Whether to show ``p0`` to ``p9``."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in order."""
        ranks = range(1, self.top_count + 1)
        top = (name for rank in ranks for name in (f"top_{rank}", f"top_{rank}_probability"))
        shares = (f"p{digit}" for digit in DIGITS if self.has_probabilities)
        return (*COLUMNS, *top, *shares)

    def values(self, row: Row) -> dict[str, Value]:
        """Return the value in each column, None where there is none."""
        values: list[Value] = [getattr(row, name) for name in COLUMNS]
        shares = row.probabilities
        if self.top_count:
            ranked = sorted(range(len(shares)), key=lambda digit: (-shares[digit], digit))
            for rank in range(self.top_count):
                values += (ranked[rank], shares[ranked[rank]]) if shares else (None, None)
        if self.has_probabilities:
            values += shares or [None] * len(DIGITS)
        return dict(zip(self.names, values, strict=True))


def row_of(values: Mapping[str, Any]) -> Row:
    """Return the row that was written as these values, as they come from JSON or CSV.

    Raises:
        ValueError: They are not those of a row.
    """
    try:
        found = {name: values[name] for name in COLUMNS}
        if not isinstance(found["path"], str) or not found["path"]:
            raise ValueError("it has no path")
        return Row(
            path=found["path"],
            verdict=found["verdict"] or None,
            digit=None if found["digit"] in (None, "") else int(found["digit"]),
            confidence=None if found["confidence"] in (None, "") else float(found["confidence"]),
            model_version=found["model_version"] or None,
            error=found["error"] or None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"it has no {error}") from error
