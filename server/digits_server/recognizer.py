"""Recognizing images: decode, frame, predict, judge. Knows no proto and no gRPC."""

import asyncio
import enum
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batcher import Batcher
from .engine import DIGIT_COUNT
from .errors import InvalidArgumentError, ServerError
from .frames import make_frame
from .models import Manifest

# Below this many images a thread costs more than it gives.
IMAGES_A_JOB: Final = 16

Gray = NDArray[np.uint8]
GraySource = Callable[[], Gray]
"""Makes the gray image; called in a decoding thread; raises InvalidArgumentError."""


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
    frame: NDArray[np.float32]
    """(28, 28), 0..1: what the model saw."""


class Recognizer:
    """One model, ready to answer."""

    def __init__(self, manifest: Manifest, batcher: Batcher, decoding: ThreadPoolExecutor) -> None:
        self.manifest = manifest
        self._batcher = batcher
        self._decoding = decoding

    async def recognize(self, sources: Sequence[GraySource]) -> list[Prediction | ServerError]:
        """Recognize images; the answers are in the order of the sources.

        An image that cannot be read is an InvalidArgumentError in its place.

        Raises:
            OverloadedError: The queue is full; none was recognized.
        """
        framed = await self._frame_all(sources)
        inked = [frame for frame in framed if not isinstance(frame, ServerError) and frame.any()]
        rows = iter(await self._batcher.predict(np.stack(inked)) if inked else ())
        return [
            frame
            if isinstance(frame, ServerError)
            else self._judge(frame, next(rows))
            if frame.any()
            else Prediction(Verdict.BLANK, None, 0.0, (), frame)
            for frame in framed
        ]

    async def _frame_all(
        self, sources: Sequence[GraySource]
    ) -> list[NDArray[np.float32] | InvalidArgumentError]:
        loop = asyncio.get_running_loop()
        jobs = [
            loop.run_in_executor(self._decoding, _frame_some, sources[at : at + IMAGES_A_JOB])
            for at in range(0, len(sources), IMAGES_A_JOB)
        ]
        return [frame for job in await asyncio.gather(*jobs) for frame in job]

    def _judge(self, frame: NDArray[np.float32], probs: NDArray[np.float32]) -> Prediction:
        of_digits = probs[:DIGIT_COUNT]
        digit = int(of_digits.argmax())
        is_known = float(of_digits[digit]) >= self.manifest.rejection_threshold
        # Given that it is a digit: what a model with a class for all else left to that is shared.
        given_digit = of_digits / of_digits.sum()
        return Prediction(
            Verdict.DIGIT if is_known else Verdict.NOT_A_DIGIT,
            digit if is_known else None,
            float(given_digit[digit]),
            tuple(given_digit.tolist()),
            frame,
        )


def _frame_some(
    sources: Sequence[GraySource],
) -> list[NDArray[np.float32] | InvalidArgumentError]:
    frames: list[NDArray[np.float32] | InvalidArgumentError] = []
    for source in sources:
        try:
            frames.append(make_frame(source()))
        except InvalidArgumentError as error:
            frames.append(error)
    return frames
