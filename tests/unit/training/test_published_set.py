"""MNIST itself, where it is at hand."""

import numpy as np

from digits_training.datasets import Mnist
from digits_training.examples import of_images


def test_mnist_is_as_published(mnist: Mnist) -> None:
    assert mnist.x_train.shape == (60_000, 28, 28)
    assert mnist.x_test.shape == (10_000, 28, 28)
    assert np.bincount(mnist.y_train).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]


def test_the_frames_of_mnist_are_almost_all_its_images_as_they_are(mnist: Mnist) -> None:
    some = slice(0, 2000)
    framed = of_images(mnist.x_test[some], mnist.y_test[some]).frames
    untouched = (framed == mnist.x_test[some]).all(axis=(1, 2))
    assert untouched.mean() > 0.999
