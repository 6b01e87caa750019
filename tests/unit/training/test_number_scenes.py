"""Tests of the scenes of numbers."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from digits_training.scenes.numbers import NUMBER_KINDS, NumberScene, draw_number
from digits_training.stroke_templates import write_digit

WITHOUT_LINES = ("spaced", "touching", "sloped")


def draw(kind: str, count: int = 12) -> Iterator[NumberScene]:
    random = np.random.default_rng(3)
    for number in range(count):
        digits = [write_digit((number + place) % 10, random) for place in range(2 + number % 5)]
        yield draw_number(kind, digits, random)


def right_ends(scene: NumberScene) -> list[int]:
    return [int(left + width) for left, _, width, _ in scene.boxes]


@pytest.mark.parametrize("kind", NUMBER_KINDS)
def test_the_same_seed_draws_the_same_number(kind: str) -> None:
    for first, second in zip(draw(kind, 4), draw(kind, 4), strict=True):
        np.testing.assert_array_equal(first.pixels, second.pixels)
        np.testing.assert_array_equal(first.boxes, second.boxes)


@pytest.mark.parametrize("kind", NUMBER_KINDS)
def test_there_is_a_box_for_each_digit_inside_the_image_and_in_order(kind: str) -> None:
    for number, scene in enumerate(draw(kind)):
        assert scene.pixels.dtype == np.uint8
        assert len(scene.boxes) == 2 + number % 5
        assert (scene.boxes >= 0).all()
        height, width = scene.pixels.shape
        assert max(right_ends(scene)) < width
        assert (scene.boxes[:, 1] + scene.boxes[:, 3]).max() < height
        assert (np.diff(scene.boxes[:, 0]) > 0).all()


@pytest.mark.parametrize("kind", WITHOUT_LINES)
def test_the_ink_is_in_the_boxes_and_nowhere_else(kind: str) -> None:
    for scene in draw(kind):
        ground = np.median(scene.pixels)
        ink = np.abs(scene.pixels.astype(int) - ground) > 60
        outside = ink.copy()
        for left, top, width, height in scene.boxes.tolist():
            area = np.s_[max(0, top - 2) : top + height + 2, max(0, left - 2) : left + width + 2]
            assert ink[area].any()
            outside[area] = False
        assert not outside.any()


def test_digits_are_apart_except_where_they_touch() -> None:
    for kind in NUMBER_KINDS:
        gaps = [
            int(right[0]) - int(left[0] + left[2])
            for scene in draw(kind)
            for left, right in pairwise(scene.boxes)
        ]
        assert (min(gaps) < 0) == (kind == "touching"), kind


@pytest.mark.parametrize("kind", ["ruled", "squared", "cells"])
def test_printed_lines_are_ink_outside_the_boxes(kind: str) -> None:
    for scene in draw(kind):
        pixels = scene.pixels.astype(int)
        for left, top, width, height in scene.boxes.tolist():
            pixels[top : top + height, left : left + width] = np.median(pixels)
        assert np.ptp(pixels) > 20
