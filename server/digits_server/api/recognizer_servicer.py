"""Translates between the messages of ``digits.v1`` and the recognizer."""

import contextlib
import itertools
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from typing import Any, Final, TypeAlias

import numpy as np

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.inference.admission import Admission
from digits_server.inference.recognizer import Recognizer
from digits_server.models.manifest import ACCURACY_METRICS
from digits_server.models.predictions import NO_DIGIT, NO_READING, Predictions, Verdict
from digits_server.preprocessing.framing import EncodedImage, RawImage, SourceImage
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason

from .call import Context, ServiceLimits, deadline_of
from .latest_request import latest_requests
from .status import to_status

_VERDICTS: Final[dict[int, pb.Verdict]] = {
    Verdict.DIGIT: pb.VERDICT_DIGIT,
    Verdict.NOT_A_DIGIT: pb.VERDICT_NOT_A_DIGIT,
    Verdict.BLANK: pb.VERDICT_BLANK,
}
_REASONS: Final[dict[int, pb.Reason]] = {
    Reason.NO_DIGIT: pb.REASON_NO_DIGIT,
    Reason.TOO_SMALL: pb.REASON_TOO_SMALL,
    Reason.TOO_FAINT: pb.REASON_TOO_FAINT,
}

_Row: TypeAlias = tuple[int, int, float, list[float], int, int, int, bytes]
"""Verdict, digit, confidence, probabilities, reason, reading, unread pages and frame."""


class RecognizerServicer(pb_grpc.RecognizerServiceServicer):
    """Implements ``digits.v1.RecognizerService``; the proto documents each method."""

    def __init__(self, recognizer: Recognizer, admission: Admission, limits: ServiceLimits) -> None:
        self._recognizer = recognizer
        self._admission = admission
        self._limits = limits

    async def Recognize(  # noqa: N802
        self, request: pb.RecognizeRequest, context: Context
    ) -> pb.RecognizeResponse:
        """Recognize one image."""
        predictions = await self._recognize_one(request.image, deadline_of(context))
        response = pb.RecognizeResponse()
        _add_prediction(response.predictions, predictions, request.include_frame)
        return response

    async def StreamingRecognize(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StreamingRecognizeRequest], context: Context
    ) -> AsyncIterator[pb.StreamingRecognizeResponse]:
        """Recognize a drawing while it is drawn: the newest request is computed."""
        with self._admission.admit_stream():
            async with contextlib.aclosing(self._responses(request_iterator)) as responses:
                async for response in responses:
                    yield response

    async def _responses(
        self, requests: AsyncIterator[pb.StreamingRecognizeRequest]
    ) -> AsyncGenerator[pb.StreamingRecognizeResponse, None]:
        highest_sequence = -1
        async with contextlib.aclosing(latest_requests(requests)) as latest:
            async for superseded, request in latest:
                for sequence in superseded:
                    yield pb.StreamingRecognizeResponse(sequence=sequence, superseded=True)
                highest_sequence = max([highest_sequence, *superseded])
                response = pb.StreamingRecognizeResponse(sequence=request.sequence)
                try:
                    if request.sequence <= highest_sequence:
                        raise InvalidArgumentError(
                            "sequence",
                            f"is {request.sequence}; it must be greater than {highest_sequence}",
                        )
                    highest_sequence = request.sequence
                    predictions = await self._recognize_one(request.image)
                    _add_prediction(response.predictions, predictions, request.include_frame)
                except ServerError as error:
                    response.error.CopyFrom(to_status(error))
                yield response

    async def RecognizeBatch(  # noqa: N802
        self, request: pb.RecognizeBatchRequest, context: Context
    ) -> pb.RecognizeBatchResponse:
        """Recognize many images; an invalid image has an error in its own result."""
        count, limit = len(request.images), self._limits.max_batch_images
        if not 1 <= count <= limit:
            raise InvalidArgumentError("images", f"has {count} images; 1 to {limit} are accepted")
        images = [_to_image(message) for message in request.images]
        include_frame = request.include_frame
        del request  # ``images`` has copies; keeping both would double the memory in flight
        predictions = await self._recognizer.recognize(images, deadline_of(context))
        response = pb.RecognizeBatchResponse()
        for row, fields in enumerate(_rows(predictions, include_frame=include_frame)):
            result = response.results.add()
            error = predictions.errors.get(row)
            if error is None:
                _fill(result.predictions.add(), fields, predictions.model_version)
            else:
                result.error.CopyFrom(to_status(error))
        return response

    async def GetModel(  # noqa: N802
        self, request: pb.GetModelRequest, context: Context
    ) -> pb.GetModelResponse:
        """Describe the served model and the limits."""
        manifest = self._recognizer.manifest
        precision = self._recognizer.model.precision
        return pb.GetModelResponse(
            model=pb.Model(
                version=manifest.version,
                labels=manifest.labels,
                mnist_test_accuracy=manifest.metrics[ACCURACY_METRICS[precision]],
                frame_recipe=manifest.frame_recipe,
                precision=precision,
            ),
            limits=pb.Limits(
                max_image_bytes=self._limits.image.max_bytes,
                max_image_pixels=self._limits.image.max_pixels,
                max_batch_images=self._limits.max_batch_images,
                max_message_bytes=self._limits.max_message_bytes,
            ),
        )

    async def _recognize_one(self, message: pb.Image, deadline: float = math.inf) -> Predictions:
        predictions = await self._recognizer.recognize([_to_image(message)], deadline)
        if predictions.errors:
            raise predictions.errors[0]
        return predictions


def _to_image(message: pb.Image) -> SourceImage:
    # Faster than WhichOneof, which returns a name.
    if message.HasField("raw"):
        raw = message.raw
        return RawImage(raw.width, raw.height, raw.data)
    if message.HasField("encoded"):
        return EncodedImage(message.encoded)
    return None


def _rows(predictions: Predictions, *, include_frame: bool) -> Iterator[_Row]:
    """Return each row in Python's own types, which protobuf takes faster than NumPy's."""
    frames: Iterable[bytes] = itertools.repeat(b"")
    if include_frame:
        frames = map(bytes, np.rint(predictions.frames * 255).astype(np.uint8))
    return zip(
        predictions.verdicts.tolist(),
        predictions.digits.tolist(),
        predictions.confidences.tolist(),
        predictions.probs.tolist(),
        predictions.reasons.tolist(),
        predictions.readings.tolist(),
        predictions.unread_pages.tolist(),
        frames,
        strict=False,
    )


def _fill(message: pb.Prediction, row: _Row, model_version: str) -> None:
    # Field by field: keyword arguments take half as long again.
    verdict, digit, confidence, probs, reason, reading, unread_pages, frame = row
    message.verdict = _VERDICTS[verdict]
    if digit != NO_DIGIT:
        message.digit = digit
    message.confidence = confidence
    if reading != NO_READING:
        message.probabilities.extend(probs)
        message.reading = READINGS[reading]
    if reason:
        message.reason = _REASONS[reason]
    if unread_pages:
        message.unread_pages = unread_pages
    message.model_version = model_version
    message.frame = frame


def _add_prediction(messages: Any, predictions: Predictions, include_frame: bool) -> None:
    [row] = _rows(predictions, include_frame=include_frame)
    _fill(messages.add(), row, predictions.model_version)
