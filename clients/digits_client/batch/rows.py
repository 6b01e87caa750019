"""The row of an image, which is written, counted, sorted by and reported."""

import json
from typing import Final, NamedTuple, Self

from digits_client.bulk.sender import BatchResult
from digits_client.errors import DigitsError, InvalidImageError
from digits_client.responses import (
    prediction_or_error,
    to_number_result,
    to_reason,
    to_verdict,
)
from digits_client.results import Verdict

DECIMALS: Final = 4


class Row(NamedTuple):
    """The result for one image. A row that is written and read back has the same columns.

    A named tuple, which is made and written in a fraction of the time of a dataclass.
    """

    path: str
    verdict: str | None = None
    """A value of ``Verdict``; None with an error."""
    digit: int | None = None
    """0 to 9 with the verdict ``digit``, else None; always None in a run for numbers."""
    confidence: float | None = None
    """0 to 1, rounded to DECIMALS places; None with an error."""
    model_version: str | None = None
    error: str | None = None
    reason: str | None = None
    """A value of ``Reason`` with the verdict ``not_a_digit``, else None."""
    unread_pages: int | None = None
    """Further pages or frames of the file, which were not looked at; None with an error."""
    not_a_digit: float | None = None
    """The probability that the ink is not a digit, rounded likewise; None of a number of several
    digits, and where the server does not report it."""
    number: str | None = None
    """In a run for numbers, the text with the verdict ``digit``, else None."""
    digits: str | None = None
    """Each place of the number, as JSON: digit, confidence, and left, top, width and height."""
    probabilities: tuple[float, ...] = ()
    """Probabilities of 0 to 9; rounded in output, where they are optional, and never read back."""

    @classmethod
    def of(cls, path: str, result: BatchResult, *, has_probabilities: bool = True) -> Self:
        """Return the row of a result.

        Args:
            path: The path of the image.
            result: The result for the image.
            has_probabilities: Whether to include the probabilities.

        Raises:
            ServerFailureError: The result is not valid.
        """
        found = prediction_or_error(result)
        if isinstance(found, DigitsError):
            return cls(path, error=_reason(found))
        reason = to_reason(found)
        return cls(
            path,
            to_verdict(found).value,
            found.digit if found.HasField("digit") else None,
            round(found.confidence, DECIMALS),
            found.model_version,
            None,
            None if reason is None else reason.value,
            found.unread_pages,
            round(found.not_a_digit, DECIMALS) if found.HasField("not_a_digit") else None,
            probabilities=tuple(found.probabilities) if has_probabilities else (),
        )

    @classmethod
    def of_number(cls, path: str, result: BatchResult) -> Self:
        """Return the row of a result in a run for numbers.

        Raises:
            ServerFailureError: The result is not valid.
        """
        found = to_number_result(result)
        if isinstance(found, DigitsError):
            return cls(path, error=_reason(found))
        first = found.digits[0]
        rest = first.not_a_digit if len(found.digits) == 1 else None
        places = [
            {
                "digit": place.digit,
                "confidence": round(place.confidence, DECIMALS),
                "box": place.box,
            }
            for place in found.digits
        ]
        return cls(
            path,
            Verdict.DIGIT.value if found.text else first.verdict.value,
            None,
            round(found.confidence, DECIMALS),
            first.model_version,
            None,
            None if found.text or first.reason is None else first.reason.value,
            first.unread_pages,
            None if rest is None else round(rest, DECIMALS),
            found.text or None,
            json.dumps(places) if found.text else None,
        )

    @property
    def text(self) -> str | None:
        """The digit or the number that was recognized; None without one."""
        return self.number if self.digit is None else str(self.digit)

    @property
    def share(self) -> float:
        """How sure the digit or the number is, 0 to 1, as shown to people; 0 with an error."""
        return (self.confidence or 0) * (1 - (self.not_a_digit or 0))

    def is_sure(self, unsure_below: float) -> bool:
        """Return whether all of a digit or a number is this sure or more."""
        is_complete = self.text is not None and self.text.isdigit()
        return is_complete and self.share >= unsure_below

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, width and height of each digit of a number."""
        return [tuple(place["box"]) for place in json.loads(self.digits or "[]")]


def _reason(error: DigitsError) -> str:
    """Return the reason of an error, meant to follow the path of the file."""
    return (error.reason if isinstance(error, InvalidImageError) else None) or str(error)
