"""Translates between the messages of ``digits.v1`` and the recognizer."""

import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import numpy as np

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.inference.admission import Admission
from digits_server.inference.recognizer import EncodedImage, RawImage, Recognizer
from digits_server.models.manifest import ACCURACY_METRICS
from digits_server.models.postprocess import Prediction, Verdict

from .call import Context, ServiceLimits, deadline_of
from .latest_request import latest_requests
from .status import to_status

_VERDICTS: Final = {
    Verdict.DIGIT: pb.VERDICT_DIGIT,
    Verdict.NOT_A_DIGIT: pb.VERDICT_NOT_A_DIGIT,
    Verdict.BLANK: pb.VERDICT_BLANK,
}


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
        prediction = await self._recognize_one(request.image, deadline_of(context))
        response = pb.RecognizeResponse()
        _add_prediction(response.predictions, prediction, request.include_frame)
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
                    prediction = await self._recognize_one(request.image)
                    _add_prediction(response.predictions, prediction, request.include_frame)
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
        results = await self._recognizer.recognize(images, deadline_of(context))
        response = pb.RecognizeBatchResponse()
        for result in results:
            message = response.results.add()
            if isinstance(result, ServerError):
                message.error.CopyFrom(to_status(result))
            else:
                _add_prediction(message.predictions, result, include_frame)
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

    async def _recognize_one(self, message: pb.Image, deadline: float = math.inf) -> Prediction:
        [result] = await self._recognizer.recognize([_to_image(message)], deadline)
        if isinstance(result, ServerError):
            raise result
        return result


def _to_image(message: pb.Image) -> EncodedImage | RawImage | None:
    match message.WhichOneof("source"):
        case "encoded":
            return EncodedImage(message.encoded)
        case "raw":
            raw = message.raw
            return RawImage(raw.width, raw.height, raw.data)
        case _:
            return None


def _add_prediction(messages: Any, prediction: Prediction, include_frame: bool) -> None:
    # Built in place: appending a finished message would copy it.
    message = messages.add(
        verdict=_VERDICTS[prediction.verdict],
        digit=prediction.digit,
        confidence=prediction.confidence,
        probabilities=prediction.probs,
        model_version=prediction.model_version,
    )
    if include_frame:
        message.frame = np.rint(prediction.frame * 255).astype(np.uint8).tobytes()
