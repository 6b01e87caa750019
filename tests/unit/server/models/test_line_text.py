"""From the line network's probabilities to a text, and to the ink of each character."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.engine import DIGIT_COUNT
from digits_server.models.line_engine import NO_CHARACTER
from digits_server.models.line_text import divide_ink, read_text

Probs = NDArray[np.float32]


def steps(*classes: int, prob: float = 0.9) -> Probs:
    probs = np.full((len(classes), 12), (1 - prob) / 11, np.float32)
    probs[np.arange(len(classes)), classes] = prob
    return probs


def collapse(classes: tuple[int, ...]) -> list[int]:
    return [value for value, _ in itertools.groupby(classes) if value != NO_CHARACTER]


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ((NO_CHARACTER, 3, 3, NO_CHARACTER), [3]),
        ((3, NO_CHARACTER, 3), [3, 3]),
        ((3, 3), [3]),
        ((1, 2, NO_CHARACTER, DIGIT_COUNT), [1, 2, DIGIT_COUNT]),
        ((NO_CHARACTER,) * 4, []),
    ],
)
def test_a_text_is_the_classes_of_the_steps_without_repetitions(
    classes: tuple[int, ...], text: list[int]
) -> None:
    assert read_text(steps(*classes)).characters == text


def test_the_probability_of_a_text_is_that_of_all_its_alignments() -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        # Three classes and four steps, so that all paths can be tried.
        probs = np.zeros((4, 12), np.float32)
        probs[:, [1, 2, NO_CHARACTER]] = random.dirichlet(np.ones(3), 4)
        text = read_text(probs)
        total = sum(
            math.prod(float(probs[step, value]) for step, value in enumerate(path))
            for path in itertools.product((1, 2, NO_CHARACTER), repeat=4)
            if collapse(path) == text.characters
        )
        assert math.exp(text.log_probability) == pytest.approx(total, rel=1e-4)


def test_the_probability_of_a_long_text_is_no_underflow() -> None:
    classes = [step % 3 if step % 2 else NO_CHARACTER for step in range(1200)]
    text = read_text(steps(*classes, prob=0.3))
    assert len(text.characters) == 600
    assert -2000 < text.log_probability < -500


def test_each_character_has_its_column_and_the_probabilities_of_the_digits() -> None:
    text = read_text(steps(NO_CHARACTER, 4, 4, NO_CHARACTER, NO_CHARACTER, 9))
    assert text.centers == [4, 11]
    for probs, value in zip(text.probs, (4, 9), strict=True):
        assert probs.shape == (11,)
        assert probs.argmax() == value
        assert probs.sum() == pytest.approx(1)


def bars(*lefts: int) -> NDArray[np.float32]:
    strip = np.zeros((28, 60), np.float32)
    for left in lefts:
        strip[4:24, left : left + 4] = 1
    return strip


def test_each_piece_of_ink_belongs_to_the_character_in_its_columns() -> None:
    owners, touches = divide_ink(bars(10, 30), [12, 32])
    assert owners.shape == (28, 60)
    assert set(owners[4:24, 10:14].ravel()) == {0}
    assert set(owners[4:24, 30:34].ravel()) == {1}
    assert (owners == -1).sum() == 28 * 60 - 2 * 80
    assert touches == [False, False]


def test_touching_digits_are_divided_where_there_is_the_least_ink_between_them() -> None:
    strip = bars(10, 30)
    strip[13:15, 10:34] = 1
    strip[12:16, 14:26] = 1
    owners, touches = divide_ink(strip, [12, 32])
    assert touches == [True, True]
    assert set(owners[4:24, 10:26].ravel()) == {-1, 0}
    assert set(owners[4:24, 30:34].ravel()) == {1}


def test_digits_over_each_other_that_do_not_touch_are_not_divided() -> None:
    strip = np.zeros((28, 60), np.float32)
    for row in range(20):  # two strokes that lean over each other
        strip[4 + row, 30 - row : 34 - row] = 1
        strip[4 + row, 40 - row : 44 - row] = 1
    owners, _ = divide_ink(strip, [22, 32])
    for row in range(20):
        assert set(owners[4 + row, 30 - row : 34 - row]) == {0}
        assert set(owners[4 + row, 40 - row : 44 - row]) == {1}


def test_a_part_belongs_to_the_nearest_character_and_a_far_speck_to_none() -> None:
    strip = bars(10, 30)
    strip[2:4, 15:19] = 1
    strip[26, 58] = 1
    owners, _ = divide_ink(strip, [12, 32])
    assert set(owners[2:4, 15:19].ravel()) == {0}
    assert owners[26, 58] == -1
