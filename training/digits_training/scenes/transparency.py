"""Images that are transparent in part."""

import cv2
import numpy as np

from .hand import Hand
from .pages import Drawn
from .paper import Box, Levels, Shape, blend, lay, random_shape, random_tones


def draw_alpha(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw an image that is transparent in part: corners, ground, an edge, or around a sheet."""
    shape = random_shape(random, 28)
    height, width = shape
    way = random.choice(
        ("corners", "ground", "edge", "soft", "sheet"), p=(0.3, 0.25, 0.15, 0.1, 0.2)
    )
    box, alpha = Box.inside(shape), np.ones(shape, np.float32)
    if way in {"corners", "soft"}:
        radius = random.uniform(0.04, 0.28) * min(shape)
        alpha = _rounded(shape, Box(0, 0, height, width), radius)
        if way == "soft":
            rim = max(1, round(0.03 * min(shape)))
            inner = _rounded(shape, Box(rim, rim, height - 2 * rim, width - 2 * rim), radius)
            alpha = np.asarray(cv2.GaussianBlur(inner, (0, 0), rim / 2), np.float32)
        # Ink in a round corner would be lost.
        box = Box.inside(shape, round(0.3 * radius + 0.06 * min(shape)))
    elif way == "sheet":
        top, left = (int(side * random.uniform(0.03, 0.2)) for side in shape)
        bottom, right = (int(side * random.uniform(0.03, 0.2)) for side in shape)
        box = Box(top, left, height - top - bottom, width - left - right)
        alpha = _rounded(shape, box, random.choice((0, 0.1)) * min(shape))
        box = Box(box.top + 1, box.left + 1, box.height - 2, box.width - 2)
    ink, tones = lay(hand, shape, random, box, (0.5, 0.92)), random_tones(random)
    coverage = ink.coverage
    image: Levels = blend(tones.ground, tones.ink, coverage)
    if way == "ground":
        image, alpha = np.full(shape, tones.ink, np.float32), coverage
    elif way == "edge":
        coverage, image, alpha = _at_edge(ink.digit, tones.ground, tones.ink, random)
        ink = ink._replace(coverage=coverage)
    if random.random() < 0.3:
        image = 255 - image
    tint = random.uniform(0.85, 1, 3) if random.random() < 0.15 else np.ones(3)
    rgb = image[..., None] * tint
    beneath = (0, 255, int(random.integers(256)))[random.integers(3)]
    hidden = alpha < 0.5 / 255
    if random.random() < 0.8:
        rgb = np.where(hidden[..., None], beneath, rgb)
    pixels = np.concatenate((rgb, alpha[..., None] * 255), axis=2)
    return np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8), ink


def _rounded(shape: Shape, box: Box, radius: float) -> Levels:
    """Return 1 within a box with round corners, 0 outside, with smooth edges."""
    rows = np.arange(shape[0])[:, None] + 0.5 - box.top - box.height / 2
    columns = np.arange(shape[1]) + 0.5 - box.left - box.width / 2
    radius = max(0.5, min(radius, min(box.height, box.width) / 2))
    down = np.maximum(np.abs(rows) - box.height / 2 + radius, 0)
    across = np.maximum(np.abs(columns) - box.width / 2 + radius, 0)
    return np.asarray(np.clip(radius + 0.5 - np.hypot(down, across), 0, 1), np.float32)


def _at_edge(
    digit: Levels, ground: float, level: float, random: np.random.Generator
) -> tuple[Levels, Levels, Levels]:
    """Return coverage, image and alpha of a page whose transparent rim touches the digit."""
    height, width = digit.shape
    page = np.maximum(1, np.array(digit.shape) * random.uniform(0.05, 0.35, (2, 2)).T).astype(int)
    touching = random.random((2, 2)) < 0.5
    if not touching.any():
        touching[random.integers(2), random.integers(2)] = True
    page[touching] = 0
    rim = np.where(touching | (random.random((2, 2)) < 0.3), random.integers(1, 4), 0)
    if touching.all():
        page[0, 0] = max(2, round(0.2 * height))
    sides = [tuple(pair) for pair in page.T.tolist()]  # (top, bottom), (left, right)
    border = [tuple(pair) for pair in rim.T.tolist()]
    coverage = np.pad(np.pad(digit, sides), border)
    alpha = np.pad(np.ones((height + sum(sides[0]), width + sum(sides[1])), np.float32), border)
    return coverage, blend(ground, level, coverage), alpha
