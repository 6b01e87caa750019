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
DARKEST_PAPER: Final = 32
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
    is_light: bool
    """Whether the ink is lighter than the ground."""
    is_even: bool
    """Whether the ground is even."""

    def has_large_areas(self) -> bool:
        """Return whether more differs from the ground than ink does, or some on its other side."""
        if self.grain > EVEN_LEVELS:  # more than an even ground can have
            return True
        most_ink = MAX_INK_SHARE * math.prod(self.shape)
        if self.pixels.size <= most_ink:
            return False
        return bool(np.count_nonzero(self.pixels > EVEN_LEVELS) > most_ink)


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
        return Contrast(difference, 0.0, left, top, gray.shape, highest > ground, is_even=True)
    counts = histogram(region)  # one histogram serves both directions
    counts[ground] += gray.size - region.size
    lighter = _counts_above(counts, ground)
    darker = _counts_above(counts[::-1], counts.size - 1 - ground)
    paper = np.full_like(region, ground)
    # Only grain lies on the side without ink. Half of it is clipped to 0, so that the
    # 84 % quantile is one standard deviation.
    is_light = _weight(lighter) > _weight(darker)
    if is_light:
        pixels, grain = cv2.subtract(region, paper), quantile(darker, 0.84)
    else:
        pixels, grain = cv2.subtract(paper, region), quantile(lighter, 0.84)
    return Contrast(pixels, float(grain), left, top, gray.shape, is_light, is_even=True)


def local_contrasts(gray: MatLike, two_levels: "TwoLevels | None") -> tuple[Contrast, Contrast]:
    """Return the contrast of dark and of light ink to the paper around it.

    It is a share of the paper's level, so that a shadow does not make ink faint. What is dark and
    large is not dark ink but a ground: a desk around the sheet, or the bars around a picture.

    Args:
        gray: (H, W) uint8.
        two_levels: The two levels of the image, if it has two.
    """
    reach = max(3, int(REACH_SHARE * min(gray.shape)) | 1)
    area = np.ones((reach, reach), np.uint8)
    smooth = cv2.medianBlur(gray, 3) if min(gray.shape) >= MIN_BLUR_SIDE else gray
    # Most pixels are ground, where a pixel differs from the median of its neighbors by grain only.
    # The factor is that of independent Gaussian noise.
    grain = 1.6 * quantile(histogram(sample(cv2.absdiff(gray, smooth))), 0.5)
    # Two areas of one level each, as at the edge of a shadow, have no slope.
    slope = None if two_levels else _measure_slope(gray)
    if slope is None:
        light = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, area)
        dark = cv2.morphologyEx(smooth, cv2.MORPH_OPEN, area)
    else:
        level = smooth.astype(np.int16) - slope
        light = _to_levels(cv2.morphologyEx(level, cv2.MORPH_CLOSE, area) + slope)
        dark = _to_levels(cv2.morphologyEx(level, cv2.MORPH_OPEN, area) + slope)
    dark_ink = _share_of_paper(cv2.subtract(light, gray), light, grain, is_light=False)
    light_ink = _share_of_paper(
        cv2.subtract(gray, dark), cv2.bitwise_not(dark), grain, is_light=True
    )
    return dark_ink, light_ink


def _share_of_paper(
    difference: MatLike, paper: MatLike, grain: float, *, is_light: bool
) -> Contrast:
    """Return a contrast, given how far pixels differ from the paper, and the paper's level."""
    divisor = np.maximum(paper, np.uint8(DARKEST_PAPER))
    share = cv2.divide(difference, divisor, scale=255)
    grain *= 255 / max(DARKEST_PAPER, cv2.mean(paper)[0])
    median = quantile(histogram(sample(share)), 0.5)
    offset = min(median, _MAX_OFFSET + _MAX_OFFSET_SIGMAS * grain)
    # OpenCV would take an image of four pixels for a scalar, and a scalar for an image.
    pixels = cv2.subtract(share, np.full_like(share, int(offset)))
    return Contrast(pixels, grain, 0, 0, share.shape, is_light, is_even=False)


def _measure_slope(gray: MatLike) -> MatLike:
    """Return the evenly rising part of an image's light, (h, w) int16, with the mean 0.

    Without it, the lightest level within reach of the darkest corner would be too light.
    """
    height, width = gray.shape
    levels = sample(gray).astype(np.int16)
    right, down = levels.shape[1] // 2, levels.shape[0] // 2
    # Most pairs of pixels, half the image apart, are both ground.
    rise_x = _median(levels[:, right:] - levels[:, : levels.shape[1] - right])
    rise_y = _median(levels[down:] - levels[: levels.shape[0] - down])
    x = (np.arange(width) - (width - 1) / 2) * rise_x / max(1, width // 2)
    y = (np.arange(height) - (height - 1) / 2) * rise_y / max(1, height // 2)
    return np.asarray(np.add.outer(y, x), np.int16)


def _median(values: MatLike) -> int:
    """Return the median; the first call of ``np.median`` would take 50 ms."""
    return int(np.partition(values, values.size // 2, axis=None)[values.size // 2])


def _to_levels(values: MatLike) -> MatLike:
    return np.clip(values, 0, 255).astype(np.uint8)


def sample(gray: MatLike) -> MatLike:
    """Return every other row and column of a large image, for measuring its levels."""
    return np.ascontiguousarray(gray[::2, ::2]) if min(gray.shape) >= 2 * MIN_BLUR_SIDE else gray


class TwoLevels(NamedTuple):
    """The two levels that explain most of an image, such as ink and paper, or desk and sheet."""

    threshold: float
    """The highest level of the dark part."""
    dark: float
    """Mean level of the dark part."""
    light: float
    """Mean level of the light part."""

    @classmethod
    def measure(cls, gray: MatLike) -> "TwoLevels | None":
        """Return the levels of an image, or None if two do not explain most of its variance."""
        sampled = sample(gray)
        threshold, _ = cv2.threshold(sampled, 0, 255, cv2.THRESH_OTSU)
        counts = histogram(sampled)
        split = int(threshold) + 1
        dark_count, light_count = counts[:split].sum(), counts[split:].sum()
        if not dark_count or not light_count:
            return None
        levels = np.arange(256)
        dark = float(levels[:split] @ counts[:split] / dark_count)
        light = float(levels[split:] @ counts[split:] / light_count)
        within = (levels[:split] - dark) ** 2 @ counts[:split]
        within += (levels[split:] - light) ** 2 @ counts[split:]
        between = dark_count * light_count / (dark_count + light_count) * (light - dark) ** 2
        if between < MIN_SEPARATION * (between + within):
            return None
        return cls(threshold, dark, light)


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


def histogram(gray: MatLike, mask: MatLike | None = None) -> NDArray[np.float64]:
    """Return the number of pixels of each level, 0 to 255, where a mask is not 0."""
    return cv2.calcHist([gray], [0], mask, [256], [0, 256]).ravel().astype(np.float64)


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
