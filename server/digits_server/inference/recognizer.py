"""Recognizes images: admission, decoding, normalization and the model. Independent of gRPC."""

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from digits_server.decoders import DecoderPool
from digits_server.models import LoadedModel, Manifest
from digits_server.models.predictions import Predictions, Verdict
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import Frames, Images, SourceImage, measure_work, to_frames
from digits_server.preprocessing.layout import Layout

from .admission import Admission
from .batcher import Batcher


class Recognizer:
    """Recognizes images with the served model, which can be replaced at any time.

    A request is recognized completely by the model that was served when it arrived.
    """

    def __init__(
        self,
        model: LoadedModel,
        threads: ThreadPoolExecutor,
        admission: Admission,
        metrics: Metrics,
        limits: ImageLimits,
        decoders: DecoderPool,
    ) -> None:
        """Recognize with a model.

        Args:
            model: The first model to serve. The number of its engines is the number of chunks
                of images that are recognized at a time.
            threads: Recognize images, one thread for each of the model's engines.
            admission: Admits or rejects each request.
            metrics: Counts and times the images.
            limits: The largest image to accept.
            decoders: Decode the images that are not plain.
        """
        self._decoders = decoders
        self.model = model
        """The served model; assign another one, with as many engines, to replace it."""
        self._admission = admission
        self._metrics = metrics
        self._limits = limits
        self._batcher = Batcher(threads, len(model.engines), self._recognize, metrics)
        self._layouts = {each: metrics.layouts.labels(each.name.lower()) for each in Layout}
        self._verdicts = [metrics.verdicts.labels(verdict.name.lower()) for verdict in Verdict]

    @property
    def manifest(self) -> Manifest:
        """The manifest of the served model."""
        return self.model.manifest

    async def recognize(
        self, images: Images, deadline: float = math.inf, layout: Layout = Layout.DIGIT
    ) -> Predictions:
        """Recognize at least one image.

        Args:
            images: The images of one request.
            deadline: Time on the event loop's clock when the caller stops waiting.
            layout: What each image holds.

        Returns:
            One row per image, in their order. An invalid image has an error in its row.

        Raises:
            OverloadedError: The request was rejected; no image was recognized.
            ExpiredError: The deadline passed before a core was free.
        """
        model, work = self.model, measure_work(images, layout)
        remaining_seconds = deadline - asyncio.get_running_loop().time()
        with self._admission.admit(
            len(images), work.byte_count, remaining_seconds, is_plain=work.is_plain
        ):
            if not (work.is_plain or isinstance(images, np.ndarray | Frames)):
                images = await self._decode(images, layout, deadline)
                work = measure_work(images)
            predictions = await self._batcher.predict(images, work, model, deadline, layout)
        for verdict, count in enumerate(np.bincount(predictions.verdicts).tolist()):
            if count:
                self._verdicts[verdict].inc(count)
        self._layouts[layout].inc(len(predictions))
        for numbers in predictions.numbers.values():
            for number in numbers:
                self._metrics.number_digits.observe(len(number.places))
        return predictions

    async def _decode(
        self, images: Sequence[SourceImage], layout: Layout, deadline: float
    ) -> Frames:
        """Return the frames of images that are decoded in another process."""
        try:
            return await self._decoders.to_frames(images, layout)
        except asyncio.CancelledError:
            has_expired = asyncio.get_running_loop().time() >= deadline
            reason = "expired" if has_expired else "cancelled"
            self._metrics.dropped.labels(reason).inc(len(images))
            raise

    def stop(self) -> None:
        """Cancel the requests that still wait."""
        self._batcher.stop()

    def _recognize(
        self, model: LoadedModel, images: Images, layout: Layout, core: int
    ) -> Predictions:
        """Recognize the images of one or more requests; called in any thread."""
        start = time.perf_counter()
        frames = to_frames(images, self._limits, layout)
        framed = time.perf_counter()
        predictions = model.predict(frames, core)
        self._metrics.framing_seconds.observe(framed - start)
        self._metrics.model_seconds.observe(time.perf_counter() - framed)
        return predictions
