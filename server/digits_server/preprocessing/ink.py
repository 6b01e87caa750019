"""Finding the ink of a digit: on light or dark paper, in uneven light, among specks and lines.

The result is the amount of ink at each pixel, with everything except the digit removed. Masks
here are uint8, 1 at ink and 0 elsewhere.
"""

import functools
import math
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .contrast import LIGHT_SIDE, Contrast, measure_contrast, top_and_median

# Ink must differ from the paper by at least this many levels, and by this many standard
# deviations of the paper's grain.
MIN_CONTRAST: Final = 24
GRAIN_SIGMAS: Final = 5.0
# Ink starts at this share of the full contrast: faint ruling is below it, soft edges above.
INK_SHARE: Final = 0.32
# The widest line of ruled paper, as a share of the image's longer side.
MAX_RULE_SHARE: Final = 0.025
# The share of the image's width or height that such a line spans.
RULE_SPAN: Final = 0.95
# The smallest digit, as a share of the image's longer side and in pixels.
MIN_EXTENT_SHARE: Final = 0.03
MIN_EXTENT_PIXELS: Final = 3

_LEVELS: Final = np.arange(256, dtype=np.float32)
_SQUARE: Final = np.ones((3, 3), np.uint8)


def find_ink(gray: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the ink of the digit in an image, cropped to it, or None for a blank image.

    Args:
        gray: (H, W) uint8.

    Returns:
        (h, w) float32, from 0 for no ink to 1 for full ink.
    """
    contrast = measure_contrast(gray)
    pixels, longer_side = contrast.pixels, max(gray.shape)
    # Where strokes are wider than a pixel, blurring averages the grain away.
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0) if longer_side > LIGHT_SIDE else pixels
    levels = _ink_levels(smooth, contrast)
    if levels is None:
        return None
    full_ink, threshold = levels
    mask = _select_digit(smooth, (smooth > np.uint8(threshold)).view(np.uint8), contrast)
    left, top, width, height = cv2.boundingRect(mask)  # all zeros for an empty mask
    if max(width, height) < max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * longer_side):
        return None
    box = np.s_[top : top + height, left : left + width]
    # The soft edge of a stroke lies outside the mask. Below a tenth of full ink is paper.
    with_edges = cv2.dilate(mask[box], _SQUARE)
    return np.asarray(cv2.LUT(pixels[box] * with_edges, _ink_of_level(full_ink)), np.float32)


@functools.cache  # full ink has at most 256 values
def _ink_of_level(full_ink: float) -> NDArray[np.float32]:
    """Return the ink, (256,) from 0 to 1, at pixels of each contrast."""
    ink = _LEVELS * np.float32(1.25 / full_ink) - np.float32(0.125)
    return np.asarray(np.clip(ink, 0, 1), np.float32)


def _ink_levels(smooth: MatLike, contrast: Contrast) -> tuple[float, float] | None:
    """Return the contrast of full ink and the contrast where ink starts, or None without ink."""
    pixel_count, longer_side = math.prod(contrast.shape), max(contrast.shape)
    # The very darkest pixels may be a speck. A digit has at least this many dark pixels.
    dark_count = min(pixel_count, max(4, longer_side // 8))
    full_ink, paper = top_and_median(smooth, pixel_count, dark_count)
    if full_ink < max(MIN_CONTRAST, paper + GRAIN_SIGMAS * contrast.grain):
        return None
    return float(full_ink), max(INK_SHARE * full_ink, paper + 3 * contrast.grain)


def _select_digit(smooth: MatLike, mask: MatLike, contrast: Contrast) -> MatLike:
    """Return the mask without the specks, lines and frames around the digit."""
    if not _may_have_ruling(mask, contrast.shape) and _count_components(mask) <= 1:
        return mask
    mask = _remove_ruling(contrast.uncrop(mask))
    if _count_components(mask) <= 1:
        return contrast.crop(mask)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inked = np.flatnonzero(mask)
    ink = contrast.uncrop(smooth).ravel()[inked]
    ink_sums = np.bincount(labels.ravel()[inked], ink, count)[1:].astype(np.float64)
    belongs = _belongs_to_digit(boxes[1:], ink_sums, mask.shape)
    return contrast.crop(np.asarray(np.concatenate(([False], belongs))[labels], np.uint8))


def _count_components(mask: MatLike) -> int:
    """Count components by their outlines, in a tenth of the time that labeling takes."""
    outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return 0
    parents = hierarchy[0, :, 3]  # an outline with a parent is a hole
    return int(np.count_nonzero(parents < 0))


def _may_have_ruling(mask: MatLike, shape: tuple[int, ...]) -> bool:
    """Return whether any row or column has enough ink for a line from edge to edge.

    Args:
        mask: A region of the image, or all of it.
        shape: (H, W) of the image.
    """
    height, width = shape
    if max(height, width) < LIGHT_SIDE:
        return False
    if max(mask.shape[1] / width, mask.shape[0] / height) < RULE_SPAN:
        return False
    across = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / width
    down = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / height
    return bool(max(across, down) >= RULE_SPAN)


def _remove_ruling(mask: MatLike) -> MatLike:
    """Remove the lines of ruled or squared paper: thin lines from edge to edge.

    A single line may be a stroke and stays. Strokes that cross a removed line are closed again.
    """
    if not _may_have_ruling(mask, mask.shape):
        return mask
    height, width = mask.shape
    thickness = max(2, round(MAX_RULE_SHARE * max(height, width)))
    across = np.ones((1, round(RULE_SPAN * width)), np.uint8)
    down = np.ones((round(RULE_SPAN * height), 1), np.uint8)
    lines = np.zeros_like(mask)
    line_count = 0
    for along, through in ((across, (thickness + 1, 1)), (down, (1, thickness + 1))):
        long = cv2.morphologyEx(mask, cv2.MORPH_OPEN, along)
        thin = cv2.subtract(
            long, cv2.morphologyEx(long, cv2.MORPH_OPEN, np.ones(through, np.uint8))
        )
        profile = thin.max(axis=1 if along is across else 0).astype(np.int8)
        line_count += int(np.count_nonzero(np.diff(profile, prepend=0) > 0))
        lines = cv2.bitwise_or(lines, thin)
    if line_count < 2:
        return mask
    rest = cv2.subtract(mask, lines)
    bridge = np.ones((thickness + 2, thickness + 2), np.uint8)
    crossings = cv2.bitwise_and(cv2.morphologyEx(rest, cv2.MORPH_CLOSE, bridge), lines)
    return cv2.bitwise_or(rest, crossings)


def _belongs_to_digit(
    boxes: MatLike, ink: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which components belong to the digit.

    Args:
        boxes: (N, 5) left, top, width, height and pixel count of each component.
        ink: (N,) total contrast of each component.
        shape: (H, W) of the image.

    Returns:
        (N,) bool.
    """
    left, top, width, height, pixels = boxes.T.astype(np.float64)
    right, bottom = left + width, top + height
    extent = np.maximum(width, height)
    touched = (left <= 0).astype(int) + (top <= 0) + (right >= shape[1]) + (bottom >= shape[0])
    side = max(shape)
    is_thin = np.minimum(width, height) <= max(2.0, 0.08 * side)
    is_line = (touched >= 1) & is_thin & (extent >= 0.3 * side)
    is_border = (touched >= 3) | ((width >= 0.9 * shape[1]) & (height >= 0.9 * shape[0]))
    # A component that touches the edge is the digit only if nothing else is.
    weight = np.where(is_line | is_border, 0.02, np.where(touched > 0, 0.5, 1.0))
    main = int(np.argmax(ink * weight))
    gap = np.maximum(
        np.maximum(left - right[main], left[main] - right),
        np.maximum(top - bottom[main], top[main] - bottom),
    )
    darkness = ink / pixels
    is_near = (ink >= 0.025 * ink[main]) & (gap <= 0.25 * extent[main])
    is_large = (ink >= 0.25 * ink[main]) & (gap <= 0.6 * extent[main])
    # A shadow at the edge can be as large as a stroke, but is not as dark.
    is_shadow = (touched > 0) & (darkness < 0.7 * darkness[main])
    belongs = (is_near | is_large) & ~is_line & ~is_border & ~is_shadow
    belongs[main] = True
    return np.asarray(belongs)
