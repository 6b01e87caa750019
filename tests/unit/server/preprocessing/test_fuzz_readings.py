"""Any pixels have readings that are frames, of a bounded number, or none."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.readings import MAX_READINGS, READINGS
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.search import find_readings
from scripts import fuzz

Gray = NDArray[np.uint8]
IMAGES_PER_SEED = 250
# Ruled pages of which an earlier version left a trace of ink that vanished when it was scaled, so
# that it divided by zero.
RULED_SEEDS = (133, 748, 836, 874, 1097, 1233, 1915, 1952)


def to_gray(levels: NDArray[np.floating] | NDArray[np.integer]) -> Gray:
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def assert_readings_are_frames(gray: Gray) -> None:
    readings, _, reason = find_readings(gray)
    assert len(readings) <= MAX_READINGS
    assert reason == Reason.UNSPECIFIED or not readings
    assert all(0 <= reading.kind < len(READINGS) for reading in readings)
    assert all(map(fuzz.is_frame, readings))


def random_shape(rng: np.random.Generator) -> tuple[int, int]:
    """Return a height and a width: a few pixels, a strip, a frame's size, or larger."""
    ranges = [((1, 1), (6, 6)), ((1, 1), (401, 4)), ((1, 1), (4, 401)), ((28, 28), (29, 29))]
    ranges += [((1, 1), (80, 80)), ((20, 20), (300, 300))]
    height, width = rng.integers(*ranges[rng.integers(len(ranges))]).tolist()
    return height, width


def random_image(rng: np.random.Generator) -> Gray:
    """Return noise, a pixel on a ground, stripes, a gradient, shapes, tiles or dots."""
    height, width = shape = random_shape(rng)
    y, x = np.indices(shape)
    levels = np.full(shape, rng.integers(256), np.float64)
    match rng.integers(8):
        case 0:
            levels = rng.integers(0, 256, shape).astype(np.float64)
        case 1:
            levels += rng.normal(0, rng.uniform(0, 40), shape)
        case 2:
            levels[rng.integers(height), rng.integers(width)] = rng.integers(256)
        case 3:
            levels[:: rng.integers(1, 30)] = rng.integers(256)
            levels[:, :: rng.integers(1, 60)] = rng.integers(256)
        case 4:
            levels += rng.uniform(-2, 2) * x + rng.uniform(-2, 2) * y
        case 5:
            for _ in range(rng.integers(1, 8)):
                draw = cv2.line if rng.random() < 0.5 else cv2.rectangle
                start, end = rng.integers(-5, max(shape) + 5, (2, 2)).tolist()
                draw(levels, start, end, int(rng.integers(256)), int(rng.integers(1, 20)))
        case 6:
            tiles = rng.integers(0, 256, (3, 3))
            levels = tiles[y * 3 // height, x * 3 // width].astype(np.float64)
        case 7:
            levels[rng.random(shape) < rng.uniform(0, 0.6)] = rng.integers(256)
    if rng.random() < 0.2:
        levels += rng.normal(0, 5, shape)
    return to_gray(levels)


@pytest.mark.parametrize("seed", range(8))
def test_any_image_has_a_bounded_number_of_readings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(IMAGES_PER_SEED):
        assert_readings_are_frames(random_image(rng))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (1, 400), (400, 3), (3, 3), (28, 28)])
def test_images_of_few_levels_have_a_bounded_number_of_readings(shape: tuple[int, int]) -> None:
    for ground in (0, 1, 127, 254, 255):
        for ink in (0, 128, 255):
            gray = np.full(shape, ground, np.uint8)
            assert find_readings(gray) == ([], [], Reason.UNSPECIFIED)
            for pixel in (0, gray.size // 2, gray.size - 1):
                dotted = gray.copy()
                dotted.flat[pixel] = ink
                assert_readings_are_frames(dotted)


def ruled_page(seed: int) -> Gray:
    """Return paper without writing: ruled or squared, straight or tilted, sharp or blurred."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(64, 420, 2).tolist()
    paper = np.full((height, width), 255.0)
    for across in range(1 + int(rng.random() < 0.4)):
        lines = paper.T if across else paper
        spacing, thickness = rng.integers((6, 1), (60, 6)).tolist()
        level = rng.uniform(0, 240)
        for first in range(int(rng.integers(spacing)), len(lines), spacing):
            lines[first : first + thickness] = np.minimum(lines[first : first + thickness], level)
    tilt = rng.choice([0, 0, rng.uniform(-1.5, 1.5)])
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1)
    page = cv2.warpAffine(paper, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.4:
        page = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.4, 2))
    grain = rng.normal(0, rng.choice([0, 0, 2, 8]), page.shape)
    gray = to_gray(page * rng.uniform(0.5, 1) + grain)
    return to_gray(255 - gray.astype(np.int64)) if rng.random() < 0.2 else gray


@pytest.mark.parametrize("seed", [*RULED_SEEDS, *range(60)])
def test_ruled_paper_has_a_bounded_number_of_readings(seed: int) -> None:
    assert_readings_are_frames(ruled_page(seed))
