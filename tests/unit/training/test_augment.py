"""Random deformation of frames."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_training.augment import COPY, TRAINING, Augmenter, Ranges
from digits_training.datasets import Mnist

SIZE = 28


@pytest.fixture
def frames(sample_mnist: Mnist) -> NDArray[np.float32]:
    """(50, 28, 28) in 0..1."""
    return sample_mnist.x_test.astype(np.float32) / np.float32(255)


def test_frames_keep_their_shape_type_and_range(frames: NDArray[np.float32]) -> None:
    deformed = Augmenter(1, SIZE)(frames, np.random.default_rng(1))
    assert deformed.shape == frames.shape
    assert deformed.dtype == np.float32
    assert deformed.min() >= 0
    assert deformed.max() <= 1


def test_the_originals_are_not_modified(frames: NDArray[np.float32]) -> None:
    before = frames.copy()
    deformed = Augmenter(1, SIZE)(frames, np.random.default_rng(1))
    assert np.array_equal(frames, before)
    assert not np.shares_memory(deformed, frames)


def test_equal_seeds_deform_alike_and_other_seeds_differently(frames: NDArray[np.float32]) -> None:
    first, second, other = Augmenter(1, SIZE), Augmenter(1, SIZE), Augmenter(2, SIZE)
    for _ in range(2):
        deformed = first(frames, np.random.default_rng(3))
        assert np.array_equal(deformed, second(frames, np.random.default_rng(3)))
        assert not np.array_equal(deformed, first(frames, np.random.default_rng(4)))
        assert not np.array_equal(deformed, other(frames, np.random.default_rng(3)))


def test_equal_frames_are_deformed_differently_each_time(
    frames: NDArray[np.float32],
) -> None:
    augmenter, random = Augmenter(1, SIZE), np.random.default_rng(1)
    alike = np.repeat(frames[:1], 20, axis=0)
    deformed = np.concatenate([augmenter(alike, random), augmenter(alike, random)])
    assert len(np.unique(deformed, axis=0)) == 40


def test_a_digit_keeps_its_position_and_its_ink(frames: NDArray[np.float32]) -> None:
    deformed = Augmenter(1, SIZE)(np.repeat(frames, 10, axis=0), np.random.default_rng(1))
    ink = deformed.sum(axis=(1, 2)) / np.repeat(frames.sum(axis=(1, 2)), 10)
    assert ink.min() > 0.6
    assert ink.max() < 1.6
    position = np.arange(SIZE) + 0.5
    x = (deformed.sum(axis=1) @ position) / deformed.sum(axis=(1, 2))
    y = (deformed.sum(axis=2) @ position) / deformed.sum(axis=(1, 2))
    assert max(abs(x - SIZE / 2).max(), abs(y - SIZE / 2).max()) < 5
    # Shifts in opposite directions are equally likely, so the mean stays in the center.
    assert abs(x.mean() - SIZE / 2) < 0.5
    assert abs(y.mean() - SIZE / 2) < 0.5


def test_with_all_amounts_at_0_a_frame_stays_the_same(frames: NDArray[np.float32]) -> None:
    still = Augmenter(1, SIZE, Ranges(0, 0, 0, 0, 0))
    assert np.allclose(still(frames, np.random.default_rng(1)), frames, atol=1e-6)


def test_a_copy_is_moved_less_than_a_frame_to_learn_from(frames: NDArray[np.float32]) -> None:
    moved, deformed = (
        Augmenter(1, SIZE, ranges)(frames, np.random.default_rng(1)) for ranges in (COPY, TRAINING)
    )
    assert 0 < abs(moved - frames).mean() < 0.7 * abs(deformed - frames).mean()


def test_a_blank_frame_stays_blank() -> None:
    assert not Augmenter(1, SIZE)(
        np.zeros((3, SIZE, SIZE), np.float32), np.random.default_rng(1)
    ).any()
