"""Conversion to LiteRT files: their arithmetic, their size, and what is printed."""

import re

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from digits_server.models.engine import LiteRtEngine
from digits_training import networks
from digits_training.conversion import to_float32, to_int8

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
MAX_COMPACT_BYTES = 1_000_000


@pytest.fixture(scope="module")
def compact() -> keras.Model:
    """The shipped network, untrained."""
    keras.utils.set_random_seed(1)
    return networks.compact(0.001, step_count=10)


@pytest.fixture(scope="module")
def frames() -> NDArray[np.float32]:
    """Some frames, (20, 28, 28, 1)."""
    return np.random.default_rng(1).random((20, 28, 28, 1), np.float32)


@pytest.fixture(scope="module")
def int8(compact: keras.Model, frames: NDArray[np.float32]) -> bytes:
    return to_int8(compact, frames)


def test_the_compact_network_stays_within_its_limit_and_is_smaller_in_int8(
    compact: keras.Model, int8: bytes
) -> None:
    float32 = to_float32(compact)
    assert len(float32) <= MAX_COMPACT_BYTES
    assert len(int8) < len(float32) / 3


def test_input_and_output_are_float32(int8: bytes) -> None:
    interpreter = Interpreter(model_content=int8)
    for details in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [each["dtype"] for each in details] == [np.float32]


def test_only_the_inner_convolutions_compute_in_int8(int8: bytes) -> None:
    types = {}
    for tensor in Interpreter(model_content=int8).get_tensor_details():
        shape = tuple(tensor["shape"].tolist())
        if len(shape) in (2, 4) and shape[0] != 1:
            types[shape] = tensor["dtype"]
    assert types == {
        (24, 3, 3, 1): np.float32,
        (32, 3, 3, 24): np.int8,
        (64, 3, 3, 32): np.int8,
        (64, 3, 3, 64): np.int8,
        (96, 3, 3, 64): np.int8,
        (12, 96): np.float32,
    }


def test_the_predictions_in_int8_are_close_but_not_equal(
    compact: keras.Model, int8: bytes, frames: NDArray[np.float32]
) -> None:
    exact = LiteRtEngine(to_float32(compact), 1).predict(frames[..., 0])
    difference = float(np.abs(LiteRtEngine(int8, 1).predict(frames[..., 0]) - exact).max())
    assert 0 < difference < 0.01


def test_conversion_prints_nothing(
    compact: keras.Model, frames: NDArray[np.float32], capfd: pytest.CaptureFixture[str]
) -> None:
    to_float32(compact)
    to_int8(compact, frames)
    printed = capfd.readouterr()
    assert not re.search(r"\S", printed.out + printed.err)
