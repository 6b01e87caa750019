"""The row of an image, which is written, counted, sorted by and reported."""

from typing import Final, NamedTuple, Self

from digits_client.bulk.sender import BatchResult
from digits_client.errors import DigitsError
from digits_client.results import prediction_or_error, to_reason, to_verdict

DECIMALS: Final = 4


class Row(NamedTuple):
    """The result for one image. A row that is written and read back has the same columns.

    A named tuple, which is made and written in a fraction of the time of a dataclass.
    """

    path: str
    verdict: str | None = None
    """A value of ``Verdict``; None with an error."""
    digit: int | None = None
    """0 to 9 with the verdict ``digit``, else None."""
    confidence: float | None = None
    """0 to 1, rounded to DECIMALS places; None with an error."""
    model_version: str | None = None
    error: str | None = None
    reason: str | None = None
    """A value of ``Reason`` with the verdict ``not_a_digit``, else None."""
    unread_pages: int | None = None
    """Further pages or frames of the file, which were not looked at; None with an error."""
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
            return cls(path, error=str(found))
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
            tuple(found.probabilities) if has_probabilities else (),
        )
