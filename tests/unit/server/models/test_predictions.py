import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.models.predictions import NO_DIGIT, Predictions, Verdict, to_predictions

INVALID = InvalidArgumentError("image", "is unset")


def rows(*probs: list[float]) -> NDArray[np.float32]:
    return np.array(probs, np.float32)


def digit_probs(digit: int, prob: float) -> list[float]:
    rest = (1 - prob) / 9
    return [prob if candidate == digit else rest for candidate in range(10)]


def frames(count: int) -> NDArray[np.float32]:
    return np.arange(1, count + 1, dtype=np.float32)[:, None, None].repeat(28, 1).repeat(28, 2)


def predict(probs: NDArray[np.float32], threshold: float = 0.5) -> Predictions:
    return to_predictions(frames(len(probs)), np.asarray(probs.any(axis=1)), probs, threshold, "7")


@pytest.fixture
def three() -> Predictions:
    return predict(rows(digit_probs(3, 0.9), digit_probs(0, 0.4), digit_probs(9, 0.8)))


def test_each_row_of_probabilities_belongs_to_its_frame(three: Predictions) -> None:
    assert three.verdicts.tolist() == [Verdict.DIGIT, Verdict.NOT_A_DIGIT, Verdict.DIGIT]
    assert three.digits.tolist() == [3, NO_DIGIT, 9]
    assert three.confidences.tolist() == pytest.approx([0.9, 0.4, 0.8])
    assert three.frames[:, 0, 0].tolist() == [1, 2, 3]
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


def test_a_frame_without_ink_is_blank_whatever_the_threshold_is() -> None:
    predictions = predict(rows([0.0] * 10, digit_probs(1, 0.9)), threshold=0)
    assert predictions.verdicts.tolist() == [Verdict.BLANK, Verdict.DIGIT]
    assert predictions.digits.tolist() == [NO_DIGIT, 1]
    assert predictions.probs[0].tolist() == [0.0] * 10
    assert predictions.confidences[0] == 0


def test_a_range_of_rows_is_not_copied(three: Predictions) -> None:
    last = three[1:]
    assert last.digits.tolist() == [NO_DIGIT, 9]
    for column in ("verdicts", "digits", "confidences", "probs", "frames"):
        assert np.shares_memory(getattr(last, column), getattr(three, column))


def test_images_without_a_frame_get_a_row_with_their_error(three: Predictions) -> None:
    spread = three.spread(np.array([0, 2, 4]), 5, {1: INVALID, 3: INVALID})
    assert spread.verdicts.tolist() == [
        Verdict.DIGIT,
        Verdict.INVALID,
        Verdict.NOT_A_DIGIT,
        Verdict.INVALID,
        Verdict.DIGIT,
    ]
    assert spread.digits.tolist() == [3, NO_DIGIT, NO_DIGIT, NO_DIGIT, 9]
    assert spread.frames[:, 0, 0].tolist() == [1, 0, 2, 0, 3]
    assert set(spread.errors) == {1, 3}
    assert three.spread(np.arange(3), 3, {}) is three


def test_errors_follow_their_rows_through_ranges_and_parts(three: Predictions) -> None:
    spread = three.spread(np.array([0, 2, 4]), 5, {1: INVALID, 3: INVALID})
    assert set(spread[1:3].errors) == {0}
    assert set(spread[3:5].errors) == {0}
    joined = Predictions.concatenate([spread[0:1], spread[1:4], spread[4:5]])
    assert set(joined.errors) == {1, 3}
    assert joined.digits.tolist() == spread.digits.tolist()
    assert np.array_equal(joined.probs, spread.probs)
