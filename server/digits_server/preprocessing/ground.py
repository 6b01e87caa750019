"""Measuring how far each pixel differs from its ground, which may be even or not."""

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# The ground is even where so much of the image's edge is within so many levels of its median, as on
# a canvas or a cleaned scan.
EVEN_LEVELS: Final = 8
EVEN_EDGE_SHARE: Final = 0.98
# Ink is at most so much of an image. Other large areas may be a sheet.
MAX_INK_SHARE: Final = 0.3
# Elsewhere, the paper around each pixel is the lightest within this share of the shorter side. No
# stroke is as wide.
REACH_SHARE: Final = 0.3
# Smaller images have strokes of a pixel or two, which a blur would wash out.
MIN_BLUR_SIDE: Final = 48
# Darker paper than that is taken for so dark, since its grain would look like ink.
_DARKEST_PAPER: Final = 32
# In grain, the lightest level around a pixel is lighter than the paper: by so many levels and
# standard deviations of the grain at most. More is ink.
_MAX_OFFSET: Final = 8
_MAX_OFFSET_SIGMAS: Final = 4

# Dark and light areas are two, and not one with grain or in uneven light, if they explain so much
# of the variance.
MIN_SEPARATION: Final = 0.8

# Pixels kept around the region that is searched: the reach of the blur plus one.
_MARGIN: Final = 2
_CUBES: Final = np.arange(256.0) ** 3


class Contrast(NamedTuple):
    """How far pixels differ from their ground in the direction of the ink."""

    pixels: MatLike
    """(h, w) uint8: the region of the image that has any contrast, and a margin around it."""
    grain: float
    """Standard deviation of the ground's grain, in levels."""
    left: int
    """First column of the region in the image."""
    top: int
    """First row of the region in the image."""
    shape: tuple[int, ...]
    """(H, W) of the image."""

    def has_large_areas(self) -> bool:
        """Return whether there is more contrast than ink has."""
        most_ink = MAX_INK_SHARE * math.prod(self.shape)
        if self.pixels.size <= most_ink:
            return False
        return bool(np.count_nonzero(self.pixels > EVEN_LEVELS) > most_ink)

    def uncrop(self, region: MatLike) -> MatLike:
        """Return an image of the full size that is 0 outside the region."""
        if region.shape == self.shape:
            return region
        height, width = region.shape
        image = np.zeros(self.shape, region.dtype)
        image[self.top : self.top + height, self.left : self.left + width] = region
        return image

    def crop(self, image: MatLike) -> MatLike:
        """Return the region of an image of the full size."""
        height, width = self.pixels.shape
        return image[self.top : self.top + height, self.left : self.left + width]


def even_contrast(gray: MatLike) -> Contrast | None:
    """Return the contrast of an image to its even ground, or None if the ground is not even.

    Args:
        gray: (H, W) uint8, with ink that is darker or lighter than the ground.
    """
    edge = np.sort(np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1])))
    ground = (int(edge[edge.size // 2 - 1]) + int(edge[edge.size // 2])) // 2
    start, end = edge.searchsorted((ground - EVEN_LEVELS, ground + EVEN_LEVELS + 1))
    if end - start < EVEN_EDGE_SHARE * edge.size:
        return None
    # Usually most pixels have exactly the level of the ground. They are only counted.
    difference = cv2.absdiff(gray, np.full_like(gray, ground))
    left, top, right, bottom = _box_with_margin(difference)
    region, difference = gray[top:bottom, left:right], difference[top:bottom, left:right]
    lowest, highest, _, _ = cv2.minMaxLoc(region)
    if lowest >= ground or highest <= ground:  # no grain, so no histogram, which is slow
        return Contrast(difference, 0.0, left, top, gray.shape)
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


def local_contrast(gray: MatLike) -> Contrast:
    """Return the contrast of dark ink to the paper around it, as a share of the paper's level.

    A shadow therefore does not make ink faint. What is dark and large is not ink but a ground: a
    desk around the sheet, or the bars around a picture.

    Args:
        gray: (H, W) uint8.
    """
    reach = max(3, int(REACH_SHARE * min(gray.shape)) | 1)
    slope = _measure_slope(gray)
    smooth = cv2.medianBlur(gray, 3) if min(gray.shape) >= MIN_BLUR_SIDE else gray
    level: MatLike = smooth.astype(np.int16) - slope
    level = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    paper = np.clip(level + slope, 0, 255).astype(np.uint8)
    darker = cv2.subtract(paper, gray)
    share = cv2.divide(darker, cv2.max(paper, np.full_like(paper, _DARKEST_PAPER)), scale=255)
    grain = _measure_grain(gray) * 255 / max(_DARKEST_PAPER, float(paper.mean()))
    offset = min(quantile(histogram(share), 0.5), _MAX_OFFSET + _MAX_OFFSET_SIGMAS * grain)
    pixels = cv2.subtract(share, np.full_like(share, int(offset)))
    return Contrast(pixels, grain, 0, 0, gray.shape)


def _measure_slope(gray: MatLike) -> MatLike:
    """Return the evenly rising part of an image's light, (h, w) int16, with the mean 0.

    Without it, the lightest level within reach of the darkest corner would be too light. Two areas
    of one level each, as at the edge of a shadow, have no slope.
    """
    height, width = gray.shape
    threshold, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)
    if separation(histogram(gray), threshold) >= MIN_SEPARATION:
        return np.zeros(gray.shape, np.int16)
    levels = gray.astype(np.float32)
    right, down = width // 2, height // 2
    # Most pairs of pixels, half the image apart, are both ground.
    rise_x = float(np.median(levels[:, right:] - levels[:, : width - right])) / max(1, right)
    rise_y = float(np.median(levels[down:] - levels[: height - down])) / max(1, down)
    x, y = np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2
    return np.asarray(rise_x * x + rise_y * y[:, np.newaxis], np.int16)


def _measure_grain(gray: MatLike) -> float:
    """Return the standard deviation of an image's grain, in levels."""
    if min(gray.shape) < MIN_BLUR_SIDE:
        return 0.0
    # Most pixels are ground, where a pixel differs from the median of its neighbors by grain only.
    # The factor is that of independent Gaussian noise.
    difference = cv2.absdiff(gray, cv2.medianBlur(gray, 3))
    return 1.6 * quantile(histogram(difference), 0.5)


def separation(counts: NDArray[np.float64], threshold: float) -> float:
    """Return the share of the variance that is between the levels up to a threshold and the rest.

    It is 0.64 for Gaussian grain and 0.75 for an even slope, at the best threshold.

    Args:
        counts: (256,) number of pixels of each level.
        threshold: The highest of the dark levels.
    """
    levels = np.arange(256)
    mean = levels @ counts / counts.sum()
    between = 0.0
    for part in (counts * (levels <= threshold), counts * (levels > threshold)):
        if part.any():
            between += part.sum() * (levels @ part / part.sum() - mean) ** 2
    return float(between / max(1e-9, (levels - mean) ** 2 @ counts))


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
