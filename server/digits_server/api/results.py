"""Filling response messages with predictions."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digits.v1 import recognizer_pb2 as pb
from digits_server.models.numbers import UNKNOWN, Number, Place, main_number
from digits_server.models.predictions import NO_DIGIT, NO_READING, Predictions, Verdict
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason

_VERDICTS: Final[dict[int, pb.Verdict]] = {
    Verdict.DIGIT: pb.VERDICT_DIGIT,
    Verdict.NOT_A_DIGIT: pb.VERDICT_NOT_A_DIGIT,
    Verdict.BLANK: pb.VERDICT_BLANK,
}
_REASONS: Final[dict[int, pb.Reason]] = {
    Reason.NO_DIGIT: pb.REASON_NO_DIGIT,
    Reason.TOO_SMALL: pb.REASON_TOO_SMALL,
    Reason.TOO_FAINT: pb.REASON_TOO_FAINT,
    Reason.SEVERAL_DIGITS: pb.REASON_SEVERAL_DIGITS,
}

_Row: TypeAlias = tuple[int, int, float, list[float], float, int, int, list[int], int, bytes]
"""Verdict, digit, confidence, probabilities, the one of "not a digit", reason, reading, box, unread
pages and frame."""

_Result: TypeAlias = pb.RecognizeResponse | pb.StreamingRecognizeResponse | pb.RecognizeResult


def rows(predictions: Predictions, *, include_frame: bool) -> Iterator[_Row]:
    """Return each row in Python's own types, which protobuf takes faster than NumPy's."""
    frames: Iterable[bytes] = itertools.repeat(b"")
    if include_frame:
        frames = map(bytes, _to_bytes(predictions.frames))
    return zip(
        predictions.verdicts.tolist(),
        predictions.digits.tolist(),
        predictions.confidences.tolist(),
        predictions.probs.tolist(),
        predictions.not_a_digit.tolist(),
        predictions.reasons.tolist(),
        predictions.readings.tolist(),
        predictions.boxes.tolist(),
        predictions.unread_pages.tolist(),
        frames,
        strict=False,
    )


def fill(
    result: _Result,
    row: int,
    fields: _Row,
    predictions: Predictions,
    layout: Layout,
    *,
    include_frame: bool,
) -> None:
    """Fill a message with what is predicted for an image.

    Args:
        result: The message.
        row: Number of the image.
        fields: Its row, as ``rows`` returns it.
        predictions: The predictions for all images.
        layout: What the image is said to hold.
        include_frame: Whether to return frames.
    """
    several = () if layout == Layout.DIGIT else predictions.numbers.get(row, ())
    if layout == Layout.NUMBER and several:
        several = [main_number(several)]
    for line, number in enumerate(several):
        for place in number.places:
            message = result.predictions.add(line=line)
            _fill_place(message, place, include_frame=include_frame)
            message.model_version = predictions.model_version
            message.unread_pages = fields[8]
        _fill_number(result.numbers.add(), number)
    if several:
        return
    message = result.predictions.add()
    _fill_prediction(message, fields, predictions.model_version)
    if layout != Layout.DIGIT and message.HasField("digit"):
        _fill_box(message.box, fields[7])
        result.numbers.add(text=str(message.digit), confidence=message.confidence, box=message.box)


def _fill_prediction(message: pb.Prediction, row: _Row, model_version: str) -> None:
    # Field by field: keyword arguments take half as long again.
    verdict, digit, confidence, probs, not_a_digit, reason, reading, _, unread_pages, frame = row
    message.verdict = _VERDICTS[verdict]
    if digit != NO_DIGIT:
        message.digit = digit
    message.confidence = confidence
    if reading != NO_READING:
        message.probabilities.extend(probs)
        message.not_a_digit = not_a_digit
        message.reading = READINGS[reading]
    if reason:
        message.reason = _REASONS[reason]
    if unread_pages:
        message.unread_pages = unread_pages
    message.model_version = model_version
    message.frame = frame


def _fill_place(message: pb.Prediction, place: Place, *, include_frame: bool) -> None:
    if place.digit == UNKNOWN:
        message.verdict, message.reason = pb.VERDICT_NOT_A_DIGIT, pb.REASON_NO_DIGIT
    else:
        message.verdict, message.digit = pb.VERDICT_DIGIT, place.digit
    message.confidence = place.confidence
    message.probabilities.extend(place.probs.tolist())
    message.not_a_digit = place.not_a_digit
    if include_frame:
        message.frame = bytes(_to_bytes(place.frame))
    _fill_box(message.box, place.box)


def _fill_number(message: pb.Number, number: Number) -> None:
    message.text, message.confidence = number.text, number.confidence
    _fill_box(message.box, number.box)


def _fill_box(message: pb.Box, box: Iterable[int]) -> None:
    message.left, message.top, message.width, message.height = box


def _to_bytes(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(frames * 255).astype(np.uint8)
