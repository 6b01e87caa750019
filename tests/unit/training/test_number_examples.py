"""Tests of the examples that numbers give."""

import numpy as np
import pytest

from digits_training.examples import Examples
from digits_training.number_examples import from_numbers
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT, Recording
from digits_training.stroke_templates import write_digit

WRITERS = 3


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    random = np.random.default_rng(2)
    return [
        Recording(str(digit), f"writer-{writer}", tuple(write_digit(digit, random)))
        for writer in range(WRITERS)
        for digit in range(10)
    ]


@pytest.fixture(scope="module")
def numbers(recordings: list[Recording]) -> Examples:
    return from_numbers(recordings, 60, 5)


def test_numbers_have_digits_their_parts_and_what_is_no_writing(numbers: Examples) -> None:
    counts = np.bincount(numbers.labels, minlength=12)
    assert counts[:10].min() > 0
    assert counts[:10].sum() > 60  # most digits of 60 numbers
    assert counts[NOT_A_DIGIT] > 60
    assert counts[NO_WRITING] > 0


def test_the_same_seed_gives_the_same_examples(
    recordings: list[Recording], numbers: Examples
) -> None:
    again = from_numbers(recordings, 60, 5)
    np.testing.assert_array_equal(numbers.frames, again.frames)
    np.testing.assert_array_equal(numbers.labels, again.labels)


def test_without_recordings_there_are_no_examples() -> None:
    assert len(from_numbers([], 60, 5).labels) == 0


def test_a_digit_with_a_label_looks_like_itself(recordings: list[Recording]) -> None:
    """A number of equal digits has no other label than theirs."""
    ones = [each for each in recordings if each.character == "8"]
    labels = set(from_numbers(ones, 30, 1).labels.tolist())
    assert 8 in labels
    assert labels <= {8, NOT_A_DIGIT, NO_WRITING}
