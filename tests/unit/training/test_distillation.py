"""Pools of frames that teachers label."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_training import distillation
from digits_training.batches import Component, Sampler
from digits_training.datasets import Mnist
from digits_training.distillation import make_pool
from digits_training.examples import Examples
from digits_training.networks import CLASS_COUNT


class ConstantTeacher:
    """A teacher that predicts the same probabilities for every frame, and keeps what it saw."""

    def __init__(self, digit: int) -> None:
        self.probs = np.eye(CLASS_COUNT, dtype=np.float32)[digit]
        self.seen: list[NDArray[np.float32]] = []

    def predict(self, frames: NDArray[np.float32], **_: object) -> NDArray[np.float32]:
        self.seen.append(frames)
        return np.tile(self.probs, (len(frames), 1))


@pytest.fixture
def sampler(sample_mnist: Mnist) -> Sampler:
    """A sampler of the samples' fours."""
    is_four = sample_mnist.y_train == 4
    fours = Examples(sample_mnist.x_train[is_four], sample_mnist.y_train[is_four])
    return Sampler([Component(fours, 1.0)], seed=1)


def test_the_targets_are_the_softened_mean_of_the_teachers_and_a_share_of_the_label(
    sampler: Sampler, tmp_path: Path
) -> None:
    teachers: list[Any] = [ConstantTeacher(4), ConstantTeacher(4), ConstantTeacher(9)]
    frames, targets = make_pool(teachers, sampler, 20, 1, 3, tmp_path)
    assert frames.shape == (20, 28, 28)
    roots = np.sqrt([2 / 3, 1 / 3])
    assert targets[:, [4, 9]] == pytest.approx(
        np.tile(0.9 * roots / roots.sum() + [0.1, 0], (20, 1)), abs=1e-6
    )
    assert targets.sum(axis=1) == pytest.approx(1, abs=1e-6)
    for teacher in teachers:
        assert np.array_equal(np.rint(teacher.seen[0][..., 0] * 255), frames)


@pytest.mark.parametrize("digit", [4, 9])
def test_where_a_corrected_teacher_is_wrong_the_label_has_its_highest_probability(
    sampler: Sampler, tmp_path: Path, digit: int
) -> None:
    teacher: Any = ConstantTeacher(digit)
    teacher.probs = 0.7 * teacher.probs + np.float32(0.3 / CLASS_COUNT)
    _, targets = make_pool([teacher], sampler, 20, 1, 3, tmp_path, corrected=True)
    rest = 0.9 * 0.3 / CLASS_COUNT
    expected = np.full(CLASS_COUNT, rest)
    expected[4] = 0.1 + 0.9 * 0.7 + rest
    assert targets == pytest.approx(np.tile(expected, (20, 1)), abs=1e-6)


def test_each_teacher_predicts_the_frame_and_slightly_moved_copies(
    sampler: Sampler, tmp_path: Path
) -> None:
    teacher: Any = ConstantTeacher(4)
    make_pool([teacher], sampler, 20, 3, 3, tmp_path)
    plain, first, second = teacher.seen
    for one, other in ((plain, first), (plain, second), (first, second)):
        assert 0 < abs(one - other).mean() < 0.1


def test_a_pool_is_continued_with_the_chunks_that_are_missing(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distillation, "CHUNK_SIZE", 8)
    teacher: Any = ConstantTeacher(4)
    frames, _ = make_pool([teacher], sampler, 20, 2, 3, tmp_path)
    (tmp_path / "pool-8.npz").unlink()
    teacher.seen.clear()
    again, _ = make_pool([teacher], sampler, 20, 2, 3, tmp_path)
    assert np.array_equal(again, frames)
    assert len(teacher.seen) == 2
