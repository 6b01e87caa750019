"""Recognizes images: admission, decoding, normalization and the model. Independent of gRPC."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.models import ImageOrFrame, LoadedModel, Manifest
from digits_server.models.postprocess import Prediction, Verdict
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw
from digits_server.preprocessing.normalize import normalize_batch

from .admission import Admission
from .batcher import Batcher

# With fewer images, handing them to another thread costs more than it gains.
IMAGES_PER_JOB: Final = 16
SMALL_IMAGES_PER_JOB: Final = 64
# Up to this many raw pixels are small: decoding and normalizing them takes a tenth of a
# millisecond, less than handing them to another thread.
SMALL_PIXELS: Final = 32 * 32
# A model that takes longer than this for one image never blocks the event loop for it.
IN_PLACE_SECONDS: Final = 0.0005


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image file."""

    content: bytes
    """In one of the formats that ``preprocessing.decode`` accepts."""


@dataclass(frozen=True, slots=True)
class RawImage:
    """Gray pixels that need no decoding."""

    width: int
    height: int
    pixels: bytes
    """Row by row from the top left, one byte per pixel, 0 black and 255 white."""


SourceImage: TypeAlias = EncodedImage | RawImage | None
"""An image as the caller sent it, not checked yet; None if the caller left it out."""


class Recognizer:
    """Recognizes images with the served model, which can be replaced at any time.

    A request is recognized completely by the model that was served when it arrived.
    """

    def __init__(
        self,
        model: LoadedModel,
        batcher: Batcher[ImageOrFrame, Prediction],
        decoding: ThreadPoolExecutor,
        admission: Admission,
        metrics: Metrics,
        limits: ImageLimits,
    ) -> None:
        """Recognize with a model.

        Args:
            model: The first model to serve.
            batcher: Runs the model.
            decoding: Threads that decode and normalize images.
            admission: Admits or rejects each request.
            metrics: Counts verdicts, dropped and invalid images.
            limits: The largest image to accept.
        """
        self.model = model
        """The served model; assign another one to replace it."""
        self._batcher = batcher
        self._decoding = decoding
        self._admission = admission
        self._metrics = metrics
        self._limits = limits
        self._verdicts = {verdict: metrics.verdicts.labels(verdict.value) for verdict in Verdict}
        self._invalid = metrics.verdicts.labels("invalid")

    @property
    def manifest(self) -> Manifest:
        """The manifest of the served model."""
        return self.model.manifest

    async def recognize(
        self, images: Sequence[SourceImage], deadline: float = math.inf
    ) -> list[Prediction | ServerError]:
        """Recognize at least one image.

        Args:
            images: The images of one request.
            deadline: Time on the event loop's clock when the caller stops waiting.

        Returns:
            One result per image, in their order. The result of an invalid image is an
            InvalidArgumentError.

        Raises:
            OverloadedError: The request was rejected; no image was recognized.
            ExpiredError: The deadline passed before the model was free.
        """
        if len(images) == 1 and _is_small(images[0]):
            return [await self._recognize_small(images[0], deadline)]
        model = self.model
        with self._admission.admit(len(images), sum(map(_byte_count, images))):
            start = time.perf_counter()
            framed = await self._make_frames(images, deadline)
            self._metrics.framing_seconds.observe(time.perf_counter() - start)
            frames = [frame for frame in framed if not isinstance(frame, ServerError)]
            predictions = await self._batcher.predict(frames, model, deadline) if frames else ()
        for verdict, count in Counter(prediction.verdict for prediction in predictions).items():
            self._verdicts[verdict].inc(count)
        self._invalid.inc(len(framed) - len(frames))
        remaining = iter(predictions)
        return [frame if isinstance(frame, ServerError) else next(remaining) for frame in framed]

    async def _recognize_small(
        self, image: SourceImage, deadline: float
    ) -> Prediction | InvalidArgumentError:
        """Recognize one image without a decoding thread: the model's call normalizes it."""
        model = self.model
        with self._admission.admit(1, _byte_count(image)) as is_alone:
            try:
                gray = _decode(image, self._limits)
            except InvalidArgumentError as error:
                self._invalid.inc()
                return error
            predictions: Sequence[Prediction] | None = None
            if is_alone and model.engine.image_seconds <= IN_PLACE_SECONDS:
                # Let calls that have arrived meanwhile be admitted: one batch of all is faster.
                await asyncio.sleep(0)
                if self._admission.image_count == 1:
                    predictions = self._batcher.predict_in_place([gray], model)
            if predictions is None:
                predictions = await self._batcher.predict([gray], model, deadline)
        [prediction] = predictions
        self._verdicts[prediction.verdict].inc()
        return prediction

    async def _make_frames(
        self, images: Sequence[SourceImage], deadline: float
    ) -> list[NDArray[np.float32] | InvalidArgumentError]:
        """Decode and normalize images in threads."""
        loop = asyncio.get_running_loop()
        size = SMALL_IMAGES_PER_JOB if all(map(_is_small, images)) else IMAGES_PER_JOB
        jobs = [
            loop.run_in_executor(
                self._decoding, _frames_of, images[start : start + size], self._limits
            )
            for start in range(0, len(images), size)
        ]
        try:
            return [frame for job in await asyncio.gather(*jobs) for frame in job]
        except asyncio.CancelledError:  # which also cancels the jobs that have not started
            reason = "expired" if loop.time() >= deadline else "cancelled"
            self._metrics.dropped.labels(reason).inc(len(images))
            raise


def _byte_count(image: SourceImage) -> int:
    match image:
        case EncodedImage():
            return len(image.content)
        case RawImage():
            return len(image.pixels)
        case None:
            return 0


def _is_small(image: SourceImage) -> bool:
    return not isinstance(image, EncodedImage) and _byte_count(image) <= SMALL_PIXELS


def _decode(image: SourceImage, limits: ImageLimits) -> NDArray[np.uint8]:
    match image:
        case EncodedImage():
            return decode(image.content, limits)
        case RawImage():
            return from_raw(image.width, image.height, image.pixels, limits)
        case None:
            raise InvalidArgumentError("image", "is unset; encoded or raw is required")


def _frames_of(
    images: Sequence[SourceImage], limits: ImageLimits
) -> list[NDArray[np.float32] | InvalidArgumentError]:
    decoded: list[NDArray[np.uint8] | InvalidArgumentError] = []
    for image in images:
        try:
            decoded.append(_decode(image, limits))
        except InvalidArgumentError as error:
            decoded.append(error)
    grays = [gray for gray in decoded if not isinstance(gray, InvalidArgumentError)]
    frames = iter(normalize_batch(grays) if grays else ())
    return [gray if isinstance(gray, InvalidArgumentError) else next(frames) for gray in decoded]
