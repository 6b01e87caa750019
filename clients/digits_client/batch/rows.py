"""The row of an image, which is written, counted, sorted by and reported."""

from dataclasses import dataclass
from typing import Self

from digits_client.errors import DigitsError
from digits_client.results import FileResult

DECIMALS = 4


@dataclass(frozen=True)
class Row:
    """The result for one image. A row that is written and read back compares equal."""

    path: str
    verdict: str | None = None
    """A value of ``Verdict``; None with an error."""
    digit: int | None = None
    """0 to 9 with the verdict ``digit``, else None."""
    confidence: float | None = None
    """0 to 1, rounded to DECIMALS places; None with an error."""
    model_version: str | None = None
    error: str | None = None
    probabilities: tuple[float, ...] = ()
    """Probabilities of 0 to 9, rounded to DECIMALS places; optional in output, never read back."""

    @classmethod
    def of(cls, file: FileResult) -> Self:
        """Return the row of a result."""
        if isinstance(file.result, DigitsError):
            return cls(file.path, error=str(file.result))
        return cls(
            path=file.path,
            verdict=file.result.verdict.value,
            digit=file.result.digit,
            confidence=round(file.result.confidence, DECIMALS),
            model_version=file.result.model_version,
            probabilities=tuple(round(share, DECIMALS) for share in file.result.probabilities),
        )
