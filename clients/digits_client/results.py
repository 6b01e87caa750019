"""What a server answers, as plain values."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits.v1 import recognizer_pb2 as pb

from .errors import DigitsError, ServerFailureError, from_status

FRAME_SIZE = 28


class Verdict(enum.Enum):
    """What was found in an image."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


_VERDICTS = {
    pb.VERDICT_DIGIT: Verdict.DIGIT,
    pb.VERDICT_NOT_A_DIGIT: Verdict.NOT_A_DIGIT,
    pb.VERDICT_BLANK: Verdict.BLANK,
}


@dataclass(frozen=True)
class Prediction:
    """The answer for one image."""

    verdict: Verdict
    digit: int | None
    """0 to 9, with the verdict DIGIT; None otherwise."""
    confidence: float
    """How sure the model is, 0 to 1; 0 for a blank image."""
    probabilities: tuple[float, ...]
    """Ten shares that sum to 1, for 0 to 9; none for a blank image."""
    model_version: str
    """The version of the model that answered."""
    frame: NDArray[np.uint8] | None = None
    """(28, 28), 0 without ink and 255 full of it: what the model saw, where it was asked for."""


@dataclass(frozen=True)
class StreamResult:
    """The answer to one image of a stream: exactly one of the last three is set."""

    sequence: int
    """Which image, counted from 0."""
    prediction: Prediction | None = None
    error: DigitsError | None = None
    superseded: bool = False
    """A newer image had come before this one was computed."""


@dataclass(frozen=True)
class FileResult:
    """What became of one file."""

    path: str
    """As it was found. What is no text in it is in surrogates, as ``os.fsdecode`` has it."""
    result: Prediction | DigitsError
    """The prediction, or why there is none."""


@dataclass(frozen=True)
class Limits:
    """The most that a server accepts."""

    max_image_bytes: int
    """Of one encoded image."""
    max_image_pixels: int
    """Of one decoded image."""
    max_batch_images: int
    """In one message."""
    max_message_bytes: int
    """Of one message."""


@dataclass(frozen=True)
class Model:
    """The model that a server runs, and the server's limits."""

    version: str
    labels: tuple[str, ...]
    """What the probabilities stand for, in their order."""
    mnist_test_accuracy: float
    """The share of MNIST's test images that it answers right."""
    frame_recipe: str
    """How images become what the model sees."""
    limits: Limits


def prediction(message: pb.Prediction) -> Prediction:
    """Return a message as a value.

    Raises:
        ServerFailureError: The verdict is one that this version of the client does not know,
            or the frame is none.
    """
    verdict = _VERDICTS.get(message.verdict)
    if verdict is None:
        raise ServerFailureError(
            f"the server gave a verdict that is unknown here: {message.verdict}"
        )
    frame = None
    if message.frame:
        if len(message.frame) != FRAME_SIZE**2:
            raise ServerFailureError(
                f"the server gave a frame of {len(message.frame)} bytes, not {FRAME_SIZE**2}"
            )
        frame = np.frombuffer(message.frame, np.uint8).reshape(FRAME_SIZE, FRAME_SIZE)
    return Prediction(
        verdict=verdict,
        digit=message.digit if message.HasField("digit") else None,
        confidence=message.confidence,
        probabilities=tuple(message.probabilities),
        model_version=message.model_version,
        frame=frame,
    )


def only_prediction(messages: Sequence[pb.Prediction]) -> Prediction:
    """Return the one answer to one image as a value.

    Raises:
        ServerFailureError: There is none, or more than one, or it is none.
    """
    if len(messages) != 1:
        raise ServerFailureError(f"the server gave {len(messages)} answers for an image")
    return prediction(messages[0])


def result(message: pb.RecognizeResult) -> Prediction | DigitsError:
    """Return one result of a batch as a value.

    Raises:
        ServerFailureError: It is none.
    """
    if message.HasField("error"):
        return from_status(message.error)
    return only_prediction(message.predictions)


def stream_result(message: pb.StreamingRecognizeResponse) -> StreamResult:
    """Return one answer of a stream as a value.

    Raises:
        ServerFailureError: It is none.
    """
    if message.superseded:
        return StreamResult(message.sequence, superseded=True)
    if message.HasField("error"):
        return StreamResult(message.sequence, error=from_status(message.error))
    return StreamResult(message.sequence, prediction=only_prediction(message.predictions))


def model(message: pb.GetModelResponse) -> Model:
    """Return the model and the limits as values."""
    limits = message.limits
    return Model(
        version=message.model.version,
        labels=tuple(message.model.labels),
        mnist_test_accuracy=message.model.mnist_test_accuracy,
        frame_recipe=message.model.frame_recipe,
        limits=Limits(
            limits.max_image_bytes,
            limits.max_image_pixels,
            limits.max_batch_images,
            limits.max_message_bytes,
        ),
    )
