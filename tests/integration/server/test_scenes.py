"""The shipped model, through a real server, on files of every kind of scene."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.app import running
from digits_server.models import LoadedModel, load_folder, versions
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS, Settings
from digits_training.scenes import (
    BLANK_KINDS,
    SCENE_KINDS,
    draw_blank,
    draw_scene,
    encode,
    encode_pixels,
)
from digits_training.stroke_templates import write_digit

# Writing by chance is not always legible, and a line that remains of the surroundings is a 1.
LEAST_RIGHT = 16
LEAST_BLANK = 14
SCENES_PER_KIND = 20


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_folder(SHIPPED_MODELS / str(max(versions(SHIPPED_MODELS))), cores=1)


@pytest.fixture
async def stub(model: LoadedModel) -> AsyncIterator[Any]:
    async with (
        running(Settings(port=0, threads=1), model, Metrics()) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield pb_grpc.RecognizerServiceStub(channel)


async def recognize(stub: Any, files: list[bytes]) -> list[pb.Prediction]:
    request = pb.RecognizeBatchRequest(images=[pb.Image(encoded=file) for file in files])
    response = await stub.RecognizeBatch(request)
    return [result.predictions[0] for result in response.results]


@pytest.mark.parametrize("kind", SCENE_KINDS)
async def test_digits_are_read_in_surroundings_of_every_kind(stub: Any, kind: str) -> None:
    random = np.random.default_rng(7)
    labels = [0 if kind == "slashed" else index % 10 for index in range(SCENES_PER_KIND)]
    files = [
        encode(draw_scene(kind, write_digit(label, random), random), random) for label in labels
    ]
    found = [
        prediction.digit if prediction.HasField("digit") else None
        for prediction in await recognize(stub, files)
    ]
    right = sum(digit == label for digit, label in zip(found, labels, strict=True))
    assert right >= LEAST_RIGHT, list(zip(labels, found, strict=True))


@pytest.mark.parametrize("kind", BLANK_KINDS)
async def test_surroundings_without_a_digit_are_blank(stub: Any, kind: str) -> None:
    random = np.random.default_rng(8)
    files = [encode_pixels(kind, draw_blank(kind, random), random) for _ in range(SCENES_PER_KIND)]
    verdicts = Counter(prediction.verdict for prediction in await recognize(stub, files))
    assert verdicts[pb.VERDICT_BLANK] >= LEAST_BLANK
