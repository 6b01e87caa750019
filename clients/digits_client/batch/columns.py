"""The columns of the output: the fixed ones, and the optional ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from .rows import DECIMALS, Row

Value = str | int | float | None

# Of a run for digits: the first fields of a row, in order.
COLUMNS: Final = (
    *("path", "verdict", "digit", "confidence", "model_version", "error"),
    *("reason", "unread_pages", "not_a_digit"),
)
# Of a run for numbers.
NUMBER_COLUMNS: Final = (
    *("path", "verdict", "number", "confidence", "digits", "model_version", "error"),
    *("reason", "unread_pages", "not_a_digit"),
)
DIGITS: Final = range(10)


@dataclass(frozen=True)
class Columns:
    """The columns to write. A value that an image does not have is None."""

    top_count: int = 0
    """Number of most probable digits to add as ``top_1``, ``top_1_probability`` and so on."""
    has_probabilities: bool = False
    """Adds the probabilities ``p0`` to ``p9``."""
    are_of_numbers: bool = False
    """Whether the run is for numbers. It has no other columns then."""

    @cached_property
    def need_probabilities(self) -> bool:
        """True if a column is made from the probabilities of a row."""
        return self.top_count > 0 or self.has_probabilities

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        if self.are_of_numbers:
            return NUMBER_COLUMNS
        ranks = range(1, self.top_count + 1)
        top = (name for rank in ranks for name in (f"top_{rank}", f"top_{rank}_probability"))
        probabilities = (f"p{digit}" for digit in DIGITS if self.has_probabilities)
        return (*COLUMNS, *top, *probabilities)

    def values(self, row: Row) -> tuple[Value, ...]:
        """Return the value of each column, in the order of the names."""
        if self.are_of_numbers:
            return tuple(getattr(row, name) for name in NUMBER_COLUMNS)
        fixed = cast("tuple[Value, ...]", row[: len(COLUMNS)])
        if not self.need_probabilities:
            return fixed
        values: list[Value] = []
        shares = [round(share, DECIMALS) for share in row.probabilities]
        if self.top_count:
            ranked = sorted(range(len(shares)), key=lambda digit: (-shares[digit], digit))
            for rank in range(self.top_count):
                values += (ranked[rank], shares[ranked[rank]]) if shares else (None, None)
        if self.has_probabilities:
            values += shares or [None] * len(DIGITS)
        return (*fixed, *values)


def parse_row(values: Mapping[str, Any]) -> Row:
    """Return the row that was written with these values, as read from JSON or CSV.

    Raises:
        ValueError: A column is missing or has an invalid value.
    """
    try:
        is_number = "number" in values
        fixed = {name: values[name] for name in (NUMBER_COLUMNS if is_number else COLUMNS)}
        if not isinstance(fixed["path"], str) or not fixed["path"]:
            raise ValueError("the path is missing")
        return Row(
            path=fixed["path"],
            verdict=fixed["verdict"] or None,
            digit=None if is_number else _to_int(fixed["digit"]),
            confidence=_to_float(fixed["confidence"]),
            model_version=fixed["model_version"] or None,
            error=fixed["error"] or None,
            reason=fixed["reason"] or None,
            unread_pages=_to_int(fixed["unread_pages"]),
            not_a_digit=_to_float(fixed["not_a_digit"]),
            number=fixed.get("number") or None,
            digits=_to_json(fixed.get("digits")),
        )
    except KeyError as error:
        raise ValueError(f"the column {error} is missing") from error
    except TypeError as error:
        raise ValueError(f"a value has the wrong type: {error}") from error


def _to_int(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _to_float(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _to_json(value: Any) -> str | None:
    """Return the places of a number as JSON, given it as CSV or JSON lines have it."""
    if value in (None, ""):
        return None
    places = json.loads(value) if isinstance(value, str) else value
    for place in places:
        if [type(number) for number in place["box"]] != [int] * 4:
            raise ValueError("a box is not four whole numbers")
    return json.dumps(places)
