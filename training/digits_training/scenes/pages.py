"""Pages with a digit: plain, cut tight, with a small digit, with an underlined one."""

import numpy as np
from numpy.typing import NDArray

from .hand import Coverage, Hand, Ink
from .paper import (
    Box,
    blend,
    fill_polygon,
    lay,
    place,
    random_shape,
    random_tones,
    to_bytes,
    wear,
)

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Drawn = tuple[Pixels, Ink]
"""An image, and the ink on it."""


def draw_plain(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit on a canvas or on paper."""
    shape = random_shape(random, max(28, hand.least * 5 // 4))
    ink, tones = lay(hand, shape, random), random_tones(random)
    image = blend(tones.ground, tones.ink, ink.coverage)
    return to_bytes(wear(image, ink.pen, tones.contrast, random), random), ink


def draw_tight(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw an image that is cut to the ink, with at most 2 pixels around it."""
    side = (
        float(random.choice((16, 20, 28)))
        if random.random() < 0.3
        else np.exp(random.uniform(np.log(16), np.log(300)))
    )
    digit = hand.write(side, side)
    height, width = digit.digit.shape
    margins = (
        random.integers(0, 3, 4) if random.random() < 0.5 else np.full(4, random.integers(0, 2))
    )
    if digit.digit.mean() > 0.75:  # a bar that fills its box shows no ground
        margins = margins + max(1, round(0.12 * side))
    top, bottom, left, right = margins.tolist()
    shape = (height + top + bottom, width + left + right)
    ink = place(digit, shape, random, Box(top, left, height, width))
    tones = random_tones(random)
    image = wear(
        blend(tones.ground, tones.ink, ink.coverage), 0.5 * ink.pen, tones.contrast, random
    )
    return to_bytes(image, random, 0.4), ink


def draw_small(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit of 12 to 60 pixels on a page of 400 to 1600."""
    long = int(np.exp(random.uniform(np.log(400), np.log(1600))))
    short = round(long * random.uniform(0.6, 1))
    shape = (long, short) if random.random() < 0.5 else (short, long)
    size = float(np.exp(random.uniform(np.log(12), np.log(60))))
    ink = place(hand.write(size, size), shape, random, Box.inside(shape, 4))
    tones = random_tones(random, 0.55)
    image = blend(tones.ground, tones.ink, ink.coverage)
    return to_bytes(wear(image, 0.6 * ink.pen, 0.6 * tones.contrast, random), random, 0.15), ink


def draw_underlined(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit above a line, or two, that are apart from it, touch it or cross its foot."""
    shape = random_shape(random, 28)
    height, width = shape
    room = Box(1, 1, max(16, round(height * 0.85)), width - 2)
    ink, tones = lay(hand, shape, random, room, (0.45, 0.9)), random_tones(random)
    rows, columns = (np.flatnonzero(ink.coverage.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        rows, columns = np.array((height // 2,)), np.array((width // 3, 2 * width // 3))
    line = max(1.0, min(ink.pen * random.uniform(0.4, 1.1), 0.08 * len(rows)))
    room_below = max(0.0, height - rows[-1] - line - 1)
    if random.random() < 0.5:
        gap = min(room_below, random.uniform(1.5, 2) + 0.25 * len(rows) * random.random())
    else:
        gap = random.uniform(-0.8, 0.5) * line
    y = rows[-1] + gap + line / 2
    middle, half = columns.mean(), (columns[-1] - columns[0]) / 2 * random.uniform(0.8, 2)
    ends = np.array([middle - half, middle + half]) + random.normal(0, 0.05, 2) * half
    if random.random() < 0.2:
        ends = np.array([-line, width + line])
    tilt = random.uniform(-0.05, 0.05) if random.random() < 0.5 else 0.0
    coverage = ink.coverage.copy()
    for number in range(2 if random.random() < 0.15 else 1):
        level = y + number * line * random.uniform(2, 3)
        draw_line(coverage, (ends[0], level - tilt * half), (ends[1], level + tilt * half), line)
    image = blend(tones.ground, tones.ink, coverage)
    pixels = to_bytes(wear(image, ink.pen, tones.contrast, random), random)
    return pixels, ink._replace(coverage=coverage)


def draw_line(
    coverage: Coverage, start: tuple[float, float], end: tuple[float, float], width: float
) -> None:
    """Draw a line with smooth edges of any width, in place."""
    (x0, y0), (x1, y1) = start, end
    along = np.array((x1 - x0, y1 - y0)) / max(np.hypot(x1 - x0, y1 - y0), 1e-6)
    across = np.array((-along[1], along[0])) * width / 2
    corners = np.array([start + across, end + across, end - across, start - across])
    np.maximum(coverage, fill_polygon(coverage.shape, corners), out=coverage)
