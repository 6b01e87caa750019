"""Images with many readings among plain ones, from the batcher through the model to predictions."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_server.inference.batcher import Batcher
from digits_server.models import LABELS, LoadedModel, Manifest
from digits_server.models.predictions import Predictions, Verdict
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import (
    EncodedImage,
    Images,
    RawImage,
    SourceImage,
    measure_work,
    to_frames,
)
from digits_server.preprocessing.layout import Layout

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**20)
Gray = NDArray[np.uint8]


class BrightnessEngine:
    """Predicts from the ink of a frame alone, so that each frame has its own probabilities."""

    image_seconds = 1.0  # too slow for the event loop's thread

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.entered = threading.Semaphore(0)
        self.released = threading.Event()
        self.released.set()

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(len(frames))
        self.entered.release()
        self.released.wait()
        ink = frames.reshape(len(frames), -1) @ np.linspace(0, 1, 28 * 28, dtype=np.float32)
        probs = np.zeros((len(frames), 12), np.float32)
        rows = np.arange(len(frames))
        digits = (ink * 10).astype(int) % 10
        probs[rows, digits] = 0.3 + 0.7 * (ink % 1)
        probs[rows, 10 + digits % 2] = 1 - probs[rows, digits]
        return probs


@pytest.fixture
def engine() -> BrightnessEngine:
    return BrightnessEngine()


@pytest.fixture
def model(engine: BrightnessEngine) -> LoadedModel:
    manifest = Manifest("7", "", LABELS, 1.0, 0.5, {}, {}, {})
    return LoadedModel(manifest, (engine,))


@pytest.fixture
async def batcher(engine: BrightnessEngine) -> AsyncIterator[Batcher]:
    def recognize(model: LoadedModel, images: Images, layout: Layout, core: int) -> Predictions:
        return model.predict(to_frames(images, LIMITS, layout), core)

    with ThreadPoolExecutor(1) as threads:
        yield Batcher(threads, 1, recognize, Metrics())
        engine.released.set()


def stroke(width: int) -> Gray:
    page = np.full((60, 60), 255, np.uint8)
    page[15:45, 20 : 20 + width] = 0
    return page


def hard(width: int) -> Gray:
    """Return a sheet on a desk in half a shadow, which has many readings."""
    page = np.full((90, 120), 60, np.uint8)
    page[10:80, 30:100] = 230
    page[30:62, 60 : 60 + width] = page[30:36, 44:60] = 20
    page[:, 80:] //= 2
    return page


BLANK = np.full((60, 60), 255, np.uint8)


def raw(gray: Gray) -> RawImage:
    height, width = gray.shape
    return RawImage(width, height, gray.tobytes())


def png(gray: Gray) -> EncodedImage:
    content = io.BytesIO()
    Image.fromarray(gray).save(content, "PNG")
    return EncodedImage(content.getvalue())


def mixed(count: int) -> list[SourceImage]:
    """Return plain, hard, blank and invalid images."""
    images: list[SourceImage] = []
    for index in range(count):
        width = 3 + index % 11
        kinds = [raw(stroke(width)), png(hard(width)), raw(BLANK), raw(hard(width)), None]
        images.append(kinds[index % 5])
    return images


def rows_of(predictions: Predictions) -> list[tuple[object, ...]]:
    """Return each row with all that it has."""
    columns = (
        predictions.verdicts,
        predictions.digits,
        predictions.confidences,
        predictions.reasons,
        predictions.readings,
    )
    pixels = zip(predictions.probs, predictions.frames, strict=True)
    errors = [str(predictions.errors.get(row)) for row in range(len(predictions))]
    return [
        (*values, probs.tobytes(), frame.tobytes(), error)
        for *values, (probs, frame), error in zip(*columns, pixels, errors, strict=True)
    ]


def alone(model: LoadedModel, images: Sequence[SourceImage]) -> list[tuple[object, ...]]:
    """Return the row of each image when it is recognized by itself."""
    return [row for image in images for row in rows_of(model.predict(to_frames([image], LIMITS)))]


async def predict(batcher: Batcher, model: LoadedModel, images: Images) -> list[tuple[object, ...]]:
    return rows_of(await batcher.predict(images, measure_work(images), model))


@asynccontextmanager
async def blocked(
    batcher: Batcher, model: LoadedModel, engine: BrightnessEngine
) -> AsyncIterator[None]:
    """Keep the core busy, so that requests gather; they go on after the block."""
    while engine.entered.acquire(blocking=False):
        pass
    engine.released.clear()
    image = [raw(stroke(5))]
    first = asyncio.create_task(batcher.predict(image, measure_work(image), model))
    await asyncio.to_thread(engine.entered.acquire)
    engine.calls.clear()
    yield
    engine.released.set()
    await first


def test_the_hard_images_have_many_readings_and_each_verdict_occurs(model: LoadedModel) -> None:
    for width in range(3, 14):
        assert len(to_frames([raw(stroke(width))], LIMITS).pixels) == 1
        assert len(to_frames([raw(hard(width))], LIMITS).pixels) >= 3
    verdicts = model.predict(to_frames(mixed(256), LIMITS)).verdicts
    assert set(verdicts.tolist()) == set(Verdict)


async def test_images_of_many_readings_share_a_chunk_with_plain_ones(
    batcher: Batcher, model: LoadedModel, engine: BrightnessEngine
) -> None:
    images = mixed(40)
    expected = alone(model, images)
    async with blocked(batcher, model, engine):
        tasks = [asyncio.create_task(predict(batcher, model, [image])) for image in images]
        await asyncio.sleep(0)
    assert [row for task in tasks for row in await task] == expected
    assert len(engine.calls) < len(images)
    assert max(engine.calls) > len(images)  # more frames than images


async def test_a_batch_of_256_with_hard_images_is_in_order(
    batcher: Batcher, model: LoadedModel
) -> None:
    images = mixed(256)
    assert await predict(batcher, model, images) == alone(model, images)


async def test_frames_of_hard_images_from_a_decoder_are_cut_between_images_only(
    batcher: Batcher, model: LoadedModel, engine: BrightnessEngine
) -> None:
    images = mixed(100)
    expected = alone(model, images)
    engine.calls.clear()
    assert await predict(batcher, model, to_frames(images, LIMITS)) == expected
    assert len(engine.calls) > 1


async def test_a_cancelled_request_with_hard_images_does_not_affect_the_others(
    batcher: Batcher, model: LoadedModel, engine: BrightnessEngine
) -> None:
    requests = [mixed(7)[start:] for start in range(6)]
    expected = [alone(model, images) for images in requests]
    for number in range(len(requests)):
        async with blocked(batcher, model, engine):
            tasks = [asyncio.create_task(predict(batcher, model, images)) for images in requests]
            await asyncio.sleep(0)
            tasks[number].cancel()
        for index, task in enumerate(tasks):
            if index != number:
                assert await task == expected[index]
        assert tasks[number].cancelled()
