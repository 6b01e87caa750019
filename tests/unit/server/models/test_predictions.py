from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.models.predictions import (
    NO_DIGIT,
    NO_READING,
    Predictions,
    Verdict,
    to_predictions,
)
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.reason import Reason

INVALID = InvalidArgumentError("image", "is unset")
COLUMNS = ("verdicts", "digits", "confidences", "probs", "frames", "reasons", "readings")


def rows(*probs: list[float]) -> NDArray[np.float32]:
    return np.array(probs, np.float32)


def digit_probs(digit: int, prob: float) -> list[float]:
    rest = (1 - prob) / 9
    return [prob if candidate == digit else rest for candidate in range(10)]


def frames(
    owners: Sequence[int],
    count: int,
    errors: Mapping[int, InvalidArgumentError],
    failures: Mapping[int, Reason],
) -> Frames:
    pixels = np.arange(1, len(owners) + 1, dtype=np.float32)[:, None, None]
    return Frames(
        pixels.repeat(28, 1).repeat(28, 2),
        np.array(owners, np.intp),
        np.zeros(len(owners), np.uint8),
        np.ones((len(owners), 4), np.intp),
        np.array([failures.get(index, 0) for index in range(count)], np.uint8),
        np.arange(count, dtype=np.uint32),
        errors,
    )


def no_numbers(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    raise AssertionError("there are no digits of numbers")


def predict(probs: NDArray[np.float32], threshold: float = 0.5) -> Predictions:
    count = len(probs)
    return to_predictions(
        frames(range(count), count, {}, {}), probs, [], no_numbers, threshold, "7"
    )


THREE = rows(digit_probs(3, 0.9), digit_probs(0, 0.4), digit_probs(9, 0.8))


@pytest.fixture
def three() -> Predictions:
    return predict(THREE)


@pytest.fixture
def six() -> Predictions:
    """Predictions for three images with a frame among an invalid, a small and a blank one."""
    found = frames([0, 2, 5], 6, {1: INVALID}, {3: Reason.TOO_SMALL})
    return to_predictions(found, THREE, [], no_numbers, 0.5, "7")


def test_each_row_of_probabilities_belongs_to_its_frame(three: Predictions) -> None:
    assert three.verdicts.tolist() == [Verdict.DIGIT, Verdict.NOT_A_DIGIT, Verdict.DIGIT]
    assert three.digits.tolist() == [3, NO_DIGIT, 9]
    assert three.confidences.tolist() == pytest.approx([0.9, 0.4, 0.8])
    assert three.frames[:, 0, 0].tolist() == [1, 2, 3]
    assert three.reasons.tolist() == [0, Reason.NO_DIGIT, 0]
    assert three.unread_pages.tolist() == [0, 1, 2]
    assert three.model_version == "7"


def test_a_probability_at_the_threshold_is_a_digit() -> None:
    assert predict(rows(digit_probs(4, 0.5))).digits.tolist() == [4]


def test_an_eleventh_class_affects_the_verdict_and_the_digits_still_sum_to_one() -> None:
    half = rows([*(share / 2 for share in digit_probs(8, 0.8)), 0.5])
    digit, not_a_digit = predict(half, 0.4), predict(half, 0.41)
    assert digit.verdicts.tolist() == [Verdict.DIGIT]
    assert not_a_digit.verdicts.tolist() == [Verdict.NOT_A_DIGIT]
    assert digit.confidences[0] == not_a_digit.confidences[0] == pytest.approx(0.8)
    assert not_a_digit.probs.shape == (1, 10)
    assert not_a_digit.probs.sum() == pytest.approx(1)


def test_a_range_of_rows_is_not_copied(three: Predictions) -> None:
    last = three[1:]
    assert last.digits.tolist() == [NO_DIGIT, 9]
    for column in (*COLUMNS, "unread_pages"):
        assert np.shares_memory(getattr(last, column), getattr(three, column))


def test_an_image_without_a_frame_is_invalid_or_a_failure_or_blank(six: Predictions) -> None:
    assert six.verdicts.tolist() == [
        Verdict.DIGIT,
        Verdict.INVALID,
        Verdict.NOT_A_DIGIT,
        Verdict.NOT_A_DIGIT,
        Verdict.BLANK,
        Verdict.DIGIT,
    ]
    assert six.digits.tolist() == [3, NO_DIGIT, NO_DIGIT, NO_DIGIT, NO_DIGIT, 9]
    assert six.reasons.tolist() == [0, 0, Reason.NO_DIGIT, Reason.TOO_SMALL, 0, 0]
    assert six.readings.tolist() == [0, NO_READING, 0, NO_READING, NO_READING, 0]
    assert six.frames[:, 0, 0].tolist() == [1, 0, 2, 0, 0, 3]
    assert six.unread_pages.tolist() == [0, 1, 2, 3, 4, 5]
    assert not six.probs[[1, 3, 4]].any()
    assert not six.confidences[[1, 3, 4]].any()
    assert set(six.errors) == {1}


def test_images_without_any_frame_have_predictions() -> None:
    found = frames([], 2, {}, {1: Reason.TOO_FAINT})
    predictions = to_predictions(found, np.zeros((0, 10), np.float32), [], no_numbers, 0.5, "7")
    assert predictions.verdicts.tolist() == [Verdict.BLANK, Verdict.NOT_A_DIGIT]
    assert predictions.reasons.tolist() == [0, Reason.TOO_FAINT]


def test_one_of_the_frames_of_an_image_stands() -> None:
    found = frames([0, 0, 2, 2, 2], 3, {}, {})
    probs = rows(*[digit_probs(4, 0.9)] * 2, *[digit_probs(6, 0.9)] * 3)
    predictions = to_predictions(found, probs, [], no_numbers, 0.5, "7")
    assert predictions.digits.tolist() == [4, NO_DIGIT, 6]
    assert predictions.verdicts.tolist() == [Verdict.DIGIT, Verdict.BLANK, Verdict.DIGIT]
    assert len(predictions.probs) == len(predictions.frames) == 3


def test_all_columns_and_errors_follow_their_rows_through_ranges_and_parts(
    six: Predictions,
) -> None:
    assert set(six[1:3].errors) == {0}
    assert set(six[3:5].errors) == set()
    joined = Predictions.concatenate([six[0:1], six[1:4], six[4:6]])
    assert set(joined.errors) == {1}
    for column in (*COLUMNS, "unread_pages"):
        np.testing.assert_array_equal(getattr(joined, column), getattr(six, column))
