"""Recognizing images: decode, frame, predict, judge. Knows no proto and no gRPC."""

import asyncio
import enum
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .admission import Admission
from .batcher import Batcher
from .engine import DIGIT_COUNT, Engine
from .errors import InvalidArgumentError, ServerError
from .frames import make_frame
from .metrics import Metrics
from .models import LoadedModel, Manifest

# Below this many images a thread costs more than it gives.
IMAGES_A_JOB: Final = 16
# Of the model, for one image: above this the event loop is not held for it.
IN_PLACE_SECONDS: Final = 0.0005

Gray = NDArray[np.uint8]
Frame = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """An image that is not decoded yet."""

    gray: Callable[[], Gray]
    """Decodes it; called in a decoding thread; raises InvalidArgumentError."""
    byte_count: int
    """That it holds until it is decoded."""
    is_small: bool = False
    """Whether decoding and framing it takes less than handing it to another thread."""


class Verdict(enum.Enum):
    """What was found in an image."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


@dataclass(frozen=True)
class Prediction:
    """The answer for one image."""

    verdict: Verdict
    digit: int | None
    """0..9, with the verdict DIGIT only."""
    confidence: float
    """The largest of ``probs``; 0 for a blank image."""
    probs: tuple[float, ...]
    """Ten shares that sum to 1; none for a blank image."""
    frame: Frame
    """(28, 28), 0..1: what the model saw."""
    model_version: str
    """Of the model that answered."""


class Recognizer:
    """Answers by the model that is served, which may be exchanged at any time.

    A request is answered whole by the model that was served when it came.
    """

    def __init__(
        self,
        model: LoadedModel,
        batcher: Batcher,
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
        model = self.model
        byte_count = sum(source.byte_count for source in sources)
        with self._admission.admit(len(sources), byte_count) as is_alone:
            began = time.perf_counter()
            is_small = len(sources) == 1 and sources[0].is_small
            in_place = is_alone and is_small
            if in_place:
                # Whoever came at the same moment is seen then: they are better answered together.
                await asyncio.sleep(0)
                in_place = self._admission.image_count == 1
            framed = _frame_some(sources) if is_small else await self._frame_all(sources, deadline)
            self._metrics.framing_seconds.observe(time.perf_counter() - began)
            has_ink = [not isinstance(frame, ServerError) and bool(frame.any()) for frame in framed]
            inked = [frame for frame, inks in zip(framed, has_ink, strict=True) if inks]
            rows = iter(
                await self._predict(np.asarray(inked), model.engine, deadline, in_place)
                if inked
                else ()
            )
        answers: list[Prediction | ServerError] = [
            frame
            if isinstance(frame, ServerError)
            else judge(frame, next(rows) if inks else None, model.manifest)
            for frame, inks in zip(framed, has_ink, strict=True)
        ]
        for answer in answers:
            (
                self._invalid if isinstance(answer, ServerError) else self._verdicts[answer.verdict]
            ).inc()
        return answers

    async def _predict(
        self, frames: Frame, engine: Engine, deadline: float, in_place: bool
    ) -> NDArray[np.float32]:
        if in_place and engine.image_seconds <= IN_PLACE_SECONDS:
            probs = self._batcher.predict_in_place(frames, engine)
            if probs is not None:
                return probs
        return await self._batcher.predict(frames, engine, deadline)

    async def _frame_all(
        self, sources: Sequence[Source], deadline: float
    ) -> list[Frame | InvalidArgumentError]:
        loop = asyncio.get_running_loop()
        jobs = [
            loop.run_in_executor(self._decoding, _frame_some, sources[at : at + IMAGES_A_JOB])
            for at in range(0, len(sources), IMAGES_A_JOB)
        ]
        try:
            return [frame for job in await asyncio.gather(*jobs) for frame in job]
        except asyncio.CancelledError:  # jobs that had not begun are cancelled too
            reason = "expired" if loop.time() >= deadline else "cancelled"
            self._metrics.dropped.labels(reason).inc(len(sources))
            raise


def judge(frame: Frame, probs: NDArray[np.float32] | None, manifest: Manifest) -> Prediction:
    """Return the answer that a model's probabilities amount to.

    Args:
        frame: (28, 28), what the model saw.
        probs: (10,) or (11,), the model's; None for a frame without ink.
        manifest: The model's.
    """
    if probs is None:
        return Prediction(Verdict.BLANK, None, 0.0, (), frame, manifest.version)
    of_digits = probs[:DIGIT_COUNT].tolist()  # ten numbers: NumPy would take longer
    largest = max(of_digits)
    digit = of_digits.index(largest)
    is_known = largest >= manifest.rejection_threshold
    # Given that it is a digit: what a model with a class for all else left to that is shared.
    total = sum(of_digits)
    return Prediction(
        Verdict.DIGIT if is_known else Verdict.NOT_A_DIGIT,
        digit if is_known else None,
        largest / total,
        tuple(prob / total for prob in of_digits),
        frame,
        manifest.version,
    )


def _frame_some(sources: Sequence[Source]) -> list[Frame | InvalidArgumentError]:
    frames: list[Frame | InvalidArgumentError] = []
    for source in sources:
        try:
            frames.append(make_frame(source.gray()))
        except InvalidArgumentError as error:
            frames.append(error)
    return frames
