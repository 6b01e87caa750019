from pathlib import Path

import numpy as np
import pytest

from digits_server import models
from digits_server.engine import LiteRtEngine
from digits_server.settings import SHIPPED_MODELS


@pytest.fixture(scope="module")
def file() -> Path:
    return SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0]) / models.MODEL_FILE


@pytest.mark.parametrize("count", [1, 2, 3, 63, 64, 65, 130])
def test_any_number_of_frames_is_answered_as_each_alone(file: Path, count: int) -> None:
    engine = LiteRtEngine(file, threads=1)
    frames = np.random.default_rng(count).random((count, 28, 28), np.float32)
    together = engine.predict(frames)
    alone = np.concatenate([engine.predict(frames[n : n + 1]) for n in range(count)])
    assert together.shape == (count, 10)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_a_temperature_above_one_is_less_sure_of_the_same_digit(file: Path) -> None:
    frames = np.random.default_rng(0).random((40, 28, 28), np.float32)
    plain = LiteRtEngine(file, threads=1).predict(frames)
    cooled = LiteRtEngine(file, threads=1, temperature=2.0).predict(frames)
    np.testing.assert_array_equal(plain.argmax(axis=1), cooled.argmax(axis=1))
    assert (cooled.max(axis=1) < plain.max(axis=1)).all()
    np.testing.assert_allclose(cooled.sum(axis=1), 1, atol=1e-5)
    expected = np.sqrt(plain) / np.sqrt(plain).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cooled, expected, atol=1e-5)
