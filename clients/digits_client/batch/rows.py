"""A row for each image: what is written, counted, sorted by and reported."""

from dataclasses import dataclass
from typing import Self

from digits_client.errors import DigitsError
from digits_client.results import FileResult

DECIMALS = 4


@dataclass(frozen=True)
class Row:
    """What became of one image, as it is written: read back, a row is equal."""

    path: str
    verdict: str | None = None
    """A value of Verdict; None for an image that has an error."""
    digit: int | None = None
    """0 to 9 with the verdict ``digit``."""
    confidence: float | None = None
    """0 to 1, to DECIMALS places; None with an error."""
    model_version: str | None = None
    error: str | None = None
    probabilities: tuple[float, ...] = ()
    """Of 0 to 9, to DECIMALS places. Not written unless asked for, and then not read back."""

    @classmethod
    def of(cls, file: FileResult) -> Self:
        """Return the row of an answer."""
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
