"""Translates between the messages of ``digits.v1`` and the recognizer."""

import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, TypeAlias

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.inference.admission import Admission
from digits_server.inference.recognizer import Recognizer
from digits_server.models.manifest import ACCURACY_METRICS
from digits_server.preprocessing.framing import EncodedImage, RawImage, SourceImage
from digits_server.preprocessing.layout import MAX_NUMBER_DIGITS, MAX_PAGE_LINES, Layout

from .call import Context, ServiceLimits, deadline_of
from .latest_request import latest_requests
from .results import fill, rows
from .status import to_status

_LAYOUTS: Final[dict[int, Layout]] = {
    pb.LAYOUT_UNSPECIFIED: Layout.DIGIT,
    pb.LAYOUT_DIGIT: Layout.DIGIT,
    pb.LAYOUT_NUMBER: Layout.NUMBER,
    pb.LAYOUT_PAGE: Layout.PAGE,
}
_Request: TypeAlias = pb.RecognizeRequest | pb.StreamingRecognizeRequest
_Response: TypeAlias = pb.RecognizeResponse | pb.StreamingRecognizeResponse


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
        response = pb.RecognizeResponse()
        await self._recognize_one(request, response, deadline_of(context))
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
                    await self._recognize_one(request, response)
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
        layout, include_frame = _to_layout(request.layout), request.include_frame
        del request  # ``images`` has copies; keeping both would double the memory in flight
        predictions = await self._recognizer.recognize(images, deadline_of(context), layout)
        response = pb.RecognizeBatchResponse()
        for row, fields in enumerate(rows(predictions, include_frame=include_frame)):
            result = response.results.add()
            error = predictions.errors.get(row)
            if error is None:
                fill(result, row, fields, predictions, layout, include_frame=include_frame)
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
                max_number_digits=MAX_NUMBER_DIGITS,
                max_page_lines=MAX_PAGE_LINES,
            ),
        )

    async def _recognize_one(
        self, request: _Request, response: _Response, deadline: float = math.inf
    ) -> None:
        """Recognize the image of a request, and fill the response."""
        layout, include_frame = _to_layout(request.layout), request.include_frame
        images = [_to_image(request.image)]
        predictions = await self._recognizer.recognize(images, deadline, layout)
        if predictions.errors:
            raise predictions.errors[0]
        [row] = rows(predictions, include_frame=include_frame)
        fill(response, 0, row, predictions, layout, include_frame=include_frame)


def _to_layout(value: int) -> Layout:
    layout = _LAYOUTS.get(value)
    if layout is None:
        raise InvalidArgumentError("layout", f"is {value}, which this server does not know")
    return layout


def _to_image(message: pb.Image) -> SourceImage:
    # Faster than WhichOneof, which returns a name.
    if message.HasField("raw"):
        raw = message.raw
        return RawImage(raw.width, raw.height, raw.data)
    if message.HasField("encoded"):
        return EncodedImage(message.encoded)
    return None
