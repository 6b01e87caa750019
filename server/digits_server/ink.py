"""Finding the ink of a digit: on either ground, in uneven light, among specks and lines.

The result is how much ink each pixel holds, with nothing left but the digit.
"""

from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# OpenCV's types say no more than "numbers". Gray is uint8, and Share float32 in 0..1.
Gray = MatLike
Share = MatLike

# Paper is even when this share of the image's edge is within these levels of its median:
# a canvas, or a scan that was cleaned. Otherwise the light on it is estimated.
EVEN_SHARE: Final = 0.7
EVEN_LEVELS: Final = 8
# The estimate is made on a small copy: light changes slowly.
LIGHT_SIDE: Final = 64

# Ink that differs less from the paper than this is none, nor is ink within this many
# standard deviations of the paper's grain.
MIN_CONTRAST: Final = 24
GRAIN_SIGMAS: Final = 5.0
# Where ink begins, as a share of the darkest: faint ruling stays below, soft edges above.
INK_SHARE: Final = 0.32
# The widest line of ruled paper, as a share of the image's longer side.
MAX_RULE_SHARE: Final = 0.025
# How much of the image's width or height such a line spans.
RULE_SPAN: Final = 0.95
# The smallest digit, as a share of the image's longer side, and in pixels.
MIN_EXTENT_SHARE: Final = 0.03
MIN_EXTENT_PIXELS: Final = 3

_CUBES: Final = np.arange(256.0) ** 3


def find_ink(gray: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the ink of the digit in an image, cut out, or None for a blank image.

    Args:
        gray: (H, W) uint8.

    Returns:
        (h, w) float32, 0 for no ink to 1 for full ink.
    """
    contrast, grain = _contrast(gray)
    # Single pixels of grain are averaged away where a stroke is wider than a pixel.
    smooth = cv2.GaussianBlur(contrast, (3, 3), 0) if max(gray.shape) > LIGHT_SIDE else contrast
    levels = _levels(smooth, grain)
    if levels is None:
        return None
    peak, begin = levels
    mask = _digit(smooth, smooth > begin)
    left, top, width, height = cv2.boundingRect(mask)  # of nothing: zeros
    if max(width, height) < max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * max(gray.shape)):
        return None
    place = np.s_[top : top + height, left : left + width]
    # A stroke's soft edge lies outside the mask; what is below a tenth is the paper's.
    edged = cv2.dilate(mask[place], np.ones((3, 3), np.uint8))
    share = contrast[place] * np.float32(1.25 / peak) - np.float32(0.125)
    return np.asarray(np.clip(share, 0, 1) * edged, np.float32)


def _contrast(gray: Gray) -> tuple[Gray, float]:
    """Return how far each pixel is from the paper towards the ink, and the paper's grain.

    The grain is a standard deviation, in levels.
    """
    edge = np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1])).astype(np.int16)
    ground = int(np.median(edge))
    is_even = np.count_nonzero(np.abs(edge - ground) <= EVEN_LEVELS) >= EVEN_SHARE * edge.size
    if not is_even:
        return _contrast_in_uneven_light(gray)
    # Counting takes longer than all else here: it is done once, for both directions.
    counts = _histogram(gray)
    lighter, darker = _beyond(counts, ground), _beyond(counts[::-1], counts.size - 1 - ground)
    paper = np.full_like(gray, ground)
    # The grain away from the ink, where nothing else is: half of it is cut off at 0.
    if _weight(lighter) > _weight(darker):
        return cv2.subtract(gray, paper), float(_quantile(darker, 0.84))
    return cv2.subtract(paper, gray), float(_quantile(lighter, 0.84))


def _beyond(counts: NDArray[np.float64], ground: int) -> NDArray[np.float64]:
    """Return the counts of what levels are above the ground, those below it counting as 0."""
    return np.concatenate(([counts[: ground + 1].sum()], counts[ground + 1 :]))


def _contrast_in_uneven_light(gray: Gray) -> tuple[Gray, float]:
    height, width = gray.shape
    scale = min(1.0, LIGHT_SIDE / max(gray.shape))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    slope = _slope(small)
    level = small - slope
    if float((level * level * level).sum()) > 0:  # the few that differ most are light: light ink
        gray, level, slope = cv2.bitwise_not(gray), -level, 255 - slope
    # What a slope cannot follow, shadows: the lightest within reach of each pixel, smoothed.
    # Nothing of a digit is as wide as half the image.
    reach = max(3, max(size) // 2 | 1)
    shadow = cv2.morphologyEx(
        cv2.medianBlur(level, 3), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)
    )
    small_paper = slope + cv2.GaussianBlur(shadow, (0, 0), reach / 4)
    paper = cv2.resize(small_paper, (width, height), interpolation=cv2.INTER_LINEAR)
    contrast = cv2.subtract(np.clip(paper, 0, 255).astype(np.uint8), gray)
    counts = _histogram(contrast)
    return contrast, float(_quantile(counts, 0.5) - _quantile(counts, 0.16))


def _slope(small: Share) -> Share:
    """Return the light on the paper as a surface of second order, fitted without the ink."""
    height, width = small.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32).reshape(2, -1)
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1)  # (N, 6)
    values = small.ravel()
    usual = np.ones(values.size, bool)
    surface = values
    for _ in range(4):
        if np.count_nonzero(usual) < 2 * terms.shape[1]:
            break
        # By the normal equations: six terms need no more care, and a general solver
        # would bring in threads that cost forty times as much. The little on the diagonal
        # keeps an image of a single row or column from having no solution.
        known = terms[usual]
        normal = (known.T @ known).astype(np.float64) + np.eye(terms.shape[1]) * 1e-3
        solution = np.linalg.solve(normal, known.T @ values[usual])
        surface = terms @ solution.astype(np.float32)
        distance = np.abs(values - surface)
        usual = distance <= 2.5 * max(1.0, float(np.median(distance)))
    return surface.reshape(small.shape)


def _weight(counts: NDArray[np.float64]) -> float:
    """Return a weight in which the few pixels that differ most, the ink, outdo all the others."""
    return float(counts @ _CUBES[: counts.size])


def _histogram(gray: Gray) -> NDArray[np.float64]:
    """Count the pixels of each level, 0 to 255."""
    return cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def _quantile(counts: NDArray[np.float64], share: float) -> int:
    """Return the level that a share of the pixels do not pass."""
    return int(np.searchsorted(counts.cumsum(), share * counts.sum()))


def _levels(smooth: Gray, grain: float) -> tuple[float, float] | None:
    """Return the level of full ink and the level where ink begins, or None without ink."""
    counts = _histogram(smooth)
    # Not the very darkest, which may be a speck: a digit has at least so many dark pixels.
    dark_count = min(smooth.size, max(4, max(smooth.shape) // 8))
    peak = _quantile(counts, 1 - dark_count / smooth.size)
    paper = _quantile(counts, 0.5)
    if peak < max(MIN_CONTRAST, paper + GRAIN_SIGMAS * grain):
        return None
    return float(peak), max(INK_SHARE * peak, paper + 3 * grain)


def _digit(smooth: Gray, inked: NDArray[np.bool_]) -> Gray:
    """Return 1 where the digit is, and 0 at specks, lines and frames beside it."""
    mask = _without_ruling(inked.view(np.uint8))
    if _piece_count(mask) <= 1:
        return mask
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    at = np.flatnonzero(mask)
    total = np.bincount(labels.ravel()[at], smooth.ravel()[at], count)[1:].astype(np.float64)
    kept = _kept_pieces(boxes[1:], total, inked.shape)
    return np.asarray(np.concatenate(([False], kept))[labels], np.uint8)


def _piece_count(mask: Gray) -> int:
    """Count pieces by their outlines, which takes a tenth of the time of labelling them."""
    outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return 0
    parents = hierarchy[0, :, 3]  # those that have one are holes
    return int(np.count_nonzero(parents < 0))


def _has_full_line(mask: Gray) -> bool:
    height, width = mask.shape
    across = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / width
    down = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / height
    return bool(max(across, down) >= RULE_SPAN)


def _without_ruling(mask: Gray) -> Gray:
    """Take away ruled or squared paper as dark as the ink: thin lines from edge to edge.

    One such line alone may be a stroke, and stays. Strokes that cross a line are mended.
    """
    height, width = mask.shape
    if max(height, width) < LIGHT_SIDE or not _has_full_line(mask):
        return mask
    thick = max(2, round(MAX_RULE_SHARE * max(height, width)))
    across = np.ones((1, round(RULE_SPAN * width)), np.uint8)
    down = np.ones((round(RULE_SPAN * height), 1), np.uint8)
    lines = np.zeros_like(mask)
    line_count = 0
    for along, through in ((across, (thick + 1, 1)), (down, (1, thick + 1))):
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
    bridge = np.ones((thick + 2, thick + 2), np.uint8)
    mended = cv2.bitwise_and(cv2.morphologyEx(rest, cv2.MORPH_CLOSE, bridge), lines)
    return cv2.bitwise_or(rest, mended)


def _kept_pieces(
    boxes: MatLike, ink: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Tell which pieces belong to the digit.

    Args:
        boxes: (N, 5): left, top, width, height and pixels of each piece.
        ink: (N,), of each piece in all.
        shape: Of the image.
    """
    left, top, width, height, pixels = boxes.T.astype(np.float64)
    right, bottom = left + width, top + height
    extent = np.maximum(width, height)
    touched = (left <= 0).astype(int) + (top <= 0) + (right >= shape[1]) + (bottom >= shape[0])
    side = max(shape)
    is_thin = np.minimum(width, height) <= max(2.0, 0.08 * side)
    is_line = (touched >= 1) & is_thin & (extent >= 0.3 * side)
    is_frame = (touched >= 3) | ((width >= 0.9 * shape[1]) & (height >= 0.9 * shape[0]))
    # What touches the edge is a digit only where nothing else is.
    weight = np.where(is_line | is_frame, 0.02, np.where(touched > 0, 0.5, 1.0))
    main = int(np.argmax(ink * weight))
    gap = np.maximum(
        np.maximum(left - right[main], left[main] - right),
        np.maximum(top - bottom[main], top[main] - bottom),
    )
    darkness = ink / pixels
    near = (ink >= 0.025 * ink[main]) & (gap <= 0.25 * extent[main])
    large = (ink >= 0.25 * ink[main]) & (gap <= 0.6 * extent[main])
    # Shade at the edge is as large as a stroke, but not as dark.
    is_shade = (touched > 0) & (darkness < 0.7 * darkness[main])
    kept = (near | large) & ~is_line & ~is_frame & ~is_shade
    kept[main] = True
    return np.asarray(kept)
