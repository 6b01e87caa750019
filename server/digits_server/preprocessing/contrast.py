"""Measuring how far each pixel differs from the paper, in even and in uneven light."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .resize import shrink_to

# Paper counts as evenly lit when this share of the image's edge pixels is within so many levels
# of their median, as on a canvas or a cleaned scan. Otherwise the light on it is estimated.
EVEN_SHARE: Final = 0.7
EVEN_LEVELS: Final = 8
# The light is estimated on a copy of at most this side, because light changes slowly.
LIGHT_SIDE: Final = 64

# Pixels kept around the region that is searched: the reach of the blur plus one.
_MARGIN: Final = 2
_CUBES: Final = np.arange(256.0) ** 3


class Contrast(NamedTuple):
    """How far pixels differ from the paper in the direction of the ink."""

    pixels: MatLike
    """(h, w) uint8: the region of the image that has any contrast, and a margin around it."""
    grain: float
    """Standard deviation of the paper's grain, in levels."""
    left: int
    """First column of the region in the image."""
    top: int
    """First row of the region in the image."""
    shape: tuple[int, ...]
    """(H, W) of the image."""

    def uncrop(self, region: MatLike) -> MatLike:
        """Return an image of the full size that is 0 outside the region."""
        height, width = region.shape
        image = np.zeros(self.shape, region.dtype)
        image[self.top : self.top + height, self.left : self.left + width] = region
        return image

    def crop(self, image: MatLike) -> MatLike:
        """Return the region of an image of the full size."""
        height, width = self.pixels.shape
        return image[self.top : self.top + height, self.left : self.left + width]


def measure_contrast(gray: MatLike) -> Contrast:
    """Return how far the pixels of an image differ from its paper.

    Args:
        gray: (H, W) uint8, with ink that is darker or lighter than the paper.
    """
    edge = np.sort(np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1])))
    ground = (int(edge[edge.size // 2 - 1]) + int(edge[edge.size // 2])) // 2
    start, end = edge.searchsorted((ground - EVEN_LEVELS, ground + EVEN_LEVELS + 1))
    if end - start < EVEN_SHARE * edge.size:
        return _measure_contrast_in_uneven_light(gray)
    # Usually most pixels have exactly the level of the ground. They are only counted.
    difference = cv2.absdiff(gray, np.full_like(gray, ground))
    left, top, right, bottom = _box_with_margin(difference)
    region = gray[top:bottom, left:right]
    lowest, highest, _, _ = cv2.minMaxLoc(region)
    if lowest >= ground or highest <= ground:  # no grain, so no histogram, which is slow
        return Contrast(difference[top:bottom, left:right], 0.0, left, top, gray.shape)
    counts = histogram(region)  # one histogram serves both directions
    counts[ground] += gray.size - region.size
    lighter = _counts_above(counts, ground)
    darker = _counts_above(counts[::-1], counts.size - 1 - ground)
    paper = np.full_like(region, ground)
    # Only grain lies on the side without ink. Half of it is clipped to 0, so that the
    # 84 % quantile is one standard deviation.
    if _weight(lighter) > _weight(darker):
        pixels, grain = cv2.subtract(region, paper), quantile(darker, 0.84)
    else:
        pixels, grain = cv2.subtract(paper, region), quantile(lighter, 0.84)
    return Contrast(pixels, float(grain), left, top, gray.shape)


def _box_with_margin(difference: MatLike) -> tuple[int, int, int, int]:
    """Return the left, top, right and bottom of all pixels above 0, and a margin around them.

    The margin is wide enough for a blur to see the same neighbors as in the whole image.
    """
    height, width = difference.shape
    left, top, box_width, box_height = cv2.boundingRect(difference)
    return (
        max(0, left - _MARGIN),
        max(0, top - _MARGIN),
        min(width, left + box_width + _MARGIN),
        min(height, top + box_height + _MARGIN),
    )


def _counts_above(counts: NDArray[np.float64], ground: int) -> NDArray[np.float64]:
    """Return the histogram of ``max(0, level - ground)``, given the histogram of the levels."""
    return np.concatenate(([counts[: ground + 1].sum()], counts[ground + 1 :]))


def _measure_contrast_in_uneven_light(gray: MatLike) -> Contrast:
    height, width = gray.shape
    small = shrink_to(gray, LIGHT_SIDE).astype(np.float32)
    light = _fit_light(small)
    level = small - light
    if float((level * level * level).sum()) > 0:  # the pixels that differ most are lighter: ink
        gray, level, light = cv2.bitwise_not(gray), -level, 255 - light
    # Shadows, which the fitted surface cannot follow: the lightest level within reach of each
    # pixel, smoothed. No part of a digit is as wide as half the image.
    reach = max(3, max(small.shape) // 2 | 1)
    shadow = cv2.morphologyEx(
        cv2.medianBlur(level, 3), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)
    )
    small_paper = light + cv2.GaussianBlur(shadow, (0, 0), reach / 4)
    paper = cv2.resize(small_paper, (width, height), interpolation=cv2.INTER_LINEAR)
    contrast = cv2.subtract(np.clip(paper, 0, 255).astype(np.uint8), gray)
    counts = histogram(contrast)
    grain = quantile(counts, 0.5) - quantile(counts, 0.16)
    return Contrast(contrast, float(grain), 0, 0, gray.shape)


def _fit_light(small: MatLike) -> MatLike:
    """Return the light on the paper as a second-order surface, fitted without the ink.

    Args:
        small: (h, w) float32 levels.

    Returns:
        (h, w) float32 levels.
    """
    height, width = small.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32).reshape(2, -1)
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1)  # (N, 6)
    values = small.ravel()
    is_paper = np.ones(values.size, bool)
    surface = values
    for _ in range(4):
        if np.count_nonzero(is_paper) < 2 * terms.shape[1]:
            break
        # The normal equations are accurate enough for six terms, and a general solver would
        # use threads that cost forty times as much. The small diagonal keeps an image of a
        # single row or column solvable.
        paper_terms = terms[is_paper]
        normal = (paper_terms.T @ paper_terms).astype(np.float64) + np.eye(terms.shape[1]) * 1e-3
        solution = np.linalg.solve(normal, paper_terms.T @ values[is_paper])
        surface = terms @ solution.astype(np.float32)
        distance = np.abs(values - surface)
        is_paper = distance <= 2.5 * max(1.0, float(np.median(distance)))
    return surface.reshape(small.shape)


def _weight(counts: NDArray[np.float64]) -> float:
    """Return the sum of the cubed levels: the few that differ most, the ink, outweigh the rest."""
    return float(counts @ _CUBES[: counts.size])


def histogram(gray: MatLike) -> NDArray[np.float64]:
    """Return the number of pixels of each level, 0 to 255."""
    return cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def quantile(counts: NDArray[np.float64], share: float) -> int:
    """Return the lowest level that at least this share of the pixels do not exceed."""
    return int(np.searchsorted(counts.cumsum(), share * counts.sum()))


def top_and_median(region: MatLike, pixel_count: int, top_count: int) -> tuple[int, int]:
    """Return the lowest level that at most ``top_count`` pixels exceed, and the median level.

    Args:
        region: (h, w) uint8, the part of an image outside which all pixels are 0.
        pixel_count: Number of pixels of the whole image.
        top_count: Number of pixels, at most ``pixel_count``.
    """
    highest = int(region.max())
    highest_count = np.count_nonzero(region == highest)
    if highest_count > top_count and 2 * cv2.countNonZero(region) <= pixel_count:
        return highest, 0  # a clean canvas, in a tenth of the time that its histogram takes
    counts = histogram(region)
    counts[0] += pixel_count - region.size
    return quantile(counts, 1 - top_count / pixel_count), quantile(counts, 0.5)
