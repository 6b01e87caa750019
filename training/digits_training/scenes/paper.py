"""Paper, light and wear: how ink on a ground becomes the pixels of an image."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .hand import Coverage, Hand, Ink

Levels = NDArray[np.float32]
"""(H, W) brightness, from 0 for black to 255 for white."""

Shape = tuple[int, int]


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def inside(cls, shape: Shape, margin: int = 1) -> "Box":
        """Return the image without a margin."""
        return cls(margin, margin, max(1, shape[0] - 2 * margin), max(1, shape[1] - 2 * margin))


def random_shape(random: np.random.Generator, least: int = 28, most: int = 600) -> Shape:
    """Return the height and width of an image, half the time one of the usual small squares."""
    usual = [side for side in (28, 32, 48, 64, 100, 200, 280, 300, 400) if least <= side <= most]
    if usual and random.random() < 0.5:
        side = int(random.choice(usual))
        return side, side
    height = np.exp(random.uniform(np.log(least), np.log(most)))
    width = height if random.random() < 0.5 else height * random.uniform(0.6, 1.7)
    return round(height), round(np.clip(width, least, most))


def lay(
    hand: Hand,
    shape: Shape,
    random: np.random.Generator,
    box: Box | None = None,
    share: tuple[float, float] = (0.4, 0.92),
) -> Ink:
    """Return an image's ink, with the digit at a random place of a box.

    Args:
        hand: The digit.
        shape: Height and width of the image.
        random: Source of size and place.
        box: The part of the image that has room for the digit; by default all of it.
        share: Least and greatest share of the box that the digit takes.
    """
    box = box or Box.inside(shape)
    portion = min(0.95, max(random.uniform(*share), hand.least / min(box.height, box.width)))
    ink = hand.write(box.height * portion, box.width * portion)
    return place(ink, shape, random, box)


def place(ink: Ink, shape: Shape, random: np.random.Generator, box: Box) -> Ink:
    """Return an image's ink, with the digit in the middle of a box or anywhere in it."""
    at = (
        random.uniform(0, 1, 2)
        if random.random() < 0.6
        else np.clip(random.normal(0.5, 0.07, 2), 0, 1)
    )
    height, width = ink.digit.shape
    top = box.top + round(max(0, box.height - height) * at[0])
    left = box.left + round(max(0, box.width - width) * at[1])
    page = np.zeros(shape, np.float32)
    part = page[top : top + height, left : left + width]
    part[:] = ink.digit[: part.shape[0], : part.shape[1]]
    return Ink(page, ink.digit, ink.pen)


class Tones(NamedTuple):
    """Brightness of ground and ink, dark on light."""

    ground: float
    ink: float

    @property
    def contrast(self) -> float:
        """Difference of both."""
        return self.ground - self.ink


def random_tones(random: np.random.Generator, least: float = 0.4) -> Tones:
    """Return black on white, or ink of at least a share of the ground's brightness on paper."""
    if random.random() < 0.35:
        return Tones(255.0, 0.0)
    ground = random.uniform(140, 255)
    return Tones(ground, ground * (1 - random.uniform(least, 1)))


def fill_polygon(shape: Shape, corners: NDArray[np.floating[Any]]) -> Coverage:
    """Return 1 within a convex polygon of (x, y) corners, 0 outside, with smooth edges."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.rint(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / np.float32(255)


def blend(ground: Levels | float, level: Levels | float, coverage: Levels) -> Levels:
    """Return the ground where the coverage is 0, the level where it is 1."""
    return np.asarray(ground + (level - ground) * coverage, np.float32)


def grain(shape: Shape, random: np.random.Generator) -> Levels:
    """Return fine or coarse noise of mean 0 and deviation 1."""
    noise: MatLike = random.standard_normal(shape, dtype=np.float32)
    if random.random() < 0.5:
        sigma = random.uniform(0.5, 1.2)
        noise = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def slope(shape: Shape, random: np.random.Generator, strength: float) -> Levels:
    """Return light that changes evenly across the image: 1 on average, by +-strength."""
    down, right = random.uniform(-0.5, 0.5, 2) * strength
    rows, columns = np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1])
    return np.asarray(1 + down * rows[:, None] + right * columns, np.float32)


def soften(image: Levels, pen: float, random: np.random.Generator) -> Levels:
    """Return the image out of focus, by at most a fifth of the pen's width in pixels."""
    sigma = random.uniform(0.25, 0.3 + 0.18 * pen)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def wear(image: Levels, pen: float, contrast: float, random: np.random.Generator) -> Levels:
    """Return the image as a camera or a scanner reproduces it, or unchanged in half of all cases.

    Args:
        image: The image.
        pen: Width of the pen in pixels, which limits the blur.
        contrast: Difference of ground and ink, which limits the grain.
        random: Source of blur, uneven light and grain.
    """
    if random.random() < 0.5:
        return image
    shape = (image.shape[0], image.shape[1])
    if random.random() < 0.4:
        image = soften(image, pen, random)
    if random.random() < 0.35:
        image = image * slope(shape, random, 0.3)
    if random.random() < 0.5:
        image = image + grain(shape, random) * min(9.0, 0.07 * contrast) * random.random()
    return image


def to_bytes(
    image: Levels, random: np.random.Generator, inverted: float = 0.25
) -> NDArray[np.uint8]:
    """Return the image as bytes, in a share of all cases inverted to light on dark."""
    levels = np.clip(np.rint(image), 0, 255)
    return np.asarray(255 - levels if random.random() < inverted else levels, np.uint8)
