"""Between the proto and the domain: nothing but translation."""

import asyncio
import contextlib
import functools
import math
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.inference.admission import Admission
from digits_server.inference.recognizer import Recognizer, Source
from digits_server.models.postprocess import Prediction, Verdict
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw

from .status import to_status

Context = grpc.aio.ServicerContext[Any, Any]

# Requests of a stream that are read ahead of the answer, to find those that were
# overtaken. Past these, flow control holds the caller back.
READ_AHEAD_COUNT: Final = 16

# Of raw pixels, which need no decoding: framing as many takes a tenth of a millisecond.
SMALL_PIXELS: Final = 32 * 32

_VERDICTS: Final = {
    Verdict.DIGIT: pb.VERDICT_DIGIT,
    Verdict.NOT_A_DIGIT: pb.VERDICT_NOT_A_DIGIT,
    Verdict.BLANK: pb.VERDICT_BLANK,
}


@dataclass(frozen=True)
class ServiceLimits:
    """What the service accepts, as GetModel tells it."""

    image: ImageLimits
    max_batch_images: int
    max_message_bytes: int


class RecognizerServicer(pb_grpc.RecognizerServiceServicer):
    """``digits.v1.RecognizerService``; the proto says what each method promises."""

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
        _add(prediction, response.predictions, request.include_frame)
        return response

    async def StreamingRecognize(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StreamingRecognizeRequest], context: Context
    ) -> AsyncIterator[pb.StreamingRecognizeResponse]:
        """Recognize a drawing while it is drawn; the newest request that has come is computed."""
        with self._admission.admit_stream():
            async with contextlib.aclosing(self._answers(request_iterator)) as answers:
                async for response in answers:
                    yield response

    async def _answers(
        self, requests: AsyncIterator[pb.StreamingRecognizeRequest]
    ) -> AsyncGenerator[pb.StreamingRecognizeResponse, None]:
        last_sequence = -1
        async with contextlib.aclosing(_newest(requests)) as newest:
            async for overtaken, request in newest:
                for older in overtaken:
                    yield pb.StreamingRecognizeResponse(sequence=older, superseded=True)
                response = pb.StreamingRecognizeResponse(sequence=request.sequence)
                newest_before = max([last_sequence, *overtaken])
                try:
                    if request.sequence <= newest_before:
                        raise InvalidArgumentError(
                            "sequence", f"is {request.sequence}; it was {newest_before} before"
                        )
                    prediction = await self._recognize_one(request.image)
                    _add(prediction, response.predictions, request.include_frame)
                except ServerError as error:
                    response.error.CopyFrom(to_status(error))
                last_sequence = max(newest_before, request.sequence)
                yield response

    async def RecognizeBatch(  # noqa: N802
        self, request: pb.RecognizeBatchRequest, context: Context
    ) -> pb.RecognizeBatchResponse:
        """Recognize many images, each for itself."""
        count, most = len(request.images), self._limits.max_batch_images
        if not 1 <= count <= most:
            raise InvalidArgumentError("images", f"has {count} images; 1 to {most} are accepted")
        answers = await self._recognizer.recognize(
            [self._source(image) for image in request.images], deadline_of(context)
        )
        response = pb.RecognizeBatchResponse()
        for answer in answers:
            result = response.results.add()
            if isinstance(answer, ServerError):
                result.error.CopyFrom(to_status(answer))
            else:
                _add(answer, result.predictions, request.include_frame)
        return response

    async def GetModel(  # noqa: N802
        self, request: pb.GetModelRequest, context: Context
    ) -> pb.GetModelResponse:
        """Tell the model and the limits."""
        manifest = self._recognizer.manifest
        return pb.GetModelResponse(
            model=pb.Model(
                version=manifest.version,
                labels=manifest.labels,
                mnist_test_accuracy=manifest.metrics["mnist_test_accuracy"],
                frame_recipe=manifest.frame_recipe,
            ),
            limits=pb.Limits(
                max_image_bytes=self._limits.image.max_bytes,
                max_image_pixels=self._limits.image.max_pixels,
                max_batch_images=self._limits.max_batch_images,
                max_message_bytes=self._limits.max_message_bytes,
            ),
        )

    async def _recognize_one(self, image: pb.Image, deadline: float = math.inf) -> Prediction:
        [answer] = await self._recognizer.recognize([self._source(image)], deadline)
        if isinstance(answer, ServerError):
            raise answer
        return answer

    def _source(self, image: pb.Image) -> Source:
        # The length of the bytes is what is asked, and not of the message: it is at hand.
        byte_count = len(image.encoded) or len(image.raw.data)
        is_small = not image.encoded and byte_count <= SMALL_PIXELS
        return Source(functools.partial(_gray, image, self._limits.image), byte_count, is_small)


def deadline_of(context: Context) -> float:
    """Return when the caller stops waiting, by the event loop's clock."""
    remaining_seconds = context.time_remaining()
    if remaining_seconds is None:
        return math.inf
    return asyncio.get_running_loop().time() + remaining_seconds


def _add(prediction: Prediction, messages: Any, include_frame: bool) -> None:
    """Append a message, made in its place and not made apart and copied."""
    message = messages.add(
        verdict=_VERDICTS[prediction.verdict],
        digit=prediction.digit,
        confidence=prediction.confidence,
        probabilities=prediction.probs,
        model_version=prediction.model_version,
    )
    if include_frame:
        message.frame = np.rint(prediction.frame * 255).astype(np.uint8).tobytes()


def _gray(image: pb.Image, limits: ImageLimits) -> NDArray[np.uint8]:
    match image.WhichOneof("source"):
        case "encoded":
            return decode(image.encoded, limits)
        case "raw":
            return from_raw(image.raw.width, image.raw.height, image.raw.data, limits)
        case _:
            raise InvalidArgumentError("image", "is unset; encoded or raw is needed")


async def _newest(
    requests: AsyncIterator[pb.StreamingRecognizeRequest],
) -> AsyncGenerator[tuple[list[int], pb.StreamingRecognizeRequest], None]:
    """Yield the newest request that has come, with the sequences of those it overtook."""
    ahead: asyncio.Queue[pb.StreamingRecognizeRequest | None] = asyncio.Queue(READ_AHEAD_COUNT)

    async def read() -> None:
        try:
            async for request in requests:
                await ahead.put(request)
        except Exception:
            await ahead.put(None)
            raise
        await ahead.put(None)

    reader = asyncio.create_task(read())
    try:
        ended = False
        while not ended and (request := await ahead.get()) is not None:
            overtaken = []
            while not ahead.empty():
                following = ahead.get_nowait()
                if following is None:
                    ended = True
                    break
                overtaken.append(request.sequence)
                request = following
            yield overtaken, request
        await reader
    finally:
        reader.cancel()
