"""Every way of sending an image leads to the prediction of that image alone, bit for bit."""

import io
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits.inference.v2 import inference_pb2 as infer_pb
from digits.inference.v2 import inference_pb2_grpc as infer_grpc
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.app import running
from digits_server.models import LoadedModel, load_folder, versions
from digits_server.models.predictions import Predictions
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import to_frames
from digits_server.settings import SHIPPED_MODELS, Settings
from digits_training.datasets import DatasetError, load_mnist
from digits_training.eval_set import EvalSet
from digits_training.eval_sets import available_sets

BATCH = 200
# Every so many images are sent alone.
IMAGES_PER_SET = 200
ALONE = 50
LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)

Gray = NDArray[np.uint8]
Row = tuple[int, int, bytes]
"""Verdict, digit (-1 if none) and the bytes of the probabilities."""


@pytest.fixture(scope="module")
def eval_sets() -> list[EvalSet]:
    try:
        sets, _ = available_sets(load_mnist(download=False), None)
    except DatasetError as error:
        pytest.skip(str(error))
    return [each for each in sets if "-" not in each.name]  # without the parts of ``wild``


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_folder(SHIPPED_MODELS / str(max(versions(SHIPPED_MODELS))), cores=2)


@pytest.fixture
async def channel(model: LoadedModel) -> AsyncIterator[grpc.aio.Channel]:
    settings = Settings(port=0, threads=2, max_wait_seconds=3600, max_message_bytes=2**30)
    async with (
        running(settings, model, Metrics()) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield channel


def rows_of(predictions: Predictions) -> Iterator[Row]:
    columns = zip(predictions.verdicts, predictions.digits, predictions.probs, strict=True)
    for verdict, digit, probs in columns:
        yield int(verdict), int(digit), probs.tobytes()


def row_of(message: pb.Prediction) -> Row:
    probs = np.array(message.probabilities or [0] * 10, np.float32)
    return message.verdict, message.digit if message.HasField("digit") else -1, probs.tobytes()


def raw(gray: Gray) -> pb.Image:
    height, width = gray.shape
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))


def png(gray: Gray) -> pb.Image:
    content = io.BytesIO()
    Image.fromarray(gray).save(content, "PNG")
    return pb.Image(encoded=content.getvalue())


def batches(images: Sequence[Gray]) -> Iterator[Sequence[Gray]]:
    return (images[start : start + BATCH] for start in range(0, len(images), BATCH))


async def in_batches(stub: Any, messages: Iterable[pb.Image]) -> list[Row]:
    rows = []
    remaining = iter(messages)
    while images := list(itertools.islice(remaining, BATCH)):
        response = await stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images))
        rows += [row_of(result.predictions[0]) for result in response.results]
    return rows


async def as_tensors(stub: Any, images: Sequence[Gray]) -> list[tuple[int, bytes]]:
    rows: list[tuple[int, bytes]] = []
    for batch in batches(images):
        tensor = infer_pb.ModelInferRequest.InferInputTensor(
            name="images", datatype="UINT8", shape=(len(batch), 28, 28)
        )
        response = await stub.ModelInfer(
            infer_pb.ModelInferRequest(
                model_name="digits",
                inputs=[tensor],
                raw_input_contents=[np.stack(batch).tobytes()],
            )
        )
        probs = np.frombuffer(response.raw_output_contents[0], "<f4").reshape(-1, 10)
        digits = np.frombuffer(response.raw_output_contents[1], "<i8")
        rows += [(int(digit), row.tobytes()) for digit, row in zip(digits, probs, strict=True)]
    return rows


async def test_every_way_of_sending_leads_to_the_same_predictions(
    eval_sets: list[EvalSet], model: LoadedModel, channel: grpc.aio.Channel
) -> None:
    stub = pb_grpc.RecognizerServiceStub(channel)
    infer_stub = infer_grpc.GRPCInferenceServiceStub(channel)
    for eval_set in eval_sets:
        # Some of each set: all of them take minutes on a slow machine.
        images = eval_set.images[:: -(-len(eval_set.images) // IMAGES_PER_SET)]
        alone = [
            row
            for gray in images
            for row in rows_of(model.predict(to_frames(gray[np.newaxis], LIMITS)))
        ]
        assert await in_batches(stub, map(raw, images)) == alone, eval_set.name
        assert await in_batches(stub, map(png, images)) == alone, eval_set.name
        for gray, row in zip(images[::ALONE], alone[::ALONE], strict=True):
            for message in (raw(gray), png(gray)):
                response = await stub.Recognize(pb.RecognizeRequest(image=message))
                assert row_of(response.predictions[0]) == row, eval_set.name
        if all(gray.shape == (28, 28) for gray in images):
            assert await as_tensors(infer_stub, images) == [row[1:] for row in alone]
