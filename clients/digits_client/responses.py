"""Messages of the server as plain values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from digits.v1 import recognizer_pb2 as pb

from .errors import DigitsError, ServerFailureError, from_status
from .results import (
    Box,
    Limits,
    Model,
    Number,
    Prediction,
    Reason,
    StreamResult,
    Verdict,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME_SIZE: Final = 28

_REASONS: Final = {
    pb.REASON_NO_DIGIT: Reason.NO_DIGIT,
    pb.REASON_TOO_SMALL: Reason.TOO_SMALL,
    pb.REASON_TOO_FAINT: Reason.TOO_FAINT,
    pb.REASON_SEVERAL_DIGITS: Reason.SEVERAL_DIGITS,
}
_VERDICTS: Final = {
    pb.VERDICT_DIGIT: Verdict.DIGIT,
    pb.VERDICT_NOT_A_DIGIT: Verdict.NOT_A_DIGIT,
    pb.VERDICT_BLANK: Verdict.BLANK,
}


def to_verdict(message: pb.Prediction) -> Verdict:
    """Return the verdict of a prediction.

    Raises:
        ServerFailureError: This version of the client does not know the verdict.
    """
    verdict = _VERDICTS.get(message.verdict)
    if verdict is None:
        raise ServerFailureError(f"the server sent an unknown verdict: {message.verdict}")
    return verdict


def to_reason(message: pb.Prediction) -> Reason | None:
    """Return the reason of a prediction; None without one, and for one of a later version."""
    return _REASONS.get(message.reason)


def to_prediction(message: pb.Prediction) -> Prediction:
    """Return a message as a value.

    Raises:
        ServerFailureError: This version of the client does not know the verdict, or the frame
            has the wrong size.
    """
    return Prediction(
        verdict=to_verdict(message),
        digit=message.digit if message.HasField("digit") else None,
        confidence=message.confidence,
        probabilities=tuple(message.probabilities),
        model_version=message.model_version,
        frame=_to_frame(message.frame) if message.frame else None,
        reason=to_reason(message),
        reading=message.reading,
        unread_pages=message.unread_pages,
        box=to_box(message),
        not_a_digit=message.not_a_digit if message.HasField("not_a_digit") else None,
    )


def to_box(message: pb.Prediction | pb.Number) -> Box | None:
    """Return the box of a digit or a number; None without one."""
    if not message.HasField("box"):
        return None
    box = message.box
    return Box(box.left, box.top, box.width, box.height)


def _to_frame(content: bytes) -> "NDArray[np.uint8]":
    import numpy as np  # imported late: it takes longer than all else here, and few want frames

    if len(content) != FRAME_SIZE**2:
        raise ServerFailureError(
            f"the server sent a frame of {len(content)} bytes instead of {FRAME_SIZE**2}"
        )
    return np.frombuffer(content, np.uint8).reshape(FRAME_SIZE, FRAME_SIZE)


def single(messages: Sequence[pb.Prediction]) -> pb.Prediction:
    """Return the single prediction of one image.

    Raises:
        ServerFailureError: The number of predictions is not one.
    """
    if len(messages) != 1:
        raise ServerFailureError(f"the server sent {len(messages)} predictions for one image")
    return messages[0]


def prediction_or_error(result: pb.RecognizeResult | DigitsError) -> pb.Prediction | DigitsError:
    """Return the prediction in one result of a batch, or the error.

    Raises:
        ServerFailureError: The number of predictions is not one.
    """
    if isinstance(result, DigitsError):
        return result
    return from_status(result.error) if result.HasField("error") else single(result.predictions)


_Response = pb.RecognizeResponse | pb.StreamingRecognizeResponse | pb.RecognizeResult


def to_numbers(response: _Response) -> list[Number]:
    """Return the numbers of one image, lines from the top.

    Raises:
        ServerFailureError: The response is not valid.
    """
    lines: list[list[Prediction]] = [[] for _ in response.numbers]
    if not lines:
        single(response.predictions)
        return []
    for message in response.predictions:
        if message.line >= len(lines):
            raise ServerFailureError(
                f"the server sent a digit of line {message.line} of {len(lines)}"
            )
        lines[message.line].append(to_prediction(message))
    for line, number in zip(lines, response.numbers, strict=True):
        if len(line) != len(number.text):
            raise ServerFailureError(f"the server sent {len(line)} digits for {number.text!r}")
    return [
        Number(number.text, number.confidence, tuple(line), to_box(number))
        for line, number in zip(lines, response.numbers, strict=True)
    ]


def to_number(response: _Response) -> Number:
    """Return the number of one image, which was said to hold one at most.

    Raises:
        ServerFailureError: The response is not valid.
    """
    numbers = to_numbers(response)
    if not numbers:
        digit = to_prediction(single(response.predictions))
        if digit.digit is None:
            return Number("", 0.0, (digit,), None)
        # A server that does not read numbers.
        return Number(str(digit.digit), digit.confidence, (digit,), digit.box)
    if len(numbers) > 1:
        raise ServerFailureError(f"the server sent {len(numbers)} numbers for one line")
    return numbers[0]


def to_number_result(result: pb.RecognizeResult | DigitsError) -> Number | DigitsError:
    """Return one result of a batch of numbers as a value.

    Raises:
        ServerFailureError: The result is not valid.
    """
    if isinstance(result, DigitsError):
        return result
    return from_status(result.error) if result.HasField("error") else to_number(result)


def to_result(result: pb.RecognizeResult | DigitsError) -> Prediction | DigitsError:
    """Return one result of a batch as a value.

    Raises:
        ServerFailureError: The result is not valid.
    """
    found = prediction_or_error(result)
    return found if isinstance(found, DigitsError) else to_prediction(found)


def to_stream_result(
    message: pb.StreamingRecognizeResponse, *, is_number: bool = False
) -> StreamResult:
    """Return one response of a stream, which asked for a digit or a number, as a value.

    Raises:
        ServerFailureError: The response is not valid.
    """
    if message.superseded:
        return StreamResult(message.sequence, superseded=True)
    if message.HasField("error"):
        return StreamResult(message.sequence, error=from_status(message.error))
    if is_number:
        return StreamResult(message.sequence, number=to_number(message))
    return StreamResult(message.sequence, prediction=to_prediction(single(message.predictions)))


def to_model(message: pb.GetModelResponse) -> Model:
    """Return the model and the limits of a server as values."""
    limits = message.limits
    return Model(
        version=message.model.version,
        labels=tuple(message.model.labels),
        mnist_test_accuracy=message.model.mnist_test_accuracy,
        frame_recipe=message.model.frame_recipe,
        precision=message.model.precision,
        limits=Limits(
            limits.max_image_bytes,
            limits.max_image_pixels,
            limits.max_batch_images,
            limits.max_message_bytes,
            limits.max_number_digits,
            limits.max_page_lines,
        ),
    )
