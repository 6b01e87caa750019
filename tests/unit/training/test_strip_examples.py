"""Strips with their texts, cut out of drawn numbers as the server cuts them out."""

from collections import Counter

import numpy as np

from digits_server.preprocessing.strips import STRIP_HEIGHT
from digits_training.recordings import NOT_A_DIGIT, Recording
from digits_training.strip_batches import StripBatches
from digits_training.strip_examples import (
    MOST_DIGITS,
    StripExample,
    choose_digits,
    from_blanks,
    from_digits,
    from_recordings,
    writers_of,
)


def bar(character: str, writer: str = "pen-1") -> Recording:
    return Recording(character, writer, (np.array([[0, 0], [0, 10]], np.float32),))


def ring(character: str, writer: str = "pen-1") -> Recording:
    angles = np.linspace(0, 2 * np.pi, 20)
    points = np.stack((3 * np.cos(angles), 5 * np.sin(angles)), axis=1)
    return Recording(character, writer, (points.astype(np.float32),))


DIGITS = [bar("1"), ring("0")]


def test_a_strip_has_the_text_that_was_drawn() -> None:
    strips = from_recordings(DIGITS, [], 60, seed=1)
    assert len(strips) > 30
    sizes = Counter(len(each.labels) for each in strips)
    assert set(sizes) <= set(range(MOST_DIGITS + 1))
    assert sum(sizes[count] for count in range(2, MOST_DIGITS + 1)) > 30
    for each in strips:
        assert each.strip.dtype == np.uint8
        assert each.strip.shape[0] == STRIP_HEIGHT
        assert set(each.labels) <= {0, 1}


def test_signs_among_the_digits_are_no_digits() -> None:
    strips = from_recordings(DIGITS, [ring("B")], 60, seed=1)
    assert any(NOT_A_DIGIT in each.labels for each in strips)
    assert any(set(each.labels) <= {NOT_A_DIGIT} and each.labels for each in strips)


def test_scanned_digits_are_composed_to_numbers() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 12:15] = 255
    images[1, 4:24, 8:20] = 255
    images[1, 7:21, 11:17] = 0
    strips = from_digits(images, np.array([1, 0], np.uint8), 20, seed=3)
    assert sum(len(each.labels) >= 2 for each in strips) > 10
    assert {label for each in strips for label in each.labels} == {0, 1}


def test_images_without_writing_have_strips_without_a_text() -> None:
    strips = from_blanks(30, seed=5)
    assert strips
    assert all(each.labels == () for each in strips)


def test_a_number_is_by_one_writer() -> None:
    writers = writers_of([bar("1", "b"), ring("0", "a"), bar("1", "a")])
    assert [[each.writer for each in those] for those in writers] == [["a", "a"], ["b"]]
    random = np.random.default_rng(1)
    for _ in range(20):
        chosen = choose_digits(writers, random)
        assert 2 <= len(chosen) <= MOST_DIGITS
        assert len({each.writer for each in chosen}) == 1


def strip(width: int, *labels: int) -> StripExample:
    return StripExample(np.full((STRIP_HEIGHT, width), 200, np.uint8), labels)


def test_batches_have_all_strips_with_their_texts_padded() -> None:
    strips = [strip(30 + 7 * index, *range(index % 4)) for index in range(10)]
    batches = StripBatches(strips, 0, 4, seed=1, epoch=None)
    assert len(batches) == 3
    seen = []
    for index in range(3):
        inputs, labels = batches[index]
        assert inputs.shape[1:2] == (STRIP_HEIGHT,)
        assert inputs.shape[2] % 32 == 0
        assert labels.shape == (len(inputs), MOST_DIGITS)
        seen += [tuple(value for value in row if value >= 0) for row in labels.tolist()]
    assert Counter(seen) == Counter(each.labels for each in strips)


def test_an_epoch_is_the_same_whenever_it_is_made_and_another_one_differs() -> None:
    strips = [strip(30 + 7 * index, index) for index in range(8)]
    one, again = (StripBatches(strips, 16, 4, seed=1, epoch=3) for _ in range(2))
    other = StripBatches(strips, 16, 4, seed=1, epoch=4)
    for index in range(len(one)):
        np.testing.assert_array_equal(one[index][0], again[index][0])
        assert 0 <= one[index][0].min() <= one[index][0].max() <= 1
    assert not all(np.array_equal(one[index][1], other[index][1]) for index in range(len(one)))
