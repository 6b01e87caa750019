"""The confidence of numbers, fitted on numbers by validation writers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.numbers import PLAIN_WEIGHTS
from digits_training import number_calibration as module
from digits_training.calibration import Calibration
from digits_training.number_calibration import fit_number_weights
from digits_training.number_results import evaluate_numbers
from digits_training.number_sets import NumberSet

COUNT = 120


def bars(count: int) -> NDArray[np.uint8]:
    page = np.full((80, 40 + 60 * count), 255, np.uint8)
    for index in range(count):
        page[20:60, 40 + 60 * index : 46 + 60 * index] = 0
    return page


@pytest.fixture
def numbers() -> NumberSet:
    """Images of two bars, of which three in four are labeled as elevens."""
    texts = ["11" if index % 4 else "77" for index in range(COUNT)]
    return NumberSet("numbers", "Numbers", [bars(2)] * COUNT, texts)


def read_frames(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read no writing."""
    return np.asarray(np.eye(12)[np.full(len(frames), 11)], np.float32)


def read_strip(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read ink in a column as a one."""
    classes = np.where(strip[:, ::2].max(axis=0) > 0.2, 1, 11)
    return np.asarray(np.eye(12)[classes] * 0.9976 + 0.0002, np.float32)


def test_the_confidence_becomes_the_share_that_is_right(numbers: NumberSet) -> None:
    plain = evaluate_numbers(numbers, read_frames, read_strip, Calibration())
    assert plain.accuracy == pytest.approx(0.75)
    assert plain.calibration_error > 0.15
    weights = fit_number_weights([numbers], read_frames, read_strip, Calibration())
    fitted = evaluate_numbers(numbers, read_frames, read_strip, Calibration(number_weights=weights))
    assert fitted.texts == plain.texts
    assert fitted.calibration_error < 0.03


def test_too_few_numbers_leave_the_confidence_as_it_is(
    numbers: NumberSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit_number_weights([], read_frames, read_strip, Calibration()) == PLAIN_WEIGHTS
    monkeypatch.setattr(module, "_LEAST_COUNT", COUNT + 1)
    assert fit_number_weights([numbers], read_frames, read_strip, Calibration()) == PLAIN_WEIGHTS
