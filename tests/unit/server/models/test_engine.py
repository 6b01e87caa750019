from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models.engine import BATCH_SIZES, LiteRtEngine
from digits_server.settings import SHIPPED_MODELS


@pytest.fixture(scope="module")
def content() -> bytes:
    folder = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    return (folder / models.MODEL_FILE).read_bytes()


@pytest.mark.parametrize("count", [1, 2, 3, 63, 64, 65, 130])
def test_any_number_of_frames_is_answered_as_each_alone(content: bytes, count: int) -> None:
    engine = LiteRtEngine(content, threads=1)
    frames = np.random.default_rng(count).random((count, 28, 28), np.float32)
    together = engine.predict(frames)
    alone = np.concatenate([engine.predict(frames[n : n + 1]) for n in range(count)])
    assert together.shape == (count, 11)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_a_temperature_above_one_is_less_sure_of_the_same_digit(content: bytes) -> None:
    frames = np.random.default_rng(0).random((40, 28, 28), np.float32)
    plain = LiteRtEngine(content, threads=1).predict(frames)
    cooled = LiteRtEngine(content, threads=1, temperature=2.0).predict(frames)
    np.testing.assert_array_equal(plain.argmax(axis=1), cooled.argmax(axis=1))
    assert (cooled.max(axis=1) < plain.max(axis=1)).all()
    np.testing.assert_allclose(cooled.sum(axis=1), 1, atol=1e-5)
    expected = np.sqrt(plain) / np.sqrt(plain).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cooled, expected, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"no model" * 100, b"\0\0\0\0TFL3" + b"\xff" * 100])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="is not a LiteRT model"):
        LiteRtEngine(content, threads=1)


def test_a_model_is_known_by_its_shapes() -> None:
    engine = LiteRtEngine(linear(side=28, classes=10), threads=1)
    assert engine.predict(np.zeros((3, 28, 28), np.float32)).shape == (3, 10)
    with pytest.raises(ModelError, match=r"does not answer with ten or eleven probabilities"):
        LiteRtEngine(linear(side=28, classes=9), threads=1)
    with pytest.raises(ModelError, match="is not a LiteRT model of"):
        LiteRtEngine(linear(side=32, classes=10), threads=1)


def test_every_batch_size_is_warmed_up_and_its_time_known(content: bytes) -> None:
    engine = LiteRtEngine(content, threads=1)
    assert set(engine.warm_up_seconds) == set(BATCH_SIZES)
    assert min(engine.warm_up_seconds.values()) > 0
    assert 0 < engine.image_seconds < 10


def linear(side: int, classes: int) -> bytes:
    """Write the smallest model: one layer of zero weights and a softmax."""
    layer, softmax = schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.SOFTMAX
    shapes = [[1, side, side, 1], [classes, side * side], [1, classes], [1, classes]]
    tensors = [
        part("Tensor", name=str(number), shape=shape, buffer=1 if number == 1 else 0)
        for number, shape in enumerate(shapes)
    ]
    graph = part(
        "SubGraph",
        tensors=tensors,
        inputs=[0],
        outputs=[3],
        operators=[
            part(
                "Operator",
                opcodeIndex=0,
                inputs=[0, 1, -1],
                outputs=[2],
                builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
                builtinOptions=part("FullyConnectedOptions"),
            ),
            part(
                "Operator",
                opcodeIndex=1,
                inputs=[2],
                outputs=[3],
                builtinOptionsType=schema.BuiltinOptions.SoftmaxOptions,
                builtinOptions=part("SoftmaxOptions", beta=1.0),
            ),
        ],
    )
    weights = np.zeros(classes * side * side, "<f4").view(np.uint8)
    model = part(
        "Model",
        version=3,
        operatorCodes=[
            part("OperatorCode", builtinCode=code, deprecatedBuiltinCode=code, version=1)
            for code in (layer, softmax)
        ],
        subgraphs=[graph],
        buffers=[part("Buffer"), part("Buffer", data=weights)],
    )
    builder = schema.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def part(kind: str, **values: Any) -> Any:
    made = getattr(schema, f"{kind}T")()
    for name, value in values.items():
        setattr(made, name, value)
    return made
