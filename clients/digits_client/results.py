"""Responses of the server as plain values."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from digits.v1 import recognizer_pb2 as pb

from .errors import DigitsError, ServerFailureError, from_status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME_SIZE = 28


class Verdict(enum.StrEnum):
    """The kind of content found in an image; it prints as its word."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


class Reason(enum.StrEnum):
    """Why an image is not classified as a digit; it prints as its word."""

    NO_DIGIT = "no_digit"
    """The ink does not look like a digit."""
    TOO_SMALL = "too_small"
    """The ink is too small to read."""
    TOO_FAINT = "too_faint"
    """The ink is too faint to read."""
    SEVERAL_DIGITS = "several_digits"
    """The image holds several digits: a number reads them."""


_REASONS = {
    pb.REASON_NO_DIGIT: Reason.NO_DIGIT,
    pb.REASON_TOO_SMALL: Reason.TOO_SMALL,
    pb.REASON_TOO_FAINT: Reason.TOO_FAINT,
    pb.REASON_SEVERAL_DIGITS: Reason.SEVERAL_DIGITS,
}
_VERDICTS = {
    pb.VERDICT_DIGIT: Verdict.DIGIT,
    pb.VERDICT_NOT_A_DIGIT: Verdict.NOT_A_DIGIT,
    pb.VERDICT_BLANK: Verdict.BLANK,
}


class Box(NamedTuple):
    """A rectangle in pixels of an image, after an EXIF orientation was applied."""

    left: int
    top: int
    width: int
    height: int


def _line(value: object, **shown: object) -> str:
    """Return a value as one line, with those of its fields that are not None."""
    fields = (f"{name}={field}" for name, field in shown.items() if field is not None)
    return f"{type(value).__name__}({', '.join(fields)})"


@dataclass(frozen=True)
class Prediction:
    """The model's prediction for one digit."""

    verdict: Verdict
    digit: int | None
    """0 to 9 with the verdict DIGIT, else None."""
    confidence: float
    """The confidence of the model, 0 to 1; 0 without probabilities."""
    probabilities: tuple[float, ...]
    """The probabilities of the digits 0 to 9, which sum to 1. Empty for a blank image, for ink that
    is too small or too faint to read, for several digits, and for characters that are no number."""
    model_version: str
    """The version of the model that made the prediction."""
    frame: "NDArray[np.uint8] | None" = None
    """The frame, (28, 28): 0 without ink, 255 with full ink. None unless requested."""
    reason: Reason | None = None
    """The reason with the verdict NOT_A_DIGIT, if the server reports one that is known here."""
    reading: str = ""
    """The name of the reading of the image that was taken, for debugging; the names may change."""
    unread_pages: int = 0
    """The number of further pages or frames of the file, which were not looked at."""
    box: Box | None = None
    """Where the digit is in the image, if it is a digit of a number."""
    not_a_digit: float | None = None
    """The probability that the ink is not a digit; ``probabilities`` times the rest are shares of
    the whole. The largest share with the verdict NOT_A_DIGIT only. None without probabilities, and
    from a server that does not report it."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Eleven shares of the whole, 0 to 1: of the digits 0 to 9, and of what is not a digit.

        The largest is that of the verdict. Empty without probabilities, and for ink that is not a
        digit if the server does not report ``not_a_digit``: shares of the digits alone would
        contradict the verdict.
        """
        rest = self.not_a_digit
        if not self.probabilities or (rest is None and self.verdict is not Verdict.DIGIT):
            return ()
        rest = rest or 0.0
        return (*(probability * (1 - rest) for probability in self.probabilities), rest)

    @property
    def share(self) -> float:
        """The share of the most likely digit, 0 to 1: how sure it is, as shown to people."""
        return self.confidence * (1 - (self.not_a_digit or 0.0))

    def __repr__(self) -> str:
        return _line(
            self,
            verdict=self.verdict,
            digit=self.digit,
            reason=self.reason,
            confidence=round(self.confidence, 4),
            model_version=self.model_version,
            unread_pages=self.unread_pages or None,
            box=self.box and tuple(self.box),
        )

    def _repr_html_(self) -> str:
        from . import notebook  # imported late, because only notebooks need it

        return notebook.prediction_html(self)


@dataclass(frozen=True)
class Number:
    """One line of digits."""

    text: str
    """The digits from left to right, such as "2026"; "?" for a place that is not a digit. Empty for
    an image without a digit."""
    confidence: float
    """The probability that all of the text is right, 0 to 1."""
    digits: tuple[Prediction, ...]
    """The prediction for each place of the text. For an image without a digit, the one that says
    why."""
    box: Box | None
    """Where the number is in the image; None for an image without a digit."""

    @property
    def share(self) -> float:
        """How sure the text is, 0 to 1, as shown to people: of one digit, the share of it."""
        return self.digits[0].share if len(self.digits) == 1 else self.confidence

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return _line(
            self,
            text=repr(self.text),
            confidence=round(self.confidence, 4),
            box=self.box and tuple(self.box),
        )

    def _repr_html_(self) -> str:
        from . import notebook

        return notebook.number_html(self.text, self.share, self.digits)


@dataclass(frozen=True)
class StreamResult:
    """The result of one image of a stream: exactly one of the other fields is set."""

    sequence: int
    """The number of the image, counted from 0."""
    prediction: Prediction | None = None
    number: Number | None = None
    error: DigitsError | None = None
    superseded: bool = False
    """True if a newer image arrived before this one was recognized."""


@dataclass(frozen=True)
class FileResult:
    """The result of one file."""

    path: str
    """The path by which it was found; bytes that are not text are escaped by ``os.fsdecode``."""
    result: Prediction | DigitsError
    """The prediction, or the error that prevented one."""

    def _repr_html_(self) -> str:
        from . import notebook

        return notebook.file_html(self.path, self.result)


@dataclass(frozen=True)
class Limits:
    """The limits of a server."""

    max_image_bytes: int
    """The size of one encoded image."""
    max_image_pixels: int
    """The pixels of one decoded image."""
    max_batch_images: int
    """The images in one message."""
    max_message_bytes: int
    """The size of one message."""
    max_number_digits: int = 0
    """The digits of one line; 0 from a server that does not read numbers."""
    max_page_lines: int = 0
    """The lines of one page; 0 from a server that does not read numbers."""


@dataclass(frozen=True)
class Model:
    """The model that a server runs, and the server's limits."""

    version: str
    labels: tuple[str, ...]
    """The labels of the probabilities, in their order."""
    mnist_test_accuracy: float
    """The share of MNIST's test images that it recognizes correctly."""
    frame_recipe: str
    """The identifier of the steps that turn an image into a frame."""
    precision: str
    """The precision in which it computes: "float32" or "int8"; empty if the server does not
    report it."""
    limits: Limits

    @property
    def title(self) -> str:
        """The version and the precision, to show to people: "4 int8"."""
        return f"{self.version} {self.precision}".rstrip()


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
