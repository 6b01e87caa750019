"""How well digits are still read when their images are disturbed, and how strongly.

The images are disturbed as they are sent, on canvases of 300 pixels, before anything
looks for the ink in them: what is measured is the framing and the network together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .calibration import Calibration, Labels
from .canvases import PLAIN_CANVAS_SIDE
from .eval_results import Predict, answers_to
from .eval_sets import Gray

# Of the canvas' side, that a smaller image is drawn large in: MNIST's 28 pixels become 280.
DRAWN_SHARE: Final = 14 / 15

STRENGTH_COUNT: Final = 5
Strengths = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Disturbance:
    """One thing that happens to images, in five strengths."""

    name: str
    """A word or two, for people."""

    unit: str
    """Of the strengths. A pixel is one of a canvas of 300."""

    strengths: Strengths
    """From the weakest; of what goes both ways, from one end to the other."""

    apply: Callable[[Gray, float, np.random.Generator], Gray]
    """Disturbs an image by a strength in the unit. What it draws at random does not depend
    on the strength, so that the same random numbers disturb an image in the same way, more."""

    def disturb(self, image: Gray, strength: int, random: np.random.Generator) -> Gray:
        """Return a disturbed copy of an image.

        Args:
            image: (H, W) uint8, dark on light or light on dark, on an even ground.
            strength: A place in ``strengths``, 0 to 4.
            random: Decides the direction, the place or the grain.

        Returns:
            (H, W) uint8, of the same polarity.
        """
        return self.apply(image, self.strengths[strength], random)


@dataclass(frozen=True)
class Row:
    """What the answers to images come to that were disturbed in one way."""

    disturbance: str
    """The name of the disturbance, or "none"."""

    unit: str

    strength: float
    """In the unit; 0 for none."""

    likeliest_right: float
    """The share of images whose likeliest digit is the true one, whatever the verdict.
    A blank has no likeliest digit."""

    right: float
    """The share of images whose verdict is the true digit."""


def on_canvas(image: Gray) -> Gray:
    """Return an image of any size on a square canvas of its own ground.

    Args:
        image: (H, W) uint8, dark on light or light on dark.

    Returns:
        (300, 300) uint8. A larger image is made smaller, and a smaller one is drawn large
        in the middle, keeping its proportions.
    """
    longest = max(image.shape)
    side = (
        PLAIN_CANVAS_SIDE
        if longest >= PLAIN_CANVAS_SIDE
        else round(PLAIN_CANVAS_SIDE * DRAWN_SHARE)
    )
    height, width = (max(1, round(length * side / longest)) for length in image.shape)
    way = cv2.INTER_AREA if longest > side else cv2.INTER_CUBIC
    drawn = image if longest == side else cv2.resize(image, (width, height), interpolation=way)
    canvas = np.full((PLAIN_CANVAS_SIDE, PLAIN_CANVAS_SIDE), _ground(image), np.uint8)
    top, left = (PLAIN_CANVAS_SIDE - height) // 2, (PLAIN_CANVAS_SIDE - width) // 2
    canvas[top : top + height, left : left + width] = drawn
    return canvas


def _ground(image: MatLike) -> int:
    edge = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
    return int(np.median(edge))


def _ink_box(image: Gray) -> tuple[int, int, int, int]:
    """Return left, top, width and height of what is nearer to full ink than to the ground."""
    contrast = cv2.absdiff(image, np.full_like(image, _ground(image)))
    left, top, width, height = cv2.boundingRect((contrast > contrast.max() / 2).view(np.uint8))
    return left, top, width, height


def _pixels(image: Gray, pixels: float) -> float:
    """Return pixels of a canvas of 300 in those of an image."""
    return float(pixels * max(image.shape) / PLAIN_CANVAS_SIDE)


def _moved(image: Gray, matrix: NDArray[np.float64]) -> Gray:
    """Return the image under an affine map (2, 3), with its ground where it was not."""
    size, ground = image.shape[::-1], _ground(image)
    return np.asarray(cv2.warpAffine(image, matrix, size, borderValue=ground), np.uint8)


def _shift(image: Gray, pixels: float, random: np.random.Generator) -> Gray:
    """Move the image in any direction; what leaves the canvas is lost."""
    angle = random.uniform(0, 2 * np.pi)
    right, down = _pixels(image, pixels) * np.array([np.cos(angle), np.sin(angle)])
    return _moved(image, np.array([[1, 0, right], [0, 1, down]]))


def _turn(image: Gray, degrees: float, random: np.random.Generator) -> Gray:
    """Turn the image about the middle of its ink, to either side."""
    left, top, width, height = _ink_box(image)
    middle = (left + width / 2 - 0.5, top + height / 2 - 0.5)
    angle = degrees * random.choice((-1, 1))
    return _moved(image, cv2.getRotationMatrix2D(middle, angle, 1).astype(np.float64))


def _shrink(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Make the image smaller about its middle."""
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    (height, width), (inner_height, inner_width) = image.shape, small.shape
    shrunk = np.full_like(image, _ground(image))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    shrunk[top : top + inner_height, left : left + inner_width] = small
    return shrunk


def _blur(image: Gray, sigma: float, random: np.random.Generator) -> Gray:
    # In float32, which OpenCV blurs four times as fast as uint8 where the blur is wide.
    blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), _pixels(image, sigma))
    return np.asarray(np.rint(blurred), np.uint8)


def _add_noise(image: Gray, sigma: float, random: np.random.Generator) -> Gray:
    noise = random.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.clip(np.rint(image + noise), 0, 255), np.uint8)


def _fade(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Leave a share of every pixel's contrast with the ground."""
    ground = _ground(image)
    return np.asarray(np.rint(ground + (image.astype(np.float32) - ground) * share), np.uint8)


def _thicken(image: Gray, pixels: float, random: np.random.Generator) -> Gray:
    """Make every stroke wider, or narrower where the change is negative."""
    size = 1 + round(abs(_pixels(image, pixels)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    is_light_ink = float(image.mean()) > _ground(image)
    change = cv2.dilate if is_light_ink == (pixels > 0) else cv2.erode
    return np.asarray(change(image, disc), np.uint8)


def _cover(image: Gray, share: float, random: np.random.Generator) -> Gray:
    """Cover a part of the ink's box with ground, at any place in it, in the box' proportions."""
    left, top, width, height = _ink_box(image)
    at = random.uniform(0, 1, 2)
    inner_width, inner_height = (round(length * share**0.5) for length in (width, height))
    left += round((width - inner_width) * at[0])
    top += round((height - inner_height) * at[1])
    covered = image.copy()
    covered[top : top + inner_height, left : left + inner_width] = _ground(image)
    return covered


DISTURBANCES: Final = (
    Disturbance("shift", "px", (10, 20, 40, 60, 80), _shift),
    Disturbance("rotation", "degrees", (5, 10, 20, 30, 45), _turn),
    Disturbance("scale", "of the size", (0.8, 0.6, 0.4, 0.25, 0.15), _shrink),
    Disturbance("blur", "px of sigma", (2, 4, 8, 12, 16), _blur),
    Disturbance("noise", "levels of sigma", (8, 16, 32, 64, 96), _add_noise),
    Disturbance("contrast", "of the contrast", (0.8, 0.6, 0.4, 0.2, 0.1), _fade),
    Disturbance("thickness", "px wider", (-6, -3, 6, 12, 24), _thicken),
    Disturbance("occlusion", "of the box", (0.02, 0.05, 0.1, 0.2, 0.3), _cover),
)


def robustness(
    images: Sequence[Gray],
    labels: Labels,
    predict: Predict,
    calibration: Calibration,
    seed: int = 0,
) -> tuple[Row, ...]:
    """Measure a network on images that are disturbed in every way and strength.

    Args:
        images: N, each (H, W) uint8 of any size.
        labels: (N,), 0..9: digits alone.
        predict: Asks the network.
        calibration: The network's.
        seed: An image is disturbed the same way in every strength, and in every call.

    Returns:
        A row without disturbance, then those of each disturbance, from its first strength.
    """
    canvases = [on_canvas(image) for image in images]

    def row(name: str, unit: str, strength: float, disturbed: Sequence[Gray]) -> Row:
        answers = answers_to(disturbed, labels, predict, calibration)
        is_likeliest = (answers.digits == labels) & ~answers.is_blank
        return Row(name, unit, strength, float(is_likeliest.mean()), answers.accuracy)

    rows = [row("none", "", 0.0, canvases)]
    for place, disturbance in enumerate(DISTURBANCES):
        for strength in range(STRENGTH_COUNT):
            disturbed = [
                disturbance.disturb(canvas, strength, np.random.default_rng((seed, place, number)))
                for number, canvas in enumerate(canvases)
            ]
            rows.append(
                row(disturbance.name, disturbance.unit, disturbance.strengths[strength], disturbed)
            )
    return tuple(rows)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown, which is as readable as text."""
    lines = [
        "| disturbance | strength             | likeliest digit right |  right |",
        "|:------------|---------------------:|----------------------:|-------:|",
    ]
    lines += [
        f"| {row.disturbance:<11} | {f'{row.strength:g} {row.unit}'.strip():>20}"
        f" | {row.likeliest_right:>21.1%} | {row.right:>6.1%} |"
        for row in rows
    ]
    return "\n".join(lines)
