"""Ink and ground other than black on white: deep files, color, faint ink, shadows."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .hand import Hand
from .pages import Drawn
from .paper import (
    Levels,
    Shape,
    blend,
    grain,
    lay,
    random_shape,
    random_tones,
    slope,
    soften,
    to_bytes,
    wear,
)

_LUMINANCE: Final = np.array((0.299, 0.587, 0.114))


def draw_deep(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw an image of 10, 12 or 14 bits per pixel, or of 16 bits of which it uses a part."""
    shape = random_shape(random, 28)
    ink, tones = lay(hand, shape, random), random_tones(random)
    image = wear(blend(tones.ground, tones.ink, ink.coverage), ink.pen, tones.contrast, random)
    share = np.clip(image / 255, 0, 1)
    if random.random() < 0.25:
        share = 1 - share
    if random.random() < 0.75:
        low, high = 0.0, 2.0 ** random.choice((10, 12, 14), p=(0.4, 0.4, 0.2)) - 1
    else:
        extent = np.exp(random.uniform(np.log(400), np.log(30_000)))
        low = random.uniform(0, 65_535 - extent)
        high = low + extent
    return np.asarray(np.rint(low + (high - low) * share), np.uint16), ink


def draw_color(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw ink on a ground of another color and the same or nearly the same luminance."""
    shape = random_shape(random, 28)
    ink = lay(hand, shape, random)
    ground, color = _equal_colors(random)
    image = blend(ground, color, ink.coverage[..., None])  # type: ignore[arg-type]
    if random.random() < 0.3:
        image = soften(image, ink.pen, random)
    if random.random() < 0.35:
        noise = random.standard_normal(image.shape, dtype=np.float32)
        image = image + noise * random.uniform(1, 0.06 * np.abs(ground - color).max())
    if random.random() < 0.2:
        image = image * slope(shape, random, 0.2)[..., None]
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8), ink


def _equal_colors(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two RGB colors that differ clearly, yet by at most 12 levels of luminance."""
    limit = random.choice((1, 4, 12))
    while True:
        colors = random.integers(0, 256, (2, 500, 3))
        if random.random() < 0.25:  # a gray ground
            colors[0] = colors[0, :, :1]
        difference = colors[0] - colors[1]
        good = (np.abs(difference @ _LUMINANCE) <= limit) & (np.abs(difference).max(axis=1) > 100)
        if good.any():
            first = int(np.flatnonzero(good)[0])
            return colors[0, first].astype(float), colors[1, first].astype(float)


def draw_faint(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw ink that differs from the ground by 8 to 30 levels of 255, like a hard pencil's."""
    shape = random_shape(random, 40)
    ink = lay(hand, shape, random, share=(0.5, 0.92))
    contrast = random.uniform(8, 30)
    ground = 255.0 if random.random() < 0.25 else random.uniform(40, 255)
    light = 1 if random.random() < 0.2 and ground < 220 else -1
    coverage = ink.coverage
    if random.random() < 0.4:  # pencil on rough paper
        coverage = coverage * np.clip(1 + 0.3 * grain(shape, random), 0.3, 1.2)
    image = blend(ground, ground + light * contrast, coverage)
    if random.random() < 0.3:
        image = soften(image, ink.pen, random)
    if random.random() < 0.2:
        image = image + (slope(shape, random, 0.6) - 1) * contrast
    if random.random() < 0.6:
        image = image + grain(shape, random) * contrast * random.uniform(0, 0.2)
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8), ink


def draw_shadow(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a page with the edge of a shadow across it, or two, or with strongly uneven light."""
    shape = random_shape(random, 48, 800 if random.random() < 0.2 else 500)
    ink, tones = lay(hand, shape, random), random_tones(random, 0.55)
    image = blend(tones.ground, tones.ink, ink.coverage)
    if random.random() < 0.2:
        image = image * _uneven_light(shape, random)
    else:
        for _ in range(2 if random.random() < 0.25 else 1):
            image = image * (1 - random.uniform(0.25, 0.65) * _shadow(shape, random))
    return to_bytes(wear(image, ink.pen, 0.4 * tones.contrast, random), random, 0.1), ink


def _shadow(shape: Shape, random: np.random.Generator) -> Levels:
    """Return where a shadow lies, from 0 to 1, with a straight or round edge through the image."""
    height, width = shape
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.5, 0.5)
    distance = rows * np.sin(angle) + columns * np.cos(angle) - offset
    if random.random() < 0.25:
        radius = random.uniform(1, 3)
        away = np.array((np.sin(angle), np.cos(angle))) * (offset + radius)
        distance = radius - np.hypot(rows - away[0], columns - away[1])
    softness = 0.003 if random.random() < 0.5 else random.uniform(0.01, 0.25)
    return np.asarray(1 / (1 + np.exp(-np.clip(distance / softness, -30, 30))), np.float32)


def _uneven_light(shape: Shape, random: np.random.Generator) -> Levels:
    """Return the light of a lamp at one place, from 0.2 to 1."""
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    at = random.uniform(-1, 1, 2)
    distance = np.hypot(rows - at[0], columns - at[1]) / random.uniform(1, 2)
    return np.asarray(np.maximum(0.2, np.exp(-(distance**2) / 2)), np.float32)
