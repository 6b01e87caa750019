"""From a network's probabilities to predictions, as columns."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError

from .engine import DIGIT_COUNT

# Value of the column ``digits`` where the verdict is not DIGIT.
NO_DIGIT: Final = -1
# In place of 0, the sum of the probabilities of a blank image, as a divisor.
_LEAST_SUM: Final = np.finfo(np.float64).tiny


class Verdict(enum.IntEnum):
    """The kind of content found in an image, as it stands in the column ``verdicts``."""

    INVALID = 0
    """The image could not be decoded."""
    DIGIT = 1
    NOT_A_DIGIT = 2
    BLANK = 3


@dataclass(frozen=True, slots=True)
class Predictions:
    """One model's predictions for N images; row i of every column is image i."""

    verdicts: NDArray[np.uint8]
    """(N,) values of ``Verdict``."""
    digits: NDArray[np.int8]
    """(N,) 0..9 where the verdict is DIGIT, else NO_DIGIT."""
    confidences: NDArray[np.float32]
    """(N,) the largest of each row of ``probs``."""
    probs: NDArray[np.float32]
    """(N, 10) the probability of each digit; rows sum to 1. All zeros for BLANK and INVALID."""
    frames: NDArray[np.float32]
    """(N, 28, 28) in 0..1, what the network saw. All zeros for BLANK and INVALID."""
    model_version: str
    """The version of the model that made the predictions."""
    errors: Mapping[int, InvalidArgumentError] = field(default_factory=dict)
    """What is wrong with each INVALID image, by row."""

    def __len__(self) -> int:
        return len(self.verdicts)

    def __getitem__(self, rows: slice) -> Self:
        """Return a range of rows, without copying them. ``rows`` has no step."""
        start, stop, _ = rows.indices(len(self))
        return type(self)(
            self.verdicts[rows],
            self.digits[rows],
            self.confidences[rows],
            self.probs[rows],
            self.frames[rows],
            self.model_version,
            {row - start: error for row, error in self.errors.items() if start <= row < stop},
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of one or more parts, which one model predicted."""
        if len(parts) == 1:
            return parts[0]
        errors: dict[int, InvalidArgumentError] = {}
        start = 0
        for part in parts:
            errors |= {start + row: error for row, error in part.errors.items()}
            start += len(part)
        return cls(
            np.concatenate([part.verdicts for part in parts]),
            np.concatenate([part.digits for part in parts]),
            np.concatenate([part.confidences for part in parts]),
            np.concatenate([part.probs for part in parts]),
            np.concatenate([part.frames for part in parts]),
            parts[0].model_version,
            errors,
        )

    def spread(
        self, owners: NDArray[np.intp], count: int, errors: Mapping[int, InvalidArgumentError]
    ) -> Self:
        """Return one row for each of ``count`` images, given the image that owns each row.

        Args:
            owners: (N,) index of the image that each row belongs to; no image has two rows.
            count: Number of images. Those that own no row become INVALID.
            errors: What is wrong with each image that owns no row.
        """
        if len(self) == count:
            return self
        return type(self)(
            _spread(self.verdicts, owners, count),
            _spread(self.digits, owners, count, NO_DIGIT),
            _spread(self.confidences, owners, count),
            _spread(self.probs, owners, count),
            _spread(self.frames, owners, count),
            self.model_version,
            errors,
        )


def to_predictions(
    frames: NDArray[np.float32],
    has_ink: NDArray[np.bool_],
    probs: NDArray[np.float32],
    threshold: float,
    version: str,
) -> Predictions:
    """Return the predictions for frames, given the network's probabilities.

    Args:
        frames: (N, 28, 28) frames.
        has_ink: (N,) False for a blank frame.
        probs: (N, 10) or (N, 11) probabilities; zeros for a blank frame.
        threshold: Minimum probability of the top digit for the verdict DIGIT.
        version: The model's version.
    """
    digit_probs = probs[:, :DIGIT_COUNT].astype(np.float64)
    sums = np.maximum(digit_probs.sum(axis=1, keepdims=True), _LEAST_SUM)
    # Conditional on the image being a digit: an eleventh class, "not a digit", takes no share.
    shares = (digit_probs / sums).astype(np.float32)
    is_digit = has_ink & (digit_probs.max(axis=1) >= threshold)
    verdicts = np.full(len(probs), Verdict.NOT_A_DIGIT, np.uint8)
    verdicts[is_digit] = Verdict.DIGIT
    verdicts[~has_ink] = Verdict.BLANK
    digits = digit_probs.argmax(axis=1).astype(np.int8)
    digits[~is_digit] = NO_DIGIT
    return Predictions(verdicts, digits, shares.max(axis=1), shares, frames, version)


def _spread(
    column: NDArray[Any], owners: NDArray[np.intp], count: int, fill: int = 0
) -> NDArray[Any]:
    spread = np.full((count, *column.shape[1:]), fill, column.dtype)
    spread[owners] = column
    return spread
