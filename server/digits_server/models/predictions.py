"""From a network's probabilities to predictions, as columns."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.strips import Line

from .engine import DIGIT_COUNT, NO_WRITING, NOT_A_DIGIT
from .line_engine import NO_CHARACTER
from .numbers import PLAIN_WEIGHTS, Classify, Number, Weights, find_numbers
from .rest import rest_shares

# Value of the column ``digits`` where the verdict is not DIGIT.
NO_DIGIT: Final = -1
# Value of the column ``readings`` where no reading has a frame.
NO_READING: Final = 255
# Writing is so many times as probable as none, at least: an image with several readings has several
# chances to be taken for writing. Chosen on blank pages and letters by validation writers.
_WRITING_ODDS: Final = 2.5
# In place of a sum of 0, as a divisor.
_LEAST_SUM: Final = np.finfo(np.float64).tiny


class Verdict(enum.IntEnum):
    """The kind of content found in an image, as it stands in the column ``verdicts``."""

    INVALID = 0
    """The image could not be decoded."""
    DIGIT = 1
    NOT_A_DIGIT = 2
    BLANK = 3


# For a frame whose top digit is below the threshold, and for another. Faster than ``np.where``.
_VERDICTS: Final = np.array([Verdict.NOT_A_DIGIT, Verdict.DIGIT], np.uint8)
_REASONS: Final = np.array([Reason.NO_DIGIT, Reason.UNSPECIFIED], np.uint8)


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
    """(N, 10) the probability of each digit; rows sum to 1. All zeros without a frame."""
    not_a_digit: NDArray[np.float32]
    """(N,) the probability that it is not a digit, from ``rest_shares``. Zero without a frame."""
    frames: NDArray[np.float32]
    """(N, 28, 28) in 0..1, the frame that stands. All zeros without a frame."""
    reasons: NDArray[np.uint8]
    """(N,) values of ``Reason``; not 0 where the verdict is NOT_A_DIGIT."""
    readings: NDArray[np.uint8]
    """(N,) index into READINGS of the reading that stands; NO_READING without a frame."""
    boxes: NDArray[np.intp]
    """(N, 4) left, top, width and height of its ink in the image. All zeros without a frame."""
    unread_pages: NDArray[np.uint32]
    """(N,) further pages or frames of each file, which were not looked at."""
    model_version: str
    """The version of the model that made the predictions."""
    errors: Mapping[int, InvalidArgumentError] = field(default_factory=dict)
    """What is wrong with each INVALID image, by row."""
    numbers: Mapping[int, Sequence[Number]] = field(default_factory=dict)
    """The numbers of each image with several digits, lines from the top, by row."""

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
            self.not_a_digit[rows],
            self.frames[rows],
            self.reasons[rows],
            self.readings[rows],
            self.boxes[rows],
            self.unread_pages[rows],
            self.model_version,
            {row - start: error for row, error in self.errors.items() if start <= row < stop},
            {row - start: each for row, each in self.numbers.items() if start <= row < stop},
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of one or more parts, which one model predicted."""
        if len(parts) == 1:
            return parts[0]
        errors: dict[int, InvalidArgumentError] = {}
        numbers: dict[int, Sequence[Number]] = {}
        start = 0
        for part in parts:
            errors |= {start + row: error for row, error in part.errors.items()}
            numbers |= {start + row: each for row, each in part.numbers.items()}
            start += len(part)
        return cls(
            np.concatenate([part.verdicts for part in parts]),
            np.concatenate([part.digits for part in parts]),
            np.concatenate([part.confidences for part in parts]),
            np.concatenate([part.probs for part in parts]),
            np.concatenate([part.not_a_digit for part in parts]),
            np.concatenate([part.frames for part in parts]),
            np.concatenate([part.reasons for part in parts]),
            np.concatenate([part.readings for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.unread_pages for part in parts]),
            parts[0].model_version,
            errors,
            numbers,
        )


def choose(
    owners: NDArray[np.intp], probs: NDArray[np.float32], threshold: float
) -> NDArray[np.intp]:
    """Choose the reading that stands for each image: the most convincing one.

    An image is left out, as blank, if no reading shows a digit and the model finds writing in none.

    Args:
        owners: (R,) index of the image that owns each row, in ascending order.
        probs: (R, 10) to (R, 12) the network's probabilities.
        threshold: Minimum probability of the top digit for the verdict DIGIT.

    Returns:
        (M,) the row that stands for each of the M images that have writing, in ascending order.
    """
    highest = probs[:, :DIGIT_COUNT].max(axis=1)
    has_writing = highest >= threshold
    if probs.shape[1] > NO_WRITING:
        has_writing |= probs[:, NOT_A_DIGIT] >= _WRITING_ODDS * probs[:, NO_WRITING]
    else:
        has_writing[:] = True
    is_first = np.ones(len(owners), bool)
    is_first[1:] = owners[1:] != owners[:-1]
    if is_first.all():
        return np.flatnonzero(has_writing)
    starts = np.flatnonzero(is_first)
    best = np.repeat(np.maximum.reduceat(highest, starts), np.diff(starts, append=len(owners)))
    # The first of several that are as convincing.
    rows = np.flatnonzero(highest == best)
    rows = rows[np.diff(owners[rows], prepend=-1) > 0]
    return rows[np.logical_or.reduceat(has_writing, starts)]


def to_predictions(
    frames: Frames,
    probs: NDArray[np.float32],
    line_probs: Sequence[NDArray[np.float32]],
    classify: Classify,
    threshold: float,
    version: str,
    number_weights: Weights = PLAIN_WEIGHTS,
) -> Predictions:
    """Return the predictions for N images, given the networks' probabilities.

    Args:
        frames: The R frames and the lines of the images.
        probs: (R, 10) to (R, 12) probabilities for the frames.
        line_probs: The probabilities for each line, (T, 12).
        classify: The network, for the digits of numbers.
        threshold: Minimum probability of the top digit for the verdict DIGIT.
        version: The model's version.
        number_weights: What makes the confidence of a number.
    """
    owners, readings, boxes, pixels = frames.owners, frames.readings, frames.boxes, frames.pixels
    if len(owners):
        rows = choose(owners, probs, threshold)
        if len(rows) < len(owners):
            owners, readings, boxes = owners[rows], readings[rows], boxes[rows]
            pixels, probs = pixels[rows], probs[rows]
    digit_probs = probs[:, :DIGIT_COUNT].astype(np.float64)
    highest = digit_probs.max(axis=1)
    numbers: dict[int, Sequence[Number]] = {}
    empty: set[int] = set()
    if frames.lines:
        singles = dict(zip(owners.tolist(), highest.tolist(), strict=True))
        numbers = find_numbers(
            frames.lines, line_probs, classify, singles, threshold, number_weights
        )
        empty = _without_characters(frames.lines, line_probs)
        is_single = ~np.isin(owners, list(numbers))
        owners, readings, boxes = owners[is_single], readings[is_single], boxes[is_single]
        pixels, digit_probs, highest = pixels[is_single], digit_probs[is_single], highest[is_single]
    sums = digit_probs.sum(axis=1)
    # Conditional on the image being a digit: the other classes take no share.
    shares = (digit_probs / np.maximum(sums, _LEAST_SUM)[:, None]).astype(np.float32)
    is_digit = highest >= threshold
    rest = rest_shares(highest, sums, is_digit, threshold)
    digits = digit_probs.argmax(axis=1).astype(np.int8)
    digits[~is_digit] = NO_DIGIT
    predictions = Predictions(
        _VERDICTS.take(is_digit),
        digits,
        shares.max(axis=1),
        shares,
        rest.astype(np.float32),
        pixels,
        _REASONS.take(is_digit),
        readings,
        boxes,
        frames.unread_pages,
        version,
        frames.errors,
        numbers,
    )
    if len(owners) == len(frames):
        return predictions
    return _spread(predictions, owners, frames, list(empty))


def _without_characters(
    lines: Sequence[Line], line_probs: Sequence[NDArray[np.float32]]
) -> set[int]:
    """Return the images in whose lines the line network finds no character."""
    has_some = [bool((probs.argmax(axis=1) != NO_CHARACTER).any()) for probs in line_probs]
    return {line.image for line in lines} - {
        line.image for line, has in zip(lines, has_some, strict=True) if has
    }


def _spread(
    predictions: Predictions, owners: NDArray[np.intp], frames: Frames, empty: Sequence[int]
) -> Predictions:
    """Return one row for each image, given the predictions for those that own a frame.

    Args:
        predictions: M rows.
        owners: (M,) index of the image that owns each row.
        frames: The frames of the N images.
        empty: Images with lines in which the line network finds no character.
    """
    verdicts = np.full(len(frames), Verdict.BLANK, np.uint8)
    reasons = frames.failures.copy()
    reasons[empty] = Reason.UNSPECIFIED
    several = list(predictions.numbers)
    reasons[several] = Reason.SEVERAL_DIGITS
    verdicts[reasons > 0] = Verdict.NOT_A_DIGIT
    verdicts[list(frames.errors)] = Verdict.INVALID
    verdicts[owners] = predictions.verdicts
    reasons[owners] = predictions.reasons

    def spread(column: NDArray[Any], fill: int = 0) -> NDArray[Any]:
        images = np.full((len(frames), *column.shape[1:]), fill, column.dtype)
        images[owners] = column
        return images

    return Predictions(
        verdicts,
        spread(predictions.digits, NO_DIGIT),
        spread(predictions.confidences),
        spread(predictions.probs),
        spread(predictions.not_a_digit),
        spread(predictions.frames),
        reasons,
        spread(predictions.readings, NO_READING),
        spread(predictions.boxes),
        predictions.unread_pages,
        predictions.model_version,
        predictions.errors,
        predictions.numbers,
    )
