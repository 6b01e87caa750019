"""What counts as a frame: one image and many images give the same decision."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.recipe import are_frames, is_frame

Gray = NDArray[np.uint8]


def bar(*, height: int = 20, width: int = 6, right: float = 0, down: float = 0) -> Gray:
    """Return an upright bar, moved by so many pixels from the middle of the frame."""
    image = np.zeros((28, 28), np.uint8)
    image[
        14 - height // 2 : 14 - height // 2 + height, 14 - width // 2 : 14 - width // 2 + width
    ] = 200
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float64)
    return np.asarray(cv2.warpAffine(image, matrix, (28, 28)), np.uint8)


def by_definition(gray: Gray) -> bool:
    """Return whether an image is a frame, in whole numbers: twice the moments of its pixels."""
    if not gray.any():
        return False
    rows, columns = np.nonzero(gray)
    longer_side = max(np.ptp(rows), np.ptp(columns)) + 1
    pixels = gray.astype(int)
    total = int(pixels.sum())
    offsets = 2 * np.arange(28) - 27  # twice the distance from the middle
    right, down = int((pixels * offsets).sum()), int((pixels * offsets[:, None]).sum())
    return bool(19 <= longer_side <= 21 and max(abs(right), abs(down)) <= 2 * total)


def degenerate_images() -> list[Gray]:
    """Return images of one level, of one pixel, and of one line."""
    images = [np.full((28, 28), level, np.uint8) for level in (0, 1, 255)]
    for row in (0, 13, 14, 27):
        for column in (0, 13, 27):
            images.append(np.zeros((28, 28), np.uint8))
            images[-1][row, column] = 1
    for length in range(1, 29):
        for start in (0, (28 - length) // 2, 28 - length):
            line = np.zeros((28, 28), np.uint8)
            line[start : start + length, 13] = 255
            images += [line, line.T]
    return images


def moved_bars() -> list[Gray]:
    """Return bars near the tolerances of the box and of the middle."""
    return [
        bar(height=height, right=float(right), down=float(down))
        for height in range(17, 24)
        for right in np.linspace(-1.5, 1.5, 25)
        for down in (-1.25, -1.0, -0.75, 0, 0.5, 1.0, 1.01)
    ]


def balanced_images(count: int = 500) -> list[Gray]:
    """Return images whose center of mass is exactly at the tolerance, or a level away from it."""
    rng = np.random.default_rng(5)
    images = []
    for _ in range(count):
        image = np.zeros((28, 28), np.int64)
        image[4:24, 14] = rng.integers(2, 255, 20)  # half a pixel to the right of the middle
        image[4:24, 15] = image[4:24, 14]  # together with these, exactly one pixel
        image[rng.integers(4, 24), 15] += rng.integers(-1, 2)
        images += [image.astype(np.uint8), image[:, ::-1].astype(np.uint8)]
    return images


def blots(count: int = 3000) -> list[Gray]:
    """Return soft random shapes in boxes of about the recipe's size, as MNIST's digits are."""
    rng = np.random.default_rng(6)
    images = []
    for _ in range(count):
        noise = cv2.GaussianBlur(rng.standard_normal((28, 28), dtype=np.float32), (0, 0), 2)
        image = np.where(noise > 0.05, np.clip(noise * 900, 0, 255), 0).astype(np.uint8)
        top, left = rng.integers(2, 6, 2)
        box = np.zeros((28, 28), np.uint8)
        box[top : top + rng.integers(17, 23), left : left + rng.integers(8, 23)] = 1
        images.append(image * box)
    return images


def noise(count: int = 3000) -> list[Gray]:
    """Return specks and noise in a box of the recipe's height."""
    rng = np.random.default_rng(7)
    images = []
    for share in rng.choice([0.002, 0.02, 0.2, 1.0], count):
        is_inked = rng.random((28, 28)) < share
        is_inked[:, :4] = is_inked[:4] = is_inked[24:] = False
        images.append(np.where(is_inked, rng.integers(0, 256, (28, 28)), 0).astype(np.uint8))
    return images


@pytest.mark.parametrize("make", [degenerate_images, moved_bars, balanced_images, blots, noise])
def test_one_image_and_many_images_give_the_same_decision(make: Callable[[], list[Gray]]) -> None:
    images = make()
    decisions = are_frames(np.stack(images))
    assert decisions.tolist() == [is_frame(image) for image in images]
    assert decisions.tolist() == [by_definition(image) for image in images]
    assert decisions.any()
    assert not decisions.all()


def test_an_image_of_another_size_is_not_a_frame() -> None:
    assert is_frame(bar())
    assert not is_frame(np.pad(bar(), ((0, 0), (0, 1))))


def test_the_decision_does_not_depend_on_how_the_images_lie_in_memory() -> None:
    images = np.stack(blots(50))
    expected = are_frames(images)
    np.testing.assert_array_equal(are_frames(images[::-1])[::-1], expected)
    np.testing.assert_array_equal(are_frames(np.asfortranarray(images)), expected)
    images.flags.writeable = False
    np.testing.assert_array_equal(are_frames(images), expected)
