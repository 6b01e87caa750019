"""Recognizing images: room, decoding and framing, the model. Knows no proto and no gRPC."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError, ServerError
from digits_server.models import ImageOrFrame, LoadedModel, Manifest
from digits_server.models.postprocess import Prediction, Verdict
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.normalize import normalize_batch

from .admission import Admission
from .batcher import Batcher

# Below this many images a thread costs more than it gives: of those that are decoded, and of
# those that need no decoding.
IMAGES_A_JOB: Final = 16
SMALL_IMAGES_A_JOB: Final = 64
# Of the model, for one image: above this the event loop is not held for it.
IN_PLACE_SECONDS: Final = 0.0005


class Source(NamedTuple):
    """An image that is not decoded yet."""

    gray: Callable[[], NDArray[np.uint8]]
    """Decodes it; called in a decoding thread unless small; raises InvalidArgumentError."""
    byte_count: int
    """That it holds until it is decoded."""
    is_small: bool = False
    """Whether decoding and framing it takes less than handing it to another thread."""


class Recognizer:
    """Answers by the model that is served, which may be exchanged at any time.

    A request is answered whole by the model that was served when it came.
    """

    def __init__(
        self,
        model: LoadedModel,
        batcher: Batcher[ImageOrFrame, Prediction],
        decoding: ThreadPoolExecutor,
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self.model = model
        """The model that is served; assign another to exchange it."""
        self._batcher = batcher
        self._decoding = decoding
        self._admission = admission
        self._metrics = metrics
        self._verdicts = {verdict: metrics.verdicts.labels(verdict.value) for verdict in Verdict}
        self._invalid = metrics.verdicts.labels("invalid")

    @property
    def manifest(self) -> Manifest:
        """Of the model that is served."""
        return self.model.manifest

    async def recognize(
        self, sources: Sequence[Source], deadline: float = math.inf
    ) -> list[Prediction | ServerError]:
        """Recognize images; the answers are in the order of the sources.

        An image that cannot be read is an InvalidArgumentError in its place.

        Args:
            sources: The images.
            deadline: Of the event loop's clock; after it nobody waits for the answers.

        Raises:
            OverloadedError: There is no room; none was recognized.
            ExpiredError: The deadline passed before the model was free.
        """
        if len(sources) == 1 and sources[0].is_small:
            return [await self._recognize_small(sources[0], deadline)]
        model = self.model
        byte_count = sum(source.byte_count for source in sources)
        with self._admission.admit(len(sources), byte_count):
            began = time.perf_counter()
            framed = await self._frame_all(sources, deadline)
            self._metrics.framing_seconds.observe(time.perf_counter() - began)
            frames = [frame for frame in framed if not isinstance(frame, ServerError)]
            predictions = await self._batcher.predict(frames, model, deadline) if frames else ()
        for verdict, count in Counter(prediction.verdict for prediction in predictions).items():
            self._verdicts[verdict].inc(count)
        self._invalid.inc(len(framed) - len(frames))
        following = iter(predictions)
        return [frame if isinstance(frame, ServerError) else next(following) for frame in framed]

    async def _recognize_small(
        self, source: Source, deadline: float
    ) -> Prediction | InvalidArgumentError:
        """Recognize an image that is framed together with others that come meanwhile."""
        model = self.model
        with self._admission.admit(1, source.byte_count) as is_alone:
            try:
                image = source.gray()
            except InvalidArgumentError as error:
                self._invalid.inc()
                return error
            predictions: Sequence[Prediction] | None = None
            if is_alone and model.engine.image_seconds <= IN_PLACE_SECONDS:
                # Whoever came at the same moment is seen then: they are better answered together.
                await asyncio.sleep(0)
                if self._admission.image_count == 1:
                    predictions = self._batcher.predict_in_place([image], model)
            if predictions is None:
                predictions = await self._batcher.predict([image], model, deadline)
        [prediction] = predictions
        self._verdicts[prediction.verdict].inc()
        return prediction

    async def _frame_all(
        self, sources: Sequence[Source], deadline: float
    ) -> list[NDArray[np.float32] | InvalidArgumentError]:
        loop = asyncio.get_running_loop()
        are_small = all(source.is_small for source in sources)
        size = SMALL_IMAGES_A_JOB if are_small else IMAGES_A_JOB
        jobs = [
            loop.run_in_executor(self._decoding, _frame_some, sources[at : at + size])
            for at in range(0, len(sources), size)
        ]
        try:
            return [frame for job in await asyncio.gather(*jobs) for frame in job]
        except asyncio.CancelledError:  # jobs that had not begun are cancelled too
            reason = "expired" if loop.time() >= deadline else "cancelled"
            self._metrics.dropped.labels(reason).inc(len(sources))
            raise


def _frame_some(sources: Sequence[Source]) -> list[NDArray[np.float32] | InvalidArgumentError]:
    grays: list[NDArray[np.uint8] | InvalidArgumentError] = []
    for source in sources:
        try:
            grays.append(source.gray())
        except InvalidArgumentError as error:
            grays.append(error)
    images = [gray for gray in grays if not isinstance(gray, InvalidArgumentError)]
    frames = iter(normalize_batch(images) if images else ())
    return [gray if isinstance(gray, InvalidArgumentError) else next(frames) for gray in grays]
