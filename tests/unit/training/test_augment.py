"""Making many writers out of one image."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_training import augment
from digits_training.augment import Augmenter
from digits_training.datasets import Mnist

SIZE = 28


@pytest.fixture
def frames(drawings: Mnist) -> NDArray[np.float32]:
    """(50, 28, 28) in 0..1."""
    return drawings.x_test.astype(np.float32) / np.float32(255)


def test_frames_keep_their_shape_type_and_range(frames: NDArray[np.float32]) -> None:
    bent = Augmenter(1, SIZE)(frames)
    assert bent.shape == frames.shape
    assert bent.dtype == np.float32
    assert bent.min() >= 0
    assert bent.max() <= 1


def test_the_originals_are_left_alone(frames: NDArray[np.float32]) -> None:
    before = frames.copy()
    bent = Augmenter(1, SIZE)(frames)
    assert np.array_equal(frames, before)
    assert not np.shares_memory(bent, frames)


def test_the_same_seed_bends_alike_and_another_otherwise(frames: NDArray[np.float32]) -> None:
    first, second, other = Augmenter(1, SIZE), Augmenter(1, SIZE), Augmenter(2, SIZE)
    for _ in range(2):
        bent = first(frames)
        assert np.array_equal(bent, second(frames))
        assert not np.array_equal(bent, other(frames))


def test_equal_frames_are_each_bent_in_their_own_way_and_anew_each_time(
    frames: NDArray[np.float32],
) -> None:
    augmenter = Augmenter(1, SIZE)
    alike = np.repeat(frames[:1], 20, axis=0)
    bent = np.concatenate([augmenter(alike), augmenter(alike)])
    assert len(np.unique(bent, axis=0)) == 40


def test_a_digit_stays_near_where_it_was_and_keeps_its_ink(frames: NDArray[np.float32]) -> None:
    bent = Augmenter(1, SIZE)(np.repeat(frames, 10, axis=0))
    ink = bent.sum(axis=(1, 2)) / np.repeat(frames.sum(axis=(1, 2)), 10)
    assert ink.min() > 0.6
    assert ink.max() < 1.6
    place = np.arange(SIZE) + 0.5
    x = (bent.sum(axis=1) @ place) / bent.sum(axis=(1, 2))
    y = (bent.sum(axis=2) @ place) / bent.sum(axis=(1, 2))
    assert max(abs(x - SIZE / 2).max(), abs(y - SIZE / 2).max()) < 5
    # Shifted both ways alike: the drawings as a whole stay where they were.
    assert abs(x.mean() - SIZE / 2) < 0.5
    assert abs(y.mean() - SIZE / 2) < 0.5


def test_without_any_change_a_frame_is_itself(
    frames: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    for amount in ("ROTATION_DEGREES", "SCALE_SHARE", "SHEAR", "SHIFT_PIXELS", "ELASTIC_PIXELS"):
        monkeypatch.setattr(augment, amount, 0.0)
    assert np.allclose(Augmenter(1, SIZE)(frames), frames, atol=1e-6)


def test_what_is_blank_stays_blank() -> None:
    assert not Augmenter(1, SIZE)(np.zeros((3, SIZE, SIZE), np.float32)).any()
