"""MNIST itself, if it is available."""

import numpy as np

from digits_training import examples
from digits_training.datasets import Mnist


def test_mnist_has_the_published_sizes_and_labels(mnist: Mnist) -> None:
    assert mnist.x_train.shape == (60_000, 28, 28)
    assert mnist.x_test.shape == (10_000, 28, 28)
    assert np.bincount(mnist.y_train).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]


def test_normalization_leaves_almost_all_mnist_images_unchanged(mnist: Mnist) -> None:
    some = slice(0, 2000)
    frames = examples.from_images(mnist.x_test[some], mnist.y_test[some]).frames
    is_unchanged = (frames == mnist.x_test[some]).all(axis=(1, 2))
    assert is_unchanged.mean() > 0.999
