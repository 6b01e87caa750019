"""Recognizes images: admission, decoding, normalization and the model. Independent of gRPC."""

import asyncio
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from digits_server.models import LoadedModel, Manifest
from digits_server.models.predictions import Predictions, Verdict
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import Images, Work, measure_work, to_frames

from .admission import Admission
from .batcher import Batcher

# A model that takes longer than this for one image never blocks the event loop for it.
IN_PLACE_SECONDS: Final = 0.0005
# At most so many requests run there before the next one shows whether callers still come one at a
# time.
MAX_IN_PLACE: Final = 15


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
    ) -> None:
        """Recognize with a model.

        Args:
            model: The first model to serve. The number of its engines is the number of chunks
                of images that are recognized at a time.
            threads: Recognize images, one thread for each of the model's engines.
            admission: Admits or rejects each request.
            metrics: Counts and times the images.
            limits: The largest image to accept.
        """
        self.model = model
        """The served model; assign another one, with as many engines, to replace it."""
        self._admission = admission
        self._metrics = metrics
        self._limits = limits
        self._request_count = 0  # on the cores
        self._in_place_count = 0  # in place, since the last one on the cores
        self._in_place_limit = 0
        self._batcher = Batcher(threads, len(model.engines), self._recognize, metrics)
        self._verdicts = [metrics.verdicts.labels(verdict.name.lower()) for verdict in Verdict]

    @property
    def manifest(self) -> Manifest:
        """The manifest of the served model."""
        return self.model.manifest

    async def recognize(self, images: Images, deadline: float = math.inf) -> Predictions:
        """Recognize at least one image.

        Args:
            images: The images of one request.
            deadline: Time on the event loop's clock when the caller stops waiting.

        Returns:
            One row per image, in their order. An invalid image has an error in its row.

        Raises:
            OverloadedError: The request was rejected; no image was recognized.
            ExpiredError: The deadline passed before a core was free.
        """
        model, work = self.model, measure_work(images)
        remaining_seconds = deadline - asyncio.get_running_loop().time()
        with self._admission.admit(len(images), work.byte_count, remaining_seconds):
            predictions = self._recognize_in_place(images, work, model)
            if predictions is None:
                predictions = await self._recognize_on_cores(images, work, model, deadline)
        for verdict, count in enumerate(np.bincount(predictions.verdicts).tolist()):
            if count:
                self._verdicts[verdict].inc(count)
        return predictions

    def stop(self) -> None:
        """Cancel the requests that still wait."""
        self._batcher.stop()

    def _recognize_in_place(
        self, images: Images, work: Work, model: LoadedModel
    ) -> Predictions | None:
        """Recognize a request in the event loop's thread, or return None to use the cores.

        This is the only choice of where work runs. For a caller that sends one small image after
        another, the way to a core's thread and back takes longer than the work.
        """
        if (
            self._in_place_count >= self._in_place_limit
            or work.cost > 1
            or self._admission.image_count > 1
            or model.image_seconds > IN_PLACE_SECONDS
        ):
            return None
        self._in_place_count += 1
        return self._batcher.predict_in_place(images, model)

    async def _recognize_on_cores(
        self, images: Images, work: Work, model: LoadedModel, deadline: float
    ) -> Predictions:
        """Recognize a request in the threads of the cores.

        A request that no other joins meanwhile suggests that callers come one at a time. While one
        runs in the event loop, others cannot even arrive, so only some requests run there before
        the next one runs here: more, the longer callers have come one at a time.
        """
        self._request_count += 1
        number, is_alone = self._request_count, self._admission.image_count == len(images)
        predictions = await self._batcher.predict(images, work, model, deadline)
        is_alone = is_alone and number == self._request_count
        self._in_place_limit = min(2 * self._in_place_limit + 1, MAX_IN_PLACE) if is_alone else 0
        self._in_place_count = 0
        return predictions

    def _recognize(self, model: LoadedModel, images: Images, core: int) -> Predictions:
        """Recognize the images of one or more requests; called in any thread."""
        start = time.perf_counter()
        frames = to_frames(images, self._limits)
        framed = time.perf_counter()
        predictions = model.predict(frames.pixels, core)
        self._metrics.framing_seconds.observe(framed - start)
        self._metrics.model_seconds.observe(time.perf_counter() - framed)
        return predictions.spread(frames.owners, len(images), frames.errors)
