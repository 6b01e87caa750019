"""Synthetic shapes for the class "not a digit": scribbles, polygons, stars, crosses, lines."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]  # (N, 2), x and y


def scribble(random: np.random.Generator) -> list[Points]:
    """Return the strokes of a random shape, each (N, 2), in a box of about 100 units."""
    shape = _SHAPES[random.integers(len(_SHAPES))]
    return [np.asarray(stroke, np.float32) for stroke in shape(random)]


def _random_walk(random: np.random.Generator) -> list[Points]:
    """Return a random walk whose direction changes smoothly and by a lot."""
    steps = int(random.integers(60, 220))
    turning = np.cumsum(random.normal(0, 0.05, steps)) + random.normal(0, 0.35, steps)
    heading = np.cumsum(turning) + random.uniform(0, 2 * np.pi)
    return [np.cumsum(np.stack((np.cos(heading), np.sin(heading)), axis=1), axis=0) * 4]


def _zigzag(random: np.random.Generator) -> list[Points]:
    count = int(random.integers(5, 12))
    x = np.linspace(0, 100, count) + random.normal(0, 3, count)
    y = np.where(np.arange(count) % 2, 0, random.uniform(30, 100)) + random.normal(0, 6, count)
    return [_rotate(np.stack((x, y), axis=1), random)]


def _polygon(random: np.random.Generator) -> list[Points]:
    corners = int(random.integers(3, 6))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + random.normal(0, 0.12, corners)
    points = np.stack((np.cos(angles), np.sin(angles)), axis=1) * random.uniform(
        35, 55, (corners, 1)
    )
    return [_rotate(np.concatenate((points, points[:1])), random)]


def _star(random: np.random.Generator) -> list[Points]:
    tips = int(random.integers(3, 6))
    angles = np.linspace(0, np.pi, tips, endpoint=False) + random.uniform(0, np.pi)
    ends = np.stack((np.cos(angles), np.sin(angles)), axis=1) * 50
    return [np.stack((-end, end)) + random.normal(0, 3, (2, 2)) for end in ends]


def _cross(random: np.random.Generator) -> list[Points]:
    lines = [np.array([[-50, 0], [50, 0]]), np.array([[0, -50], [0, 50]])]
    return [_rotate(line + random.normal(0, 4, (2, 2)), random) for line in lines]


def _random_lines(random: np.random.Generator) -> list[Points]:
    return [random.uniform(0, 100, (2, 2)) for _ in range(int(random.integers(3, 8)))]


def _spiral(random: np.random.Generator) -> list[Points]:
    turns = random.uniform(2.2, 4)
    angle = np.linspace(0, turns * 2 * np.pi, 120) * random.choice((-1, 1))
    radius = np.linspace(4, 50, 120)
    return [np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)]


def _rotate(points: Points, random: np.random.Generator) -> Points:
    angle = random.uniform(-0.5, 0.5)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, -sin], [sin, cos]]).T)


_SHAPES: Final[tuple[Callable[[np.random.Generator], list[Points]], ...]] = (
    _random_walk,
    _random_walk,
    _zigzag,
    _polygon,
    _star,
    _cross,
    _random_lines,
    _spiral,
)
