"""The reading that stands for an image, and when an image is blank."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.predictions import (
    NO_DIGIT,
    NO_READING,
    Predictions,
    Verdict,
    choose,
    to_predictions,
)
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason

THRESHOLD = 0.5
KINDS = np.arange(len(READINGS), dtype=np.uint8)[::-1]
COLUMN_COUNTS = (10, 11, 12)


def row(
    digit: int, prob: float, count: int = 12, *, not_a_digit: float = 0, no_writing: float = 0
) -> NDArray[np.float32]:
    """Return probabilities: of one digit, of the two other classes, and the rest for all digits."""
    probs = np.full(count, (1 - prob - not_a_digit - no_writing) / 9, np.float32)
    probs[10:] = [not_a_digit, no_writing][: count - 10]
    probs[digit] = prob
    return probs


NOTHING = row(0, 0.01, no_writing=0.9)
SCRIBBLE = row(0, 0.01, not_a_digit=0.9)


def chosen(owners: Sequence[int], probs: Sequence[NDArray[np.float32]]) -> list[int]:
    return list(choose(np.array(owners, np.intp), np.stack(probs), THRESHOLD))


def predict(
    owners: Sequence[int], count: int, probs: Sequence[NDArray[np.float32]], **columns: object
) -> Predictions:
    """Return the predictions for images; row i has a kind of its own and the level i + 1."""
    frames = Frames(
        np.arange(1, len(owners) + 1, dtype=np.float32)[:, None, None].repeat(28, 1).repeat(28, 2),
        np.array(owners, np.intp),
        KINDS[: len(owners)],
        np.ones((len(owners), 4), np.intp),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint32),
        **columns,  # type: ignore[arg-type]
    )
    return to_predictions(frames, np.stack(probs), [], lambda frames: frames, THRESHOLD, "7")


@pytest.mark.parametrize("count", COLUMN_COUNTS)
def test_the_most_convincing_reading_of_each_image_stands(count: int) -> None:
    probs = [row(1, prob, count) for prob in (0.7, 0.9, 0.6, 0.8, 0.5, 0.99)]
    assert chosen([0, 0, 1, 2, 2, 2], probs) == [1, 2, 5]


@pytest.mark.parametrize("count", COLUMN_COUNTS)
def test_of_readings_that_are_as_convincing_the_first_stands(count: int) -> None:
    probs = [row(3, 0.6, count), row(4, 0.9, count), row(5, 0.9, count), row(6, 0.9, count)]
    assert chosen([0, 0, 0, 1], probs) == [1, 3]


def test_owners_that_come_later_or_skip_images_keep_their_rows() -> None:
    probs = [row(1, 0.6), row(1, 0.9), row(1, 0.7), row(1, 0.8)]
    assert chosen([3, 3, 7, 9], probs) == [1, 2, 3]
    assert chosen([5], [row(1, 0.9)]) == [0]


def test_an_image_is_blank_if_no_reading_has_writing() -> None:
    assert chosen([0, 0, 1, 2], [NOTHING, NOTHING, row(4, 0.9), NOTHING]) == [2]
    assert chosen([0, 1], [NOTHING, NOTHING]) == []
    predictions = predict([0, 0, 1], 3, [NOTHING, NOTHING, row(4, 0.9)])
    assert predictions.verdicts.tolist() == [Verdict.BLANK, Verdict.DIGIT, Verdict.BLANK]
    assert predictions.readings.tolist() == [NO_READING, KINDS[2], NO_READING]
    assert predictions.digits.tolist() == [NO_DIGIT, 4, NO_DIGIT]
    assert predictions.reasons.tolist() == [0, 0, 0]
    assert not predictions.probs[[0, 2]].any()
    assert not predictions.frames[[0, 2]].any()


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    ("writing", "verdict"),
    [(row(4, 0.9), Verdict.DIGIT), (SCRIBBLE, Verdict.NOT_A_DIGIT)],
    ids=["digit", "scribble"],
)
def test_an_image_with_writing_in_any_reading_is_not_blank(
    position: int, writing: NDArray[np.float32], verdict: Verdict
) -> None:
    probs = [NOTHING] * 3
    probs[position] = writing
    predictions = predict([0, 0, 0], 1, probs)
    assert predictions.verdicts.tolist() == [verdict]
    assert predictions.reasons.tolist() == [Reason.NO_DIGIT if verdict != Verdict.DIGIT else 0]


def test_a_digit_at_the_threshold_is_writing_though_the_rest_speaks_against_it() -> None:
    assert chosen([0], [row(4, 0.5, no_writing=0.5)]) == [0]
    assert chosen([0, 0], [NOTHING, row(4, 0.5, no_writing=0.5)]) == [1]
    assert chosen([0], [row(4, 0.49, no_writing=0.51)]) == []


@pytest.mark.parametrize(("not_a_digit", "is_writing"), [(0.4, False), (0.6, True)])
def test_writing_that_is_not_a_digit_is_far_likelier_than_none(
    *, not_a_digit: float, is_writing: bool
) -> None:
    probs = row(4, 0.2, not_a_digit=not_a_digit, no_writing=0.8 - not_a_digit)
    assert bool(chosen([0], [probs])) == is_writing
    assert chosen([0], [row(4, 0.2, not_a_digit=0.39, no_writing=0.41)]) == []


@pytest.mark.parametrize("count", [10, 11])
def test_a_model_without_the_class_no_writing_finds_writing_in_every_reading(count: int) -> None:
    probs = [row(1, 0.1, count), row(1, 0.1, count), row(2, 0.1, count)]
    assert chosen([0, 0, 1], probs) == [0, 2]
    assert predict([0, 0, 1], 2, probs).verdicts.tolist() == [Verdict.NOT_A_DIGIT] * 2


def test_all_columns_are_of_the_reading_that_stands() -> None:
    probs = [row(1, 0.6), row(2, 0.9), row(3, 0.7), NOTHING, row(5, 0.8), row(6, 0.55)]
    predictions = predict([0, 0, 2, 3, 4, 4], 5, probs)
    assert predictions.digits.tolist() == [2, NO_DIGIT, 3, NO_DIGIT, 5]
    assert predictions.readings.tolist() == [KINDS[1], NO_READING, KINDS[2], NO_READING, KINDS[4]]
    assert predictions.frames[:, 0, 0].tolist() == [2, 0, 3, 0, 5]
    np.testing.assert_allclose(predictions.confidences, [0.9, 0, 0.7, 0, 0.8], rtol=1e-5)
    np.testing.assert_allclose(predictions.probs.sum(axis=1), [1, 0, 1, 0, 1], rtol=1e-5)


def test_probabilities_without_a_share_for_digits_have_no_confidence() -> None:
    scribble = np.zeros(12, np.float32)
    scribble[10] = 1
    predictions = predict([0], 1, [scribble])
    assert predictions.verdicts.tolist() == [Verdict.NOT_A_DIGIT]
    assert predictions.probs.tolist() == [[0.0] * 10]
    assert predictions.confidences.tolist() == [0]


@pytest.mark.parametrize("count", COLUMN_COUNTS)
def test_many_images_are_chosen_as_each_alone(count: int) -> None:
    rng = np.random.default_rng(count)
    sizes = rng.integers(0, 6, 300)
    owners = np.repeat(np.arange(300), sizes)
    probs = rng.dirichlet(np.full(count, 0.2), len(owners)).astype(np.float32)
    expected = []
    for image in range(300):
        rows = np.flatnonzero(owners == image)
        if len(rows):
            alone = choose(np.zeros(len(rows), np.intp), probs[rows], THRESHOLD)
            expected += rows[alone].tolist()
    assert choose(owners, probs, THRESHOLD).tolist() == expected
