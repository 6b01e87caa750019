"""Pages without a digit: plain, ruled, squared, dusty."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .paper import Levels, Shape, blend, grain, random_shape, random_tones, slope, to_bytes


def draw_level(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image of one level."""
    return np.full(random_shape(random), random.integers(256), np.uint8)


def draw_grain(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return paper with grain and uneven light."""
    shape = random_shape(random)
    image = random.uniform(40, 240) * slope(shape, random, random.uniform(0, 0.5))
    return to_bytes(image + grain(shape, random) * random.uniform(0, 9), random)


def draw_ruled(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a ruled page."""
    shape = random_shape(random, 100, 800)
    return _lined(shape, _rules(shape[0], random)[:, None] * np.ones(shape), random)


def draw_squared(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a squared page."""
    shape = random_shape(random, 100, 800)
    lines = _rules(max(shape), random)
    return _lined(shape, np.maximum(lines[: shape[0], None], lines[: shape[1]]), random)


def draw_specks(random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a page with up to six specks of dust."""
    shape = random_shape(random, 100, 800)
    image = np.full(shape, random.uniform(150, 255), np.float32)
    for _ in range(int(random.integers(1, 7))):
        size = int(random.integers(1, 3))
        row, column = (int(random.integers(0, side)) for side in shape)
        image[row : row + size, column : column + size] *= random.uniform(0.2, 0.8)
    return to_bytes(image, random)


def _rules(length: int, random: np.random.Generator) -> Levels:
    """Return 1 at the places of lines, 0 between them."""
    distance = max(6, round(random.uniform(0.03, 0.14) * length))
    width = max(1, round(distance * random.uniform(0.02, 0.08)))
    places = (np.arange(length) + random.integers(distance)) % distance
    return np.asarray(places < width, np.float32)


def _lined(
    shape: Shape, lines: NDArray[np.floating[Any]], random: np.random.Generator
) -> NDArray[np.uint8]:
    tones = random_tones(random)
    level = tones.ground * random.uniform(0.4, 0.93)
    image = blend(tones.ground, level, np.asarray(lines, np.float32)) * slope(shape, random, 0.1)
    return to_bytes(image + grain(shape, random) * random.uniform(0, 3), random, 0.1)
