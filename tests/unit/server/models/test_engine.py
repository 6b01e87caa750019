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
def test_a_batch_of_any_size_gives_the_probabilities_of_single_frames(
    content: bytes, count: int
) -> None:
    engine = LiteRtEngine(content, threads=1)
    frames = np.random.default_rng(count).random((count, 28, 28), np.float32)
    batch_probs = engine.predict(frames)
    single_probs = np.concatenate([engine.predict(frames[n : n + 1]) for n in range(count)])
    assert batch_probs.shape == (count, 12)
    np.testing.assert_allclose(batch_probs, single_probs, atol=1e-5)
    np.testing.assert_allclose(batch_probs.sum(axis=1), 1, atol=1e-5)


def test_a_temperature_above_one_lowers_the_confidence_but_keeps_the_digit(content: bytes) -> None:
    frames = np.random.default_rng(0).random((40, 28, 28), np.float32)
    plain = LiteRtEngine(content, threads=1).predict(frames)
    calibrated = LiteRtEngine(content, threads=1, temperature=2.0).predict(frames)
    np.testing.assert_array_equal(plain.argmax(axis=1), calibrated.argmax(axis=1))
    assert (calibrated.max(axis=1) < plain.max(axis=1)).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-5)
    expected = np.sqrt(plain) / np.sqrt(plain).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibrated, expected, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"not a model" * 100, b"\0\0\0\0TFL3" + b"\xff" * 100])
def test_bytes_that_are_not_a_model_are_rejected(content: bytes) -> None:
    with pytest.raises(ModelError, match="is not a LiteRT model"):
        LiteRtEngine(content, threads=1)


def test_a_model_with_wrong_shapes_is_rejected() -> None:
    engine = LiteRtEngine(linear_model(side=28, classes=10), threads=1)
    assert engine.predict(np.zeros((3, 28, 28), np.float32)).shape == (3, 10)
    with pytest.raises(ModelError, match="output is not ten to twelve probabilities"):
        LiteRtEngine(linear_model(side=28, classes=9), threads=1)
    with pytest.raises(ModelError, match="is not a LiteRT model of"):
        LiteRtEngine(linear_model(side=32, classes=10), threads=1)


def test_every_batch_size_is_warmed_up_and_timed(content: bytes) -> None:
    engine = LiteRtEngine(content, threads=1)
    assert set(engine.warm_up_seconds) == set(BATCH_SIZES)
    assert min(engine.warm_up_seconds.values()) > 0
    assert 0 < engine.image_seconds < 10


def test_a_call_that_waits_for_a_core_does_not_make_a_model_slow(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.5, 0.5, 0.125, 0.5, 0.5])
    monkeypatch.setattr(LiteRtEngine, "_time_image", lambda _: next(times))
    assert LiteRtEngine(content, threads=1).image_seconds == 0.125


def linear_model(side: int, classes: int) -> bytes:
    """Return the smallest model: one layer with zero weights and a softmax."""
    layer, softmax = schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.SOFTMAX
    shapes = [[1, side, side, 1], [classes, side * side], [1, classes], [1, classes]]
    tensors = [
        table("Tensor", name=str(number), shape=shape, buffer=1 if number == 1 else 0)
        for number, shape in enumerate(shapes)
    ]
    graph = table(
        "SubGraph",
        tensors=tensors,
        inputs=[0],
        outputs=[3],
        operators=[
            table(
                "Operator",
                opcodeIndex=0,
                inputs=[0, 1, -1],
                outputs=[2],
                builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
                builtinOptions=table("FullyConnectedOptions"),
            ),
            table(
                "Operator",
                opcodeIndex=1,
                inputs=[2],
                outputs=[3],
                builtinOptionsType=schema.BuiltinOptions.SoftmaxOptions,
                builtinOptions=table("SoftmaxOptions", beta=1.0),
            ),
        ],
    )
    weights = np.zeros(classes * side * side, "<f4").view(np.uint8)
    model = table(
        "Model",
        version=3,
        operatorCodes=[
            table("OperatorCode", builtinCode=code, deprecatedBuiltinCode=code, version=1)
            for code in (layer, softmax)
        ],
        subgraphs=[graph],
        buffers=[table("Buffer"), table("Buffer", data=weights)],
    )
    builder = schema.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def table(kind: str, **values: Any) -> Any:
    table = getattr(schema, f"{kind}T")()
    for name, value in values.items():
        setattr(table, name, value)
    return table
